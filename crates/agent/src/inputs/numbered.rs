//! Paths that are spoken of by number.

use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Paths by number, as compilers in some directory spell them.
#[derive(Debug, Default)]
pub(super) struct Numbered {
    paths: Vec<Numbering>,
    numbers: HashMap<Vec<u8>, u32>,
}

#[derive(Debug)]
struct Numbering {
    spelled: PathBuf,
    whole: PathBuf,
}

impl Numbered {
    pub(super) fn number(&mut self, start: &Path, path: &Path) -> u32 {
        let key = match path.is_absolute() {
            true => path.as_os_str().as_bytes().to_vec(),
            // No path has this byte.
            false => [start.as_os_str().as_bytes(), path.as_os_str().as_bytes()].join(&0),
        };
        if let Some(number) = self.numbers.get(&key) {
            return *number;
        }
        // So many paths do not fit into any memory.
        let number = u32::try_from(self.paths.len()).unwrap_or(u32::MAX);
        self.paths.push(Numbering {
            spelled: path.to_owned(),
            whole: start.join(path),
        });
        self.numbers.insert(key, number);
        number
    }

    pub(super) fn spelled(&self, number: u32) -> &Path {
        let path = self.paths.get(number as usize);
        path.map_or(Path::new(""), |path| &path.spelled)
    }

    pub(super) fn whole(&self, number: u32) -> &Path {
        let path = self.paths.get(number as usize);
        path.map_or(Path::new(""), |path| &path.whole)
    }

    pub(super) fn len(&self) -> usize {
        self.paths.len()
    }
}
