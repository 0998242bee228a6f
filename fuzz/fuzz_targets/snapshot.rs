#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| nslab::fuzzing::run("snapshot", bytes));
