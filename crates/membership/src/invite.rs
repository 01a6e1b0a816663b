//! The line that admits a host: `floe1:` and base32 of everything a joiner needs to know.
//!
//! Base32 survives being said, being written in capitals, and a double click. Four bytes of SHA-256 at
//! the end tell a mistyped or truncated line before anything is sent. What is in it, in this order:
//! the cluster's id (16 bytes), the authority's fingerprint (32), the invitation's id (8), the secret
//! (20), how many addresses, each with its length before it, the checksum (4).

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE32_NOPAD;
use ring::digest::{SHA256, digest};
use ring::hmac;

use crate::id::{ClusterId, Fingerprint, InviteId};
use crate::key::{self, NoEntropy};
use crate::name::Address;

const PREFIX: &str = "floe1:";
const CHECKSUM: usize = 4;
/// More addresses make the line long and help nobody.
pub(crate) const MOST_ADDRESSES: usize = 4;
/// The longest line: the fixed part and the longest addresses, in base32, with room to spare.
const LONGEST: usize = 2400;
/// Fewer letters are no whole line: cluster, fingerprint, number, secret, one address and the checksum.
const SHORTEST: usize = (16 + 32 + 8 + 20 + 1 + 4 + CHECKSUM) * 8 / 5;

/// What an invitation's holder proves. It prints as nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; 20]);

impl Secret {
    pub const LENGTH: usize = 20;

    pub const fn from_bytes(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    pub const fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }

    pub(crate) fn random() -> Result<Self, NoEntropy> {
        key::random().map(Self)
    }

    /// What the authority keeps in the secret's place.
    pub(crate) fn tag(&self, cluster: ClusterId, invite: InviteId) -> [u8; 32] {
        let mut tag = [0; 32];
        let signed = hmac::sign(&self.key(), &Self::subject(cluster, invite));
        tag.copy_from_slice(signed.as_ref());
        tag
    }

    /// Whether the tag was made of this secret; takes as long for a wrong one as for the right one.
    pub(crate) fn fits(&self, cluster: ClusterId, invite: InviteId, tag: &[u8; 32]) -> bool {
        hmac::verify(&self.key(), &Self::subject(cluster, invite), tag).is_ok()
    }

    fn key(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &self.0)
    }

    fn subject(cluster: ClusterId, invite: InviteId) -> Vec<u8> {
        [
            b"floe invitation 1\0",
            &cluster.as_bytes()[..],
            &invite.as_bytes()[..],
        ]
        .concat()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(…)")
    }
}

/// An invitation as its holder has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invite {
    pub cluster: ClusterId,
    pub fingerprint: Fingerprint,
    pub id: InviteId,
    pub secret: Secret,
    /// Where the authority is reached, best first; at least one, at most four.
    pub addresses: Vec<Address>,
}

/// Why a text is no invitation. Nothing was sent; the line has to be copied again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidInvite {
    #[error("an invitation starts with floe1: as `floe cluster invite` prints it")]
    Foreign,
    #[error(
        "this invitation is of a later version of floe (it starts with floe2: or higher): install that here"
    )]
    Newer,
    #[error("the invitation is incomplete: copy the whole line")]
    Incomplete,
    #[error("the invitation is too long: copy that line only")]
    TooLong,
    #[error("the invitation is mistyped: its checksum does not fit; copy the line again")]
    Mistyped,
    #[error("the invitation has the right checksum but makes no sense; ask for another one")]
    Senseless,
}

impl fmt::Display for Invite {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = Vec::new();
        bytes.extend(self.cluster.as_bytes());
        bytes.extend(self.fingerprint.as_bytes());
        bytes.extend(self.id.as_bytes());
        bytes.extend(self.secret.as_bytes());
        let addresses = &self.addresses[..self.addresses.len().min(MOST_ADDRESSES)];
        bytes.push(addresses.len() as u8);
        for address in addresses {
            let text = address.to_string();
            // `Address::MAX` is what a byte can say.
            bytes.push(text.len() as u8);
            bytes.extend(text.as_bytes());
        }
        let sum = checksum(&bytes);
        bytes.extend(sum);
        write!(
            out,
            "{PREFIX}{}",
            BASE32_NOPAD.encode(&bytes).to_ascii_lowercase()
        )
    }
}

impl FromStr for Invite {
    type Err = InvalidInvite;

