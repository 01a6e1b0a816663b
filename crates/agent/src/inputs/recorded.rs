//! What a source read the last time, and how to see that it would read the same again: by one look at each file,
//! link and directory, without reading anything.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use includes::{DirectoryId, FileId, Found, Library, Reached, Tree};

use super::catalogue::Catalogue;
use super::disk::Disk;
use super::listing::Listing;
use super::names::State;
use super::places::Way;

/// See the module.
#[derive(Debug)]
pub(super) struct Recorded {
    files: Box<[FileId]>,
    readings: u64,
    directories: Vec<(DirectoryId, State)>,
    links: Vec<(PathBuf, OsString)>,
    /// Names that are there and lead to no file.
    vain: Vec<PathBuf>,
    pub(super) listing: Listing,
}

/// What of a record is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    All,
    /// Where everything is, and what leads from file to file; what else stands in some of them has changed.
    Directives,
    Nothing,
}

impl Recorded {
    /// `None` where one look will not tell: something was changed a moment ago.
    pub(super) fn of(
        reached: &Reached,
        way: &Way,
        listing: &Listing,
        disk: &mut Disk,
        library: &Library,
    ) -> Option<Self> {
        if !reached.files.iter().all(|file| disk.is_settled(*file)) {
            return None;
        }
        let directories: Vec<_> = disk.names().states().collect();
        if directories
            .iter()
            .any(|(_, state)| *state == State::Unknown)
        {
            return None;
        }
        let vain = reached.probes.iter().filter(|probe| {
            let found = disk.find(probe.directory, probe.name, library);
            found == Found::Nothing && disk.is_named(**probe, library)
        });
        let vain: Vec<_> = vain.copied().collect();
        let path = |probe: includes::Probe| {
            let name = OsStr::from_bytes(library.spelling(probe.name));
            disk.start()
                .join(disk.directory_path(probe.directory))
                .join(name)
        };
        let links = way.links.iter().map(|(place, target)| {
            let place = PathBuf::from(OsString::from_vec(place.clone()));
            (place, OsString::from_vec(target.clone()))
        });
        Some(Self {
            files: reached.files.clone().into(),
            readings: disk.readings(),
            directories,
            links: links.collect(),
            vain: vain.into_iter().map(path).collect(),
            listing: listing.clone(),
        })
    }

    /// What of it is as it was. The disk has begun anew for the source's directory.
    pub(super) fn holds(
        &self,
        disk: &mut Disk,
        library: &mut Library,
        catalogue: &Catalogue,
    ) -> Holds {
        let is_link = |(place, target): &(PathBuf, OsString)| {
            fs::read_link(place).is_ok_and(|now| now.as_os_str() == target)
        };
        let is_found_alike = self
            .directories
            .iter()
            .all(|(directory, state)| disk.state(*directory) == *state)
            && self.links.iter().all(is_link)
            && self.vain.iter().all(|path| !path.is_file());
        if !is_found_alike {
            return Holds::Nothing;
        }
        let files = self.files.iter().copied();
        let changed: Vec<_> = files
            .filter(|file| !disk.is_as_before(*file, self.readings))
            .collect();
        match changed[..] {
            [] if catalogue.is_current(&self.listing.entries) => Holds::All,
            [] => Holds::Nothing,
            _ => {
                let mut changed = changed.into_iter();
                match changed.all(|file| disk.directs_as_before(file, self.readings, library)) {
                    true => Holds::Directives,
                    false => Holds::Nothing,
                }
            }
        }
    }
}
