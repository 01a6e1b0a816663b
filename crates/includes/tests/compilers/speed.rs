//! How long the evaluator takes; run with `--release -- --ignored --nocapture`.

use std::path::Path;
use std::time::Instant;

use crate::run::Setting;

const HEAVY: &str = "#include <bits/stdc++.h>\n#include <regex>\n#include <random>\n";

#[test]
#[ignore = "prints figures"]
fn speed() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("heavy.cc"), HEAVY).expect("written");
    let mut setting = Setting::new("g++", "c++", directory.path(), &[]);
    for round in 0..6 {
        let start = Instant::now();
        let reached = setting
            .evaluated(Path::new("heavy.cc"), &[])
            .expect("known");
        println!(
            "round {round}: {} files, {:?}",
            reached.len(),
            start.elapsed()
        );
    }
}
