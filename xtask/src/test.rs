//! All tests, and the one line that sums them up.

use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc;
use std::thread;

use anyhow::{Context, Result};

use crate::tidy::Count;
use crate::{build, setup, step, targets, tidy};

/// The packages whose tests need the built programs and the whole machine.
const ACCEPTANCE: &[&str] = &["acceptance", "compliance", TOOLCHAINS];
/// Its one test prints a table of compilers, and is asked for by its name.
const TOOLCHAINS: &str = "toolchains";

pub(crate) fn run(names: &[String]) -> Result<ExitCode> {
    let mut count = Count::default();
    setup::run()?;
    if names.is_empty() {
        count.add(tidy::run()?);
    }
    // What is compiled for the tests serves it too; a release build would take minutes more.
    build::run("dev")?;
    let only_table = names == [TOOLCHAINS];
    let present: Vec<&str> = ACCEPTANCE
        .iter()
        .copied()
        .filter(|name| std::path::Path::new("tests").join(name).is_dir())
        .filter(|name| !only_table || *name == TOOLCHAINS)
        .collect();
    step::timed("compile the tests", || {
        step::run(step::cargo().args(["test", "--quiet", "--workspace", "--no-run"]))
    })?;
    if !only_table {
        count.add(unit_tests(&present, names)?);
    }
    for name in present {
        count.add(step::timed(&format!("{name} tests"), || {
            let threads = format!("--test-threads={}", clusters_at_once(name));
            tests(workspace(&[name.to_owned()]), names, &[&threads])
        })?);
    }
    let Count {
        passed,
        failed,
        skipped,
    } = count;
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    Ok(count.exit_code())
}

/// Each test has a cluster of its own. Half of an acceptance test's time it waits; the others work all
/// the time, or start several clusters themselves.
fn clusters_at_once(name: &str) -> usize {
    if name == ACCEPTANCE[0] { 2 } else { 1 }
}

fn unit_tests(elsewhere: &[&str], names: &[String]) -> Result<Count> {
    let mut suites = targets::tests()?;
    suites.retain(|name| !elsewhere.contains(&name.as_str()));
    let mut cargo = workspace(&suites);
    cargo.args(["--lib", "--bins"]);
    step::timed("unit tests", || tests(cargo, names, &[]))
}

/// Some test programs of the whole workspace: what packages are chosen says which features their
/// dependencies have, so that another choice would compile half of everything anew.
fn workspace(suites: &[String]) -> Command {
    let mut cargo = step::cargo();
    cargo.args(["test", "--workspace", "--no-fail-fast"]);
    for name in suites {
        cargo.args(["--test", name]);
    }
    cargo
}

/// Runs `cargo test` and counts what it says.
fn tests(mut cargo: Command, names: &[String], options: &[&str]) -> Result<Count> {
    cargo
        .args(["--", "--show-output"])
        .args(options)
        .args(names);
    // Backtraces of errors hide the errors.
    cargo
        .env("RUST_LIB_BACKTRACE", "0")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = cargo.spawn().context("cannot start cargo")?;
    let (lines, seen) = mpsc::channel();
    let streams: [Option<Box<dyn std::io::Read + Send>>; 2] = [
        child.stdout.take().map(|stream| Box::new(stream) as _),
        child.stderr.take().map(|stream| Box::new(stream) as _),
    ];
    for stream in streams.into_iter().flatten() {
        let lines = lines.clone();
        thread::spawn(move || {
            let mut reader = BufReader::new(stream);
            let mut line = Vec::new();
            while reader
                .read_until(b'\n', &mut line)
                .is_ok_and(|length| length > 0)
            {
                let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                if lines.send(text).is_err() {
                    break;
                }
                line.clear();
            }
        });
    }
    drop(lines);
    let mut count = Count::default();
    for line in seen {
        println!("{line}");
        note(&mut count, &line);
    }
    let status = child.wait()?;
    if !status.success() && count.failed == 0 {
        println!("cargo test ended with {status}");
        count.failed = 1;
    }
    Ok(count)
}

/// Counts one line of a test program's output. A test that says SKIPPED has also said ok.
fn note(count: &mut Count, line: &str) {
    if line.starts_with("SKIPPED") {
        count.skipped += 1;
        count.passed = count.passed.saturating_sub(1);
        return;
    }
    let Some(rest) = line.strip_prefix("test ") else {
        return;
    };
    // `--show-output` keeps verdicts on their own lines.
    let Some((_, verdict)) = rest.rsplit_once(" ... ") else {
        return;
    };
    match verdict.split(',').next() {
        Some("ok") => count.passed += 1,
        Some("FAILED") => count.failed += 1,
        Some("ignored") => count.skipped += 1,
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_are_counted_once() {
        let mut count = Count::default();
        for line in [
            "running 4 tests",
            "test a::b ... ok",
            "test c ... FAILED",
            "test d ... ignored, needs a disk",
            "test e ... ok",
            "---- e stdout ----",
            "SKIPPED e: no root",
            "test result: FAILED. 2 passed; 1 failed; 1 ignored",
        ] {
            note(&mut count, line);
        }
        assert_eq!((count.passed, count.failed, count.skipped), (1, 1, 2));
    }
}
