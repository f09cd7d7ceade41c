#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lambda_local::fuzzing::local_request(data));
