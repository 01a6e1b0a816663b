//! Certificates as this cluster's authority writes them; others are malformed to us. Parsing here
//! believes nothing: whether somebody trusted signed a certificate is [`crate::trust`]'s.

use rustls::pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;

use crate::id::{Fingerprint, Serial};
use crate::key::PublicKey;
use crate::name::HostName;
use crate::subject::Named;

/// The longest certificate that is looked at; ours have about 500 bytes.
const LONGEST: usize = 4096;

/// What a member's certificate says, in seconds since 1970 where it says times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leaf {
    pub(crate) named: Named,
    pub(crate) name: HostName,
    pub(crate) serial: Serial,
    pub(crate) not_before: u64,
    pub(crate) not_after: u64,
    pub(crate) key: PublicKey,
}

/// What an authority's certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ca {
    pub(crate) fingerprint: Fingerprint,
    pub(crate) not_before: u64,
    pub(crate) not_after: u64,
    pub(crate) key: PublicKey,
}

impl Leaf {
    pub(crate) fn read(der: &CertificateDer<'_>) -> Option<Self> {
        let certificate = whole(der)?;
        if certificate.is_ca() {
            return None;
        }
        let (not_before, not_after) = validity(&certificate)?;
        let names = certificate.subject_alternative_name().ok()??;
        let [GeneralName::URI(uri)] = names.value.general_names[..] else {
            return None;
        };
        let mut common = certificate.subject().iter_common_name();
        let (Some(name), None) = (common.next(), common.next()) else {
            return None;
        };
        Some(Self {
            named: uri.parse().ok()?,
            name: name.as_str().ok()?.parse().ok()?,
            serial: Serial::from_bytes(certificate.raw_serial().try_into().ok()?),
            not_before,
            not_after,
            key: key(&certificate)?,
        })
    }
}

impl Ca {
    pub(crate) fn read(der: &[u8]) -> Option<Self> {
        let certificate = whole(der)?;
        if !certificate.is_ca() {
            return None;
        }
        let (not_before, not_after) = validity(&certificate)?;
        Some(Self {
            fingerprint: Fingerprint::of(certificate.public_key().raw),
            not_before,
            not_after,
            key: key(&certificate)?,
        })
    }

    /// Whether `der` is a certificate that this authority signed.
    pub(crate) fn signed(&self, der: &[u8]) -> bool {
        let Some(certificate) = whole(der) else {
            return false;
        };
        let signature = &certificate.signature_value.data;
        let text: &[u8] = certificate.tbs_certificate.as_ref();
        self.key.verifies(text, signature)
    }

    pub(crate) fn covers(&self, now: u64) -> bool {
        (self.not_before..=self.not_after).contains(&now)
    }
}

fn whole(der: &[u8]) -> Option<X509Certificate<'_>> {
    if der.len() > LONGEST {
        return None;
    }
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Some(certificate),
        Ok(_) | Err(_) => None,
    }
}

fn validity(certificate: &X509Certificate<'_>) -> Option<(u64, u64)> {
    let validity = certificate.validity();
    Some((
        validity.not_before.timestamp().try_into().ok()?,
        validity.not_after.timestamp().try_into().ok()?,
    ))
}

fn key(certificate: &X509Certificate<'_>) -> Option<PublicKey> {
    let info = certificate.public_key();
    let is_ed25519 = info.algorithm.algorithm == x509_parser::oid_registry::OID_SIG_ED25519;
    let bytes: &[u8] = &info.subject_public_key.data;
    if is_ed25519 {
        bytes.try_into().ok().map(PublicKey)
    } else {
        None
    }
}
