//! This host's files as the evaluator's tree. What is at a path is looked up once for each source;
//! what is in a file is read again when its stamp says so.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::looks::{Look, Looks};
use super::names::{Names, State};
use super::numbered::Numbered;
use super::reading::{Reading, read};
use includes::{Block, DirectoryId, FileId, Found, Library, Name, Probe, Tree};
use toolchain::Stamp;
use wire::view::Body;

#[derive(Debug, Default)]
pub(crate) struct Disk {
    directories: Numbered,
    files: Numbered,
    names: Names,
    /// What was at a path, for the source that is read now.
    found: HashMap<(DirectoryId, Name), Found>,
    /// What is in files, by the last reading.
    contents: HashMap<FileId, Contents>,
    /// Files that were looked at for the source that is read now: they are not looked at again.
    looked_at: HashSet<FileId>,
    /// What each file's last look found.
    stamps: HashMap<FileId, (Look, Option<Stamp>)>,
    now: Looks,
    /// How often a file was read.
    readings: u64,
    /// Of files that were found for it.
    inodes: HashMap<FileId, u64>,
    /// The directory that the compiler runs in.
    start: PathBuf,
    /// It takes files for one by their inode, and not by what is in them.
    goes_by_inode: bool,
}

/// What one reading of a file found.
#[derive(Clone, Debug)]
pub(crate) struct Contents {
    pub(crate) stamp: Stamp,
    pub(crate) body: Body,
    /// It may change without a new stamp.
    is_racy: bool,
    /// The number of the reading.
    reading: u64,
    block: Option<Arc<Block>>,
    /// The number of the first reading with these directives.
    directed: u64,
    /// Until somebody wants the block, with what the last one was.
    bytes: Option<(Vec<u8>, Option<Former>)>,
    inode: (u64, u64),
}

impl Contents {
    /// Whether they were read from the file with this device and inode.
    pub(crate) fn is_of(&self, inode: (u64, u64)) -> bool {
        self.inode == inode
    }

    fn directives(&self) -> Option<Former> {
        match &self.bytes {
            Some((_, former)) => former.clone(),
            None => Some((Arc::clone(self.block.as_ref()?), self.directed)),
        }
    }
}

/// The directives of an earlier reading, and since which they were so.
type Former = (Arc<Block>, u64);

impl Disk {
    /// How its compiler takes files for one: by their inode, or by what is in them.
    pub(crate) fn goes_by_inode(&mut self, does: bool) {
        self.goes_by_inode = does;
    }

    /// Forgets where files are, for a compile in `start`.
    pub(crate) fn begin(&mut self, start: &Path, looks: Looks) {
        self.found.clear();
        self.now = looks;
        self.names.begin(looks);
        self.looked_at.clear();
        self.inodes.clear();
        start.clone_into(&mut self.start);
    }

    pub(crate) fn directory(&mut self, path: &Path) -> DirectoryId {
        DirectoryId(self.directories.number(&self.start, path))
    }

    /// The file at a path that is named without a search.
    pub(crate) fn file(&mut self, path: &Path) -> Option<FileId> {
        match self.look(path) {
            Found::File(file) => Some(file),
            _ => None,
        }
    }

    /// A file's path as the compiler would name it.
    pub(crate) fn path(&self, file: FileId) -> &Path {
        self.files.spelled(file.0)
    }

    pub(crate) fn directory_path(&self, directory: DirectoryId) -> &Path {
        self.directories.spelled(directory.0)
    }

    /// What is in a file, as it was when it was read for this source.
    pub(crate) fn contents(&mut self, file: FileId) -> Option<&Contents> {
        if !self.looked_at.contains(&file) {
            self.look_at(file)?;
        }
        self.contents.get(&file)
    }

    /// A file is known by its digest from now on: nobody wants to see directives in it.
    pub(crate) fn forget_text(&mut self, file: FileId) {
        if let Some(contents) = self.contents.get_mut(&file) {
            (contents.bytes, contents.block) = (None, None);
        }
    }

