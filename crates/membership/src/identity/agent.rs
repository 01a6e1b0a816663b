//! What the agents of a host's users get from its daemon.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::time_provider::TimeProvider;

use super::IdentityError;
use crate::id::ClusterId;
use crate::join::RootData;
use crate::key::Key;
use crate::live::Live;
use crate::trust::Trust;

/// What is handed to a user's agent, over a socket that says who the user is.
#[derive(Clone)]
pub struct AgentCredentials {
    pub cluster: ClusterId,
    /// PKCS #8; for this agent's memory only.
    pub key: Vec<u8>,
    pub chain: Vec<CertificateDer<'static>>,
    pub roots: Vec<RootData>,
    pub revocations: Vec<u8>,
}

/// Keys are not for logs.
impl fmt::Debug for AgentCredentials {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = out.debug_struct("AgentCredentials");
        shown
            .field("cluster", &self.cluster)
            .finish_non_exhaustive()
    }
}

impl AgentCredentials {
    /// What the agent shows and believes.
    pub fn live(&self, clock: Arc<dyn TimeProvider>, now: UnixTime) -> Result<Live, IdentityError> {
        let key = Key::from_pkcs8(&self.key)?;
        let trust = Trust::new(self.cluster, &self.roots);
        let trust = trust.ok_or(IdentityError::Answer("there is no authority in it"))?;
        let live = Live::new(trust, self.chain.clone(), &key, clock)?;
        if !self.revocations.is_empty() {
            let taken = live.revoke(&self.revocations, now);
            taken.map_err(|_| IdentityError::Answer("its list of revoked members is forged"))?;
        }
        Ok(live)
    }
}
