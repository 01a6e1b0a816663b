//! What binds a result to its job: a digest of each output that fits one grant only. Whoever mixes up
//! results, replays another job's or damages one is found out before anything has its right name. An
//! executor that computes it over what its compiler never made is not: only a second compile would tell.

use job::Digest;

use crate::grant::SignedGrant;
use crate::message::OutputKind;

/// Where the key comes from besides the grant.
const CONTEXT: &str = "floe output 1";

/// The key of one job's proofs.
#[derive(Clone)]
pub struct ProofKey([u8; 32]);

/// The digest of one output, as its bytes come.
#[derive(Clone)]
pub struct Proof(blake3::Hasher);

impl ProofKey {
    pub fn of(grant: &SignedGrant) -> Self {
        Self(blake3::derive_key(CONTEXT, grant.signed_bytes()))
    }

    /// Of an output of this kind, whose unpacked bytes are to follow.
    pub fn begin(&self, kind: OutputKind) -> Proof {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(&(kind as u32).to_le_bytes());
        Proof(hasher)
    }
}

impl Proof {
    pub fn update(&mut self, plain: &[u8]) {
        self.0.update(plain);
    }

    pub fn finish(&self) -> Digest {
        Digest::from_bytes(*self.0.finalize().as_bytes())
    }
}

impl std::fmt::Debug for ProofKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("ProofKey")
    }
}

impl std::fmt::Debug for Proof {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Proof")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::Opaque;
    use job::MemberId;

    fn key(grant: &[u8]) -> ProofKey {
        ProofKey::of(&SignedGrant {
            grant: Opaque::new(grant.to_vec()).unwrap(),
            signature: Opaque::default(),
            signer: MemberId::from_bytes([1; 16]),
        })
    }

    fn proof(grant: &[u8], kind: OutputKind, pieces: &[&[u8]]) -> Digest {
        let mut proof = key(grant).begin(kind);
        for piece in pieces {
            proof.update(piece);
        }
        proof.finish()
    }

    #[test]
    fn a_proof_fits_its_grant_kind_and_bytes_only() {
        let right = proof(b"one", OutputKind::Object, &[b"ELF", b"!"]);
        assert_eq!(right, proof(b"one", OutputKind::Object, &[b"ELF!"]));
        for other in [
            proof(b"two", OutputKind::Object, &[b"ELF!"]),
            proof(b"one", OutputKind::SplitDwarf, &[b"ELF!"]),
            proof(b"one", OutputKind::Object, &[b"ELF"]),
            proof(b"one", OutputKind::Object, &[]),
        ] {
            assert_ne!(right, other);
        }
    }

    #[test]
    fn another_implementation_finds_the_same() {
        let key = blake3::derive_key("floe output 1", b"one");
        let digest = blake3::keyed_hash(&key, b"\x01\0\0\0ELF");
        let own = proof(b"one", OutputKind::Object, &[b"ELF"]);
        assert_eq!(own.as_bytes(), digest.as_bytes());
    }
}
