//! What cargo knows of this workspace.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::step;

/// The names of all test programs that are no part of a library or program.
pub(crate) fn tests() -> Result<Vec<String>> {
    let said = step::output(step::cargo().args(["metadata", "--no-deps", "--format-version=1"]))?;
    let known: Value = serde_json::from_str(&said).context("cargo metadata says no JSON")?;
    let packages = known["packages"].as_array().into_iter().flatten();
    let targets = packages.flat_map(|package| package["targets"].as_array().into_iter().flatten());
    let names: BTreeSet<&str> = targets
        .filter(|target| target["kind"][0] == "test")
        .filter_map(|target| target["name"].as_str())
        .collect();
    Ok(names.into_iter().map(str::to_owned).collect())
}
