//! Whether two objects are the same program.
//!
//! Without debug information: the same bytes. With it, what preprocessed text cannot keep may
//! differ and nothing else: the producer string (it lists the options that the compiler got) and
//! columns (an expanded macro moves what follows it), with the line table rows that exist only to
//! tell columns apart.

mod debug;
mod elf;
mod lines;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// How strictly to compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Byte for byte.
    Bytes,
    /// Code, data, symbols, relocations and DWARF but for the producer and columns.
    Program,
}

/// Compares two object files; an error says where they differ first.
pub fn objects(expected: &Path, found: &Path, rule: Rule) -> Result<()> {
    let read = |path: &Path| fs::read(path).with_context(|| path.display().to_string());
    let (left, right) = (read(expected)?, read(found)?);
    if left == right {
        return Ok(());
    }
    let differ = || format!("{} and {} differ", expected.display(), found.display());
    if rule == Rule::Bytes {
        bail!("{}", differ());
    }
    let (left, right) = (elf::Object::read(&left)?, elf::Object::read(&right)?);
    elf::compare(&left, &right).with_context(differ)?;
    let (left, right) = (debug::transcript(&left)?, debug::transcript(&right)?);
    debug::compare(&left, &right).with_context(differ)
}
