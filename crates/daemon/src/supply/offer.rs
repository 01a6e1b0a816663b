//! The conversation about one toolchain that a member wants to use here.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use job::{Digest, EnvironmentName};
use membership::Peer;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use toolchain::Manifest;
use transport::{Exchange, Incoming, LinkError};
use wire::ResetCode;
use wire::field::List;
use wire::message::{
    Arrived, Denied, ManifestWanted, Message, Missing, Offer, Progress, Retry, Verified,
};
use wire::name::Size;

use super::assembly::Assembly;
use super::fetch::Errand;
use super::manifest::{Announced, NoManifest, receive};
use super::{Supply, blocking, denied};
use crate::shop::Entry;

/// How long another conversation of the same member about the same toolchain is waited for.
const TURN: Duration = Duration::from_secs(20 * 60);
/// The longest time in which nothing of it comes from anywhere.
const STUCK: Duration = Duration::from_secs(120);
/// How often it is said how far it is.
const SAID: Duration = Duration::from_secs(1);
/// In one message.
const TOGETHER: usize = 16384;
/// Other executors from which is fetched at a time, and that may wait for it.
const FETCHES: usize = 4;
const MOST_WAITING: usize = 64;
/// An agent names each file a few times at most, when who has it fails; few toolchains have fewer than this.
const NAMED: usize = 4;
const NAMED_BESIDES: usize = 256;

/// How an offer ends without the toolchain.
enum No {
    Denied(Denied),
    /// The agent's mistake.
    Wrong(String),
    /// It says what it has no reason to.
    OutOfPlace(String),
    /// It has gone; what came stays for a while.
    Gone(String),
}

impl From<LinkError> for No {
    fn from(error: LinkError) -> Self {
        Self::Gone(error.to_string())
    }
}

impl From<NoManifest> for No {
    fn from(none: NoManifest) -> Self {
        match none {
            NoManifest::Link(error) => error.into(),
            NoManifest::Silent(_) => Self::Gone(none.to_string()),
            NoManifest::Wrong(why) => Self::Wrong(why),
        }
    }
}

impl Supply {
    pub(super) async fn offered(
        self: Arc<Self>,
        peer: &Peer,
        offer: Offer,
        mut exchange: Exchange,
    ) {
        let manifest = offer.manifest;
        let name = &manifest.to_string()[..32];
        let who = format!("{} ({})", peer.name, peer.member);
        let said = match self.converse(peer, &offer, &mut exchange).await {
            Ok(()) => exchange.send(Verified { manifest }).await,
            Err(No::Denied(no)) => {
                tracing::warn!(
                    "toolchain {name} of {who} is not taken: {}",
                    no.text.as_str()
                );
                exchange.send(no).await
            }
            Err(No::Wrong(why)) => {
                tracing::warn!("toolchain {name} of {who} is refused: {why}");
                let no = denied(&why, Retry::Never, "unusable");
                if exchange.send(no).await.is_ok() && exchange.finish().await.is_ok() {
                    // It may still be sending what nobody takes.
                    let _read = timeout(Duration::from_secs(5), exchange.broken()).await;
                }
                return exchange.reset(ResetCode::INVALID_FIELD);
            }
            Err(No::OutOfPlace(why)) => {
                tracing::warn!("toolchain {name} of {who} is refused: {why}");
                return exchange.reset(ResetCode::OUT_OF_PLACE);
            }
            Err(No::Gone(why)) => {
                return tracing::info!("toolchain {name} of {who} is not whole yet: {why}");
            }
        };
        if said.is_ok() && exchange.finish().await.is_ok() {
            let _over = timeout(Duration::from_secs(5), async {
                while let Ok(Some(_)) = exchange.next().await {}
            })
            .await;
        }
    }