    /// Spaces and line breaks within are what a mail program put there.
    fn from_str(line: &str) -> Result<Self, InvalidInvite> {
        if line.len() > 2 * LONGEST {
            return Err(InvalidInvite::TooLong);
        }
        let line: String = line.split_whitespace().collect();
        let line = line.to_ascii_uppercase();
        let Some(rest) = line.strip_prefix("FLOE") else {
            return Err(InvalidInvite::Foreign);
        };
        let (version, text) = rest.split_once(':').ok_or(InvalidInvite::Foreign)?;
        match version.parse::<u32>() {
            Ok(1) => {}
            Ok(2..) => return Err(InvalidInvite::Newer),
            Ok(0) | Err(_) => return Err(InvalidInvite::Foreign),
        }
        if text.len() > LONGEST {
            return Err(InvalidInvite::TooLong);
        }
        let bytes = BASE32_NOPAD
            .decode(text.as_bytes())
            .map_err(|_| unreadable(text))?;
        let Some((content, sum)) = bytes.split_last_chunk::<CHECKSUM>() else {
            return Err(InvalidInvite::Incomplete);
        };
        if checksum(content) != *sum {
            return Err(unreadable(text));
        }
        let (invite, rest) = read(content).ok_or(InvalidInvite::Senseless)?;
        if rest.is_empty() {
            Ok(invite)
        } else {
            Err(InvalidInvite::Senseless)
        }
    }
}

fn checksum(content: &[u8]) -> [u8; CHECKSUM] {
    let mut sum = [0; CHECKSUM];
    sum.copy_from_slice(&digest(&SHA256, content).as_ref()[..CHECKSUM]);
    sum
}

/// Whether another letter at one place, or two neighbours in the other order, make it right.
fn is_one_slip_away(text: &str) -> bool {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let is_right = |text: &[u8]| {
        let bytes = BASE32_NOPAD.decode(text).ok();
        let bytes = bytes.as_deref().and_then(<[u8]>::split_last_chunk);
        bytes.is_some_and(|(content, sum): (_, &[u8; CHECKSUM])| checksum(content) == *sum)
    };
    if text.len() < SHORTEST {
        return false;
    }
    let mut text = text.as_bytes().to_vec();
    for at in 0..text.len() {
        let letter = text[at];
        for other in LETTERS {
            text[at] = *other;
            if is_right(&text) {
                return true;
            }
        }
        text[at] = letter;
        if at + 1 < text.len() {
            text.swap(at, at + 1);
            if is_right(&text) {
                return true;
            }
            text.swap(at, at + 1);
        }
    }
    false
}

/// A line that was cut reads well up to its last group of eight letters.
fn unreadable(text: &str) -> InvalidInvite {
    // A wrong letter among the addresses may say that they are longer than they are.
    if is_one_slip_away(text) {
        return InvalidInvite::Mistyped;
    }
    // Of the length of a whole line: what is wrong is a letter. Those that are none stand for any.
    let letters = text.bytes().map(|letter| match letter {
        b'A'..=b'Z' | b'2'..=b'7' => letter,
        _ => b'A',
    });
    let mut letters: Vec<u8> = letters.collect();
    // The last letter says less than the others, and has to say nothing in the rest.
    for last in [letters.last().copied().unwrap_or_default(), b'A'] {
        if let Some(letter) = letters.last_mut() {
            *letter = last;
        }
        if let Ok(bytes) = BASE32_NOPAD.decode(&letters)
            && let Some((_, rest)) = read(&bytes)
            && rest.len() == CHECKSUM
        {
            return InvalidInvite::Mistyped;
        }
    }
    let whole = &text.as_bytes()[..text.len() - text.len() % 8];
    let Ok(bytes) = BASE32_NOPAD.decode(whole) else {
        return InvalidInvite::Mistyped;
    };
    match read(&bytes) {
        Some((_, rest)) if rest.len() >= CHECKSUM => InvalidInvite::Mistyped,
        Some(_) | None => InvalidInvite::Incomplete,
    }
}

fn read(bytes: &[u8]) -> Option<(Invite, &[u8])> {
    let (cluster, rest) = bytes.split_first_chunk()?;
    let (fingerprint, rest) = rest.split_first_chunk()?;
    let (id, rest) = rest.split_first_chunk()?;
    let (secret, rest) = rest.split_first_chunk()?;
    let (&count, mut rest) = rest.split_first()?;
    if !(1..=MOST_ADDRESSES).contains(&usize::from(count)) {
        return None;
    }
    let mut addresses = Vec::new();
    for _ in 0..count {
        let (&length, after) = rest.split_first()?;
        let (text, after) = after.split_at_checked(usize::from(length))?;
        addresses.push(std::str::from_utf8(text).ok()?.parse().ok()?);
        rest = after;
    }
    let invite = Invite {
        cluster: ClusterId::from_bytes(*cluster),
        fingerprint: Fingerprint::from_bytes(*fingerprint),
        id: InviteId::from_bytes(*id),
        secret: Secret(*secret),
        addresses,
    };
    Some((invite, rest))
}

#[cfg(test)]
mod tests;
