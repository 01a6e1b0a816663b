#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| icecream::fuzz::chunk(data));
