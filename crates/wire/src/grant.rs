//! The right of one member to run jobs on one executor for some time. A scheduler signs it; the
//! executor checks it without asking anybody.
//!
//! What is signed is the encoded [`Grant`]; whoever signs and verifies puts before it what the
//! signature is for and which cluster. A grant with fields that are not known here is refused, unlike
//! a message: what is not understood may be a restriction.

use crate::define::parts;
use crate::field::{Exactly, Field, Invalid, Opaque};
use crate::name::{GrantNumber, Slots, UnixSeconds};
use job::MemberId;

parts! {
    /// What a scheduler grants.
    Grant {
        /// The scheduler's number for it. Together with the signer, used once.
        1 (uint64) number: GrantNumber;
        /// Where jobs may run.
        2 (bytes = "vec") executor: MemberId;
        /// Whose jobs.
        3 (bytes = "vec") submitter: MemberId;
        /// How many at once.
        4 (uint32) slots: Slots;
        /// How many in all; each Compile under it counts.
        5 (uint32) jobs: Slots;
        /// From when on, by the scheduler's clock.
        6 (uint64) not_before: UnixSeconds;
        /// Until when a job may be ordered.
        7 (uint64) expires: UnixSeconds;
        /// Random.
        8 (bytes = "vec") nonce: Exactly<16>;
    }

    /// A grant with its signature.
    SignedGrant {
        /// The encoded Grant, as it was signed.
        1 (bytes = "vec") grant: Opaque<512>;
        /// By the signer's key, of `floe signature 1`, a zero byte, `grant 1`, a zero byte, the cluster's 16 bytes, and the encoded grant.
        2 (bytes = "vec") signature: Opaque<512>;
        /// The scheduler that signed.
        3 (bytes = "vec") signer: MemberId;
    }
}

impl Grant {
    /// The encoded grant, which is what is signed: fields in the order of their numbers.
    pub fn encode(&self) -> Vec<u8> {
        prost::Message::encode_to_vec(&self.write())
    }

    /// The grant with the signature of [`Self::encode`] by `signer`.
    pub fn signed(&self, signature: Vec<u8>, signer: MemberId) -> Result<SignedGrant, Invalid> {
        Ok(SignedGrant {
            grant: Opaque::new(self.encode())?,
            signature: Opaque::new(signature)?,
            signer,
        })
    }

    /// Whether a job may be ordered at `now`, with clocks that are `skew` seconds apart at most.
    pub fn is_current(&self, now: u64, skew: u64) -> bool {
        now.saturating_add(skew) >= self.not_before.get()
            && now < self.expires.get().saturating_add(skew)
    }
}

impl SignedGrant {
    /// The bytes whose signature is to be verified.
    pub fn signed_bytes(&self) -> &[u8] {
        self.grant.as_bytes()
    }

    /// What it grants, if the signature is right: verify that first. Refused unless encoding it
    /// again gives the same bytes.
    pub fn read_grant(&self) -> Result<Grant, Invalid> {
        let wire = prost::Message::decode(self.grant.as_bytes())
            .map_err(|why| Invalid::new(why.to_string()))?;
        let grant = Grant::read(wire)?;
        if grant.encode() != self.grant.as_bytes() {
            return Err(Invalid::new(
                "the grant has something that is not understood here",
            ));
        }
        Ok(grant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Grant {
        Grant {
            number: GrantNumber::new(7).unwrap(),
            executor: MemberId::from_bytes([1; 16]),
            submitter: MemberId::from_bytes([2; 16]),
            slots: Slots::new(4).unwrap(),
            jobs: Slots::new(8).unwrap(),
            not_before: UnixSeconds::new(1_000).unwrap(),
            expires: UnixSeconds::new(1_060).unwrap(),
            nonce: Exactly([3; 16]),
        }
    }

    #[test]
    fn what_is_signed_is_what_is_read() {
        let grant = sample();
        let signed = grant
            .signed(vec![9; 64], MemberId::from_bytes([4; 16]))
            .unwrap();
        assert_eq!(signed.signed_bytes(), grant.encode());
        assert_eq!(signed.read_grant().unwrap(), grant);
    }

    #[test]
    fn a_grant_that_is_not_understood_whole_is_refused() {
        let mut bytes = sample().encode();
        bytes.extend([0x78, 1]); // field 15 = 1
        let signed = SignedGrant {
            grant: Opaque::new(bytes).unwrap(),
            signature: Opaque::default(),
            signer: MemberId::from_bytes([4; 16]),
        };
        assert!(signed.read_grant().is_err());
    }

    #[test]
    fn a_grant_has_its_time() {
        let grant = sample();
        assert!(!grant.is_current(994, 5));
        assert!(grant.is_current(995, 5));
        assert!(grant.is_current(1_064, 5));
        assert!(!grant.is_current(1_065, 5));
    }
}
