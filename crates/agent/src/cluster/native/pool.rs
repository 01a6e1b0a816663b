//! Warm connections to executors, one for each.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex as SyncMutex, PoisonError};
use std::time::Duration;

use job::Reason;
use membership::{Expect, Live, MemberId, Peer, Role, UnixTime};
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, timeout_at};
use transport::{HostPort, Link, Passport, hello};
use wire::{Limits, Side};

use crate::cluster::Failure;

/// For all addresses of an executor together, and for the first ones less if others follow.
const CONNECT: Duration = Duration::from_secs(10);
const NOT_THE_LAST: Duration = Duration::from_secs(3);
/// Without a job for so long a connection is closed.
const WARM: Duration = Duration::from_secs(300);

/// A connection to an executor.
#[derive(Clone, Debug)]
pub(super) struct Warm {
    pub(super) link: Link,
    pub(super) address: SocketAddr,
    /// It stood there before: its other end may be gone unnoticed.
    pub(super) is_old: bool,
    /// Becomes true when the executor is not to be trusted any more.
    pub(super) distrusted: watch::Receiver<bool>,
}

#[derive(Debug)]
struct Standing {
    warm: Warm,
    peer: Peer,
    distrust: watch::Sender<bool>,
}

#[derive(Debug)]
struct Seatholder {
    connection: Mutex<Option<Standing>>,
    /// It said that it is being stopped, and nobody has reached it since.
    leaves: AtomicBool,
    used: SyncMutex<Instant>,
}

#[derive(Debug, Default)]
pub(super) struct Pool(SyncMutex<HashMap<MemberId, Arc<Seatholder>>>);

impl Pool {
    /// The connection to this executor, made now if there is none.
    pub(super) async fn get(
        &self,
        live: &Live,
        executor: MemberId,
        addresses: &[HostPort],
    ) -> Result<Warm, Failure> {
        let holder = self.holder(executor);
        // Who comes while somebody connects waits for the same connection.
        let mut connection = holder.connection.lock().await;
        if let Some(standing) = &*connection
            && !standing.warm.link.is_over()
            && !standing.warm.link.peer_leaves()
            && standing
                .peer
                .is_still_trusted(live, UnixTime::now())
                .is_ok()
        {
            return Ok(Warm {
                is_old: true,
                ..standing.warm.clone()
            });
        }
        if let Some(before) = connection.take() {
            holder.before(&before.warm.link);
        }
        let connected = connect(live, executor, addresses).await;
        let (link, peer, address) = connected.map_err(|failure| match holder.leaves() {
            true => Failure::elsewhere(Reason::ExecutorLeaves, failure.detail),
            false => failure,
        })?;
        holder.leaves.store(false, Ordering::Relaxed);
        let (distrust, distrusted) = watch::channel(false);
        let warm = Warm {
            link,
            address,
            is_old: false,
            distrusted,
        };
        *connection = Some(Standing {
            warm: warm.clone(),
            peer,
            distrust,
        });
        Ok(warm)
    }

    /// This connection is of no use for further jobs.
    pub(super) async fn drop_one(&self, executor: MemberId, link: &Link) {
        let holder = self.lock().get(&executor).cloned();
        if let Some(holder) = holder {
            holder.before(link);
            let mut connection = holder.connection.lock().await;
            // Somebody may have made a new one meanwhile.
            connection.take_if(|standing| standing.warm.link.is_same(link));
        }
    }

    /// Connections for new jobs are made anew; jobs under way go on.
    pub(super) fn renew(&self) {
        self.lock().clear();
    }

    /// Ends what runs at members that are not trusted any more.
    pub(super) async fn recheck(&self, live: &Live) {
        let holders: Vec<_> = self.lock().values().cloned().collect();
        for holder in holders {
            let mut connection = holder.connection.lock().await;
            let fallen = connection.take_if(|standing| {
                standing
                    .peer
                    .is_still_trusted(live, UnixTime::now())
                    .is_err()
            });
            if let Some(fallen) = fallen {
                fallen.distrust.send_replace(true);
            }
        }
    }

    fn holder(&self, executor: MemberId) -> Arc<Seatholder> {
        let now = Instant::now();
        let mut known = self.lock();
        known.retain(|_, holder| now.saturating_duration_since(*holder.used()) < WARM);
        let holder = known.entry(executor).or_insert_with(|| {
            Arc::new(Seatholder {
                connection: Mutex::default(),
                leaves: AtomicBool::default(),
                used: SyncMutex::new(now),
            })
        });
        *holder.used() = now;
        Arc::clone(holder)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<MemberId, Arc<Seatholder>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seatholder {
    /// What the connection that stood there before tells of the executor.
    fn before(&self, link: &Link) {
        if link.peer_leaves() {
            self.leaves.store(true, Ordering::Relaxed);
        }
    }

    fn leaves(&self) -> bool {
        self.leaves.load(Ordering::Relaxed)
    }

    fn used(&self) -> std::sync::MutexGuard<'_, Instant> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn connect(
    live: &Live,
    executor: MemberId,
    addresses: &[HostPort],
) -> Result<(Link, Peer, SocketAddr), Failure> {
    let expect = Expect::Member(executor, Role::Execute);
    let until = Instant::now() + CONNECT;
    let mut why = "the scheduler named no address of it".to_owned();
    for (number, place) in addresses.iter().enumerate() {
        let limit = match number + 1 == addresses.len() {
            true => until,
            false => until.min(Instant::now() + NOT_THE_LAST),
        };
        let connecting = async {
            let address = place.resolve().await?;
            let left = limit.saturating_duration_since(Instant::now());
            let connected = Passport::connect_native(live, expect, address, left, None);
            connected
                .await
                .map(|(stream, peer)| (stream, peer, address))
        };
        match timeout_at(limit, connecting).await {
            Ok(Ok((stream, peer, address))) => {
                let (link, _opens_none) =
                    Link::start(stream, Side::Connecting, &hello(), Limits::USUAL);
                return Ok((link, peer, address));
            }
            Ok(Err(error)) => why = error.to_string(),
            Err(_) => why = format!("{place} did not answer in time"),
        }
    }
    Err(Failure::elsewhere(Reason::ConnectFailed, why))
}
