//! From what a compile reads to the entries that an executor must be told.

use std::collections::HashSet;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use includes::{Found, Library, Probe, Reached, Tree};
use job::Digest;
use wire::view::{EntryId, Ids};

use super::catalogue::{Catalogue, NotTold, inode};
use super::disk::Disk;
use super::places::{Physical, Place, Places, Way};
use super::precompiled::Unfit;

/// The files of one job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listing {
    pub(crate) entries: Ids,
    pub(crate) digest: Digest,
    /// How many of them are files that the compiler opens.
    pub(crate) files: usize,
    /// Arguments before all others.
    pub(crate) arguments: Vec<Vec<u8>>,
    /// Some file names others as the source of its lines, which gcc quotes when it speaks.
    pub(crate) renames: bool,
    /// What it says of the clock.
    pub(crate) time: Time,
    /// Which gcc reads it.
    pub(crate) gcc: Option<u32>,
    /// A header that is not there: the compile ends with that.
    pub(crate) missing: Option<Vec<u8>>,
    /// A precompiled header is among the files, of which text knows nothing.
    pub(crate) is_precompiled: bool,
}

/// Which of the words for the time some file has, in whatever branch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Time {
    /// `__DATE__`, `__TIME__`.
    pub(crate) of_compile: bool,
    /// `__TIMESTAMP__`.
    pub(crate) of_source: bool,
}

/// Why there is none. The job travels as text.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotListed {
    #[error(transparent)]
    NotTold(#[from] NotTold),
    #[error("{} has the assembler read a file", .0.display())]
    Binary(PathBuf),
    #[error(transparent)]
    Precompiled(#[from] Unfit),
    #[error("{} cannot be followed", .0.display())]
    Strange(PathBuf),
    #[error("{} has changed meanwhile", .0.display())]
    Changed(PathBuf),
    #[error("too many files")]
    TooMany,
}

/// What a compile in `start` reads, searches and finds absent.
pub(crate) struct Listed<'a> {
    pub(crate) start: &'a Path,
    pub(crate) reached: &'a Reached,
    /// Where the headers might be that its files name in whatever branch.
    pub(crate) spelled: &'a [Probe],
    /// Directories that are searched, and other names of `start`.
    pub(crate) searched: &'a [PathBuf],
    /// Files that need only be there.
    pub(crate) marks: &'a [PathBuf],
    pub(crate) arguments: &'a [Vec<u8>],
    pub(crate) source: &'a Path,
    pub(crate) gcc: Option<u32>,
    pub(crate) is_precompiled: bool,
    /// Where nothing must be besides.
    pub(crate) absent: &'a [PathBuf],
}

impl Listed<'_> {
    pub(crate) fn list(
        &self,
        disk: &mut Disk,
        library: &Library,
        catalogue: &mut Catalogue,
    ) -> Result<(Listing, Way), NotListed> {
        let facts = self.reached.facts;
        if facts.includes_binary || facts.includes_assembly || facts.embeds {
            return Err(NotListed::Binary(self.source.to_owned()));
        }
        let mut places = Places::default();
        let mut ids = Vec::new();
        let mut read = HashSet::new();
        for file in &self.reached.files {
            let path = disk.path(*file).to_owned();
            let strange = || NotListed::Strange(path.clone());
            let Place::File(place) = places.find(self.start, &path) else {
                return Err(strange());
            };
            let contents = disk.contents(*file).ok_or_else(strange)?;
            let inode = inode(&place).ok_or_else(strange)?;
            // Links may have been turned since it was read.
            if !contents.is_of(inode) {
                return Err(NotListed::Changed(path));
            }
            let id = catalogue.file(&place, contents.body, inode)?;
            ids.push(id);
            ids.extend(catalogue.same_as(id));
            read.insert(place);
        }
        let files = ids.len();
        for probe in &self.reached.probes {
            if disk.find(probe.directory, probe.name, library) != Found::Nothing {
                continue;
            }
            let name = Path::new(std::ffi::OsStr::from_bytes(library.spelling(probe.name)));
            let path = disk.directory_path(probe.directory).join(name);
            match places.find(self.start, &path) {
                Place::Nothing(place) => catalogue.nothing(&place)?,
                // A directory of that name is passed over by the search.
                Place::Directory(place) if !place.is_empty() => {
                    ids.push(catalogue.directory(&place)?);
                }
                Place::Directory(_) => {}
                Place::File(_) | Place::Strange => return Err(NotListed::Changed(path)),
            }
        }
        for path in self.absent {
            match places.find(self.start, path) {
                Place::Nothing(place) => catalogue.nothing(&place)?,
                _ => return Err(NotListed::Changed(path.clone())),
            }
        }
        self.unsent(disk, library, catalogue, &mut places, &read, &mut ids)?;
        for directory in self
            .searched
            .iter()
            .map(PathBuf::as_path)
            .chain([Path::new("")])
        {
            places.find(self.start, &directory.join("."));
        }
        way(&places, catalogue, &mut ids)?;
        let entries = Ids::new(ids).map_err(|_| NotListed::TooMany)?;
        let digest = catalogue.digest(&entries).ok_or(NotListed::TooMany)?;
        let listing = Listing {
            arguments: self.arguments.to_vec(),
            renames: facts.renames,
            time: Time {
                of_compile: facts.names_time,
                of_source: facts.names_timestamp,
            },
            gcc: self.gcc,
            missing: self.reached.missing.clone(),
            is_precompiled: self.is_precompiled,
            entries,
            digest,
            files,
        };
        Ok((listing, places.way))
    }

    /// Files that are there, that nothing reads, and that some branch names: reading one shows that what was found
    /// here is wrong.
    fn unsent(
        &self,
        disk: &mut Disk,
        library: &Library,
        catalogue: &mut Catalogue,
        places: &mut Places,
        read: &HashSet<Physical>,
        ids: &mut Vec<EntryId>,
    ) -> Result<(), NotListed> {
        let spelled = self.spelled.iter().filter_map(|probe| {
            match disk.find(probe.directory, probe.name, library) {
                Found::File(file) => Some(disk.path(file).to_owned()),
                Found::Nothing | Found::Strange => None,
            }
        });
        for path in spelled.chain(self.marks.iter().cloned()) {
            match places.find(self.start, &path) {
                // One file may be reached by several names.
                Place::File(place) if read.contains(&place) => {}
                Place::File(place) => ids.push(catalogue.unsent(&place)?),
                _ => return Err(NotListed::Changed(path)),
            }
        }
        Ok(())
    }
}

/// Links and directories on the way to all that.
fn way(
    places: &Places,
    catalogue: &mut Catalogue,
    ids: &mut Vec<EntryId>,
) -> Result<(), NotListed> {
    for (place, target) in &places.way.links {
        ids.push(catalogue.link(place, target)?);
    }
    for place in &places.way.directories {
        ids.push(catalogue.directory(place)?);
    }
    Ok(())
}
