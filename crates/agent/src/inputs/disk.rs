//! This host's files as the evaluator's tree. What is at a path is looked up once for each source;
//! what is in a file is read again when its stamp says so.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use includes::{Block, DirectoryId, FileId, Found, Library, Name, Tree};
use toolchain::Stamp;

/// A longer header is not read; its job is text.
const MAX_HEADER: u64 = 256 << 20;

#[derive(Debug, Default)]
pub(crate) struct Disk {
    directories: Numbered,
    files: Numbered,
    /// What was at a path, for the source that is read now.
    found: HashMap<(DirectoryId, Name), Found>,
    blocks: HashMap<FileId, (Stamp, Arc<Block>)>,
    /// The directory that the compiler runs in.
    start: PathBuf,
}

/// Paths by number.
#[derive(Debug, Default)]
struct Numbered {
    paths: Vec<PathBuf>,
    numbers: HashMap<PathBuf, u32>,
}

impl Numbered {
    fn number(&mut self, path: &Path) -> u32 {
        if let Some(number) = self.numbers.get(path) {
            return *number;
        }
        // So many paths do not fit into any memory.
        let number = u32::try_from(self.paths.len()).unwrap_or(u32::MAX);
        self.paths.push(path.to_owned());
        self.numbers.insert(path.to_owned(), number);
        number
    }

    fn path(&self, number: u32) -> &Path {
        self.paths
            .get(number as usize)
            .map_or(Path::new(""), PathBuf::as_path)
    }
}

impl Disk {
    /// Forgets where files are, for a compile in `start`.
    pub(crate) fn begin(&mut self, start: &Path) {
        self.found.clear();
        start.clone_into(&mut self.start);
    }

    pub(crate) fn directory(&mut self, path: &Path) -> DirectoryId {
        DirectoryId(self.directories.number(path))
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
        self.files.path(file.0)
    }

    /// How many paths are remembered.
    pub(crate) fn size(&self) -> usize {
        self.files.paths.len() + self.directories.paths.len()
    }

    fn look(&mut self, path: &Path) -> Found {
        match fs::metadata(self.start.join(path)) {
            Ok(meta) if meta.is_file() => Found::File(FileId(self.files.number(path))),
            Ok(meta) if meta.is_dir() => Found::Nothing,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Found::Nothing,
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => Found::Nothing,
            _ => Found::Strange,
        }
    }

    fn read(&self, file: FileId, known: Option<&Stamp>) -> Option<Reading> {
        // Before anything is read: what is written from now on must not be taken for known.
        let now = SystemTime::now();
        let path = self.start.join(self.path(file));
        let stamp = Stamp::at(&path)?;
        if known == Some(&stamp) {
            return Some(Reading::Known);
        }
        let mut open = File::open(&path).ok()?;
        let meta = open.metadata().ok()?;
        if !meta.is_file() || meta.len() > MAX_HEADER {
            return None;
        }
        let stamp = Stamp::of(&meta);
        let mut bytes = Vec::new();
        open.read_to_end(&mut bytes).ok()?;
        Some(Reading::Fresh(bytes, stamp, stamp.is_racy(now)))
    }
}

/// What reading a file gave.
enum Reading {
    Known,
    /// Its bytes, its stamp, and whether it may change without a new stamp.
    Fresh(Vec<u8>, Stamp, bool),
}

impl Tree for Disk {
    fn find(&mut self, directory: DirectoryId, name: Name, library: &Library) -> Found {
        if let Some(found) = self.found.get(&(directory, name)) {
            return *found;
        }
        let header = OsStr::from_bytes(library.spelling(name));
        let path = self.directories.path(directory.0).join(header);
        let found = self.look(&path);
        self.found.insert((directory, name), found);
        found
    }

    fn parent(&mut self, file: FileId) -> DirectoryId {
        let path = self.path(file).as_os_str().as_bytes();
        let end = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        let parent = PathBuf::from(OsString::from_vec(path[..end].to_vec()));
        self.directory(&parent)
    }

    fn block(&mut self, file: FileId, library: &mut Library) -> Option<Arc<Block>> {
        let known = self.blocks.get(&file);
        match self.read(file, known.map(|(stamp, _)| stamp))? {
            Reading::Known => known.map(|(_, block)| Arc::clone(block)),
            Reading::Fresh(bytes, stamp, is_racy) => {
                let block = Arc::new(library.block(&bytes));
                self.blocks.remove(&file);
                if !is_racy {
                    self.blocks.insert(file, (stamp, Arc::clone(&block)));
                }
                Some(block)
            }
        }
    }

    fn once(&mut self, file: FileId) -> u64 {
        // clang's rule. gcc takes equal contents of equal time for one file: such a copy is found here as
        // one file more, which the comparison shows.
        use std::os::unix::fs::MetadataExt;
        fs::metadata(self.start.join(self.path(file))).map_or(0, |meta| meta.ino())
    }

    fn spelled(&mut self, file: FileId) -> Vec<u8> {
        self.path(file).as_os_str().as_bytes().to_vec()
    }
}
