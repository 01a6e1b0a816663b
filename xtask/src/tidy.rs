//! Checks of the repository itself.

mod budgets;
mod files;
mod modules;

use std::process::ExitCode;

use anyhow::Result;

use crate::{generate, step};

/// How many checks passed and failed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Count {
    pub(crate) passed: u32,
    pub(crate) failed: u32,
    pub(crate) skipped: u32,
}

impl Count {
    pub(crate) fn exit_code(self) -> ExitCode {
        if self.failed == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// A check hands out what it complains about.
type Check = fn() -> Result<Vec<String>>;

pub(crate) fn run() -> Result<Count> {
    let checks: &[(&str, Check)] = &[
        ("formatting", formatting),
        ("file lengths", files::lengths),
        ("unsafe code", files::lints),
        ("forgotten files", modules::forgotten),
        ("generated documents", generate::stale),
        ("dependencies of pure crates", budgets::pure),
        ("linked packages", budgets::linked),
        ("lints", lints),
    ];
    let mut count = Count::default();
    for (name, check) in checks {
        let complaints = step::timed(&format!("tidy: {name}"), || match check() {
            Ok(complaints) => Ok(complaints),
            Err(e) => Ok(vec![format!("{e:#}")]),
        })?;
        for complaint in &complaints {
            println!("{complaint}");
        }
        if complaints.is_empty() {
            count.passed += 1;
        } else {
            println!("tidy: {name}: FAILED");
            count.failed += 1;
        }
    }
    Ok(count)
}

fn formatting() -> Result<Vec<String>> {
    step::run(step::cargo().args(["fmt", "--all", "--check", "--", "-l"]))?;
    Ok(Vec::new())
}

fn lints() -> Result<Vec<String>> {
    step::run(
        step::cargo()
            .args([
                "clippy",
                "--quiet",
                "--workspace",
                "--all-targets",
                "--all-features",
            ])
            .args(["--", "-D", "warnings"]),
    )?;
    Ok(Vec::new())
}
