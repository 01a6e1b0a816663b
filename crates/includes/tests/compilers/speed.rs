//! How much of the processor the evaluator takes; run with `--release -- --ignored --nocapture`.

use std::path::Path;
use std::time::Duration;

use crate::run::Setting;

const HEAVY: &str = "#include <bits/stdc++.h>\n#include <regex>\n#include <random>\n";

/// What this thread has had of a processor; wall time says nothing on a machine with other work.
fn spent() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("statistics");
    let nanoseconds = text.split_ascii_whitespace().next().expect("a number");
    Duration::from_nanos(nanoseconds.parse().expect("a number"))
}

#[test]
#[ignore = "prints figures"]
fn speed() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("heavy.cc"), HEAVY).expect("written");
    let mut setting = Setting::new("g++", "c++", directory.path(), &[]);
    for rounds in [1, 1, 300] {
        let start = spent();
        let mut files = 0;
        for _ in 0..rounds {
            let reached = setting.reached(Path::new("heavy.cc"), &[]);
            files = reached.expect("known").files.len();
        }
        let each = (spent() - start) / rounds;
        println!("{rounds} rounds: {files} files, {each:?} each");
    }
}
