//! Names that peers send. Each passes one constructor before it may become part of a path, an
//! argument or a log line.

use std::fmt;

/// Why a name from a peer is refused. The text is bounded and printable whatever the peer sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {shown:?} is not usable: {why}")]
pub struct InvalidName {
    what: &'static str,
    shown: String,
    why: &'static str,
}

impl InvalidName {
    pub(crate) fn new(what: &'static str, given: &str, why: &'static str) -> Self {
        let shown = given.chars().take(60).collect();
        Self { what, shown, why }
    }
}

/// The name of a toolchain archive: its base name without suffix.
///
/// 1 to 200 printable ASCII characters without space, `/` or quotes, and not starting with a dot:
/// it is safe as one component of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnvironmentName(String);

impl EnvironmentName {
    /// The longest name accepted, leaving room for suffixes within the kernel's 255 bytes.
    pub const MAX: usize = 200;

    /// Checks a name that a peer or a user gave.
    pub fn parse(given: &str) -> Result<Self, InvalidName> {
        component("toolchain name", given, Self::MAX).map(Self)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EnvironmentName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// A host's name as it announces itself, for display and comparison only, never for a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeName(String);

impl NodeName {
    /// Keeps what is printable of `given`, at most 255 characters: a name is never a reason to
    /// refuse a host, and never able to forge a line of a log or of the control port.
    pub fn display(given: &str) -> Self {
        Self(
            given
                .chars()
                .filter(|c| !c.is_control() && !c.is_whitespace())
                .take(255)
                .collect(),
        )
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// Checks that `given` may stand as one component of a path.
pub(crate) fn component(
    what: &'static str,
    given: &str,
    max: usize,
) -> Result<String, InvalidName> {
    let refuse = |why| Err(InvalidName::new(what, given, why));
    if given.is_empty() {
        return refuse("it is empty");
    }
    if given.len() > max {
        return refuse("it is too long");
    }
    if given.starts_with('.') {
        return refuse("it starts with a dot");
    }
    if !given
        .bytes()
        .all(|b| b.is_ascii_graphic() && !matches!(b, b'/' | b'\\' | b'"' | b'\''))
    {
        return refuse("only printable ASCII without spaces, slashes and quotes is allowed");
    }
    Ok(given.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_leave_a_directory_is_no_name() {
        for bad in [
            "",
            ".",
            "..",
            "a/b",
            "../x",
            "a b",
            "a\0b",
            "ü",
            "a\nb",
            "'x'",
            &"x".repeat(201),
        ] {
            assert!(EnvironmentName::parse(bad).is_err(), "{bad:?}");
        }
        for good in ["8b59cf5c35b2033fe114a01a619d2eea", "gcc-12.2_x", "tinyenv"] {
            assert_eq!(EnvironmentName::parse(good).unwrap().as_str(), good);
        }
    }

    #[test]
    fn a_node_name_cannot_forge_a_line() {
        assert_eq!(NodeName::display("a\nName:b \u{7}c").as_str(), "aName:bc");
    }
}
