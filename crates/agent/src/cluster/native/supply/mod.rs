//! Toolchains by content: the manifest first, then what is missing, and executors feed each other.
//!
//! A [`Supply`] is one toolchain of this host. Each executor that lacks it has a conversation ([`offer`]);
//! which file it gets from here and which from another executor the [`swarm`] says.

mod offer;
mod papers;
mod send;
mod swarm;
mod talk;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use job::{Digest, Platform};
use membership::MemberId;
use tokio::sync::{OnceCell, watch};
use toolchain::Contents;
use transport::HostPort;
use wire::field::List;
use wire::message::Address;

use self::papers::Papers;
use self::swarm::Swarm;
use super::Cluster;
use crate::cluster::icecream::NotInstalled;

/// Toolchains that are remembered.
const MOST: usize = 32;

/// The toolchains that executors were offered.
#[derive(Debug, Default)]
pub(super) struct Supplies(Mutex<HashMap<Digest, Arc<Supply>>>);

impl Supplies {
    pub(super) fn of(
        &self,
        cluster: &Arc<Cluster>,
        manifest: Digest,
        contents: &Arc<Contents>,
        platform: &Platform,
    ) -> Arc<Supply> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST && !known.contains_key(&manifest) {
            known.retain(|_, one| Arc::strong_count(one) > 1);
        }
        let supply = known.entry(manifest).or_insert_with(|| {
            let files = contents.manifest().files();
            Arc::new(Supply {
                cluster: Arc::downgrade(cluster),
                manifest,
                platform: platform.clone(),
                contents: Arc::clone(contents),
                papers: OnceCell::new(),
                swarm: Mutex::new(Swarm::new(files.map(|(.., size, digest)| (digest, size)))),
                changed: watch::Sender::new(()),
                state: Mutex::default(),
            })
        });
        Arc::clone(supply)
    }

    /// Executors that lose their name lose what is known of them.
    pub(super) fn clear(&self) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.clear();
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Supply {
    cluster: Weak<Cluster>,
    manifest: Digest,
    platform: Platform,
    contents: Arc<Contents>,
    papers: OnceCell<Papers>,
    swarm: Mutex<Swarm>,
    /// Told whenever the swarm has changed.
    changed: watch::Sender<()>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Who has it, as far as it has said so.
    there: HashSet<MemberId>,
    running: HashMap<MemberId, watch::Receiver<Option<Ended>>>,
    addresses: HashMap<MemberId, Place>,
    /// Who was told that another may fetch there.
    shared: HashSet<(MemberId, MemberId)>,
}

type Ended = Result<(), NotInstalled>;

/// Where an executor is.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) addresses: Vec<HostPort>,
    pub(super) named: List<Address, 16>,
}

impl Supply {
    /// Whether an executor has said that it has it.
    pub(super) fn is_at(&self, executor: MemberId) -> bool {
        self.state().there.contains(&executor)
    }

    /// It says that it does not.
    pub(super) fn lacks(&self, executor: MemberId) {
        self.state().there.remove(&executor);
        self.swarm().leave(executor, false);
    }

    /// Brings it to an executor. Goes on when nobody waits for it any more: the next job will.
    pub(super) async fn bring(self: &Arc<Self>, executor: MemberId, place: Place) -> Ended {
        let mut ended = {
            let mut state = self.state();
            match state.running.get(&executor) {
                Some(running) => running.clone(),
                None => {
                    state.addresses.insert(executor, place);
                    let (tell, ended) = watch::channel(None);
                    state.running.insert(executor, ended.clone());
                    let supply = Arc::clone(self);
                    tokio::spawn(async move {
                        let done = offer::offer(&supply, executor).await;
                        let mut state = supply.state();
                        state.running.remove(&executor);
                        if done.is_ok() {
                            state.there.insert(executor);
                        }
                        drop(state);
                        tell.send_replace(Some(done));
                    });
                    ended
                }
            }
        };
        match ended.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(done)) => done.clone(),
            _ => Err(offer::lost("the agent leaves").into()),
        }
    }

    fn swarm(&self) -> MutexGuard<'_, Swarm> {
        self.swarm.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
