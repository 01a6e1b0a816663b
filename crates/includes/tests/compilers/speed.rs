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

fn measure(setting: &mut Setting, what: &str, rounds: u32, sources: &[&Path]) {
    let start = spent();
    let mut files = 0;
    for _ in 0..rounds {
        for source in sources {
            files = setting.reached(source, &[]).expect("known").files.len();
        }
    }
    let each = (spent() - start) / rounds / u32::try_from(sources.len()).expect("few");
    println!("{what}: {files} files, {each:?} each");
}

#[test]
#[ignore = "prints figures"]
fn speed() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("heavy.cc"), HEAVY).expect("written");
    let mut setting = Setting::new("g++", "c++", directory.path(), &[]);
    let heavy = [Path::new("heavy.cc")];
    measure(&mut setting, "all files read", 1, &heavy);
    measure(&mut setting, "with memory, the tree asked", 300, &heavy);
    setting.disk.epoch = Some(1);
    measure(
        &mut setting,
        "with memory, nothing has changed",
        300,
        &heavy,
    );
    setting.library.forget();
    measure(&mut setting, "without memory", 100, &heavy);

    let mut setting = Setting::new("g++", "c++", directory.path(), &[]);
    setting.disk.epoch = Some(1);
    let mixed = crate::memory::mixed(directory.path());
    let mixed: Vec<&Path> = mixed.iter().map(|path| path.as_path()).collect();
    measure(&mut setting, "other orders, files read", 1, &mixed[..40]);
    measure(&mut setting, "other orders, first time", 1, &mixed[40..]);
    measure(&mut setting, "other orders, again", 3, &mixed[40..]);
}
