//! Running connections of members, ended when their member may not go on: its certificate ended, or it
//! was revoked.

use std::sync::Arc;
use std::time::Duration;

use membership::{Distrust, Live, MemberId, Peer, UnixTime};
use tokio::sync::watch;
use tokio::time::sleep;
use transport::Papers;

/// Tells running connections that what this host believes has changed. All clones are one.
#[derive(Clone, Debug)]
pub struct Recheck(Arc<watch::Sender<()>>);

impl Default for Recheck {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(())))
    }
}

impl Recheck {
    /// To be called when [`Live`] has taken a newer list of revoked members, or other authorities.
    pub fn now(&self) {
        self.0.send_replace(());
    }

    /// Tells it whenever this host's own papers change.
    pub(crate) async fn follow(self, mut papers: watch::Receiver<Papers>) {
        while papers.changed().await.is_ok() {
            self.now();
        }
    }
}

/// Watches over one connection; by default over one that is nobody's.
#[derive(Debug, Default)]
pub(crate) struct Guard(Option<Watched>);

#[derive(Debug)]
struct Watched {
    peer: Peer,
    live: Live,
    /// Keeps the other end of `changed`.
    _recheck: Recheck,
    changed: watch::Receiver<()>,
}

impl Guard {
    pub(crate) fn of(peer: Option<&Peer>, live: Option<&Live>, recheck: &Recheck) -> Self {
        Self(peer.zip(live).map(|(peer, live)| Watched {
            peer: peer.clone(),
            live: live.clone(),
            _recheck: recheck.clone(),
            changed: recheck.0.subscribe(),
        }))
    }

    /// Whose connection it is, if it is a member's.
    pub(crate) fn member(&self) -> Option<MemberId> {
        self.0.as_ref().map(|watched| watched.peer.member)
    }

    /// Ends when the connection has to.
    pub(crate) async fn distrusted(&mut self) -> Distrust {
        let Some(watched) = &mut self.0 else {
            return std::future::pending().await;
        };
        loop {
            watched.changed.mark_unchanged();
            let now = UnixTime::now();
            if let Err(why) = watched.peer.is_still_trusted(&watched.live, now) {
                return why;
            }
            let left = watched.peer.expires.as_secs().saturating_sub(now.as_secs());
            tokio::select! {
                _ = watched.changed.changed() => {}
                // It is good to the end of that second.
                () = sleep(Duration::from_secs(left + 1)) => {}
            }
        }
    }
}