    /// Whether a file was changed for the last time before another one was written.
    pub(crate) fn is_older(&mut self, file: FileId, other: FileId) -> bool {
        let stamps = self.stamp(file).zip(self.stamp(other));
        stamps.is_some_and(|(stamp, other)| stamp.is_older(&other))
    }

    /// Which reading was the last.
    pub(crate) fn readings(&self) -> u64 {
        self.readings
    }

    /// Whether a file's stamp tells whether it is the one that was read.
    pub(crate) fn is_settled(&self, file: FileId) -> bool {
        let contents = self.contents.get(&file);
        contents.is_some_and(|contents| !contents.is_racy)
    }

    /// Whether a file is as it was when so many readings had been done.
    pub(crate) fn is_as_before(&mut self, file: FileId, readings: u64) -> bool {
        let stamp = self.stamp(file);
        let contents = self.contents.get(&file);
        contents
            .is_some_and(|contents| contents.reading <= readings && stamp == Some(contents.stamp))
    }

    /// Whether a file directs as it did when so many readings had been done, whatever else stands in it now.
    pub(crate) fn directs_as_before(
        &mut self,
        file: FileId,
        readings: u64,
        library: &mut Library,
    ) -> bool {
        self.block(file, library).is_some()
            && self
                .contents
                .get(&file)
                .is_some_and(|contents| contents.directed <= readings)
    }

    fn stamp(&mut self, file: FileId) -> Option<Stamp> {
        if let Some((look, stamp)) = self.stamps.get(&file)
            && self.now.may_use(*look)
        {
            return *stamp;
        }
        let stamp = Stamp::at(self.files.whole(file.0));
        self.stamps.insert(file, (self.now.look(), stamp));
        stamp
    }

    /// Whether something is at a path. If it comes later, the directory has another state.
    pub(crate) fn exists(&mut self, path: &Path) -> bool {
        if let (Some(above), Some(name)) = (path.parent(), path.file_name()) {
            let directory = self.directory(above);
            let above = self.directories.whole(directory.0);
            if !self.names.may_have(directory, above, name.as_bytes()) {
                return false;
            }
        }
        self.start.join(path).exists()
    }

    pub(crate) fn start(&self) -> &Path {
        &self.start
    }

    pub(crate) fn names(&self) -> &Names {
        &self.names
    }

    /// What holds of a directory now.
    pub(crate) fn state(&mut self, directory: DirectoryId) -> State {
        let path = self.directories.whole(directory.0);
        self.names.state(directory, path)
    }

    /// Whether something of the name is there, whatever it leads to.
    pub(crate) fn is_named(&mut self, probe: Probe, library: &Library) -> bool {
        let spelling = library.spelling(probe.name);
        let path = self.directories.spelled(probe.directory.0);
        let path = path.join(OsStr::from_bytes(spelling));
        self.may_be_there(probe.directory, &path, spelling)
    }

    /// How many paths are remembered.
    pub(crate) fn size(&self) -> usize {
        self.files.len() + self.directories.len() + self.names.size()
    }

    /// Whether the names of the directory that a path is in do not say that nothing is there.
    fn may_be_there(&mut self, directory: DirectoryId, path: &Path, spelling: &[u8]) -> bool {
        if !spelling.contains(&b'/') {
            let above = self.directories.whole(directory.0);
            return self.names.may_have(directory, above, spelling);
        }
        let (Some(above), Some(last)) = (path.parent(), path.file_name()) else {
            return true;
        };
        if !spelling.ends_with(last.as_bytes()) || spelling.starts_with(b"/") {
            return true;
        }
        let directory = self.directories.number(&self.start, above);
        let above = self.directories.whole(directory);
        self.names
            .may_have(DirectoryId(directory), above, last.as_bytes())
    }

