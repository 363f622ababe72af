#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| zkml_hostile::chain::ceremony(bytes));
