//! The conversation with one executor about one toolchain.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use job::{Digest, Reason};
use membership::MemberId;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tracing::{debug, info};
use transport::{Exchange, Incoming, Link};
use wire::field::List;
use wire::message::{Denied, Elsewhere, Manifest, Message, Offer, Packing, Possession, Share};
use wire::name::{Count, Size};

use super::Supply;
use super::papers::Papers;
use super::send::{Parcel, Unsent};
use super::swarm::{Index, Step};
use crate::cluster::Failure;
use crate::cluster::icecream::NotInstalled;
use crate::cluster::native::{Cluster, no_member, words};

/// The longest time without a word: an executor says every second how far it is.
const QUIET: Duration = Duration::from_secs(60);
/// For the first answer: others of this host may talk about it there at the moment.
const FIRST: Duration = Duration::from_secs(120);
/// For the answer of an executor that is to hand on.
const SHARED: Duration = Duration::from_secs(10);
/// A conversation that was cut off is begun again, so often and after so long.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);
/// Members in one message.
const TOGETHER: usize = 256;

/// How a try ended without the toolchain.
enum Short {
    /// The connection is over.
    Cut(Failure),
    Final(NotInstalled),
}

impl From<transport::LinkError> for Short {
    fn from(error: transport::LinkError) -> Self {
        Self::Cut(words::broken(&error))
    }
}

impl From<Failure> for Short {
    fn from(why: Failure) -> Self {
        Self::Final(why.into())
    }
}

pub(super) fn lost(detail: &str) -> Failure {
    Failure::elsewhere(Reason::PeerLost, detail)
}

/// The fault is this host's.
fn gone(detail: impl Into<String>) -> Failure {
    Failure::here(Reason::ToolchainFailed, detail)
}

/// Brings the toolchain there; what was cut off goes on.
pub(super) async fn offer(supply: &Arc<Supply>, executor: MemberId) -> Result<(), NotInstalled> {
    let mut tries = 0;
    loop {
        tries += 1;
        let began = Instant::now();
        match once(supply, executor).await {
            Ok(()) => {
                let (name, took) = (short(supply.manifest), began.elapsed().as_secs_f64());
                info!("toolchain {name} is at {executor}, after {took:.1} s");
                return Ok(());
            }
            Err(Short::Final(why)) => return Err(why),
            Err(Short::Cut(why)) if tries == TRIES => return Err(why.into()),
            Err(Short::Cut(why)) => {
                info!("{executor}: {}; the toolchain is offered again", why.detail);
                sleep(PAUSE).await;
            }
        }
    }
}

fn short(manifest: Digest) -> String {
    let mut name = manifest.to_string();
    name.truncate(32);
    name
}

/// Leaves the swarm whatever happens.
struct Seat<'a> {
    supply: &'a Supply,
    executor: MemberId,
    whole: bool,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.supply.swarm().leave(self.executor, self.whole);
        self.supply.changed.send_replace(());
    }
}

async fn once(supply: &Arc<Supply>, executor: MemberId) -> Result<(), Short> {
    let link = link(supply, executor).await?;
    let manifest = supply.contents.manifest();
    let number = |bytes| Size::new(bytes).unwrap_or(Size::MOST);
    let files = u32::try_from(manifest.files().count()).unwrap_or(u32::MAX);
    let encoded = manifest.encode().len() as u64;
    let offer = Offer {
        manifest: supply.manifest,
        manifest_size: number(encoded),
        files: Count::new(files).unwrap_or(Count::MOST),
        total: number(manifest.bytes()),
        platform: Some(supply.platform.clone()),
    };
    let mut exchange = link.open(offer).await?;
    let mut seat = Seat {
        supply,
        executor,
        whole: true,
    };
    match hear(&mut exchange, Instant::now() + FIRST).await? {
        Message::Verified(_) => {
            // It has it all, so others can have it there.
            supply.swarm().join(executor);
            return Ok(());
        }
        Message::ManifestWanted(_) => {}
        Message::Denied(denied) => return Err(refused(&denied)),
        other => return Err(astray(&other)),
    }
    seat.whole = false;
    introduce(supply, &mut exchange).await?;
    supply.swarm().join(executor);
    let mut talk = Talk {
        supply,
        executor,
        link,
        exchange,
        sending: JoinSet::new(),
        changed: supply.changed.subscribe(),
        heard: Instant::now(),
    };
    talk.run().await?;
    seat.whole = true;
    Ok(())
}

/// The manifest, and the proofs that this host has the files.
async fn introduce(supply: &Arc<Supply>, exchange: &mut Exchange) -> Result<(), Short> {
    let papers = papers(supply).await.map_err(Short::from)?;
    let number = |bytes| Size::new(bytes).unwrap_or(Size::MOST);
    let manifest = Manifest {
        manifest: supply.manifest,
        size: number(papers.size),
        packing: Packing::Zstd,
    };
    exchange.send(manifest).await?;
    say(exchange, papers.manifest.clone()).await?;
    let size = number(papers.proofs.len() as u64);
    exchange.send(Possession { size }).await?;
    say(exchange, papers.proofs.clone()).await
}

