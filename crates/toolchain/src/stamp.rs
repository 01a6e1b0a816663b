//! Whether files are still what they were: size, identity and times, read by one stat per file, and
//! the content where times cannot tell.
//!
//! icecream watches only the drivers and so misses a new cc1 or library (flaw F9); here every file
//! that went into a toolchain is watched, and every place where one was looked for in vain.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use job::Digest;

use crate::identify::hash_file;

/// Two changes so close to each other may leave the same times: the kernel's clock for files ticks
/// every few milliseconds, that of some file systems every one or two seconds.
const RACY_NS: i128 = 2_500_000_000;

/// One file at one moment. The change time is part of it, because a package manager may install a
/// new file of the same size with an old modification time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    pub(crate) size: u64,
    pub(crate) inode: u64,
    pub(crate) device: u64,
    pub(crate) modified_ns: i128,
    pub(crate) changed_ns: i128,
}

impl Stamp {
    pub fn of(meta: &Metadata) -> Self {
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
    pub fn at(path: &Path) -> Option<Self> {
        std::fs::metadata(path).ok().map(|meta| Self::of(&meta))
    }

    /// Whether it is of another file, and not of the same at another time.
    pub fn is_of_another(&self, other: &Self) -> bool {
        (self.device, self.inode) != (other.device, other.inode)
    }

    /// Whether nothing of it, its name included, was changed when the other one was written.
    pub fn is_older(&self, other: &Self) -> bool {
        self.modified_ns.max(self.changed_ns) < other.modified_ns
    }

    /// Whether the file may change after `now` without a new time. So may one from the future. The
    /// modification time, which anybody can set, says nothing about it. Whoever is going to believe
    /// what was read of the file takes `now` before reading it.
    pub fn is_racy(&self, now: SystemTime) -> bool {
        // Before 1970 every file is from the future, and racy.
        let now = now.duration_since(UNIX_EPOCH);
        self.changed_ns > now.map_or(0, |since| since.as_nanos() as i128) - RACY_NS
    }
}

/// What is known of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Watched {
    path: PathBuf,
    /// `None` for what did not exist.
    stamp: Option<Stamp>,
    /// The content, for as long as the stamp alone proves nothing. The outer `None`: it does.
    content: Option<Option<Digest>>,
}

impl Watched {
    fn at(path: &Path) -> Self {
        // The clock is read first: what changes meanwhile is racy, too.
        let now = SystemTime::now();
        let stamp = Stamp::at(path);
        let content = stamp
            .filter(|stamp| stamp.is_racy(now))
            .map(|_| content(path));
        Self {
            path: path.to_path_buf(),
            stamp,
            content,
        }
    }

    fn holds(&mut self) -> bool {
        let now = SystemTime::now();
        if Stamp::at(&self.path) != self.stamp {
            return false;
        }
        let (Some(known), Some(stamp)) = (&self.content, self.stamp) else {
            return true;
        };
        if content(&self.path) != *known {
            return false;
        }
        // Read after the dangerous time: from now on, a change has another stamp.
        if !stamp.is_racy(now) && Stamp::at(&self.path) == self.stamp {
            self.content = None;
        }
        true
    }
}

/// `None` for a directory and for what cannot be read.
fn content(path: &Path) -> Option<Digest> {
    hash_file(path).ok().map(|(_, digest)| digest)
}

/// Files as they were.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Watch {
    files: Vec<Watched>,
}

impl Watch {
    /// Remembers what is at `path` now; the first stamp counts.
    pub(crate) fn add(&mut self, path: &Path) {
        if !self.files.iter().any(|known| known.path == path) {
            self.files.push(Watched::at(path));
        }
    }

    /// Whether nothing changed since.
    pub(crate) fn holds(&mut self) -> bool {
        self.changed().is_none()
    }

    /// The first file that is not what it was.
    pub(crate) fn changed(&mut self) -> Option<PathBuf> {
        let changed = self
            .files
            .iter_mut()
            .find_map(|file| (!file.holds()).then_some(&file.path))?;
        Some(changed.clone())
    }

