//! Connections of members, and what is asked before a job of theirs is taken.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use job::{EnvironmentName, JobId};
use membership::{Live, MemberId, Peer, Role, UnixTime};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use transport::{Exchange, Link, Stream, hello_of};
use wire::message::{Ability, Compile, Message, Packing, Refusal, Refused, Retry};
use wire::{Limits, ProofKey, ResetCode, Side};

use super::grants::{Bad, Case, Ledger, Permit, judge};
use super::members::Members;
use super::no::{No, kind};
use super::order::{self, Ordered, refuse};
use super::outputs::Manner;
use super::pace::Pace;
use super::{Signers, files, refused};
use crate::compile::{Packed, Task, Unready, shown};
use crate::executor::{Order, has_terminals};
use crate::guard::Guard;
use crate::listen::Ticket;
use crate::shop::{Entry, Shop};
use crate::supply::Supply;
use crate::views::{self, Views};

/// Where members' connections arrive. There is one.
pub(crate) struct Front {
    shop: Arc<Shop>,
    live: Live,
    me: MemberId,
    began: UnixTime,
    signers: Arc<Signers>,
    ledger: Mutex<Ledger>,
    members: Members,
    orders: mpsc::Sender<Ordered>,
    leaving: watch::Sender<bool>,
    /// Connections that are served.
    open: watch::Sender<usize>,
    supply: Arc<Supply>,
    /// None where jobs cannot be shown files.
    views: Option<Views>,
}

/// What the jobs of one connection share.
#[derive(Clone)]
struct OfLink {
    /// Closed when it is over.
    open: watch::Receiver<()>,
    pace: Pace,
    views: views::OfLink,
}

/// A connection that is served.
struct Counted<'a>(&'a watch::Sender<usize>);

impl<'a> Counted<'a> {
    fn one(open: &'a watch::Sender<usize>) -> Self {
        open.send_modify(|open| *open += 1);
        Self(open)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|open| *open -= 1);
    }
}

impl Front {
    /// None where this host is no member, or takes no compiles.
    pub(crate) async fn new(
        shop: &Arc<Shop>,
        signers: &Arc<Signers>,
        orders: mpsc::Sender<Ordered>,
    ) -> Option<Arc<Self>> {
        let live = shop.config.gate.live()?.clone();
        let me = live.member()?;
        let supply = Supply::open(shop, live.clone(), me).await;
        let views = files::open(shop).await;
        Some(Arc::new(Self {
            shop: Arc::clone(shop),
            live,
            me,
            began: UnixTime::now(),
            signers: Arc::clone(signers),
            ledger: Mutex::default(),
            members: Members::default(),
            orders,
            leaving: watch::Sender::new(false),
            open: watch::Sender::new(0),
            supply,
            views,
        }))
    }

    /// Takes no new jobs from now on. Ends when none is left, and all have heard the last word.
    pub(crate) async fn leave(&self) {
        self.leaving.send_replace(true);
        // It cannot fail: the other end is here.
        let _ = self.open.subscribe().wait_for(|open| *open == 0).await;
    }

    /// Nobody comes any more, and all jobs have ended.
    pub(crate) async fn clear(&self) {
        if let Some(views) = &self.views {
            views.clear().await;
        }
    }

    /// Toolchains by content.
    /// What members are told that this host can do.
    fn abilities(&self) -> Vec<Ability> {
        let mut abilities = vec![Ability::Toolchains];
        if self.views.is_some() {
            abilities.extend([Ability::Files, Ability::FileOutputs]);
            abilities.extend(has_terminals().then_some(Ability::Terminals));
        }
        abilities
    }

    pub(crate) fn supply(&self) -> &Arc<Supply> {
        &self.supply
    }

