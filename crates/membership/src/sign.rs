//! Signatures of members on what outlives a connection: a scheduler's grants.
//!
//! A grant is signed by a member with the role `schedule` (or `admin`) with the key of its certificate,
//! and read by executors that know the cluster's authority only: they get the chain once, and check
//! each grant with one signature of 64 bytes. Other roles cannot sign for executors, so that an executor
//! or a developer's host that somebody broke into grants nothing.
//!
//! What is signed begins with what it is for and with the cluster, so no signature passes for another
//! kind of thing, for one of another cluster, or for a step of a TLS handshake.

use rustls::pki_types::{CertificateDer, UnixTime};

use crate::id::ClusterId;
use crate::key::Key;
use crate::live::Live;
use crate::peer::Peer;
use crate::trust::Distrust;
use job::{MemberId, Role};

/// What a signature is for. One kind of bytes has one context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context(&'static str);

impl Context {
    /// A scheduler lets a member use an executor.
    pub const GRANT: Self = Self::new("grant 1");

    /// `name` has no zero byte, which ends it in what is signed.
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    fn message(self, cluster: ClusterId, bytes: &[u8]) -> Vec<u8> {
        let name = self.0.as_bytes();
        [
            b"floe signature 1\0",
            name,
            b"\0",
            cluster.as_bytes(),
            bytes,
        ]
        .concat()
    }
}

/// An Ed25519 signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature(pub [u8; 64]);

/// Why signed bytes are not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The signer's certificate is refused: the signer's fault, or of who chose it.
    #[error("the signer is refused: {0}")]
    Signer(#[from] Distrust),
    /// The bytes were changed, or somebody else signed: the fault of who sent them.
    #[error("the bytes are not as member {0} signed them")]
    Bytes(MemberId),
}

/// Signs as a member. It keeps the key of one certificate; take another one after a renewal.
#[derive(Clone, Debug)]
pub struct Signer {
    pub(crate) cluster: ClusterId,
    pub(crate) key: Key,
    pub(crate) chain: Vec<CertificateDer<'static>>,
}

impl Signer {
    pub fn sign(&self, context: Context, bytes: &[u8]) -> Signature {
        Signature(self.key.sign(&context.message(self.cluster, bytes)))
    }

    /// What a reader needs to know the signer: for [`Peer::of_chain`].
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }
}

impl Peer {
    /// Whether this peer signed the bytes, and may. A `Peer` can be kept for many signatures: each time
    /// its certificate's end and the list of revoked members are asked again.
    pub fn signed(
        &self,
        live: &Live,
        (context, needs): (Context, Role),
        bytes: &[u8],
        signature: &Signature,
        now: UnixTime,
    ) -> Result<(), SignError> {
        self.is_still_trusted(live, now)?;
        self.needs(needs)?;
        if self.is_agent {
            return Err(Distrust::NoMember.into());
        }
        let message = context.message(live.trust().cluster(), bytes);
        if self.key.verifies(&message, &signature.0) {
            Ok(())
        } else {
            Err(SignError::Bytes(self.member))
        }
    }
}
