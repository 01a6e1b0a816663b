//! Everything in an object that is not debug information.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use object::read::{Object as _, ObjectSection as _, ObjectSymbol as _};
use object::{RelocationTarget, SymbolKind};

/// What is compared, and the debug sections with their relocations applied.
pub(super) struct Object {
    sections: Vec<Section>,
    symbols: Vec<String>,
    debug: BTreeMap<String, Vec<u8>>,
}

#[derive(PartialEq)]
struct Section {
    name: String,
    kind: String,
    align: u64,
    data: Vec<u8>,
    relocations: Vec<String>,
}

impl Object {
    pub(super) fn read(bytes: &[u8]) -> Result<Self> {
        let file = object::File::parse(bytes)?;
        let mut object = Self {
            sections: Vec::new(),
            symbols: Vec::new(),
            debug: BTreeMap::new(),
        };
        for section in file.sections() {
            let name = section.name()?.to_owned();
            if name.starts_with(".debug_") {
                object.debug.insert(name, relocated(&file, &section)?);
            } else if !is_bookkeeping(&name) {
                object.sections.push(Section {
                    kind: format!("{:?} {:?}", section.kind(), section.flags()),
                    align: section.align(),
                    data: section.data()?.to_vec(),
                    relocations: relocations(&file, &section)?,
                    name,
                });
            }
        }
        for symbol in file.symbols() {
            let section = match symbol.section_index() {
                Some(index) => file.section_by_index(index)?.name()?.to_owned(),
                None => format!("{:?}", symbol.section()),
            };
            if symbol.kind() == SymbolKind::Section && section.starts_with(".debug_") {
                continue;
            }
            object.symbols.push(format!(
                "{:?} {} in {section} at {} size {} {:?} {:?}",
                symbol.kind(),
                symbol.name()?,
                symbol.address(),
                symbol.size(),
                symbol.scope(),
                symbol.is_weak(),
            ));
        }
        Ok(object)
    }

    /// A debug section's bytes; empty when there is none.
    pub(super) fn debug(&self, name: &str) -> &[u8] {
        self.debug.get(name).map_or(&[], Vec::as_slice)
    }
}

/// Tables that only describe the file, and relocations, which are read with their sections.
fn is_bookkeeping(name: &str) -> bool {
    matches!(
        name,
        "" | ".symtab" | ".strtab" | ".shstrtab" | ".group" | ".symtab_shndx"
    ) || name.starts_with(".rela.")
}

fn relocations(file: &object::File<'_>, section: &object::Section<'_, '_>) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for (offset, relocation) in section.relocations() {
        let target = target_name(file, relocation.target())?;
        all.push(format!(
            "{offset:#x} {:?} {target} + {:#x}",
            relocation.flags(),
            relocation.addend()
        ));
    }
    Ok(all)
}

fn target_name(file: &object::File<'_>, target: RelocationTarget) -> Result<String> {
    let RelocationTarget::Symbol(index) = target else {
        return Ok(format!("{target:?}"));
    };
    let symbol = file.symbol_by_index(index)?;
    match (symbol.kind(), symbol.section_index()) {
        (SymbolKind::Section, Some(section)) => Ok(format!(
            "section {}",
            file.section_by_index(section)?.name()?
        )),
        _ => Ok(symbol.name()?.to_owned()),
    }
}

/// A debug section as if linked: offsets into other debug sections as they are, addresses with a
/// made-up base for each section or foreign symbol, so that no two of them look alike.
fn relocated(file: &object::File<'_>, section: &object::Section<'_, '_>) -> Result<Vec<u8>> {
    let mut data = section.uncompressed_data()?.into_owned();
    for (offset, relocation) in section.relocations() {
        let RelocationTarget::Symbol(index) = relocation.target() else {
            continue;
        };
        let symbol = file.symbol_by_index(index)?;
        let base = match symbol.section_index() {
            Some(index) if file.section_by_index(index)?.name()?.starts_with(".debug_") => 0,
            Some(index) => made_up(file.section_by_index(index)?.name()?),
            None => made_up(symbol.name()?),
        };
        let value = (base + symbol.address()).wrapping_add_signed(relocation.addend());
        let width = usize::from(relocation.size() / 8);
        let start = usize::try_from(offset)?;
        let bytes = value.to_le_bytes();
        let Some(place) = data.get_mut(start..start + width) else {
            bail!("a relocation lies outside of its section");
        };
        place.copy_from_slice(&bytes[..width]);
    }
    Ok(data)
}

/// A base address from a name, with room for the section behind it.
fn made_up(name: &str) -> u64 {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash >> 40) << 36
}

pub(super) fn compare(left: &Object, right: &Object) -> Result<()> {
    let names = |object: &Object| -> Vec<String> {
        object
            .sections
            .iter()
            .map(|section| section.name.clone())
            .collect()
    };
    if names(left) != names(right) {
        bail!("sections {:?} and {:?}", names(left), names(right));
    }
    for (one, other) in left.sections.iter().zip(&right.sections) {
        if one != other {
            let what = if one.data != other.data {
                "content"
            } else {
                "relocations or flags"
            };
            bail!("section {}: {what}", one.name);
        }
    }
    match left
        .symbols
        .iter()
        .zip(&right.symbols)
        .find(|(one, other)| one != other)
    {
        Some((one, other)) => bail!("symbols: {one:?} and {other:?}"),
        None if left.symbols.len() != right.symbols.len() => bail!("number of symbols"),
        None => Ok(()),
    }
}
