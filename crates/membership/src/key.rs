//! Ed25519 keys, and the system's random numbers.

use std::fmt;
use std::sync::Arc;

use rcgen::{CertificateParams, CertificateSigningRequestParams, KeyPair, PKCS_ED25519};
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// The kernel gave no random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the kernel gave no random numbers")]
pub(crate) struct NoEntropy;

pub(crate) fn random<const N: usize>() -> Result<[u8; N], NoEntropy> {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| NoEntropy)?;
    Ok(bytes)
}

/// A private key. It prints as nothing and is written only to files that nobody else can read.
#[derive(Clone)]
pub struct Key(Arc<Pair>);

struct Pair {
    document: Vec<u8>,
    pair: Ed25519KeyPair,
}

/// The bytes are no Ed25519 key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no Ed25519 key")]
pub(crate) struct NoKey;

impl Key {
    pub(crate) fn generate() -> Result<Self, NoEntropy> {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new());
        let document = document.map_err(|_| NoEntropy)?;
        Self::from_pkcs8(document.as_ref()).map_err(|_| NoEntropy)
    }

    pub(crate) fn from_pkcs8(document: &[u8]) -> Result<Self, NoKey> {
        let pair = Ed25519KeyPair::from_pkcs8(document).map_err(|_| NoKey)?;
        let document = document.to_vec();
        Ok(Self(Arc::new(Pair { document, pair })))
    }

    pub(crate) fn pkcs8(&self) -> &[u8] {
        &self.0.document
    }

    pub(crate) fn public(&self) -> PublicKey {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.0.pair.public_key().as_ref());
        PublicKey(bytes)
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        let mut bytes = [0; 64];
        bytes.copy_from_slice(self.0.pair.sign(message).as_ref());
        bytes
    }

    /// For rcgen.
    pub(crate) fn pair(&self) -> Result<KeyPair, NoKey> {
        let document = PrivatePkcs8KeyDer::from(self.pkcs8());
        KeyPair::from_pkcs8_der_and_sign_algo(&document, &PKCS_ED25519).map_err(|_| NoKey)
    }

    /// For rustls.
    pub(crate) fn der(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.pkcs8().to_vec()).into()
    }

    /// The request for a certificate: only its key and the proof of having it count.
    pub(crate) fn request(&self) -> Result<Vec<u8>, NoKey> {
        let params = CertificateParams::default();
        let request = params.serialize_request(&self.pair()?).map_err(|_| NoKey)?;
        Ok(request.der().to_vec())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Key(…)")
    }
}

/// A public Ed25519 key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PublicKey(pub(crate) [u8; 32]);

impl PublicKey {
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let key = ring::signature::UnparsedPublicKey::new(&ring::signature::ED25519, self.0);
        key.verify(message, signature).is_ok()
    }
}

/// The longest request that is looked at; ours have under 200 bytes.
const LONGEST_REQUEST: usize = 2048;

/// A request for a certificate that is signed by the key it names. Whatever else it wishes is ignored:
/// the authority decides names and roles.
pub(crate) struct CertificateRequest {
    pub(crate) for_rcgen: rcgen::PublicKey,
    pub(crate) key: PublicKey,
}

impl CertificateRequest {
    pub(crate) fn read(der: &[u8]) -> Option<Self> {
        use rcgen::PublicKeyData as _;
        if der.len() > LONGEST_REQUEST {
            return None;
        }
        let read = CertificateSigningRequestParams::from_der(&der.into()).ok()?;
        let for_rcgen = read.public_key;
        if for_rcgen.algorithm() != &PKCS_ED25519 {
            return None;
        }
        let key = PublicKey(for_rcgen.der_bytes().try_into().ok()?);
        Some(Self { for_rcgen, key })
    }
}
