//! DWARF as a list of lines that do not depend on where things lie in the file.

use std::collections::HashMap;
use std::fmt::Write as _;

use anyhow::{Result, bail};
use gimli::{
    AttributeValue as Value, DebuggingInformationEntry, EndianSlice, LittleEndian, UnitOffset,
};

use super::elf::Object;
use super::lines;

pub(super) type Reader<'a> = EndianSlice<'a, LittleEndian>;

/// Attributes that preprocessed text cannot keep, or that say only where something lies.
///
/// Views number the rows of the line table at one address, and rows exist for columns too.
const LEFT_OUT: &[gimli::DwAt] = &[
    gimli::DW_AT_producer,
    gimli::DW_AT_decl_column,
    gimli::DW_AT_call_column,
    gimli::DW_AT_stmt_list,
    gimli::DW_AT_GNU_locviews,
    gimli::DW_AT_GNU_entry_view,
];

pub(super) fn transcript(object: &Object) -> Result<Vec<String>> {
    // A `.dwo` file has the same sections under other names.
    let split = !object.debug(".debug_info.dwo").is_empty();
    let load = |id: gimli::SectionId| {
        let name = if split {
            id.dwo_name().unwrap_or_default()
        } else {
            id.name()
        };
        Ok::<_, gimli::Error>(EndianSlice::new(object.debug(name), LittleEndian))
    };
    let mut dwarf = gimli::Dwarf::load(load)?;
    if split {
        dwarf.file_type = gimli::DwarfFileType::Dwo;
    }
    let mut text = Vec::new();
    let mut units = dwarf.units();
    while let Some(header) = units.next()? {
        let unit = dwarf.unit(header)?;
        let unit = Unit {
            numbers: numbers(&unit)?,
            files: lines::files(&dwarf, &unit)?,
            dwarf: &dwarf,
            unit,
        };
        unit.write(&mut text)?;
        lines::write(&dwarf, &unit.unit, &unit.files, &mut text)?;
    }
    Ok(text)
}

/// The number of each entry within its unit, by its offset.
fn numbers(unit: &gimli::Unit<Reader<'_>>) -> Result<HashMap<usize, usize>> {
    let mut numbers = HashMap::new();
    let mut entries = unit.entries();
    while let Some(entry) = entries.next_dfs()? {
        numbers.insert(entry.offset().0, numbers.len());
    }
    Ok(numbers)
}

struct Unit<'a> {
    dwarf: &'a gimli::Dwarf<Reader<'a>>,
    unit: gimli::Unit<Reader<'a>>,
    numbers: HashMap<usize, usize>,
    files: Vec<String>,
}

impl<'a> Unit<'a> {
    fn write(&self, text: &mut Vec<String>) -> Result<()> {
        let mut entries = self.unit.entries();
        while let Some(entry) = entries.next_dfs()? {
            text.push(self.entry(entry)?);
        }
        Ok(())
    }

    fn entry(&self, entry: &DebuggingInformationEntry<Reader<'a>>) -> Result<String> {
        let mut line = format!("{} {}", entry.depth(), entry.tag());
        for attribute in entry.attrs() {
            if !LEFT_OUT.contains(&attribute.name()) {
                write!(line, " {}=", attribute.name())?;
                self.value(attribute.value(), &mut line)?;
            }
        }
        Ok(line)
    }

    fn number(&self, offset: UnitOffset) -> String {
        match self.numbers.get(&offset.0) {
            Some(number) => format!("entry {number}"),
            None => "an entry that is not there".to_owned(),
        }
    }

    fn value(&self, value: Value<Reader<'a>>, line: &mut String) -> Result<()> {
        match value {
            Value::UnitRef(offset) => line.push_str(&self.number(offset)),
            Value::FileIndex(index) => {
                let file = self.files.get(usize::try_from(index)?);
                write!(line, "{}", file.map_or("no such file", String::as_str))?;
            }
            Value::Exprloc(expression) => self.expression(expression, line)?,
            Value::LocationListsRef(offset) => {
                let mut list = self.dwarf.locations(&self.unit, offset)?;
                while let Some(location) = list.next()? {
                    write!(
                        line,
                        "[{:x}..{:x} ",
                        location.range.begin, location.range.end
                    )?;
                    self.expression(location.data, line)?;
                    line.push(']');
                }
            }
            Value::RangeListsRef(offset) => {
                let offset = self.dwarf.ranges_offset_from_raw(&self.unit, offset);
                let mut list = self.dwarf.ranges(&self.unit, offset)?;
                while let Some(range) = list.next()? {
                    write!(line, "[{:x}..{:x}]", range.begin, range.end)?;
                }
            }
            Value::Block(bytes) => write!(line, "{:?}", bytes.slice())?,
            Value::DebugInfoRef(_) | Value::SecOffset(_) => bail!("{value:?} is not understood"),
            other => match self.dwarf.attr_string(&self.unit, other) {
                Ok(string) => line.push_str(&string.to_string_lossy()),
                Err(_) => write!(line, "{value:?}")?,
            },
        }
        Ok(())
    }

    /// Operations name types by offset.
    fn expression(
        &self,
        expression: gimli::Expression<Reader<'a>>,
        line: &mut String,
    ) -> Result<()> {
        use gimli::Operation as Op;
        let mut operations = expression.operations(self.unit.encoding());
        while let Some(operation) = operations.next()? {
            match operation {
                Op::Convert { base_type } => write!(line, "convert {}; ", self.type_of(base_type))?,
                Op::Reinterpret { base_type } => {
                    write!(line, "reinterpret {}; ", self.type_of(base_type))?;
                }
                Op::RegisterOffset {
                    register,
                    offset,
                    base_type,
                } => {
                    write!(
                        line,
                        "{register:?} + {offset} as {}; ",
                        self.type_of(base_type)
                    )?;
                }
                Op::Deref {
                    base_type,
                    size,
                    space,
                } => {
                    write!(
                        line,
                        "deref {size} {space} as {}; ",
                        self.type_of(base_type)
                    )?;
                }
                Op::TypedLiteral { base_type, value } => {
                    write!(line, "{:?} as {}; ", value.slice(), self.type_of(base_type))?;
                }
                Op::EntryValue { expression } => {
                    line.push_str("entry value of ");
                    self.expression(gimli::Expression(expression), line)?;
                }
                Op::ParameterRef { offset } => write!(line, "parameter {}; ", self.number(offset))?,
                Op::ImplicitPointer { value, byte_offset } => {
                    let target = match value.to_unit_offset(&self.unit.header) {
                        Some(offset) => self.number(offset),
                        None => "another unit".to_owned(),
                    };
                    write!(line, "pointer to {target} + {byte_offset}; ")?;
                }
                other => write!(line, "{other:?}; ")?,
            }
        }
        Ok(())
    }

    /// Offset 0 means the generic type.
    fn type_of(&self, offset: UnitOffset) -> String {
        if offset.0 == 0 {
            "generic".to_owned()
        } else {
            self.number(offset)
        }
    }
}

pub(super) fn compare(left: &[String], right: &[String]) -> Result<()> {
    match left.iter().zip(right).find(|(one, other)| one != other) {
        Some((one, other)) => bail!("debug information:\n  {one}\n  {other}"),
        None if left.len() != right.len() => {
            bail!(
                "debug information: {} and {} lines",
                left.len(),
                right.len()
            )
        }
        None => Ok(()),
    }
}
