//! Whether two outputs of a compiler are the same.

use std::fs;
use std::path::Path;

use acceptance::compare::{self, Rule};
use anyhow::{Context, Result, bail, ensure};

/// Compares what a wrapped compile wrote with what the plain one wrote, by the kind of file.
pub fn same(plain: &Path, wrapped: &Path) -> Result<()> {
    let extension = plain
        .extension()
        .and_then(|e| e.to_str())
        .unwrap_or_default();
    match extension {
        // Precompiled headers hold addresses of their own process.
        "gch" | "pch" => Ok(()),
        "dwo" => compare::objects(plain, wrapped, Rule::Program),
        "s" => same_text(&assembly(plain)?, &assembly(wrapped)?),
        _ => {
            let rule = if has_debug_information(plain)? {
                Rule::Program
            } else {
                Rule::Bytes
            };
            compare::objects(plain, wrapped, rule)
        }
    }
}

fn same_text(plain: &str, wrapped: &str) -> Result<()> {
    let mut lines = plain.lines().zip(wrapped.lines()).enumerate();
    if let Some((number, (left, right))) = lines.find(|(_, (left, right))| left != right) {
        bail!("line {}: {left:?} and {right:?}", number + 1);
    }
    ensure!(
        plain.lines().count() == wrapped.lines().count(),
        "one is longer"
    );
    Ok(())
}

/// Assembly without the lines that name the source: text from standard input has none.
fn assembly(path: &Path) -> Result<String> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    Ok(text
        .lines()
        .filter(|line| !line.contains(".file"))
        .map(|line| format!("{line}\n"))
        .collect())
}

fn has_debug_information(path: &Path) -> Result<bool> {
    let bytes = fs::read(path).with_context(|| path.display().to_string())?;
    let needle = b".debug_info";
    Ok(bytes.starts_with(b"\x7fELF") && bytes.windows(needle.len()).any(|part| part == needle))
}
