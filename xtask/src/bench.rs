//! Measurements beside Debian's icecream.

use anyhow::{Result, bail};

use crate::{build, setup, step};

/// The benches and what they measure.
const BENCHES: &[(&str, &str)] = &[
    (
        "overhead",
        "what distributing costs: wall and CPU per job, logins, placements",
    ),
    (
        "distance",
        "what distance and encryption cost: members beside Debian's icecc and distcc: [single near text text-cut files files-cut toolchain]",
    ),
    (
        "idle",
        "what ten thousand members cost their scheduler that are connected and say nothing: it needs 20,000 open files",
    ),
    (
        "submit",
        "what a job costs its submit host: text beside files, icecc and distcc",
    ),
    (
        "feed",
        "how many executor slots a tenth of a core keeps busy",
    ),
    (
        "inputs",
        "whether every file that compilers of real projects read is known before: [PROJECT…] [--jobs N] [--whole]",
    ),
    (
        "sandbox",
        "what it costs to run a foreign job apart from the host",
    ),
];

pub(crate) fn run(words: &[String]) -> Result<()> {
    let Some(name) = words.first() else {
        for (name, what) in BENCHES {
            println!("{name:12} {what}");
        }
        return Ok(());
    };
    if !BENCHES.iter().any(|(known, _)| known == name) {
        bail!("no bench is called {name:?}; `cargo xtask bench` lists them");
    }
    if name == "idle" {
        // Its rig is the scheduler's tests'.
        let measuring = "idle::ten_thousand_idle_members";
        let words = "test --release --quiet --package scheduler --test native --";
        let words = words
            .split(' ')
            .chain(["--ignored", "--nocapture", "--exact", measuring]);
        return step::run(step::cargo().args(words));
    }
    setup::run()?;
    if name == "inputs" {
        let mut rest = words[1..].iter().map(String::as_str);
        let mut names = Vec::new();
        while let Some(word) = rest.next() {
            match word {
                "--jobs" => drop(rest.next()),
                word if word.starts_with('-') => {}
                word => names.push(word),
            }
        }
        setup::run_for_corpora(&names)?;
    }
    build::run("release")?;
    step::run(
        step::cargo()
            .args([
                "run",
                "--quiet",
                "--release",
                "--package",
                "acceptance",
                "--bin",
                "bench",
                "--",
            ])
            .args(words),
    )
}
