//! Files are short, and none but the sandbox's may hold unsafe code.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::modules;

/// The longest file, not counting its tests.
const LONGEST: usize = 400;
/// Files that are longer, each with the length that it may have. Entries only shrink and go.
const LONGER: &[(&str, usize)] = &[];
/// The crates whose manifest does not take the workspace's lints, which forbid unsafe code.
const OWN_LINTS: &[&str] = &["crates/sandbox"];

/// All files of Rust below the directories that hold this project's code.
pub(super) fn sources() -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for root in ["crates", "tests", "xtask"] {
        collect(Path::new(root), &mut found)?;
    }
    found.sort();
    Ok(found)
}

fn collect(directory: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    let entries = fs::read_dir(directory).with_context(|| directory.display().to_string())?;
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            if entry.file_name() != "target" {
                collect(&path, found)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(())
}

pub(super) fn lengths() -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    let texts = modules::texts()?;
    let for_tests = modules::for_tests(&texts);
    let is_test = |path: &Path| {
        path.components().any(|part| part.as_os_str() == "tests")
            || for_tests
                .iter()
                .any(|module| path.with_extension("").starts_with(module))
    };
    for (path, text) in &texts {
        if is_test(path) {
            continue;
        }
        let length = text
            .lines()
            .take_while(|line| *line != "#[cfg(test)]")
            .count();
        let name = path.to_string_lossy();
        let allowed = LONGER
            .iter()
            .find(|(file, _)| *file == name)
            .map(|(_, length)| *length);
        if length > allowed.unwrap_or(LONGEST) {
            complaints.push(format!(
                "{name} has {length} lines without its tests, {} are allowed: split it by what it holds",
                allowed.unwrap_or(LONGEST)
            ));
        }
    }
    Ok(complaints)
}

/// Every crate takes the workspace's lints; the compiler then forbids unsafe code.
pub(super) fn lints() -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    let workspace = fs::read_to_string("Cargo.toml")?;
    if !workspace.contains("unsafe_code = \"forbid\"") {
        complaints.push("Cargo.toml no longer forbids unsafe code".to_owned());
    }
    let mut crates = vec![PathBuf::from("xtask")];
    for parent in ["crates", "tests"] {
        crates.extend(fs::read_dir(parent)?.flatten().map(|entry| entry.path()));
    }
    for path in crates {
        let Ok(manifest) = fs::read_to_string(path.join("Cargo.toml")) else {
            continue;
        };
        let own = OWN_LINTS.iter().any(|name| path == Path::new(name));
        if !own && !manifest.contains("[lints]\nworkspace = true") {
            complaints.push(format!(
                "{}/Cargo.toml does not take the workspace's lints",
                path.display()
            ));
        }
    }
    Ok(complaints)
}
