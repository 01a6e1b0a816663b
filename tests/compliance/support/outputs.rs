//! Whether two outputs of a compiler are the same.

use std::fs;
use std::path::Path;
use std::process::Command;

use acceptance::compare::{self, Rule};
use anyhow::{Context, Result, bail, ensure};

/// Compares what a wrapped compile wrote with what the plain one wrote, by the kind of file.
pub fn same(plain: &Path, wrapped: &Path) -> Result<()> {
    let extension = plain.extension().and_then(|e| e.to_str()).unwrap_or_default();
    match extension {
        // Precompiled headers hold addresses of their own process.
        "gch" | "pch" => Ok(()),
        "dwo" => same_text(&dump(plain)?, &dump(wrapped)?),
        "s" => same_text(&assembly(plain)?, &assembly(wrapped)?),
        _ => {
            let rule = if has_debug_information(plain)? { Rule::Program } else { Rule::Bytes };
            compare::objects(plain, wrapped, rule)
        }
    }
}

fn same_text(plain: &str, wrapped: &str) -> Result<()> {
    let mut lines = plain.lines().zip(wrapped.lines()).enumerate();
    if let Some((number, (left, right))) = lines.find(|(_, (left, right))| left != right) {
        bail!("line {}: {left:?} and {right:?}", number + 1);
    }
    ensure!(plain.lines().count() == wrapped.lines().count(), "one is longer");
    Ok(())
}

/// Assembly without the lines that name the source: text from standard input has none.
fn assembly(path: &Path) -> Result<String> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    Ok(text.lines().filter(|line| !line.contains(".file")).map(|line| format!("{line}\n")).collect())
}

fn has_debug_information(path: &Path) -> Result<bool> {
    let bytes = fs::read(path).with_context(|| path.display().to_string())?;
    let needle = b".debug_info";
    Ok(bytes.starts_with(b"\x7fELF") && bytes.windows(needle.len()).any(|part| part == needle))
}

/// The entries of a `.dwo` without what text cannot keep (the producer string, columns) and
/// without where things lie in the file.
fn dump(path: &Path) -> Result<String> {
    let output = Command::new("readelf").args(["--debug-dump=info", "--wide"]).arg(path).output()?;
    ensure!(output.status.success(), "readelf cannot read {}", path.display());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let left_out = ["DW_AT_producer", "_column", "DW_AT_GNU_locviews", "DW_AT_GNU_entry_view", "Length:", "DWO ID", "dwo_id"];
    let mut kept = String::new();
    for line in text.lines().filter(|line| !left_out.iter().any(|word| line.contains(word))) {
        kept.push_str(&without_offsets(line));
        kept.push('\n');
    }
    ensure!(kept.contains("DW_TAG_compile_unit"), "{} describes nothing", path.display());
    Ok(kept)
}

/// A line of readelf without `<1a>` and `0x1a`, which say where something lies.
fn without_offsets(line: &str) -> String {
    let mut kept = String::new();
    let mut rest = line.trim_start();
    while let Some(start) = rest.find('<') {
        kept.push_str(&rest[..start]);
        let Some(end) = rest[start..].find('>') else { break };
        let inside = &rest[start + 1..start + end];
        if !inside.trim_start_matches("0x").bytes().all(|b| b.is_ascii_hexdigit()) {
            kept.push_str(&rest[start..=start + end]);
        }
        rest = &rest[start + end + 1..];
    }
    kept.push_str(rest);
    match kept.split_once("(indexed string: ") {
        Some((before, after)) => match after.split_once(')') {
            Some((_, text)) => format!("{before}{text}"),
            None => kept,
        },
        None => kept,
    }
}
