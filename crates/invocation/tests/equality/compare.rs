//! Whether two objects are equal, but for what preprocessed text cannot keep.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use object::read::{Object, ObjectSection, ObjectSymbol};
use object::{RelocationTarget, SectionKind};

/// Compares byte for byte; with `debug`, all but debug information byte for byte, and that by
/// what it says.
pub(crate) fn objects(plain: &Path, sent: &Path, debug: bool) -> Result<(), String> {
    let (a, b) = (
        std::fs::read(plain).map_err(|e| e.to_string())?,
        std::fs::read(sent).map_err(|e| e.to_string())?,
    );
    if a == b {
        return Ok(());
    }
    if !debug {
        let at = a.iter().zip(&b).position(|(a, b)| a != b);
        return Err(format!(
            "bytes differ at {at:?} of {} and {}",
            a.len(),
            b.len()
        ));
    }
    let (left, right) = (parts(&a)?, parts(&b)?);
    for name in left.keys().chain(right.keys()).collect::<BTreeSet<_>>() {
        if left.get(name) != right.get(name) {
            return Err(format!("{name} differs"));
        }
    }
    same_lines("debug_info", &information(plain), &information(sent))?;
    let (left, right) = (rows(plain), rows(sent));
    if let Some((a, b)) = left.iter().zip(&right).find(|(a, b)| a != b) {
        return Err(format!("line rows: {a:?} here, {b:?} remotely"));
    }
    if left.len() == right.len() {
        Ok(())
    } else {
        Err(format!("{} and {} line rows", left.len(), right.len()))
    }
}

pub(crate) fn same_lines(what: &str, left: &[String], right: &[String]) -> Result<(), String> {
    if left.is_empty() {
        return Err(format!(
            "no {what} to compare; is llvm-dwarfdump installed (Debian: llvm)?"
        ));
    }
    if let Some((a, b)) = left.iter().zip(right).find(|(a, b)| a != b) {
        return Err(format!(
            "{what}: `{}` here, `{}` remotely",
            a.trim(),
            b.trim()
        ));
    }
    if left.len() == right.len() {
        Ok(())
    } else {
        Err(format!("{what}: {} and {} lines", left.len(), right.len()))
    }
}

/// Sections, relocations and symbols, without those of debug information.
fn parts(bytes: &[u8]) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let file = object::File::parse(bytes).map_err(|error| error.to_string())?;
    let mut parts = BTreeMap::new();
    for section in file.sections() {
        let name = section.name().unwrap_or("?").to_owned();
        let debug =
            name.contains(".debug") || name.starts_with(".stab") || name.starts_with(".rela");
        if debug || matches!(section.kind(), SectionKind::Metadata) && name.starts_with(".s") {
            continue;
        }
        let mut content = section.data().unwrap_or_default().to_vec();
        content.extend(section.size().to_le_bytes());
        for (offset, relocation) in section.relocations() {
            let target = match relocation.target() {
                RelocationTarget::Symbol(index) => {
                    let symbol = file
                        .symbol_by_index(index)
                        .map_err(|error| error.to_string())?;
                    let section = symbol
                        .section_index()
                        .and_then(|index| file.section_by_index(index).ok());
                    let section =
                        section.and_then(|section| section.name().map(str::to_owned).ok());
                    format!("{} {:?}", symbol.name().unwrap_or("?"), section)
                }
                other => format!("{other:?}"),
            };
            content.extend(
                format!(
                    "\n{offset} {:?} {} {target}",
                    relocation.flags(),
                    relocation.addend()
                )
                .into_bytes(),
            );
        }
        let earlier = parts
            .entry(format!("section {name}"))
            .or_insert_with(Vec::new);
        earlier.extend(content);
    }
    let mut symbols: Vec<String> = file
        .symbols()
        .filter(|symbol| symbol.kind() != object::SymbolKind::Section)
        .map(|symbol| {
            format!(
                "{:?} {} {} {:?} {:?}",
                symbol.name(),
                symbol.address(),
                symbol.size(),
                symbol.kind(),
                symbol.scope()
            )
        })
        .collect();
    symbols.sort();
    parts.insert("symbols".to_owned(), symbols.join("\n").into_bytes());
    Ok(parts)
}

fn dump(arguments: &[&str], file: &Path) -> Vec<String> {
    let output = Command::new("llvm-dwarfdump")
        .args(arguments)
        .arg(file)
        .output();
    let text = output
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default();
    text.lines().skip(1).map(String::from).collect()
}

/// All entries and attributes with names instead of numbers, offsets blanked.
pub(crate) fn information(file: &Path) -> Vec<String> {
    const EXCEPT: [&str; 5] = [
        "_column",
        "DW_AT_producer",
        "dwo_id",
        "Compile Unit",
        "DW_AT_ranges",
    ];
    let lines = dump(&["--debug-info"], file);
    let kept = lines
        .iter()
        .filter(|line| !EXCEPT.iter().any(|except| line.contains(except)));
    kept.map(|line| blank_numbers(line)).collect()
}

/// Blanks hexadecimal numbers, which are offsets here, and operands that this dumper cannot decode
/// (they are offsets too).
fn blank_numbers(line: &str) -> String {
    let line = line.split("<decoding error>").next().unwrap_or_default();
    let mut blanked = String::new();
    let mut rest = line;
    while let Some(at) = rest.find("0x") {
        blanked.push_str(&rest[..at]);
        blanked.push('#');
        rest = rest[at + 2..].trim_start_matches(|c: char| c.is_ascii_hexdigit());
    }
    blanked + rest
}

/// From which address on which line of which file holds. Rows that only start another column of
/// the same line are left out.
pub(crate) fn rows(file: &Path) -> Vec<(String, String, String)> {
    let mut rows: Vec<(String, String, String)> = Vec::new();
    let (mut directories, mut names) = (BTreeMap::new(), BTreeMap::<String, String>::new());
    let mut current = String::new();
    for line in dump(&["--debug-line"], file) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let quoted = || line.split('"').nth(1).unwrap_or_default().to_owned();
        if let Some(index) = line.trim_start().strip_prefix("include_directories[") {
            directories.insert(
                index
                    .split(']')
                    .next()
                    .unwrap_or_default()
                    .trim()
                    .to_owned(),
                quoted(),
            );
        } else if let Some(index) = line.trim_start().strip_prefix("file_names[") {
            index
                .split(']')
                .next()
                .unwrap_or_default()
                .trim()
                .clone_into(&mut current);
        } else if line.trim_start().starts_with("name: ") {
            names.insert(current.clone(), quoted());
        } else if let Some(index) = line.trim_start().strip_prefix("dir_index: ") {
            // The first directory is where the compiler ran; the others may be relative to it.
            let of = |index: &str| {
                directories
                    .get(index)
                    .map(String::as_str)
                    .unwrap_or_default()
            };
            if let Some(name) = names.get_mut(&current) {
                *name = Path::new(of("0"))
                    .join(of(index.trim()))
                    .join(&*name)
                    .display()
                    .to_string();
            }
        } else if let [address, line, _column, file, ..] = words[..]
            && address.starts_with("0x")
            && address.len() == 18
        {
            let name = names.get(file).cloned().unwrap_or_default();
            if rows
                .last()
                .is_none_or(|last| last.1 != line || last.2 != name)
            {
                rows.push((address.to_owned(), line.to_owned(), name));
            }
        }
    }
    rows
}
