//! Foreign compiles with this host's own gcc and clang, packed and unpacked as toolchains.
//!
//! As root it becomes nobody first, as the daemon does. `-- --bench [rounds]` measures instead.
//! Where the kernel forbids user namespaces all is skipped.

#![allow(clippy::unwrap_used)]

mod bench;
mod endings;
mod fixture;
mod lives;
mod objects;
mod toolchains;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use fixture::Fixture;

/// One promise.
type Case = (&'static str, fn(&Fixture));

const ALL: [&[Case]; 4] = [
    objects::CASES,
    endings::CASES,
    lives::CASES,
    toolchains::CASES,
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |option: &str| arguments.iter().any(|argument| argument == option);
    if has("--list") {
        // What cargo-nextest asks for.
        if !has("--ignored") {
            ALL.into_iter()
                .flatten()
                .for_each(|(name, _)| println!("{name}: test"));
        }
        return ExitCode::SUCCESS;
    }
    let fixture = match Fixture::new() {
        Ok(fixture) => fixture,
        Err(reason) => {
            eprintln!("SKIPPED: {reason}");
            return ExitCode::SUCCESS;
        }
    };
    if has("--bench") {
        let rounds = arguments.last().and_then(|rounds| rounds.parse().ok());
        bench::run(&fixture, rounds.unwrap_or(200));
        return ExitCode::SUCCESS;
    }
    let wanted: Vec<&String> = arguments
        .iter()
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let mut failed = 0;
    for (name, case) in ALL.into_iter().flatten() {
        if wanted.is_empty() || wanted.iter().any(|part| name.contains(part.as_str())) {
            let passed = catch_unwind(AssertUnwindSafe(|| case(&fixture))).is_ok();
            println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
            failed += u32::from(!passed);
        }
    }
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
