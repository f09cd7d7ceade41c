#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lambda_core::fuzzing::function_name(data));
