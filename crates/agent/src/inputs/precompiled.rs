//! Precompiled headers: those that clang is told of, and those that gcc takes in the place of headers without being
//! told, `x.h.gch` for `x.h`.
//!
//! gcc takes one for the first header only that it includes, whatever of it is older, and reads the header's text if
//! the precompiled form was made with other options (gcc 11 and 12, watched). So both go where the compiler is. What
//! follows the header was evaluated with the macros of the text: they are those of the precompiled form if that is
//! newer than all that it was made from. clang refuses one if the size or the time of any of these has changed.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use includes::{FileId, Found, Library, Probe, Reached, Tree};
use invocation::Inputs;

use super::compiler::Asked;
use super::disk::Disk;
use super::kind::{Ground, Kind};
use super::listing::NotListed;
use super::scanner::NotKnown;

/// The first gcc that looks for one only in the place of what is included first.
pub(super) const FIRST_ONLY: u32 = 11;

/// A header with its precompiled form.
#[derive(Clone, Copy, Debug)]
pub(super) struct Precompiled {
    pub(super) header: FileId,
    pub(super) file: FileId,
}

/// A precompiled header that keeps its job from travelling.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {why}", at.display())]
pub(crate) struct Unfit {
    at: PathBuf,
    why: String,
}

impl Unfit {
    pub(super) fn new(at: PathBuf, why: impl Into<String>) -> Self {
        let why = why.into();
        Self { at, why }
    }
}

/// Where compilers look for them, and what is there.
#[derive(Debug, Default)]
pub(super) struct Looked {
    pub(super) found: Vec<Precompiled>,
    pub(super) absent: Vec<PathBuf>,
}

/// NAME_MAX of Linux.
const LONGEST_NAME: usize = 255;

impl Looked {
    fn in_vain(&mut self, path: PathBuf) {
        let length = path.file_name().map_or(0, OsStr::len);
        // Nowhere is anything of a longer name.
        if length <= LONGEST_NAME {
            self.absent.push(path);
        }
    }
}

impl Kind {
    /// The precompiled headers that gcc may take are added to the files, and so is all that they were made from.
    pub(super) fn precompiled(
        &mut self,
        ground: &mut Ground,
        asked: &Asked,
        inputs: &Inputs,
        source: &Path,
        reached: &mut Reached,
    ) -> Result<Looked, NotKnown> {
        let Ground { library, disk } = &mut *ground;
        let looked = match (self.gcc(), disk.file(source)) {
            (Some(gcc), Some(file)) => look(reached, file, gcc, disk, library),
            _ => look_of_clang(inputs, disk),
        };
        let looked = looked.map_err(NotListed::from)?;
        // No precompiled header is made behind another one.
        let is_option =
            |preset: &&invocation::Preset| !matches!(preset, invocation::Preset::Include(_));
        let presets: Vec<_> = inputs.presets.iter().filter(is_option).cloned().collect();
        for Precompiled { header, file } in &looked.found {
            let at = ground.disk.path(*file).to_owned();
            let header = ground.disk.path(*header).to_owned();
            let made_from = self.evaluated(ground, asked, &presets, &header);
            let unfit = |why: String| NotListed::Precompiled(Unfit::new(at.clone(), why));
            let made_from = made_from.map_err(|why| unfit(why.to_string()))?;
            for from in made_from.files {
                if !ground.disk.is_older(from, *file) {
                    let newer = ground.disk.path(from).display();
                    return Err(unfit(format!("older than {newer}")).into());
                }
                if !reached.files.contains(&from) {
                    reached.files.push(from);
                }
            }
            reached.files.push(*file);
        }
        Ok(looked)
    }
}

fn look(
    reached: &Reached,
    source: FileId,
    gcc: u32,
    disk: &mut Disk,
    library: &Library,
) -> Result<Looked, Unfit> {
    let mut beside_source = disk.path(source).as_os_str().to_owned();
    beside_source.push(".gch");
    let beside_source = PathBuf::from(beside_source);
    if disk.exists(&beside_source) {
        return Err(Unfit::new(beside_source, "a precompiled source"));
    }
    let mut looked = Looked::default();
    looked.in_vain(beside_source);
    for probe in first_probes(reached, source, gcc, disk, library) {
        let mut name = library.spelling(probe.name).to_vec();
        name.extend_from_slice(b".gch");
        let directory = disk.directory_path(probe.directory);
        let path = directory.join(OsStr::from_bytes(&name));
        if !disk.exists(&path) {
            looked.in_vain(path);
            continue;
        }
        let header = disk.find(probe.directory, probe.name, library);
        let Found::File(header) = header else {
            return Err(Unfit::new(path, "precompiled, and its text is not there"));
        };
        let Some(file) = disk.file(&path) else {
            return Err(Unfit::new(path, "precompiled in several ways"));
        };
        looked.found.push(Precompiled { header, file });
    }
    Ok(looked)
}

/// clang is told of one, or takes `x.h.pch` or `x.h.gch` for an `x.h` that its driver includes.
fn look_of_clang(inputs: &Inputs, disk: &mut Disk) -> Result<Looked, Unfit> {
    let mut looked = Looked::default();
    for preset in &inputs.presets {
        let invocation::Preset::Include(header) = preset else {
            continue;
        };
        for form in [".pch", ".gch"] {
            let mut path = header.clone();
            path.push(form);
            let path = PathBuf::from(path);
            if !disk.exists(&path) {
                looked.in_vain(path);
            }
        }
    }
    if let Some(told) = &inputs.precompiled {
        let there = disk.file(&told.header).zip(disk.file(&told.file));
        let lost = || Unfit::new(told.file.clone(), "precompiled, and gone meanwhile");
        let (header, file) = there.ok_or_else(lost)?;
        looked.found.push(Precompiled { header, file });
    }
    Ok(looked)
}

/// Where it looks until it has found the source's first header: there may be one before the source, too.
fn first_probes(
    reached: &Reached,
    source: FileId,
    gcc: u32,
    disk: &mut Disk,
    library: &Library,
) -> Vec<Probe> {
    if gcc < FIRST_ONLY {
        return reached.probes.clone();
    }
    let place = reached.files.iter().position(|file| *file == source);
    let first: Vec<FileId> = reached
        .files
        .iter()
        .copied()
        .take(place.map_or(usize::MAX, |place| place + 2))
        .collect();
    let leads_there = |probe: &Probe| match disk.find(probe.directory, probe.name, library) {
        Found::File(file) => first.contains(&file),
        Found::Nothing | Found::Strange => false,
    };
    let last = reached.probes.iter().rposition(leads_there);
    match (last, reached.missing.is_some()) {
        (Some(last), false) => reached.probes[..=last].to_vec(),
        // Nothing is included, or what is not there may be the first.
        _ => reached.probes.clone(),
    }
}
