//! Writing certificates.

use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyUsagePurpose, PublicKeyData, SanType, SerialNumber,
};
use rustls::pki_types::{CertificateDer, UnixTime};

use crate::id::{ClusterId, Serial};
use crate::key::{Key, NoEntropy, NoKey};
use crate::name::HostName;
use crate::subject::Named;
use crate::{BACKDATE, time};

/// An authority's key is replaced by a rotation, not by the passing of time.
const AUTHORITY_LIFETIME: Duration = Duration::from_secs(20 * 365 * 24 * 3600);

/// No certificate could be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MintError {
    #[error(transparent)]
    NoEntropy(#[from] NoEntropy),
    #[error("the certificate cannot be written: {0}")]
    Encoding(String),
}

impl From<rcgen::Error> for MintError {
    fn from(error: rcgen::Error) -> Self {
        Self::Encoding(error.to_string())
    }
}

impl From<NoKey> for MintError {
    fn from(error: NoKey) -> Self {
        Self::Encoding(error.to_string())
    }
}

/// An authority's own certificate.
pub(crate) fn root(
    cluster: ClusterId,
    generation: u32,
    key: &Key,
    now: UnixTime,
) -> Result<CertificateDer<'static>, MintError> {
    let params = authority(
        cluster,
        generation,
        now,
        time::after(now, AUTHORITY_LIFETIME),
        1,
    )?;
    Ok(params.self_signed(&key.pair()?)?.into())
}

/// The new authority's certificate as the old one vouches for it, until `until`.
pub(crate) fn cross(
    cluster: ClusterId,
    (generation, new): (u32, &Key),
    (old_root, old): (&CertificateDer<'_>, &Key),
    now: UnixTime,
    until: u64,
) -> Result<CertificateDer<'static>, MintError> {
    let params = authority(cluster, generation, now, until, 0)?;
    let issuer = Issuer::from_ca_cert_der(old_root, old.pair()?)?;
    Ok(params.signed_by(&new.pair()?, &issuer)?.into())
}

fn authority(
    cluster: ClusterId,
    generation: u32,
    now: UnixTime,
    until: u64,
    below: u8,
) -> Result<CertificateParams, MintError> {
    let mut params = dated(now, until)?;
    // The number tells two keys of one cluster apart where a verifier looks for an issuer by name.
    let name = format!("floe {cluster} {generation}");
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(below));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.serial_number = Some(SerialNumber::from_slice(Serial::random()?.as_bytes()));
    Ok(params)
}

/// A certificate of a subject. It serves both ends of a connection; roles decide what is done there.
pub(crate) fn leaf(
    (root, authority): (&CertificateDer<'_>, &Key),
    named: Named,
    name: &HostName,
    key: &impl PublicKeyData,
    now: UnixTime,
    until: u64,
) -> Result<(CertificateDer<'static>, Serial), MintError> {
    let mut params = dated(now, until)?;
    let serial = Serial::random()?;
    let uri = named.to_string();
    params
        .distinguished_name
        .push(DnType::CommonName, name.as_str());
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    params.subject_alt_names = vec![SanType::URI(uri.as_str().try_into()?)];
    params.serial_number = Some(SerialNumber::from_slice(serial.as_bytes()));
    let issuer = Issuer::from_ca_cert_der(root, authority.pair()?)?;
    Ok((params.signed_by(key, &issuer)?.into(), serial))
}

fn dated(now: UnixTime, until: u64) -> Result<CertificateParams, MintError> {
    let first = rcgen::date_time_ymd(1970, 1, 1);
    let after = |seconds: u64| {
        // The year 9999 is the last that a certificate can say.
        if seconds < 253_402_300_799 {
            Ok(first + Duration::from_secs(seconds))
        } else {
            Err(MintError::Encoding(
                "the clock is past the year 9999".to_owned(),
            ))
        }
    };
    let mut params = CertificateParams::default();
    params.not_before = after(now.as_secs().saturating_sub(BACKDATE.as_secs()))?;
    params.not_after = after(until)?;
    params.use_authority_key_identifier_extension = true;
    params.distinguished_name = rcgen::DistinguishedName::new();
    Ok(params)
}