    /// One record per file, for [`Self::decode`].
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        use std::os::unix::ffi::OsStrExt;
        for file in &self.files {
            let numbers = match file.stamp {
                Some(s) => format!(
                    "{} {} {} {} {}",
                    s.size, s.inode, s.device, s.modified_ns, s.changed_ns
                ),
                None => "absent".to_owned(),
            };
            let content = match file.content {
                None => String::new(),
                Some(None) => " unread".to_owned(),
                Some(Some(digest)) => format!(" {digest}"),
            };
            out.extend_from_slice(numbers.as_bytes());
            out.extend_from_slice(content.as_bytes());
            out.push(b'\0');
            out.extend_from_slice(file.path.as_os_str().as_bytes());
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
            let (stamp, content) = match numbers {
                "absent" => (None, None),
                numbers => {
                    let (stamp, content) = stamp(numbers).ok_or_else(broken)?;
                    (Some(stamp), content)
                }
            };
            files.push(Watched {
                path,
                stamp,
                content,
            });
        }
    }
}

type Content = Option<Option<Digest>>;

fn stamp(numbers: &str) -> Option<(Stamp, Content)> {
    let mut words = numbers.split(' ');
    let stamp = Stamp {
        size: words.next()?.parse().ok()?,
        inode: words.next()?.parse().ok()?,
        device: words.next()?.parse().ok()?,
        modified_ns: words.next()?.parse().ok()?,
        changed_ns: words.next()?.parse().ok()?,
    };
    let content = match words.next() {
        None => None,
        Some("unread") => Some(None),
        Some(hex) => Some(Some(Digest::parse(hex).ok()?)),
    };
    Some((stamp, content))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    fn stored(watch: &Watch) -> Watch {
        let mut stored = Vec::new();
        watch.encode(&mut stored);
        let read = Watch::decode(&stored).unwrap();
        assert_eq!(read, *watch);
        read
    }

    #[test]
    fn any_change_and_any_arrival_is_noticed_and_survives_being_stored() {
        let dir = tempfile::tempdir().unwrap();
        let (file, absent) = (dir.path().join("a b\nc"), dir.path().join("later"));
        std::fs::write(&file, "one").unwrap();
        let mut watch = Watch::default();
        watch.add(&file);
        watch.add(&absent);
        let mut watch = stored(&watch);
        assert!(watch.holds());
        std::fs::write(&absent, "").unwrap();
        assert_eq!(watch.changed(), Some(absent.clone()));
        std::fs::remove_file(&absent).unwrap();
        assert!(watch.holds());
        // Same size, same modification time, another file.
        let old = std::fs::metadata(&file).unwrap().modified().unwrap();
        std::fs::remove_file(&file).unwrap();
        std::fs::write(&file, "two").unwrap();
        let written = File::options().write(true).open(&file).unwrap();
        written.set_modified(old).unwrap();
        assert!(!watch.holds());
    }

    #[test]
    fn a_change_that_leaves_every_number_as_it_was_is_noticed_by_the_content() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("specs");
        // As often as the clock's tick may hide the second change.
        for round in 0..50 {
            std::fs::write(&file, "one").unwrap();
            let mut watch = Watch::default();
            watch.add(&file);
            assert!(watch.files[0].content.is_some(), "a new file is racy");
            assert!(stored(&watch).holds());
            std::fs::write(&file, "two").unwrap();
            assert!(!stored(&watch).holds(), "round {round}");
        }
    }

    #[test]
    fn what_was_read_after_the_dangerous_time_is_watched_by_its_stamp_alone() {
        let old = Stamp::at(Path::new("/bin/true")).unwrap();
        assert!(!old.is_racy(SystemTime::now()));
        let mut watch = Watch::default();
        watch.add(Path::new("/bin/true"));
        assert_eq!(watch.files[0].content, None);
        watch.files[0].content = Some(content(Path::new("/bin/true")));
        assert!(watch.holds());
        assert_eq!(watch.files[0].content, None);
        let ahead = Stamp {
            changed_ns: i128::MAX,
            ..old
        };
        assert!(ahead.is_racy(SystemTime::now()));
    }
}
