//! The part of a conversation in which the executor lacks something: what it asks for is sent, or it is told
//! who has it.

use std::sync::Arc;
use std::time::Duration;

use job::{Digest, Reason};
use membership::MemberId;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tracing::debug;
use transport::{Exchange, Incoming, Link};
use wire::field::List;
use wire::message::{Elsewhere, Message, Share};

use super::Supply;
use super::offer::{QUIET, Short, astray, astray_what, gone, hear, link, refused};
use super::send::{OnItsWay, Parcel, Unsent};
use super::swarm::{Index, Step};
use crate::cluster::Failure;

/// For the answer of an executor that is to hand on.
const SHARED: Duration = Duration::from_secs(10);
/// Members in one message.
const TOGETHER: usize = 256;

/// A conversation in which the executor lacks something.
pub(super) struct Talk<'a> {
    pub(super) supply: &'a Arc<Supply>,
    pub(super) executor: MemberId,
    pub(super) link: Link,
    pub(super) exchange: Exchange,
    pub(super) sending: JoinSet<(Index, bool, Result<(), Unsent>)>,
    pub(super) changed: watch::Receiver<()>,
    pub(super) heard: Instant,
}

impl Talk<'_> {
    pub(super) async fn run(&mut self) -> Result<(), Short> {
        let done = self.work().await;
        self.sending.shutdown().await;
        done
    }

    async fn work(&mut self) -> Result<(), Short> {
        loop {
            self.changed.mark_unchanged();
            self.act().await?;
            tokio::select! {
                said = hear(&mut self.exchange, self.heard + QUIET) => {
                    if self.take(said?)? {
                        return Ok(());
                    }
                }
                Some(sent) = self.sending.join_next() => if let Ok(sent) = sent {
                    self.sent(sent)?;
                },
                _ = self.changed.changed() => {}
            }
        }
    }

    /// Does all that is to be done now.
    async fn act(&mut self) -> Result<(), Short> {
        loop {
            let step = self.supply.swarm().next(self.executor);
            match step {
                Step::Wait => return Ok(()),
                Step::Hopeless(file) => {
                    let detail = format!("the executor does not keep file {file} of the toolchain");
                    return Err(Failure::elsewhere(Reason::EnvironmentRefused, detail).into());
                }
                Step::Elsewhere { holder, files } => self.elsewhere(holder, files).await?,
                Step::Send {
                    index,
                    digest,
                    size,
                    offset,
                } => {
                    let parcel = Parcel {
                        contents: Arc::clone(&self.supply.contents),
                        manifest: self.supply.manifest,
                        file: digest,
                        size,
                        offset,
                    };
                    let (supply, link) = (Arc::clone(self.supply), self.link.clone());
                    let executor = self.executor;
                    self.sending.spawn(async move {
                        let on_its_way = OnItsWay::new(supply, executor, index);
                        let sent = parcel.send(&link, || on_its_way.stalls()).await;
                        let moving = on_its_way.ends();
                        (index, moving, sent)
                    });
                }
            }
        }
    }

    /// True: it is there.
    fn take(&mut self, said: Message) -> Result<bool, Short> {
        self.heard = Instant::now();
        match said {
            Message::Progress(_) => return Ok(false),
            Message::Verified(_) => return Ok(true),
            Message::Denied(denied) => return Err(refused(&denied)),
            Message::Missing(missing) => {
                let have = missing.have.iter().map(|have| have.get());
                let have = have.chain(std::iter::repeat(0));
                let files = missing.files.iter().copied().zip(have);
                let taken = self
                    .supply
                    .swarm()
                    .misses(self.executor, files, !missing.more);
                if let Err(file) = taken {
                    return Err(astray_what(&format!("a wish for the unknown file {file}")));
                }
            }
            Message::Arrived(arrived) => {
                let files = arrived.files.iter().copied();
                self.supply.swarm().arrived(self.executor, files);
            }
            other => return Err(astray(&other)),
        }
        self.supply.changed.send_replace(());
        Ok(false)
    }

    fn sent(&mut self, sent: (Index, bool, Result<(), Unsent>)) -> Result<(), Short> {
        let (index, moving, sent) = sent;
        let mut swarm = self.supply.swarm();
        swarm.sent(self.executor, index, moving, sent.is_ok());
        drop(swarm);
        self.supply.changed.send_replace(());
        match sent {
            Ok(()) => Ok(()),
            Err(Unsent::Source(why)) => Err(gone(why).into()),
            Err(Unsent::Refused(why)) => {
                debug!("{}: a file was not taken: {why}", self.executor);
                Ok(())
            }
        }
    }

    /// Tells the executor to fetch files from another, and that one to let it.
    async fn elsewhere(&mut self, holder: MemberId, files: Vec<Digest>) -> Result<(), Short> {
        let place = self.supply.state().addresses.get(&holder).cloned();
        let shared = self.share(holder).await;
        let (Some(place), true) = (place, shared) else {
            let mut swarm = self.supply.swarm();
            swarm.untold(self.executor, holder, &files);
            return Ok(());
        };
        let elsewhere = Elsewhere {
            manifest: self.supply.manifest,
            files: List::new(files).unwrap_or_default(),
            holder,
            addresses: place.named,
        };
        Ok(self.exchange.send(elsewhere).await?)
    }

    /// Whether the holder knows that this executor may fetch.
    async fn share(&self, holder: MemberId) -> bool {
        let supply = self.supply;
        if supply.state().shared.contains(&(holder, self.executor)) {
            return true;
        }
        let mut others: Vec<MemberId> = supply.swarm().members().into_iter().collect();
        others.retain(|one| *one != holder && *one != self.executor);
        others.truncate(TOGETHER - 1);
        others.push(self.executor);
        let share = Share {
            manifest: supply.manifest,
            members: List::new(others.clone()).unwrap_or_default(),
        };
        let asking = async {
            let link = link(supply, holder).await.ok()?;
            let mut exchange = link.open(share).await.ok()?;
            exchange.finish().await.ok()?;
            match exchange.next().await.ok()? {
                Some(Incoming::Message(said)) => matches!(*said, Message::Done(_)).then_some(()),
                _ => None,
            }
        };
        let told = matches!(timeout(SHARED, asking).await, Ok(Some(())));
        if told {
            let pairs = others.into_iter().map(|one| (holder, one));
            supply.state().shared.extend(pairs);
        }
        told
    }
}
