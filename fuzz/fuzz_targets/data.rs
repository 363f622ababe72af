#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    // The first byte chooses the kind.
    if let Some((kind, bytes)) = bytes.split_first() {
        let names = ["x.npy", "x.npz", "x.json"];
        zkml_hostile::data(names[usize::from(*kind) % names.len()], bytes);
    }
});