async fn say(exchange: &mut Exchange, bytes: Vec<u8>) -> Result<(), Short> {
    match timeout(QUIET, exchange.send_data(bytes)).await {
        Ok(sent) => Ok(sent?),
        Err(_) => Err(Short::Cut(silent())),
    }
}

/// Read once for all executors.
async fn papers(supply: &Arc<Supply>) -> Result<&Papers, Failure> {
    let read = supply.papers.get_or_try_init(|| async {
        let me = cluster(supply)?.live().and_then(|live| live.member());
        let me = me.ok_or_else(no_member)?;
        let contents = Arc::clone(&supply.contents);
        let read = tokio::task::spawn_blocking(move || Papers::of(&contents, me)).await;
        let read = read.map_err(std::io::Error::other).and_then(|read| read);
        read.map_err(|error| gone(error.to_string()))
    });
    read.await
}

fn cluster(supply: &Supply) -> Result<Arc<Cluster>, Failure> {
    supply.cluster.upgrade().ok_or_else(no_member)
}

/// A warm connection to an executor of the swarm.
async fn link(supply: &Supply, executor: MemberId) -> Result<Link, Failure> {
    let cluster = cluster(supply)?;
    let live = cluster.live().ok_or_else(no_member)?;
    let place = supply.state().addresses.get(&executor).cloned();
    let place = place.ok_or_else(|| lost("it is not known where the executor is"))?;
    let warm = cluster.pool.get(&live, executor, &place.addresses).await?;
    Ok(warm.link)
}

async fn hear(exchange: &mut Exchange, until: Instant) -> Result<Message, Short> {
    match timeout_at(until, exchange.next()).await {
        Err(_) => Err(Short::Cut(silent())),
        Ok(next) => match next? {
            Some(Incoming::Message(message)) => Ok(*message),
            Some(Incoming::Data(_)) => Err(astray_what("data")),
            None => Err(Short::Cut(lost("it ended the talk about a toolchain"))),
        },
    }
}

fn silent() -> Failure {
    let detail = "the executor says nothing about a toolchain that it was offered";
    Failure::elsewhere(Reason::PeerTimeout, detail)
}

fn astray(message: &Message) -> Short {
    astray_what(message.name())
}

fn astray_what(what: &str) -> Short {
    let detail = format!("{what} came in the talk about a toolchain");
    Failure::elsewhere(Reason::PeerProtocol, detail).into()
}

fn refused(denied: &Denied) -> Short {
    Short::Final(NotInstalled {
        why: Failure::elsewhere(Reason::EnvironmentRefused, denied.text.as_str()),
        is_unusable: matches!(denied.code.as_str(), "unfit" | "unusable"),
    })
}

/// A conversation in which the executor lacks something.
struct Talk<'a> {
    supply: &'a Arc<Supply>,
    executor: MemberId,
    link: Link,
    exchange: Exchange,
    sending: JoinSet<(Index, bool, Result<(), Unsent>)>,
    changed: watch::Receiver<()>,
    heard: Instant,
}

impl Talk<'_> {
    async fn run(&mut self) -> Result<(), Short> {
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
            holder: wire::name::MemberId::from_bytes(*holder.as_bytes()),
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
        let members = others.iter();
        let members = members.map(|id| wire::name::MemberId::from_bytes(*id.as_bytes()));
        let share = Share {
            manifest: supply.manifest,
            members: List::new(members.collect()).unwrap_or_default(),
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

/// A file that others wait for as long as it moves.
struct OnItsWay {
    supply: Arc<Supply>,
    executor: MemberId,
    index: Index,
    way: AtomicU8,
}

const MOVES: u8 = 0;
const STANDS: u8 = 1;
const OVER: u8 = 2;

impl OnItsWay {
    fn new(supply: Arc<Supply>, executor: MemberId, index: Index) -> Self {
        Self {
            supply,
            executor,
            index,
            way: AtomicU8::new(MOVES),
        }
    }

    fn stalls(&self) {
        if self.way.swap(STANDS, Ordering::Relaxed) == MOVES {
            self.supply.swarm().stalls(self.index);
            self.supply.changed.send_replace(());
        }
    }

    /// Who asks is to tell the swarm.
    fn ends(&self) -> bool {
        self.way.swap(OVER, Ordering::Relaxed) == MOVES
    }
}

/// Given up on the way.
impl Drop for OnItsWay {
    fn drop(&mut self) {
        let way = self.way.load(Ordering::Relaxed);
        if way != OVER {
            let mut swarm = self.supply.swarm();
            swarm.sent(self.executor, self.index, way == MOVES, false);
        }
    }
}
