//! Platform strings: `x86_64`, `aarch64`, … as `uname -m` prints them on Linux, and
//! `<sysname>_<machine>` elsewhere.

use std::fmt;

use crate::name::{InvalidName, component};

/// Where tools run or what they are for. Safe as one component of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Platform(String);

impl Platform {
    /// Checks a platform string that a peer or a user gave: 1 to 64 characters.
    pub fn parse(given: &str) -> Result<Self, InvalidName> {
        component("platform", given, 64).map(Self)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a host of this platform can run tools built for `tools`: equal, or one of the
    /// upward-compatible pairs that icecream knows.
    pub fn runs(&self, tools: &Self) -> bool {
        let newer: &[&str] = match tools.as_str() {
            "i386" => &["i486", "i586", "i686", "x86_64"],
            "i486" => &["i586", "i686", "x86_64"],
            "i586" => &["i686", "x86_64"],
            "i686" => &["x86_64"],
            "ppc" => &["ppc64"],
            "s390" => &["s390x"],
            _ => &[],
        };
        self == tools || newer.contains(&self.as_str())
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_machines_run_older_tools_and_not_the_reverse() {
        let of = |name| Platform::parse(name).unwrap();
        assert!(of("x86_64").runs(&of("i386")));
        assert!(of("x86_64").runs(&of("x86_64")));
        assert!(!of("i686").runs(&of("x86_64")));
        assert!(!of("aarch64").runs(&of("x86_64")));
    }
}
