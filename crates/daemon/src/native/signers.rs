//! The schedulers that this host is or was connected with: their keys, for the signatures of grants.

use std::collections::{HashMap, VecDeque};
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
/// How long nobody is asked because of a member for whose grants that was in vain: asking costs the sessions
/// with all others.
const IN_VAIN: Duration = Duration::from_secs(600);
/// For connecting and the handshake.
const ASK: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
pub(crate) struct Signers {
    /// The newest first.
    known: Mutex<VecDeque<(Peer, SocketAddr)>>,
    /// Held while asking: others wait for that answer.
    asking: tokio::sync::Mutex<Asked>,
}

/// When it was asked, and for whom in vain.
#[derive(Debug, Default)]
struct Asked {
    last: Option<Instant>,
    in_vain: HashMap<MemberId, Instant>,
}

impl Asked {
    fn may(&mut self, submitter: MemberId, now: Instant) -> bool {
        self.in_vain.retain(|_, at| now < *at + IN_VAIN);
        let is_early = self.last.is_some_and(|at| now < at + ASK_AGAIN);
        if is_early || self.in_vain.contains_key(&submitter) {
            return false;
        }
        self.last = Some(now);
        true
    }

    /// At most one for each time that was asked: it needs no bound of its own.
    fn was_in_vain(&mut self, submitter: MemberId, now: Instant) {
        self.in_vain.insert(submitter, now);
    }
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

    /// Asks the scheduler for its present certificate, by a handshake and no more, because of a grant that
    /// `submitter` shows. `holds` says whether the grant holds with it.
    pub(super) async fn relearn(
        &self,
        member: MemberId,
        submitter: MemberId,
        live: &Live,
        bind: Option<IpAddr>,
        holds: impl FnOnce() -> bool,
    ) {
        let Some((_, address)) = self.find(member) else {
            return;
        };
        let mut asked = self.asking.lock().await;
        if !asked.may(submitter, Instant::now()) {
            return;
        }
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
                if !holds() {
                    asked.was_in_vain(submitter, Instant::now());
                }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_had_it_asked_in_vain_has_nobody_asked_for_a_while() {
        let (rogue, other) = (MemberId::from_bytes([1; 16]), MemberId::from_bytes([2; 16]));
        let began = Instant::now();
        let after = |seconds| began + Duration::from_secs(seconds);
        let mut asked = Asked::default();
        assert!(asked.may(rogue, began));
        asked.was_in_vain(rogue, began);
        assert!(!asked.may(rogue, after(10)));
        assert!(!asked.may(other, after(9)));
        assert!(asked.may(other, after(10)));
        assert!(!asked.may(rogue, after(599)));
        assert!(asked.may(rogue, after(600)));
        assert!(asked.in_vain.is_empty());
    }
}
