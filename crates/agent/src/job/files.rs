//! The file system as the reading of a command line may see it.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use invocation::Files;

/// No response file is longer; what is, is kept as a word and compiled here.
const LONGEST_RESPONSE_FILE: u64 = 16 << 20;

/// Files as seen from a job's working directory.
#[derive(Debug)]
pub(crate) struct FilesFrom<'a> {
    pub(crate) directory: &'a Path,
}

impl FilesFrom<'_> {
    fn at(&self, path: &Path) -> PathBuf {
        self.directory.join(path)
    }
}

impl Files for FilesFrom<'_> {
    fn response_file(&self, path: &Path) -> Option<Vec<u8>> {
        let path = self.at(path);
        // Opening a pipe would take what the compiler has to read.
        if !fs::metadata(&path).ok()?.is_file() {
            return None;
        }
        let mut content = Vec::new();
        let limit = LONGEST_RESPONSE_FILE + 1;
        File::open(path)
            .ok()?
            .take(limit)
            .read_to_end(&mut content)
            .ok()?;
        (content.len() as u64 <= LONGEST_RESPONSE_FILE).then_some(content)
    }

    fn is_readable_file(&self, path: &Path) -> bool {
        let path = self.at(path);
        fs::metadata(&path).is_ok_and(|meta| meta.is_file()) && File::open(path).is_ok()
    }

    fn is_not_regular(&self, path: &Path) -> bool {
        fs::symlink_metadata(self.at(path)).is_ok_and(|meta| !meta.is_file())
    }

    fn is_special(&self, path: &Path) -> bool {
        fs::metadata(self.at(path)).is_ok_and(|meta| !meta.is_file())
    }

    fn is_same(&self, one: &Path, other: &Path) -> bool {
        let file = |path| fs::metadata(self.at(path)).map(|meta| (meta.dev(), meta.ino()));
        matches!((file(one), file(other)), (Ok(one), Ok(other)) if one == other)
    }
}
