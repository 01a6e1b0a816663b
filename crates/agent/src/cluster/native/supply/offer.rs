//! The conversation with one executor about one toolchain.

use std::sync::Arc;
use std::time::Duration;

use job::{Digest, Reason};
use membership::MemberId;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tracing::info;
use transport::{Exchange, Incoming, Link};
use wire::message::{Denied, Manifest, Message, Offer, Packing, Possession};
use wire::name::{Count, Size};

use super::Supply;
use super::papers::Papers;
use super::talk::Talk;
use crate::cluster::Failure;
use crate::cluster::icecream::NotInstalled;
use crate::cluster::native::{Cluster, no_member, words};

/// The longest time without a word: an executor says every second how far it is.
pub(super) const QUIET: Duration = Duration::from_secs(60);
/// For the first answer: others of this host may talk about it there at the moment.
const FIRST: Duration = Duration::from_secs(120);
/// A conversation that was cut off is begun again, so often and after so long.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);

/// How a try ended without the toolchain.
pub(super) enum Short {
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
pub(super) fn gone(detail: impl Into<String>) -> Failure {
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
pub(super) async fn link(supply: &Supply, executor: MemberId) -> Result<Link, Failure> {
    let cluster = cluster(supply)?;
    let live = cluster.live().ok_or_else(no_member)?;
    let place = supply.state().addresses.get(&executor).cloned();
    let place = place.ok_or_else(|| lost("it is not known where the executor is"))?;
    let warm = cluster.pool.get(&live, executor, &place.addresses).await?;
    Ok(warm.link)
}

pub(super) async fn hear(exchange: &mut Exchange, until: Instant) -> Result<Message, Short> {
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

pub(super) fn astray(message: &Message) -> Short {
    astray_what(message.name())
}

pub(super) fn astray_what(what: &str) -> Short {
    let detail = format!("{what} came in the talk about a toolchain");
    Failure::elsewhere(Reason::PeerProtocol, detail).into()
}

pub(super) fn refused(denied: &Denied) -> Short {
    Short::Final(NotInstalled {
        why: Failure::elsewhere(Reason::EnvironmentRefused, denied.text.as_str()),
        is_unusable: matches!(denied.code.as_str(), "unfit" | "unusable"),
    })
}
