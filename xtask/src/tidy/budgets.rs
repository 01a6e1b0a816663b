//! Pure crates stay pure, and what is linked stays countable.

use std::collections::BTreeSet;

use anyhow::Result;

use crate::step;

/// Crates that compute only, and what they must never link.
const PURE: &[&str] = &[
    "job",
    "includes",
    "invocation",
    "icecream",
    "wire",
    "placement",
];
const IMPURE: &[&str] = &[
    "tokio",
    "mio",
    "rustix",
    "nix",
    "socket2",
    "tempfile",
    "tracing-subscriber",
];

/// The most packages that a program may link, itself and this workspace's crates included.
const BUDGETS: &[(&str, usize)] = &[("wrapper", 16), ("floe", 125)];

pub(super) fn pure() -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for name in PURE {
        let linked = linked_by(name)?;
        for bad in IMPURE.iter().filter(|bad| linked.contains(**bad)) {
            complaints.push(format!("the pure crate {name} depends on {bad}"));
        }
    }
    Ok(complaints)
}

pub(super) fn linked() -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for (name, most) in BUDGETS {
        let count = linked_by(name)?.len();
        println!("{name} links {count} packages of {most}");
        if count > *most {
            complaints.push(format!(
                "{name} links {count} packages, its budget is {most}"
            ));
        }
    }
    Ok(complaints)
}

/// Names of the packages in a crate's normal dependency tree, without procedural macros.
fn linked_by(name: &str) -> Result<BTreeSet<String>> {
    let tree = step::output(step::cargo().args([
        "tree",
        "--locked",
        "--edges",
        "normal,no-proc-macro",
        "--prefix",
        "none",
        "--package",
        name,
    ]))?;
    Ok(tree
        .lines()
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect())
}