    /// Serves one connection until it ends or its member may not go on.
    pub(crate) async fn serve(
        self: Arc<Self>,
        stream: Stream,
        peer: Peer,
        mut guard: Guard,
        _ticket: Ticket,
    ) {
        let _counted = Counted::one(&self.open);
        let who = format!("{} ({})", peer.name, peer.member);
        let _seat = match self.members.link(peer.member) {
            Ok(seat) => seat,
            Err(_) if self.members.is_news(peer.member, kind::TOO_MANY_LINKS) => {
                return tracing::warn!("{who} has too many connections; more are refused");
            }
            Err(_) => return,
        };
        // For whoever wants to know afterwards whose jobs ran here; once an hour for each.
        match self.members.is_news(peer.member, kind::CAME) {
            true => tracing::info!("{who} connected from {} to send jobs", stream.peer()),
            false => tracing::debug!("{who} connected"),
        }
        let (link, mut arrivals) = Link::start(
            stream,
            Side::Accepting,
            &hello_of(&self.abilities()),
            Limits::USUAL,
        );
        let mut link = Some(link);
        let mut leaving = self.leaving.subscribe();
        // Dropping it ends all jobs of the connection.
        let (_open, is_open) = watch::channel(());
        let (distrust, distrusted) = watch::channel(false);
        let of_link = OfLink {
            open: is_open,
            pace: Pace::default(),
            views: views::OfLink::default(),
        };
        let peer = Arc::new(peer);
        let mut asking = JoinSet::new();
        let mut viewing = JoinSet::new();
        loop {
            tokio::select! {
                arrived = arrivals.next() => match arrived {
                    Some((Message::Compile(compile), exchange)) => {
                        let (front, peer) = (Arc::clone(&self), Arc::clone(&peer));
                        asking.spawn(front.ask(peer, compile, exchange, of_link.clone()));
                    }
                    Some((Message::View(view), exchange)) => {
                        // At once: jobs that name it may be right behind.
                        let opened = self.open_view(&peer, &view, &of_link);
                        viewing.spawn(views::listen(opened, exchange));
                    }
                    Some((message, exchange)) if Supply::takes(&message) => {
                        let (supply, peer) = (Arc::clone(&self.supply), Arc::clone(&peer));
                        let mut fallen = distrusted.clone();
                        // Not ended with the connection: what came of a file is kept.
                        tokio::spawn(async move {
                            tokio::select! {
                                () = supply.answer(peer, message, exchange) => {}
                                Ok(_) = fallen.wait_for(|fallen| *fallen) => {}
                            }
                        });
                    }
                    Some((_, exchange)) => exchange.reset(ResetCode::OUT_OF_PLACE),
                    None => return tracing::debug!("{who} left"),
                },
                why = guard.distrusted() => {
                    distrust.send_replace(true);
                    return tracing::warn!("{who} may not go on: {why}; its jobs are ended");
                }
                Some(_) = asking.join_next() => {}
                Some(_) = viewing.join_next() => {}
                () = told(&mut leaving), if link.is_some() => {
                    // Without this handle the connection ends with its last job.
                    // Files that are on their way are for the next daemon.
                    distrust.send_replace(true);
                    // Jobs that have their files keep them.
                    viewing.abort_all();
                    if let Some(link) = link.take() {
                        link.go_away("this host's daemon is being stopped").await;
                    }
                }
            }
        }
    }

    /// Takes a job, or says why not.
    async fn ask(
        self: Arc<Self>,
        peer: Arc<Peer>,
        compile: Compile,
        mut exchange: Exchange,
        of_link: OfLink,
    ) {
        match self.take(&peer, &compile, &of_link.views).await {
            Ok((task, seat)) => {
                let ordered = Ordered {
                    from: peer.name.to_string(),
                    task,
                    packed: packed(compile.packing),
                    manner: Manner {
                        wanted: compile.wanted.to_vec(),
                        zstd: compile.accepted.contains(&Packing::Zstd),
                        pace: of_link.pace,
                        level: self.shop.config.compression,
                        key: ProofKey::of(&compile.grant),
                    },
                    stream: order::Stream::new(exchange, compile.input),
                    link: of_link.open,
                    seat,
                };
                // Fails only when the daemon is ending.
                let _ending = self.orders.send(ordered).await;
            }
            Err(no) => {
                let text = no.refused.text.as_str();
                if self.members.is_news(peer.member, no.kind) {
                    tracing::warn!(
                        "jobs of {} ({}, from {}) are refused: {text}",
                        peer.name,
                        peer.member,
                        exchange.peer_addr()
                    );
                } else {
                    tracing::debug!("a job of {} is refused: {text}", peer.name);
                }
                // It has gone, then.
                let _gone = refuse(&mut exchange, no.refused).await;
            }
        }
    }

