//! Documents that `floe generate` writes from the definitions in code, so that each fact is
//! written once.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::{build, step};

const DOCUMENTS: &str = "docs/generated";
/// Written beside that directory, for people who look through `docs`.
const PROTOCOL: &str = "protocol.md";

pub(crate) fn write() -> Result<()> {
    let directory = Path::new(DOCUMENTS);
    if directory.exists() {
        fs::remove_dir_all(directory)?;
    }
    generate(directory)?;
    println!("{DOCUMENTS} {}", beside(directory).display());
    Ok(())
}

/// Documents that are not what the code says.
pub(crate) fn stale() -> Result<Vec<String>> {
    let fresh = step::target()?.join("documents/generated");
    let _ = fs::remove_dir_all(&fresh);
    generate(&fresh)?;
    let (wanted, found) = (contents(&fresh)?, contents(Path::new(DOCUMENTS))?);
    let names = wanted
        .keys()
        .chain(found.keys().filter(|name| !wanted.contains_key(*name)));
    let mut stale: Vec<PathBuf> = names
        .filter(|name| wanted.get(*name) != found.get(*name))
        .map(|name| Path::new(DOCUMENTS).join(name))
        .collect();
    let protocol = beside(Path::new(DOCUMENTS));
    if fs::read(&protocol).ok() != Some(fs::read(beside(&fresh))?) {
        stale.push(protocol);
    }
    let complaint = |path: PathBuf| {
        format!(
            "{} is not up to date: run `cargo xtask generate`",
            path.display()
        )
    };
    Ok(stale.into_iter().map(complaint).collect())
}

fn beside(directory: &Path) -> PathBuf {
    directory.with_file_name(PROTOCOL)
}

fn generate(directory: &Path) -> Result<()> {
    fs::create_dir_all(directory)?;
    let floe = build::dev()?;
    step::run(Command::new(floe).arg("generate").arg(directory))
}

/// Files below a directory by their path in it.
fn contents(directory: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut left = vec![directory.to_owned()];
    while let Some(next) = left.pop() {
        let Ok(entries) = fs::read_dir(&next) else {
            continue;
        };
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                left.push(path);
            } else {
                let text = fs::read(&path).with_context(|| path.display().to_string())?;
                found.insert(path.strip_prefix(directory)?.to_owned(), text);
            }
        }
    }
    Ok(found)
}
