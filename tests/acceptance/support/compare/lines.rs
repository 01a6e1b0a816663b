//! Line tables without columns.

use anyhow::Result;

use super::debug::Reader;

/// The names of a unit's files, by index.
pub(super) fn files(
    dwarf: &gimli::Dwarf<Reader<'_>>,
    unit: &gimli::Unit<Reader<'_>>,
) -> Result<Vec<String>> {
    let Some(program) = &unit.line_program else {
        return Ok(Vec::new());
    };
    let header = program.header();
    let mut names = Vec::new();
    // Indices start at 0 or 1 by version; an absent one must not move the others.
    for index in 0..=header.file_names().len() as u64 {
        let Some(file) = header.file(index) else {
            names.push(String::new());
            continue;
        };
        let name = dwarf
            .attr_string(unit, file.path_name())?
            .to_string_lossy()
            .into_owned();
        let directory = match file.directory(header) {
            Some(directory) => dwarf
                .attr_string(unit, directory)?
                .to_string_lossy()
                .into_owned(),
            None => String::new(),
        };
        names.push(format!("{directory}/{name}"));
    }
    Ok(names)
}

/// Where each line's code begins: a row whose file and line are those of the row before it only
/// tells columns apart.
pub(super) fn write(
    _dwarf: &gimli::Dwarf<Reader<'_>>,
    unit: &gimli::Unit<Reader<'_>>,
    files: &[String],
    text: &mut Vec<String>,
) -> Result<()> {
    let Some(program) = unit.line_program.clone() else {
        return Ok(());
    };
    let mut last = None;
    let mut rows = program.rows();
    while let Some((_, row)) = rows.next_row()? {
        let line = row.line().map_or(0, |line| line.get());
        let place = (row.file_index(), line, row.end_sequence());
        if last != Some(place) {
            let file = usize::try_from(row.file_index())
                .ok()
                .and_then(|index| files.get(index));
            let file = file.map_or("no such file", String::as_str);
            let end = if row.end_sequence() { " end" } else { "" };
            text.push(format!("{:x} {file}:{line}{end}", row.address()));
            last = Some(place);
        }
    }
    Ok(())
}
