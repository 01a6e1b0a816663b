//! The authority's side of TLS.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustls::pki_types::UnixTime;
use rustls::{CommonState, ServerConfig};

use crate::authority::{Authority, AuthorityError};
use crate::live::{self, Shared};
use crate::peer::Peer;
use crate::tls::{self, Clock};
use crate::trust::Distrust;
use crate::{ALPN_AUTHORITY, ALPN_JOIN, LIFETIME};

/// Configurations with which hosts that join, and members that renew, are served. The certificate is the
/// authority's own and is made here for a day; the key is in no file.
pub struct Endpoint {
    shared: Arc<Shared>,
    join: Arc<ServerConfig>,
    members: Arc<ServerConfig>,
    /// When the certificate was made, in seconds.
    made: AtomicU64,
}

impl Endpoint {
    pub fn new(
        authority: &mut Authority,
        clock: Clock,
        now: UnixTime,
    ) -> Result<Self, AuthorityError> {
        let trust = authority.trust(now)?;
        let (key, chain) = authority.voice(now)?;
        let shared = Shared::new(trust, live::certified(chain, &key)?);
        Ok(Self {
            join: tls::join_server(Arc::clone(&shared), Arc::clone(&clock))?.into(),
            members: tls::renewal_server(Arc::clone(&shared), clock)?.into(),
            shared,
            made: now.as_secs().into(),
        })
    }

    /// To be called every minute: takes over a rotation by another process, and renews its certificate.
    pub fn refresh(&self, authority: &mut Authority, now: UnixTime) -> Result<(), AuthorityError> {
        let trust = authority.trust(now)?;
        let is_rotated = !trust
            .fingerprints(now)
            .eq(self.shared.trust().fingerprints(now));
        let age = now.as_secs().abs_diff(self.made.load(Ordering::Relaxed));
        if is_rotated || age >= LIFETIME.as_secs() / 2 {
            let (key, chain) = authority.voice(now)?;
            self.shared.show(live::certified(chain, &key)?);
            self.shared.believe(trust);
            self.made.store(now.as_secs(), Ordering::Relaxed);
        }
        Ok(())
    }

    /// The configuration for the protocols that a client offers; none if none of them is the authority's.
    pub fn server(&self, offered: &[&[u8]]) -> Option<Arc<ServerConfig>> {
        if offered.contains(&ALPN_JOIN) {
            Some(Arc::clone(&self.join))
        } else if offered.contains(&ALPN_AUTHORITY) {
            Some(Arc::clone(&self.members))
        } else {
            None
        }
    }

    /// Who is at the other end, once the handshake is complete: nobody in particular when joining.
    pub fn caller(&self, tls: &CommonState, now: UnixTime) -> Result<Option<Peer>, Distrust> {
        if tls.alpn_protocol() == Some(ALPN_JOIN) {
            return Ok(None);
        }
        Peer::at_authority(tls, &self.shared.trust(), now).map(Some)
    }
}
