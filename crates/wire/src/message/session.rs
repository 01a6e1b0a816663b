//! What each end says first.

use super::ability::Ability;
use crate::define::{messages, parts};
use crate::error::Fault;
use crate::field::{Field, Invalid, Line, List, parsed};
use crate::limits::{BadLimits, Limits};

/// The name of something that an end can do beyond the first release: 1 to 40 characters out of
/// `a`–`z`, `0`–`9` and `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Capability(String);

impl Capability {
    pub fn parse(given: &str) -> Result<Self, Invalid> {
        let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if (1..=40).contains(&given.len()) && given.bytes().all(good) {
            Ok(Self(given.to_owned()))
        } else {
            Err(Invalid::new("not the name of a capability"))
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

parsed! {
    Capability, "1 to 40 characters out of a–z, 0–9 and -";
}

/// What an end can do. There is no arithmetic with versions: what both can do may be used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities(List<Capability, 128>);

impl Capabilities {
    /// At most 128 names; the order means nothing.
    pub fn new(names: Vec<Capability>) -> Result<Self, Invalid> {
        List::new(names).map(Self)
    }

    /// What both ends can do.
    #[must_use]
    pub fn both(&self, other: &Self) -> Self {
        let shared = self.0.iter().filter(|name| other.has(name));
        // No more than there were.
        Self(List::new(shared.cloned().collect()).unwrap_or_default())
    }

    /// Those of this program.
    pub fn of(abilities: &[Ability]) -> Self {
        let names = abilities.iter();
        let names = names.map(|ability| Capability(ability.name().to_owned()));
        // There are fewer than fit.
        Self(List::new(names.collect()).unwrap_or_default())
    }

    pub fn can(&self, ability: Ability) -> bool {
        self.0.iter().any(|name| name.as_str() == ability.name())
    }

    pub fn has(&self, name: &Capability) -> bool {
        self.0.contains(name)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Capability> {
        self.0.iter()
    }
}

impl Field for Capabilities {
    type Wire = Vec<String>;

    fn read(wire: Vec<String>) -> Result<Self, Invalid> {
        List::read(wire).map(Self)
    }

    fn write(&self) -> Vec<String> {
        self.0.write()
    }

    fn describe() -> String {
        List::<Capability, 128>::describe()
    }
}

parts! {
    /// What the sender takes from the receiver of its hello.
    Taking {
        /// Streams that the receiver may have open at a time.
        1 (uint32) streams: u32;
        /// Bytes of data that it may send on a new stream before more is granted.
        2 (uint32) stream_credit: u32;
        /// Bytes of data that it may send on all streams together before more is granted.
        3 (uint32) connection_credit: u32;
        /// Bytes of the longest message, its number included.
        4 (uint32) longest_message: u32;
    }
}

impl Taking {
    pub(crate) fn check(&self) -> Result<Limits, Fault> {
        let limits: Result<Limits, BadLimits> = Limits::new(
            self.streams,
            self.stream_credit,
            self.connection_credit,
            self.longest_message,
        );
        Ok(limits?)
    }
}

impl From<Limits> for Taking {
    fn from(limits: Limits) -> Self {
        Self {
            streams: limits.streams(),
            stream_credit: limits.stream_credit(),
            connection_credit: limits.connection_credit(),
            longest_message: limits.longest_message(),
        }
    }
}

messages! {
    /// Who speaks, what it can do and what it takes. Both ends send it at once, and neither waits
    /// for the other's before its first request.
    Hello = 1, "both ends, once, on stream 0, as the first frame" {
        /// The program's name.
        1 (string) software: Line<64>;
        /// Its version, for logs and for people; nothing is decided by it.
        2 (string) version: Line<64>;
        /// What it can do beyond the first release of this protocol.
        3 (string, repeated) capabilities: Capabilities;
        /// Its limits.
        4 (message, required) limits: Taking;
    }
}

impl Hello {
    /// The connection fills in its own limits.
    pub fn new(software: &str, version: &str, capabilities: Capabilities) -> Self {
        Self {
            software: Line::new(software),
            version: Line::new(version),
            capabilities,
            limits: Limits::USUAL.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ability_has_a_name_of_its_own() {
        for (number, ability) in Ability::ALL.into_iter().enumerate() {
            Capability::parse(ability.name()).unwrap();
            let only = Capabilities::of(&[ability]);
            let able = Ability::ALL.iter().position(|one| only.can(*one));
            assert_eq!((only.0.len(), able), (1, Some(number)));
        }
    }
}
