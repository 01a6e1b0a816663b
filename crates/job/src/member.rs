//! Who a member of a cluster is. Members' certificates, floe's own protocol and the records of a job speak of
//! the same one; who is a member is the matter of the crate `membership`.

use std::fmt;
use std::str::FromStr;

use crate::digest::hexadecimal;
use crate::name::InvalidName;

/// A member: one host that joined once. Its certificate says it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId([u8; Self::LENGTH]);

impl MemberId {
    pub const LENGTH: usize = 16;

    pub const fn from_bytes(bytes: [u8; Self::LENGTH]) -> Self {
        Self(bytes)
    }

    pub const fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }
}

impl fmt::Display for MemberId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl fmt::Debug for MemberId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "MemberId({self})")
    }
}

/// 32 lower-case hexadecimal digits, the only accepted spelling: one member has one name in certificates.
impl FromStr for MemberId {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        hexadecimal(text).map(Self).ok_or_else(|| {
            InvalidName::new(
                "member's id",
                text,
                "32 lower-case hexadecimal digits are wanted",
            )
        })
    }
}

/// In files it stands as people read it.
#[cfg(feature = "serde")]
mod stored {
    use super::MemberId;

    impl serde::Serialize for MemberId {
        fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
            to.collect_str(self)
        }
    }

    impl<'de> serde::Deserialize<'de> for MemberId {
        fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            let text = <String as serde::Deserialize>::deserialize(from)?;
            text.parse().map_err(serde::de::Error::custom)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_has_one_spelling() {
        let member = MemberId::from_bytes(std::array::from_fn(|n| n as u8 * 17));
        let text = member.to_string();
        assert_eq!(text, "00112233445566778899aabbccddeeff");
        assert_eq!(text.parse(), Ok(member));
        for bad in [
            &text[1..],
            &text.to_uppercase(),
            &format!("{text}0"),
            "",
            "ä",
        ] {
            assert!(bad.parse::<MemberId>().is_err(), "{bad:?}");
        }
    }
}
