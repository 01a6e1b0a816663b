//! Replays the fuzzers' corpus (`fuzz/corpus/<target>/`) through the functions they call.

use std::path::Path;

#[test]
fn the_corpus_of_every_target_still_passes() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for (name, target) in icecream::fuzz::TARGETS {
        let directory = corpus.join(name);
        let entries = std::fs::read_dir(&directory)
            .unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
        let mut replayed = 0;
        for entry in entries {
            target(&std::fs::read(entry.unwrap().path()).unwrap());
            replayed += 1;
        }
        assert!(replayed > 0, "no corpus for {name}");
    }
}