    async fn converse(
        self: &Arc<Self>,
        peer: &Peer,
        offer: &Offer,
        exchange: &mut Exchange,
    ) -> Result<(), No> {
        if !self.shop.takes_compiles() {
            let no = "this host takes no compiles from other hosts";
            return Err(No::Denied(denied(no, Retry::Elsewhere, "closed")));
        }
        let name = EnvironmentName::parse(&offer.manifest.to_string()[..32]);
        let platform = offer.platform.clone();
        let entry = Entry {
            platform: platform.unwrap_or_else(|| self.shop.platform.clone()),
            name: name.map_err(|bad| No::Wrong(bad.to_string()))?,
        };
        let key = (peer.member, offer.manifest);
        let turn = self.turn(key);
        let _turn = tokio::select! {
            turn = timeout(TURN, turn.lock()) => {
                turn.map_err(|_| No::Gone("another one takes too long".to_owned()))?
            }
            // What it says meanwhile would be kept.
            next = exchange.next() => return Err(match next? {
                Some(_) => No::OutOfPlace("it says more before it is asked".to_owned()),
                None => No::Gone("the agent wants it no more".to_owned()),
            }),
        };
        if self.is_there(key, &entry).await {
            return Ok(());
        }
        if let Err(full) = self.shop.toolchains.room() {
            let no = denied(&full.to_string(), Retry::Elsewhere, "full");
            return Err(No::Denied(no));
        }
        exchange.send(ManifestWanted {}).await?;
        let most = self.shop.toolchains.usage().limit;
        let Announced { manifest, proofs } = receive(exchange, offer.manifest, most).await?;
        let known = self.assembly(&key).filter(|one| !one.is_settled());
        let assembly = known.or_else(|| self.keep(Assembly::new(key.0, key.1, &manifest)));
        let Some(assembly) = assembly else {
            let no = "this host takes no more toolchains of one member at a time";
            return Err(No::Denied(denied(no, Retry::Here, "busy")));
        };
        self.prove(&assembly, proofs).await;
        let missing = assembly.missing();
        tracing::info!(
            "toolchain {entry} comes from {} ({}): {} of {} files are missing, {} of {} bytes are there",
            peer.name,
            peer.member,
            missing.len(),
            assembly.files().count(),
            assembly.have(),
            assembly.total
        );
        ask_for(exchange, &missing).await?;
        let began = Instant::now();
        self.gather(&assembly, exchange).await?;
        self.install(&entry, &assembly, manifest, exchange).await?;
        self.shop.toolchains.has_shown(key.0, key.1).await;
        self.shop.toolchains.changed.notify_one();
        tracing::info!(
            "toolchain {entry} is installed, after {:.1} s",
            began.elapsed().as_secs_f64()
        );
        Ok(())
    }

    /// Whether it is here, and this member may know that.
    async fn is_there(&self, key: super::Key, entry: &Entry) -> bool {
        self.proved.has(key.0, &key.1)
            && (self.shop.toolchains.enter(entry).await)
                .is_some_and(|there| there.identity().0 == key.1)
    }

    /// Finds out which files are here and the member has as well.
    async fn prove(&self, assembly: &Arc<Assembly>, proofs: HashMap<Digest, [u8; 32]>) {
        let (assembly, secrets) = (Arc::clone(assembly), Arc::clone(&self.secrets));
        let store = self.store().clone();
        blocking(move || {
            let owner = *assembly.owner.as_bytes();
            for (digest, file) in assembly.files() {
                let proof = proofs.get(digest).unwrap_or(&[0; 32]);
                if secrets.are_known_to(&owner, digest, proof)
                    && let Some(lease) = store
                        .lease(*digest, file.executable)
                        .or_else(|| store.lease(*digest, !file.executable))
                {
                    assembly.proved(*digest, lease);
                }
            }
        })
        .await;
    }

