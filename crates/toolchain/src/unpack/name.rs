//! Names of members and targets of links, checked as text.

/// A relative path without `.`, `..` and empty components.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Name(Vec<Vec<u8>>);

/// The kernel's limits.
const LONGEST: usize = 4095;
const LONGEST_COMPONENT: usize = 255;

impl Name {
    /// Checks a member's name. `./` in front and doubled slashes mean nothing.
    pub(super) fn parse(given: &[u8]) -> Result<Self, &'static str> {
        if given.len() > LONGEST {
            return Err("its name is too long");
        }
        if given.starts_with(b"/") {
            return Err("its name is absolute");
        }
        let mut parts = Vec::new();
        for part in given.split(|byte| *byte == b'/') {
            match part {
                b"" | b"." => {}
                b".." => return Err("its name contains `..`"),
                part if part.contains(&0) => return Err("its name contains a NUL"),
                part if part.len() > LONGEST_COMPONENT => return Err("its name is too long"),
                part => parts.push(part.to_vec()),
            }
        }
        Ok(Self(parts))
    }

    /// A name of these components, which were checked as part of another.
    pub(super) fn of(parts: &[Vec<u8>]) -> Self {
        Self(parts.to_vec())
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.0.join(&b'/')
    }

    /// All components but the last, and the last; `None` for the root itself.
    pub(super) fn split(&self) -> Option<(&[Vec<u8>], &[u8])> {
        self.0
            .split_last()
            .map(|(last, parents)| (parents, last.as_slice()))
    }

    /// Checks where a symlink called `self` leads to. An absolute target counts from the root of
    /// the toolchain, as it will inside the sandbox; a target above that root is refused even though
    /// the sandbox would stop there, because nobody has a use for it.
    pub(super) fn check_target(&self, target: &[u8]) -> Result<(), &'static str> {
        if target.is_empty() || target.len() > LONGEST || target.contains(&0) {
            return Err("its target is empty or too long");
        }
        let mut depth = if target.starts_with(b"/") {
            0
        } else {
            self.0.len().saturating_sub(1)
        };
        for part in target.split(|byte| *byte == b'/') {
            match part {
                b"" | b"." => {}
                b".." => {
                    depth = depth
                        .checked_sub(1)
                        .ok_or("it links out of the toolchain")?;
                }
                _ => depth += 1,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_below_the_root() {
        assert_eq!(
            Name::parse(b"./usr//bin/./gcc").unwrap(),
            Name::parse(b"usr/bin/gcc").unwrap()
        );
        for bad in [
            &b"/etc/passwd"[..],
            b"../x",
            b"a/../../x",
            b"a/..",
            &[b'x'; 256],
            &b"x/".repeat(2100),
        ] {
            assert!(Name::parse(bad).is_err());
        }
    }

    #[test]
    fn a_link_stays_below_the_root() {
        let name = Name::parse(b"usr/lib/libx.so").unwrap();
        for good in [&b"libx.so.1"[..], b"../../lib/x", b"/lib/x", b"../lib/./x"] {
            assert!(name.check_target(good).is_ok());
        }
        for bad in [
            &b"../../../etc/passwd"[..],
            b"/../etc",
            b"a/../../../../x",
            b"",
        ] {
            assert!(name.check_target(bad).is_err());
        }
    }
}
