//! Joining, from this host's side.

use std::path::Path;

use rustls::pki_types::UnixTime;
use serde::{Deserialize, Serialize};

use super::{CAP, Identity, IdentityError, JOINING, Keys, store, vacant};
use crate::der::Der;
use crate::disk::Directory;
use crate::id::InviteId;
use crate::invite::Invite;
use crate::join::{Issued, JoinRequest, Request};
use crate::name::HostName;
use crate::sealed;

const KIND: &str = "floe-joining";

/// A join that is under way.
#[derive(Debug)]
pub struct Joining {
    directory: Directory,
    keys: Keys,
    invite: Invite,
}

#[derive(Serialize, Deserialize)]
struct StoredJoining {
    invite: InviteId,
    key: Der,
    agent_key: Der,
}

impl Joining {
    /// Makes keys for a join, or takes those of an earlier attempt with the same invitation.
    pub fn begin(path: &Path, invite: &Invite) -> Result<Self, IdentityError> {
        let directory = vacant(path)?;
        let lock = directory.lock()?;
        let before = directory.read(JOINING, CAP)?;
        // What is damaged or another invitation's is of no use.
        let before = before.and_then(|file| sealed::open::<StoredJoining>(KIND, &file).ok());
        let same = before.filter(|before| before.invite == invite.id);
        let keys = match same.and_then(|before| Keys::read(&before.key, &before.agent_key).ok()) {
            Some(keys) => keys,
            None => {
                let keys = Keys::generate()?;
                let stored = StoredJoining {
                    invite: invite.id,
                    key: Der(keys.host.pkcs8().to_vec()),
                    agent_key: Der(keys.agent.pkcs8().to_vec()),
                };
                let file = sealed::seal(KIND, &stored);
                let file = file.map_err(|error| IdentityError::Failed(error.to_string()))?;
                directory.replace(&lock, JOINING, &file)?;
                keys
            }
        };
        let invite = invite.clone();
        drop(lock);
        Ok(Self {
            directory,
            keys,
            invite,
        })
    }

    pub fn request(&self, name: &HostName) -> Result<Request, IdentityError> {
        Ok(Request::Join(JoinRequest {
            invite: self.invite.id,
            secret: self.invite.secret.clone(),
            name: name.clone(),
            csr: self.keys.host.request()?,
            agent_csr: self.keys.agent.request()?,
        }))
    }

    /// Checks and stores what the authority answered.
    pub fn finish(self, issued: &Issued, now: UnixTime) -> Result<Identity, IdentityError> {
        if issued.cluster != self.invite.cluster {
            return Err(IdentityError::Answer("it is another cluster's"));
        }
        let wanted = Some(self.invite.fingerprint);
        store(self.directory, &self.keys, issued, wanted, now)
    }
}
