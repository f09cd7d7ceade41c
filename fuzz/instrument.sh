#!/bin/sh
# Compiles a crate so that libFuzzer sees which code an input reaches, and what it compares. These are the
# flags of `cargo fuzz` without a sanitizer, which stable compilers know. As RUSTC_WORKSPACE_WRAPPER it
# concerns our own crates only: those that we depend on stay as the tests use them.
exec "$@" --cfg fuzzing \
  -Cpasses=sancov-module \
  -Cllvm-args=-sanitizer-coverage-level=4 \
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
  -Cllvm-args=-sanitizer-coverage-pc-table \
  -Cllvm-args=-sanitizer-coverage-trace-compares
