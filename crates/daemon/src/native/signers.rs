//! The schedulers that this host is or was connected with: their keys, for the signatures of grants.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use membership::{Expect, Live, MemberId, Peer, Role};
use tokio::time::Instant;
use transport::Passport;

/// Grants outlive a change of the scheduler by a minute; no cluster has more of them in that time.
const MOST: usize = 4;
/// Between two questions for a scheduler's present certificate: one that signs wrongly costs no more.
const ASK_AGAIN: Duration = Duration::from_secs(10);
/// For connecting and the handshake.
const ASK: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
pub(crate) struct Signers {
    /// The newest first.
    known: Mutex<VecDeque<(Peer, SocketAddr)>>,
    /// Held while asking: others wait for that answer. When it was asked last.
    asking: tokio::sync::Mutex<Option<Instant>>,
}

impl Signers {
    /// This host's line leads to this member.
    pub(crate) fn learn(&self, scheduler: Peer, address: SocketAddr) {
        let mut known = self.known();
        known.retain(|(peer, _)| peer.member != scheduler.member);
        known.push_front((scheduler, address));
        known.truncate(MOST);
    }

    pub(super) fn none(&self) -> bool {
        self.known().is_empty()
    }

    pub(super) fn get(&self, member: MemberId) -> Option<Peer> {
        self.find(member).map(|(peer, _)| peer)
    }

    /// Asks the scheduler for its present certificate, by a handshake and no more.
    pub(super) async fn relearn(&self, member: MemberId, live: &Live, bind: Option<IpAddr>) {
        let Some((_, address)) = self.find(member) else {
            return;
        };
        let mut asked = self.asking.lock().await;
        if asked.is_some_and(|at| at.elapsed() < ASK_AGAIN) {
            return;
        }
        *asked = Some(Instant::now());
        // A resumed session would show the certificate of its first handshake.
        if let Err(error) = live.forget_sessions() {
            tracing::warn!("the scheduler is not asked for its certificate: {error}");
            return;
        }
        let expect = Expect::Member(member, Role::Schedule);
        match Passport::connect_native(live, expect, address, ASK, bind).await {
            Ok((_, peer)) => {
                tracing::info!("scheduler {} has another certificate now", peer.name);
                self.learn(peer, address);
            }
            Err(error) => tracing::warn!("the scheduler does not show its certificate: {error}"),
        }
    }

    fn find(&self, member: MemberId) -> Option<(Peer, SocketAddr)> {
        let known = self.known();
        let mut found = known.iter().filter(|(peer, _)| peer.member == member);
        found.next().cloned()
    }

    fn known(&self) -> MutexGuard<'_, VecDeque<(Peer, SocketAddr)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
