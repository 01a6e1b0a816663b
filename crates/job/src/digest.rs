//! The BLAKE3 digest of a file's or a list's bytes. Computing one is the work of the crates that
//! read files; here it is only a name that can be compared, shown and parsed.

use std::fmt;

use crate::name::InvalidName;

/// 32 bytes that identify content.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; Self::LENGTH]);

impl Digest {
    pub const LENGTH: usize = 32;

    pub const fn from_bytes(bytes: [u8; Self::LENGTH]) -> Self {
        Self(bytes)
    }

    pub const fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }

    /// 64 lower-case hexadecimal digits, the only accepted spelling: one content has one name.
    pub fn parse(given: &str) -> Result<Self, InvalidName> {
        let refuse = || {
            InvalidName::new(
                "digest",
                given,
                "64 lower-case hexadecimal digits are wanted",
            )
        };
        hexadecimal(given).map(Self).ok_or_else(refuse)
    }
}

/// Bytes that are written as lower-case hexadecimal digits, exactly so many.
pub(crate) fn hexadecimal<const LENGTH: usize>(given: &str) -> Option<[u8; LENGTH]> {
    if given.len() != 2 * LENGTH {
        return None;
    }
    let mut bytes = [0; LENGTH];
    for (byte, pair) in bytes.iter_mut().zip(given.as_bytes().chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Some(bytes)
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Digest({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_has_one_spelling() {
        let digest = Digest::from_bytes(std::array::from_fn(|n| n as u8 * 7));
        let text = digest.to_string();
        assert_eq!(Digest::parse(&text).unwrap(), digest);
        for bad in [
            &text[1..],
            &text.to_uppercase(),
            &format!("{text}0"),
            &"g".repeat(64),
            &"ä".repeat(32),
            "",
        ] {
            assert!(Digest::parse(bad).is_err(), "{bad:?}");
        }
    }
}