    fn look(&mut self, path: &Path) -> Found {
        match fs::metadata(self.start.join(path)) {
            Ok(meta) if meta.is_file() => {
                let file = FileId(self.files.number(&self.start, path));
                self.inodes.insert(file, meta.ino());
                Found::File(file)
            }
            Ok(meta) if meta.is_dir() => Found::Nothing,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Found::Nothing,
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => Found::Nothing,
            _ => Found::Strange,
        }
    }

    /// Reads a file unless it is as it was.
    fn look_at(&mut self, file: FileId) -> Option<()> {
        // Before anything is read: what is written from now on must not be taken for known.
        let now = SystemTime::now();
        let stamp = self.stamp(file)?;
        let path = self.files.whole(file.0);
        let before = self.contents.get(&file);
        if before.is_none_or(|known| known.stamp != stamp || known.is_racy) {
            let Reading {
                stamp,
                inode,
                body,
                bytes,
            } = read(path)?;
            // What was only written again is the same to whoever has read it.
            let same = before.filter(|known| known.body.digest == body.digest);
            let block = same.and_then(|known| known.block.clone());
            let former = before.and_then(Contents::directives);
            self.readings += 1;
            let contents = Contents {
                reading: self.readings,
                stamp,
                body,
                inode,
                is_racy: stamp.is_racy(now),
                directed: same.map_or(self.readings, |known| known.directed),
                bytes: block.is_none().then_some((bytes, former)),
                block,
            };
            self.contents.insert(file, contents);
        }
        self.looked_at.insert(file);
        Some(())
    }
}

impl Tree for Disk {
    fn find(&mut self, directory: DirectoryId, name: Name, library: &Library) -> Found {
        if let Some(found) = self.found.get(&(directory, name)) {
            return *found;
        }
        let spelling = library.spelling(name);
        let path = self
            .directories
            .spelled(directory.0)
            .join(OsStr::from_bytes(spelling));
        let found = match self.may_be_there(directory, &path, spelling) {
            true => self.look(&path),
            false => Found::Nothing,
        };
        self.found.insert((directory, name), found);
        found
    }

    fn parent(&mut self, file: FileId) -> DirectoryId {
        let path = self.path(file).as_os_str().as_bytes();
        let end = match path.iter().rposition(|byte| *byte == b'/') {
            // What lies in the root.
            Some(0) => 1,
            end => end.unwrap_or(0),
        };
        let parent = PathBuf::from(OsString::from_vec(path[..end].to_vec()));
        self.directory(&parent)
    }

    fn block(&mut self, file: FileId, library: &mut Library) -> Option<Arc<Block>> {
        if !self.looked_at.contains(&file) {
            self.look_at(file)?;
        }
        let contents = self.contents.get_mut(&file)?;
        if let Some((bytes, former)) = contents.bytes.take() {
            let block = library.block(&bytes);
            // Who has gone through the former one need not go through this one.
            contents.block = Some(match former {
                Some((former, since)) if former.directs_as(&block) => {
                    contents.directed = since;
                    former
                }
                _ => Arc::new(block),
            });
        }
        contents.block.clone()
    }

    fn once(&mut self, file: FileId) -> u64 {
        if self.goes_by_inode {
            return match self.inodes.get(&file) {
                Some(inode) => *inode,
                None => fs::metadata(self.files.whole(file.0)).map_or(0, |meta| meta.ino()),
            };
        }
        // gcc takes copies of the same time for one file.
        let body = self.contents(file).map(|contents| contents.body);
        body.map_or(0, |body| {
            let (start, _) = body
                .digest
                .as_bytes()
                .split_first_chunk()
                .unwrap_or((&[0; 8], &[]));
            let seconds = body.modified.seconds.cast_unsigned().rotate_left(32);
            u64::from_le_bytes(*start) ^ seconds ^ u64::from(body.modified.nanoseconds)
        })
    }

    fn spelled(&mut self, file: FileId) -> Vec<u8> {
        self.path(file).as_os_str().as_bytes().to_vec()
    }
}
