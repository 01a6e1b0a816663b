//! Proving that one has a file, without sending it.
//!
//! Each file has a secret besides its digest: its BLAKE3 hash in a context of its own, which is never
//! sent and cannot be had from the digest. What is sent is a hash of a member's number, keyed with the
//! secret: whoever has the file can check it, and it says nothing in the mouth of another member.
//! Checking one costs the same whatever the file's size, so the time tells nothing either.

use std::io::{self, Read};

use job::Digest;

const CONTEXT: &str = "floe possession 1";

/// A file's secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secret([u8; 32]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Secret(..)")
    }
}

impl Secret {
    /// As this host wrote it down for itself.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// What `member` shows to prove that it has the file.
    pub fn proof(&self, member: &[u8; 16]) -> Digest {
        Digest::from_bytes(*blake3::keyed_hash(&self.0, member).as_bytes())
    }

    /// Whether `shown` is that, without telling by the time how much of it is.
    pub fn is_proved_by(&self, member: &[u8; 16], shown: &[u8; 32]) -> bool {
        blake3::keyed_hash(&self.0, member) == *shown
    }
}

/// Digest and secret of bytes as they come.
#[derive(Clone, Debug)]
pub struct Fingerprints {
    digest: blake3::Hasher,
    secret: blake3::Hasher,
}

impl Default for Fingerprints {
    fn default() -> Self {
        Self {
            digest: blake3::Hasher::new(),
            secret: blake3::Hasher::new_derive_key(CONTEXT),
        }
    }
}

impl Fingerprints {
    pub fn update(&mut self, bytes: &[u8]) {
        self.digest.update(bytes);
        self.secret.update(bytes);
    }

    pub fn digest(&self) -> Digest {
        Digest::from_bytes(*self.digest.finalize().as_bytes())
    }

    pub fn secret(&self) -> Secret {
        Secret(*self.secret.finalize().as_bytes())
    }

    /// Of all that `reader` yields.
    pub fn of(mut reader: impl Read) -> io::Result<Self> {
        let mut both = Self::default();
        let mut buffer = vec![0; 256 << 10];
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return Ok(both),
                Ok(n) => both.update(&buffer[..n]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_holds_for_its_member_and_its_file_only() {
        let of = |text: &[u8]| Fingerprints::of(text).unwrap();
        let (one, other) = (of(b"one").secret(), of(b"other").secret());
        let shown = one.proof(&[1; 16]);
        assert!(one.is_proved_by(&[1; 16], shown.as_bytes()));
        assert!(!one.is_proved_by(&[2; 16], shown.as_bytes()));
        assert!(!other.is_proved_by(&[1; 16], shown.as_bytes()));
        // What is known of a file by its name proves nothing.
        let public = Secret::from_bytes(*of(b"one").digest().as_bytes());
        assert!(!one.is_proved_by(&[1; 16], public.proof(&[1; 16]).as_bytes()));
    }
}
