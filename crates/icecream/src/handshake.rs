//! The handshake: both ends send their maximum at once, then both send the minimum of the two, as
//! little-endian words.

use crate::Version;
use crate::error::HandshakeError;

/// Below this no release ever was; above the other no version number is meant.
const PLAUSIBLE: std::ops::RangeInclusive<u32> = 21..=1 << 20;

/// What a handshake came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreement {
    pub version: Version,
    /// The highest version the peer can speak, which may be above ours.
    pub peer_maximum: u32,
}

/// One end of a handshake, fed word by word.
#[derive(Clone, Copy, Debug)]
pub struct Handshake {
    own: Version,
    proposed: Option<Agreement>,
}

/// What to do after a word of the peer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send this word and wait for one more.
    Answer([u8; 4]),
    /// The handshake is over; frames follow.
    Agreed(Agreement),
}

impl Handshake {
    /// A handshake of an end that speaks versions up to `own`.
    pub fn new(own: Version) -> Self {
        Self {
            own,
            proposed: None,
        }
    }

    /// The word to send at once, without waiting for the peer's.
    pub fn opening(&self) -> [u8; 4] {
        self.own.number().to_le_bytes()
    }

    /// Takes the peer's next word.
    pub fn word(&mut self, word: [u8; 4]) -> Result<Step, HandshakeError> {
        let word = u32::from_le_bytes(word);
        if let Some(agreement) = self.proposed {
            let expected = agreement.version.number();
            if word != expected {
                return Err(HandshakeError::Disagreement {
                    expected,
                    got: word,
                });
            }
            return Ok(Step::Agreed(agreement));
        }
        if !PLAUSIBLE.contains(&word) {
            return Err(HandshakeError::Garbage { word });
        }
        let version = Version::from_number(word.min(self.own.number()))
            .ok_or(HandshakeError::TooOld { version: word })?;
        self.proposed = Some(Agreement {
            version,
            peer_maximum: word,
        });
        Ok(Step::Answer(version.number().to_le_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(own: Version, word: u32) -> Result<Step, HandshakeError> {
        Handshake::new(own).word(word.to_le_bytes())
    }

    #[test]
    fn the_lower_maximum_wins() {
        assert_eq!(first(Version::V44, 43), Ok(Step::Answer([43, 0, 0, 0])));
        assert_eq!(first(Version::V43, 44), Ok(Step::Answer([43, 0, 0, 0])));
        assert_eq!(
            first(Version::V44, 1 << 20),
            Ok(Step::Answer([44, 0, 0, 0]))
        );
    }

    #[test]
    fn old_peers_and_garbage_are_told_apart() {
        for version in 21..42 {
            assert_eq!(
                first(Version::V44, version),
                Err(HandshakeError::TooOld { version })
            );
        }
        for word in [0, 20, (1 << 20) + 1, 0x2b00_0000, u32::MAX] {
            assert_eq!(
                first(Version::V44, word),
                Err(HandshakeError::Garbage { word })
            );
        }
    }

    #[test]
    fn the_second_word_must_be_the_minimum() {
        let mut handshake = Handshake::new(Version::V44);
        handshake.word([43, 0, 0, 0]).unwrap();
        let agreement = Agreement {
            version: Version::V43,
            peer_maximum: 43,
        };
        assert_eq!(handshake.word([43, 0, 0, 0]), Ok(Step::Agreed(agreement)));

        let mut handshake = Handshake::new(Version::V44);
        handshake.word([43, 0, 0, 0]).unwrap();
        let error = HandshakeError::Disagreement {
            expected: 43,
            got: 42,
        };
        assert_eq!(handshake.word([42, 0, 0, 0]), Err(error));
    }
}
