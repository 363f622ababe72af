#![no_main]

use zkml_hostile::Suite;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    // The first byte chooses the suite.
    if let Some((kind, bytes)) = bytes.split_first() {
        let suite = if kind % 2 == 0 { Suite::Groth16 } else { Suite::Plonk };
        zkml_hostile::chain::card(suite, bytes);
    }
});
