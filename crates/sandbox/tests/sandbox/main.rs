//! The sandbox with real programs in it.
//!
//! `cargo test -p sandbox --test sandbox` runs the cases as the user who asks; as root it becomes
//! nobody first, which is the daemon's way, so run it once as root and once as a user
//! (`setpriv --reuid 1000 --regid 1000 --clear-groups target/debug/deps/sandbox-…`).
//! `-- --bench [rounds]` measures instead. Where the kernel forbids user namespaces all is skipped.

#![allow(clippy::unwrap_used)]

mod bench;
mod cases;
mod fixture;
mod inside;
mod limits;
mod tree;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("--inside") => inside::run(&arguments[1..]),
        Some("--list") => {
            // What cargo-nextest asks for.
            if !arguments.iter().any(|argument| argument == "--ignored") {
                cases::ALL
                    .iter()
                    .for_each(|(name, _)| println!("{name}: test"));
            }
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    let fixture = match fixture::Fixture::new() {
        Ok(fixture) => fixture,
        Err(unavailable) => {
            eprintln!("SKIPPED: {unavailable}");
            return ExitCode::SUCCESS;
        }
    };
    if arguments.first().is_some_and(|first| first == "--bench") {
        bench::run(
            &fixture,
            arguments
                .get(1)
                .and_then(|rounds| rounds.parse().ok())
                .unwrap_or(200),
        );
        return ExitCode::SUCCESS;
    }
    let wanted: Vec<&String> = arguments
        .iter()
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let mut failed = 0;
    for (name, case) in cases::ALL {
        if wanted.is_empty() || wanted.iter().any(|part| name.contains(part.as_str())) {
            let passed =
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| case(&fixture))).is_ok();
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
