//! Hostile jobs: programs in C, compiled here and run as "the compiler", that try to get out of the
//! sandbox, and gcc itself asked to do so by its options.
//!
//! Each attack must fail; must succeed when the walls that hold it are taken away, so that the test
//! is known to test something; and must fail again at each of these walls alone. As root the
//! program becomes nobody first, which is the daemon's way; as a user it skips what only root can
//! prepare. What this kernel lacks is skipped with a line that says so.

#![allow(clippy::unwrap_used)]

mod attack;
mod bombs;
mod compilers;
mod container;
mod files;
mod installed;
mod kernel;
mod network;
mod outputs;
mod processes;
mod rungs;
mod stage;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Instant;

use stage::Stage;

pub(crate) type Case = (&'static str, fn(&Stage));

const ALL: &[&[Case]] = &[
    files::CASES,
    network::CASES,
    processes::CASES,
    kernel::CASES,
    bombs::CASES,
    compilers::CASES,
    rungs::CASES,
    installed::CASES,
    container::CASES,
    outputs::CASES,
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |option: &str| arguments.iter().any(|argument| argument == option);
    let cases = || ALL.iter().copied().flatten();
    if has("--list") {
        // What cargo-nextest asks for.
        if !has("--ignored") {
            cases().for_each(|(name, _)| println!("{name}: test"));
        }
        return ExitCode::SUCCESS;
    }
    let stage = match Stage::new() {
        Ok(stage) => stage,
        Err(unavailable) => {
            eprintln!("SKIPPED: {unavailable}");
            return ExitCode::SUCCESS;
        }
    };
    let wanted: Vec<&String> = arguments
        .iter()
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let mut failed = 0;
    for (name, case) in cases() {
        if wanted.is_empty() || wanted.iter().any(|part| name.contains(part.as_str())) {
            let begun = Instant::now();
            let passed = catch_unwind(AssertUnwindSafe(|| case(&stage))).is_ok();
            println!(
                "test {name} ... {}, {} ms",
                if passed { "ok" } else { "FAILED" },
                begun.elapsed().as_millis()
            );
            failed += u32::from(!passed);
        }
    }
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
