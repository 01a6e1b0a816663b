//! Where an entry is.

use std::fmt;

use crate::field::Invalid;

/// An absolute path without `.`, `..`, empty components or a slash at its end; never the root itself.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryPath(Box<[u8]>);

impl EntryPath {
    /// Linux's `PATH_MAX` without the end.
    pub const MOST: usize = 4095;
    /// Linux's `NAME_MAX`.
    pub const MOST_COMPONENT: usize = 255;

    /// # Errors
    ///
    /// When it is not such a path.
    pub fn new(bytes: &[u8]) -> Result<Self, Invalid> {
        let bad = |why: &str| Err(Invalid::new(why));
        if bytes.len() > Self::MOST {
            return bad("longer than a path can be");
        }
        let Some(rest) = bytes.strip_prefix(b"/") else {
            return bad("a path that is not absolute");
        };
        for component in rest.split(|byte| *byte == b'/') {
            match component {
                b"" | b"." | b".." => return bad("a path that is not in its shortest form"),
                _ if component.len() > Self::MOST_COMPONENT => {
                    return bad("a name that is longer than names can be");
                }
                _ if component.contains(&0) => return bad("a NUL byte in a path"),
                _ => {}
            }
        }
        Ok(Self(bytes.into()))
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Its components, from the root on.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.0[1..].split(|byte| *byte == b'/')
    }

    /// The directories above it, the lowest first, the root left out.
    pub fn above(&self) -> impl Iterator<Item = &[u8]> {
        let slashes = self.0.iter().enumerate().skip(1).rev();
        slashes
            .filter(|(_, byte)| **byte == b'/')
            .map(|(at, _)| &self.0[..at])
    }
}

impl fmt::Debug for EntryPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "EntryPath({})", self.0.escape_ascii())
    }
}

impl fmt::Display for EntryPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.0.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_shortest_absolute_paths_are_taken() {
        for good in ["/a", "/a/b.h", "/a/..b/c d", "/\u{fc}"] {
            assert!(EntryPath::new(good.as_bytes()).is_ok(), "{good}");
        }
        for bad in [
            "", "/", "a", "a/b", "//a", "/a/", "/a//b", "/./a", "/a/..", "/a/../b", "/a\0b",
        ] {
            assert!(EntryPath::new(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(EntryPath::new(format!("/{}", "x".repeat(256)).as_bytes()).is_err());
        assert!(EntryPath::new("/x".repeat(2048).as_bytes()).is_err());
    }

    #[test]
    fn directories_above_come_from_the_lowest() {
        let path = EntryPath::new(b"/usr/include/c++/12/map").unwrap();
        let above: Vec<&[u8]> = path.above().collect();
        assert_eq!(
            above,
            [
                &b"/usr/include/c++/12"[..],
                b"/usr/include/c++",
                b"/usr/include",
                b"/usr"
            ]
        );
        assert_eq!(path.components().last(), Some(&b"map"[..]));
    }
}
