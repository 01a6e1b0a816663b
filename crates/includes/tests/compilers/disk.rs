//! The machine's own files as a [`Tree`].

use std::collections::HashMap;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use includes::{Block, DirectoryId, FileId, Found, Library, Name, Probe, Tree};

#[derive(Default)]
pub(crate) struct Disk {
    directories: Vec<PathBuf>,
    files: Vec<PathBuf>,
    known: HashMap<PathBuf, Found>,
    blocks: HashMap<FileId, Option<Arc<Block>>>,
    /// The directory that relative paths begin at.
    pub(crate) start: PathBuf,
    /// If nothing changes, as the evaluator is told.
    pub(crate) epoch: Option<u64>,
}

impl Disk {
    pub(crate) fn directory(&mut self, path: &Path) -> DirectoryId {
        let known = self.directories.iter().position(|known| known == path);
        let at = known.unwrap_or_else(|| {
            self.directories.push(path.to_owned());
            self.directories.len() - 1
        });
        DirectoryId(u32::try_from(at).expect("few directories"))
    }

    pub(crate) fn file(&mut self, path: &Path) -> Found {
        if let Some(found) = self.known.get(path) {
            return *found;
        }
        let found = match fs::metadata(self.start.join(path)) {
            Ok(what) if what.is_file() => {
                self.files.push(path.to_owned());
                let number = u32::try_from(self.files.len() - 1).expect("few files");
                Found::File(FileId(number))
            }
            Ok(what) if !what.is_dir() => Found::Strange,
            _ => Found::Nothing,
        };
        self.known.insert(path.to_owned(), found);
        found
    }

    pub(crate) fn place(&self, probe: Probe, library: &Library) -> PathBuf {
        let name = std::ffi::OsStr::from_bytes(library.spelling(probe.name));
        self.directories[probe.directory.0 as usize].join(name)
    }

    pub(crate) fn path(&self, file: FileId) -> &Path {
        &self.files[file.0 as usize]
    }
}

impl Tree for Disk {
    fn find(&mut self, directory: DirectoryId, name: Name, library: &Library) -> Found {
        let name = std::ffi::OsStr::from_bytes(library.spelling(name));
        let path = self.directories[directory.0 as usize].join(name);
        self.file(&path)
    }

    fn parent(&mut self, file: FileId) -> DirectoryId {
        let path = self.path(file).as_os_str().as_bytes();
        let end = path.iter().rposition(|byte| *byte == b'/');
        let parent = PathBuf::from(std::ffi::OsString::from_vec(
            path[..end.unwrap_or(0)].to_vec(),
        ));
        self.directory(&parent)
    }

    fn block(&mut self, file: FileId, library: &mut Library) -> Option<Arc<Block>> {
        if let Some(block) = self.blocks.get(&file) {
            return block.clone();
        }
        let bytes = fs::read(self.start.join(self.path(file))).ok();
        let block = bytes.map(|bytes| Arc::new(library.block(&bytes)));
        self.blocks.insert(file, block.clone());
        block
    }

    fn once(&mut self, file: FileId) -> u64 {
        fs::metadata(self.start.join(self.path(file))).map_or(0, |what| what.ino())
    }

    fn epoch(&mut self) -> Option<u64> {
        self.epoch
    }

    fn spelled(&mut self, file: FileId) -> Vec<u8> {
        self.path(file).as_os_str().as_bytes().to_vec()
    }
}
