//! Where members stand and where links lead, checked as text by one constructor each. The limits are
//! the kernel's.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

const LONGEST: usize = 4095;
const LONGEST_COMPONENT: usize = 255;

/// Why a text is no path within a toolchain. The text shown is bounded and printable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{shown} is no path within a toolchain: {why}")]
pub struct BadPath {
    shown: String,
    why: &'static str,
}

fn refused(given: &[u8], why: &'static str) -> BadPath {
    let start = &given[..given.len().min(200)];
    BadPath {
        shown: format!("{:?}", String::from_utf8_lossy(start)),
        why,
    }
}

/// A path relative to the root of the toolchain: components without `.`, `..`, NUL and emptiness,
/// joined by single slashes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct MemberPath(Box<[u8]>);

impl MemberPath {
    pub fn parse(given: &[u8]) -> Result<Self, BadPath> {
        let refuse = |why| Err(refused(given, why));
        if given.len() > LONGEST {
            return refuse("it is too long");
        }
        for part in given.split(|byte| *byte == b'/') {
            match part {
                b"" => return refuse("it has an empty component"),
                b"." | b".." => return refuse("it has a component of dots"),
                part if part.contains(&0) => return refuse("it contains a NUL"),
                part if part.len() > LONGEST_COMPONENT => return refuse("a component is too long"),
                _ => {}
            }
        }
        Ok(Self(given.into()))
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub fn as_path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.0))
    }

    /// The directory that holds it; `None` for what stands in the root.
    pub fn parent(&self) -> Option<Self> {
        let slash = self.0.iter().rposition(|byte| *byte == b'/')?;
        Some(Self(self.0[..slash].into()))
    }

    /// All directories above, nearest first.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> + use<> {
        std::iter::successors(self.parent(), Self::parent)
    }

    fn components(&self) -> impl Iterator<Item = &[u8]> {
        self.0.split(|byte| *byte == b'/')
    }
}

/// By components, so that a directory is followed by what it holds.
impl Ord for MemberPath {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.components().cmp(other.components())
    }
}

impl PartialOrd for MemberPath {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for MemberPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_path().fmt(out)
    }
}

impl fmt::Display for MemberPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{}",
            self.as_path().display().to_string().escape_debug()
        )
    }
}

/// The text of a symbolic link. It counts from the link's directory or, when absolute, from the root
/// of the toolchain; it may not climb above that root. Whoever makes the members must still never
/// follow a link: this says nothing about what other links do to a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LinkTarget(Box<[u8]>);

impl LinkTarget {
    /// Checks the target of the link that stands at `link`.
    pub fn parse(link: &MemberPath, target: &[u8]) -> Result<Self, BadPath> {
        let refuse = |why| Err(refused(target, why));
        if target.is_empty() || target.len() > LONGEST {
            return refuse("a link's target is empty or too long");
        }
        if target.contains(&0) {
            return refuse("it contains a NUL");
        }
        let mut depth = match target {
            [b'/', ..] => 0,
            _ => link.ancestors().count(),
        };
        for part in target.split(|byte| *byte == b'/') {
            match part {
                b"" | b"." => {}
                b".." => match depth.checked_sub(1) {
                    Some(above) => depth = above,
                    None => return refuse("it leads out of the toolchain"),
                },
                _ => depth += 1,
            }
        }
        Ok(Self(target.into()))
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub fn as_path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.0))
    }
}
