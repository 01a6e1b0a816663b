//! Placements become grants.

use std::fmt;
use std::sync::Arc;

use job::MemberId;
use membership::{Context, Live, Role, Signer, UnixTime};
use ring::rand::{SecureRandom, SystemRandom};
use wire::field::{Exactly, Invalid};
use wire::grant::Grant;
use wire::message::{Address, Placed};
use wire::name::{GrantNumber, HostText, Port, Slots, UnixSeconds};

use super::ledger::LIFE;
use super::words::Granted;

/// Who signs, once it is known that executors will believe it.
pub(crate) struct Signing {
    signer: Signer,
    member: MemberId,
}

impl fmt::Debug for Signing {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Signing({})", self.member)
    }
}

/// Why a grant is not made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SignFault {
    #[error("the kernel gives no random numbers")]
    NoEntropy,
    #[error("the grant cannot be written: {0}")]
    Unwritable(#[from] Invalid),
}

impl Signing {
    /// Refused if executors would refuse it: a certificate that has ended, or without the role.
    pub(crate) fn of(signer: &Signer, live: &Live, now: UnixTime) -> Result<Self, Arc<str>> {
        let checked = membership::Peer::of_chain(signer.chain(), live, now);
        let own = checked.and_then(|own| own.needs(Role::Schedule).map(|()| own));
        let own = own.map_err(|why| Arc::from(why.to_string()))?;
        Ok(Self {
            signer: signer.clone(),
            member: own.member,
        })
    }

    /// One job of the submitter at the executor, from now on.
    pub(crate) fn grant(&self, place: Granted, now: u64) -> Result<Placed, SignFault> {
        let mut nonce = [0; 16];
        let filled = SystemRandom::new().fill(&mut nonce);
        filled.map_err(|_| SignFault::NoEntropy)?;
        let grant = Grant {
            number: GrantNumber::new(place.job.0.into())?,
            executor: MemberId::from_bytes(place.executor),
            submitter: MemberId::from_bytes(place.submitter),
            slots: Slots::LEAST,
            jobs: Slots::LEAST,
            not_before: UnixSeconds::new(now)?,
            expires: UnixSeconds::new(now.saturating_add(LIFE.as_secs()))?,
            nonce: Exactly(nonce),
        };
        let signature = self.signer.sign(Context::GRANT, &grant.encode());
        let address = Address {
            host: HostText::parse(&place.address.to_string())?,
            port: Port::new(place.port.into())?,
        };
        let mut addresses = place.advertised;
        if addresses.is_empty() {
            addresses.push(address);
        }
        Ok(Placed {
            grant: grant.signed(signature.0.to_vec(), self.member)?,
            addresses: wire::field::List::new(addresses)?,
            has_toolchain: place.has_toolchain,
            platform: place.platform,
        })
    }
}