    /// Until all files are there.
    async fn gather(
        self: &Arc<Self>,
        assembly: &Arc<Assembly>,
        exchange: &mut Exchange,
    ) -> Result<(), No> {
        let mut fetching = JoinSet::new();
        let mut waiting = VecDeque::new();
        let mut words = NAMED_BESIDES + NAMED * assembly.files().count();
        assembly.fetches_nothing();
        let mut tick = interval(SAID);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut have, mut moved) = (0, Instant::now());
        loop {
            let news = assembly.news();
            if let Some(why) = news.failure {
                return Err(No::Denied(denied(&why, Retry::Elsewhere, "failed")));
            }
            for some in news.arrived.chunks(TOGETHER) {
                let files = list(some.to_vec());
                exchange.send(Arrived { files }).await?;
            }
            if !news.again.is_empty() {
                let again = news.again.iter();
                let again: Vec<_> = again.map(|one| (*one, assembly.offset(one))).collect();
                ask_for(exchange, &again).await?;
            }
            if news.is_whole {
                return Ok(());
            }
            if news.have != have {
                (have, moved) = (news.have, Instant::now());
            }
            if moved.elapsed() > STUCK {
                let no = format!("nothing of it has come for {STUCK:?}");
                return Err(No::Denied(denied(&no, Retry::Here, "slow")));
            }
            while fetching.len() < FETCHES
                && let Some(errand) = waiting.pop_front()
            {
                let (supply, assembly) = (Arc::clone(self), Arc::clone(assembly));
                fetching.spawn(supply.fetch(assembly, errand));
            }
            tokio::select! {
                next = exchange.next(), if waiting.len() < MOST_WAITING => match next? {
                    Some(Incoming::Message(message)) => match *message {
                        Message::Elsewhere(elsewhere) if elsewhere.manifest == assembly.manifest => {
                            words = words.checked_sub(1).ok_or_else(|| {
                                No::OutOfPlace("it names others too often".to_owned())
                            })?;
                            waiting.extend(Errand::of(assembly, &elsewhere).map_err(|_| {
                                No::OutOfPlace("it names files that are not its toolchain's".to_owned())
                            })?);
                        }
                        other => return Err(No::Wrong(format!("{} came", other.name()))),
                    },
                    Some(Incoming::Data(_)) => return Err(No::Wrong("data came".to_owned())),
                    None => return Err(No::Gone("the agent wants it no more".to_owned())),
                },
                () = assembly.changed.notified() => {}
                Some(_) = fetching.join_next() => {}
                _ = tick.tick() => exchange.send(progress(have, assembly.total)).await?,
            }
        }
    }

    /// Makes a toolchain of the files, and tries it.
    async fn install(
        &self,
        entry: &Entry,
        assembly: &Assembly,
        manifest: Manifest,
        exchange: &mut Exchange,
    ) -> Result<(), No> {
        let work = async {
            let made = self.shop.toolchains.assemble(entry, manifest).await;
            made.map_err(|error| match error.is_final() {
                true => denied(&error.to_string(), Retry::Never, "unusable"),
                false => denied(&error.to_string(), Retry::Elsewhere, "failed"),
            })?;
            assembly.settled();
            if !self.shop.is_fit(entry).await {
                let why = self
                    .shop
                    .toolchains
                    .refusal(entry)
                    .map(|refusal| refusal.text);
                let why = why.unwrap_or_else(|| "its programs do not run here".to_owned());
                return Err(denied(&why, Retry::Elsewhere, "unfit"));
            }
            match self.shop.verify(entry).await {
                Ok(true) => Ok(()),
                Ok(false) => {
                    let no = "its programs do not run here";
                    Err(denied(no, Retry::Elsewhere, "unfit"))
                }
                Err(why) => Err(denied(&why, Retry::Elsewhere, "failed")),
            }
        };
        let mut work = std::pin::pin!(work);
        let mut tick = interval(SAID);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                done = &mut work => return done.map_err(No::Denied),
                _ = tick.tick() => exchange.send(progress(assembly.total, assembly.total)).await?,
            }
        }
    }
}

async fn ask_for(exchange: &mut Exchange, files: &[(Digest, u64)]) -> Result<(), LinkError> {
    let mut left = files.len().div_ceil(TOGETHER).max(1);
    let mut rest = files;
    while left > 0 {
        let (some, others) = rest.split_at(rest.len().min(TOGETHER));
        (rest, left) = (others, left - 1);
        let have = match some.iter().any(|(_, have)| *have > 0) {
            true => some.iter().map(|(_, have)| size(*have)).collect(),
            false => Vec::new(),
        };
        let missing = Missing {
            files: list(some.iter().map(|(digest, _)| *digest).collect()),
            more: left > 0,
            have: list(have),
        };
        exchange.send(missing).await?;
    }
    Ok(())
}

fn progress(have: u64, total: u64) -> Progress {
    Progress {
        have: size(have),
        total: size(total),
    }
}

fn size(bytes: u64) -> Size {
    Size::new(bytes).unwrap_or(Size::MOST)
}

/// Callers have counted.
fn list<T, const MOST: usize>(entries: Vec<T>) -> List<T, MOST> {
    List::new(entries).unwrap_or_default()
}
