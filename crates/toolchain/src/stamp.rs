//! Whether files are still what they were: size, identity and times, read by one stat per file.
//!
//! icecream watches only the drivers and so misses a new cc1 or library (flaw F9); here every file
//! that went into a toolchain is watched, and every place where one was looked for in vain.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// One file at one moment. The change time is part of it, because a package manager may install a
/// new file of the same size with an old modification time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) size: u64,
    pub(crate) inode: u64,
    pub(crate) device: u64,
    pub(crate) modified_ns: i128,
    pub(crate) changed_ns: i128,
}

impl Stamp {
    pub(crate) fn of(meta: &Metadata) -> Self {
        let ns = |seconds: i64, nanos: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
        Self {
            size: meta.size(),
            inode: meta.ino(),
            device: meta.dev(),
            modified_ns: ns(meta.mtime(), meta.mtime_nsec()),
            changed_ns: ns(meta.ctime(), meta.ctime_nsec()),
        }
    }

    /// Follows links: what counts is the file that would be read.
    pub(crate) fn at(path: &Path) -> Option<Self> {
        std::fs::metadata(path).ok().map(|meta| Self::of(&meta))
    }
}

/// Files with the stamps they had; `None` for what did not exist.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Watch {
    files: Vec<(PathBuf, Option<Stamp>)>,
}

impl Watch {
    /// Remembers what is at `path` now; the first stamp counts.
    pub(crate) fn add(&mut self, path: &Path) {
        if !self.files.iter().any(|(known, _)| known == path) {
            self.files.push((path.to_path_buf(), Stamp::at(path)));
        }
    }

    /// Whether nothing changed since.
    pub(crate) fn holds(&self) -> bool {
        self.files
            .iter()
            .all(|(path, stamp)| Stamp::at(path) == *stamp)
    }

    /// The first file that is not what it was.
    pub(crate) fn changed(&self) -> Option<&Path> {
        self.files
            .iter()
            .find(|(path, stamp)| Stamp::at(path) != *stamp)
            .map(|(path, _)| path.as_path())
    }

    /// One record per file, for [`Self::decode`].
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        use std::os::unix::ffi::OsStrExt;
        for (path, stamp) in &self.files {
            let numbers = match stamp {
                Some(s) => format!(
                    "{} {} {} {} {}",
                    s.size, s.inode, s.device, s.modified_ns, s.changed_ns
                ),
                None => "absent".to_owned(),
            };
            out.extend_from_slice(numbers.as_bytes());
            out.push(b'\0');
            out.extend_from_slice(path.as_os_str().as_bytes());
            out.push(b'\0');
        }
    }

    pub(crate) fn decode(text: &[u8]) -> io::Result<Self> {
        use std::os::unix::ffi::OsStrExt;
        let broken = || io::Error::new(io::ErrorKind::InvalidData, "stamp record is broken");
        let mut fields = text.split(|byte| *byte == 0);
        let mut files = Vec::new();
        loop {
            let numbers = fields.next().unwrap_or_default();
            if numbers.is_empty() {
                return Ok(Self { files });
            }
            let numbers = std::str::from_utf8(numbers).map_err(|_| broken())?;
            let path = PathBuf::from(std::ffi::OsStr::from_bytes(
                fields.next().ok_or_else(broken)?,
            ));
            files.push((
                path,
                if numbers == "absent" {
                    None
                } else {
                    Some(stamp(numbers).ok_or_else(broken)?)
                },
            ));
        }
    }
}

fn stamp(numbers: &str) -> Option<Stamp> {
    let mut words = numbers.split(' ');
    Some(Stamp {
        size: words.next()?.parse().ok()?,
        inode: words.next()?.parse().ok()?,
        device: words.next()?.parse().ok()?,
        modified_ns: words.next()?.parse().ok()?,
        changed_ns: words.next()?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_change_and_any_arrival_is_noticed_and_survives_being_stored() {
        let dir = tempfile::tempdir().unwrap();
        let (file, absent) = (dir.path().join("a b\nc"), dir.path().join("later"));
        std::fs::write(&file, "one").unwrap();
        let mut watch = Watch::default();
        watch.add(&file);
        watch.add(&absent);
        let mut stored = Vec::new();
        watch.encode(&mut stored);
        let watch = Watch::decode(&stored).unwrap();
        assert!(watch.holds());
        std::fs::write(&absent, "").unwrap();
        assert_eq!(watch.changed(), Some(absent.as_path()));
        std::fs::remove_file(&absent).unwrap();
        assert!(watch.holds());
        // Same size, same modification time, another file.
        let old = std::fs::metadata(&file).unwrap().modified().unwrap();
        std::fs::remove_file(&file).unwrap();
        std::fs::write(&file, "two").unwrap();
        File::options()
            .write(true)
            .open(&file)
            .unwrap()
            .set_modified(old)
            .unwrap();
        assert!(!watch.holds());
    }

    use std::fs::File;
}
