//! A file that no `mod` names is not compiled, and its tests never run.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::files;

pub(super) fn forgotten() -> Result<Vec<String>> {
    let texts = texts()?;
    let manifests = manifests()?;
    let lost = texts
        .keys()
        .filter(|path| !is_root(path, &manifests) && !is_named(path, &texts));
    Ok(lost
        .map(|path| format!("{} is in no module: name it with `mod`", path.display()))
        .collect())
}

/// All files of Rust and what they say.
pub(super) fn texts() -> Result<BTreeMap<PathBuf, String>> {
    let read = |path: PathBuf| Ok((path.clone(), fs::read_to_string(&path)?));
    files::sources()?.into_iter().map(read).collect()
}

fn manifests() -> Result<Vec<(PathBuf, String)>> {
    let mut found = Vec::new();
    for parent in ["crates", "tests", "."] {
        for entry in fs::read_dir(parent)?.flatten() {
            if let Ok(text) = fs::read_to_string(entry.path().join("Cargo.toml")) {
                let path = entry.path();
                found.push((path.strip_prefix("./").unwrap_or(&path).to_owned(), text));
            }
        }
    }
    Ok(found)
}

/// A file that cargo compiles by itself: by its place, or because a manifest names it.
fn is_root(path: &Path, manifests: &[(PathBuf, String)]) -> bool {
    let Some((base, manifest)) = manifests.iter().find(|(base, _)| path.starts_with(base)) else {
        return false;
    };
    let Ok(inside) = path.strip_prefix(base) else {
        return false;
    };
    let inside = inside.to_string_lossy();
    if manifest.contains(&format!("path = \"{inside}\"")) {
        return true;
    }
    let parts: Vec<&str> = inside.split('/').collect();
    let own_tests = !manifest.contains("autotests = false");
    match parts.as_slice() {
        ["src", "lib.rs" | "main.rs"] | ["build.rs"] => true,
        ["src", "bin", _] | ["src", "bin", _, "main.rs"] => true,
        ["benches" | "examples", _] | ["examples", _, "main.rs"] => true,
        ["tests", _] | ["tests", _, "main.rs"] => own_tests,
        ["fuzz", "fuzz_targets", _] => true,
        _ => false,
    }
}

/// Paths without extension of modules that are compiled for tests only: those named behind
/// `#[cfg(test)]`.
pub(super) fn for_tests(texts: &BTreeMap<PathBuf, String>) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for (parent, text) in texts {
        let base = match parent.file_stem().and_then(|stem| stem.to_str()) {
            Some("lib" | "main" | "mod") | None => parent.with_file_name(""),
            Some(_) => parent.with_extension(""),
        };
        for (at, _) in text.match_indices("#[cfg(test)]") {
            let mut lines = text[at..].lines().map(str::trim).skip(1);
            let named = lines.find(|line| !line.starts_with("#[path"));
            let name = named.and_then(|line| line.strip_prefix("mod ")?.strip_suffix(';'));
            found.extend(name.map(|name| base.join(name)));
        }
    }
    found
}

/// Whether the file that must name it does.
fn is_named(path: &Path, texts: &BTreeMap<PathBuf, String>) -> bool {
    let (Some(directory), Some(stem)) = (path.parent(), path.file_stem()) else {
        return false;
    };
    let stem = stem.to_string_lossy();
    let names = |text: &str, module: &str| {
        text.lines().any(|line| {
            let line = line.trim();
            line.ends_with(&format!("mod {module};")) && !line.starts_with("//")
        })
    };
    let (parents, module): (Vec<PathBuf>, String) = if stem == "mod" {
        let Some(above) = directory.parent() else {
            return false;
        };
        let name = directory
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        (siblings(above, texts), name)
    } else {
        let mut parents = siblings(directory, texts);
        parents.push(directory.with_extension("rs"));
        (parents, stem.into_owned())
    };
    let attribute = format!(
        "#[path = \"{}\"]",
        path.file_name().unwrap_or_default().to_string_lossy()
    );
    if siblings(directory, texts)
        .iter()
        .any(|parent| texts[parent].contains(&attribute))
    {
        return true;
    }
    parents
        .iter()
        .filter(|parent| parent.as_path() != path)
        .any(|parent| texts.get(parent).is_some_and(|text| names(text, &module)))
}

fn siblings(directory: &Path, texts: &BTreeMap<PathBuf, String>) -> Vec<PathBuf> {
    texts
        .keys()
        .filter(|path| path.parent() == Some(directory))
        .cloned()
        .collect()
}