    async fn take(
        &self,
        peer: &Peer,
        compile: &Compile,
        views: &views::OfLink,
    ) -> Result<(Task, super::members::Seat), No> {
        if let Err(why) = peer.needs(Role::Submit) {
            let text = why.to_string();
            return Err(refused::say(Refusal::Forbidden, Retry::Never, &text).into());
        }
        let permit = self.judge(peer, compile).await?;
        self.ledger(|ledger, now| ledger.check(&permit, now))?;
        let seat = self.members.job(peer.member).map_err(refused::excess)?;
        let order = Order::try_from(compile).map_err(|bad| refused::order(&bad))?;
        let mut task = self.task(peer.member, permit.job, order, compile).await?;
        task.tree = files::tree(&task, compile, views).await?;
        // Only now: a job that comes again once its toolchain is here has the same grant.
        self.ledger(|ledger, now| ledger.enter(&permit, now))?;
        Ok((task, seat))
    }

    async fn judge(&self, peer: &Peer, compile: &Compile) -> Result<Permit, Bad> {
        match self.judge_once(peer, compile) {
            Err(bad) if bad.may_be_renewed() => {
                let signer = compile.grant.signer;
                let bind = self.shop.config.bind;
                let holds =
                    || !matches!(self.judge_once(peer, compile), Err(bad) if bad.may_be_renewed());
                let relearning =
                    (self.signers).relearn(signer, peer.member, &self.live, bind, holds);
                relearning.await;
                self.judge_once(peer, compile)
            }
            judged => judged,
        }
    }

    fn judge_once(&self, peer: &Peer, compile: &Compile) -> Result<Permit, Bad> {
        if self.signers.none() {
            return Err(Bad::NoScheduler);
        }
        let signer = self.signers.get(compile.grant.signer);
        let case = Case {
            live: &self.live,
            executor: self.me,
            submitter: peer.member,
            now: UnixTime::now(),
            since: self.began,
        };
        judge(&compile.grant, signer.as_ref(), &case)
    }

    async fn task(
        &self,
        member: MemberId,
        job: JobId,
        order: Order,
        compile: &Compile,
    ) -> Result<Task, Refused> {
        let name = EnvironmentName::parse(&compile.toolchain.to_string()[..32]);
        let entry = Entry {
            platform: compile.platform.clone(),
            name: name.map_err(|bad| refused::input(&bad.to_string()))?,
        };
        if !self.supply.knows(member, &compile.toolchain) {
            // It may be here, which is no business of this member's: the words are those for "it is not".
            let missing = Unready::missing(&entry);
            return Err(refused::unready(&missing));
        }
        let ready = self.shop.ready(&entry).await;
        let (executor, toolchain) = ready.map_err(|unready| refused::unready(&unready))?;
        if toolchain.identity().0 != compile.toolchain {
            let text = format!("what was sent here as toolchain {entry} has other files");
            return Err(refused::say(
                Refusal::ToolchainUnusable,
                Retry::Elsewhere,
                &text,
            ));
        }
        let limits = &compile.limits;
        Ok(Task {
            job,
            order,
            flags: shown(compile.arguments.iter().map(|flag| flag.as_bytes())),
            toolchain,
            tree: None,
            executor,
            most_memory: limits.memory.map(|bytes| bytes.get()),
            most_time: limits
                .run_time_us
                .map(|time| Duration::from_micros(time.get())),
        })
    }

    fn open_view(
        &self,
        peer: &Peer,
        told: &wire::message::View,
        of_link: &OfLink,
    ) -> Result<views::Open, views::Lost> {
        if let Err(why) = peer.needs(Role::Submit) {
            return Err(views::Lost::new(Refusal::Forbidden, why.to_string()));
        }
        match &self.views {
            Some(views) => of_link.views.open(views, peer.member, told),
            None => {
                let text = "this host lays out no files";
                Err(views::Lost::new(Refusal::NoSandbox, text))
            }
        }
    }

    fn ledger<T>(&self, work: impl FnOnce(&mut Ledger, UnixTime) -> T) -> T {
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut ledger, UnixTime::now())
    }
}

/// Waits until it is true.
async fn told(leaving: &mut watch::Receiver<bool>) {
    if leaving.wait_for(|leaving| *leaving).await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn packed(packing: Packing) -> Packed {
    match packing {
        Packing::Plain => Packed::Plain,
        Packing::Zstd => Packed::Zstd,
    }
}
