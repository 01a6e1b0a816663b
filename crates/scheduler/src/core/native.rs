//! Native connections, and whether members may stay.

use std::collections::HashMap;
use std::sync::Arc;

use membership::{Live, MemberId, Peer as Member, UnixTime};
use placement::{Assignment, Notice, Time};
use tokio::sync::{mpsc, oneshot, watch};
use transport::Papers;
use wire::message::Address;

use super::Core;
use crate::connection::Peer;
use crate::native::sign::Signing;
use crate::native::{Input, Ledger, Reply, Said, StreamKey, Why};

/// Native connections that one member may have: one for each user of its host who compiles, and some that
/// broke and are not known to.
const MAX_LINKS: usize = 64;

/// Members that say where they are reached.
const MAX_ADVERTISED: usize = 1 << 14;

/// What the owner of the state keeps of members.
#[derive(Debug)]
pub(super) struct Natives {
    pub(super) ledger: Ledger,
    papers: Option<watch::Receiver<Papers>>,
    signing: Result<Arc<Signing>, Arc<str>>,
    links: HashMap<Peer, Linked>,
    of_member: HashMap<MemberId, usize>,
    replies: HashMap<StreamKey, mpsc::Sender<Reply>>,
    /// Where executors say that they are reached, of those that said so.
    advertised: HashMap<MemberId, Vec<Address>>,
}

#[derive(Debug)]
struct Linked {
    member: Member,
    _stop: oneshot::Sender<()>,
}

impl Natives {
    pub(super) fn new(papers: Option<watch::Receiver<Papers>>) -> Self {
        Self {
            ledger: Ledger::default(),
            papers,
            signing: Err("it has just started".into()),
            links: HashMap::new(),
            of_member: HashMap::new(),
            replies: HashMap::new(),
            advertised: HashMap::new(),
        }
    }

    /// Takes the signer of this moment.
    fn renew(&mut self, live: &Live, now: UnixTime) {
        let signing = match &mut self.papers {
            None => Err("it was started without a member's key".into()),
            Some(papers) => {
                let signer = &papers.borrow_and_update().signer;
                Signing::of(signer, live, now).map(Arc::new)
            }
        };
        if let Err(why) = &signing
            && self.signing.as_ref().err() != Some(why)
        {
            tracing::warn!("no grants can be signed: {why}");
        }
        self.signing = signing;
    }

    fn unlink(&mut self, link: Peer) {
        let Some(linked) = self.links.remove(&link) else {
            return;
        };
        self.ledger.close_link(link);
        self.replies.retain(|stream, _| stream.link != link);
        if let Some(count) = self.of_member.get_mut(&linked.member.member) {
            *count -= 1;
            if *count == 0 {
                self.of_member.remove(&linked.member.member);
            }
        }
    }

    pub(super) fn is_unused(&self) -> bool {
        self.links.is_empty()
    }

    pub(super) fn unlink_all(&mut self) {
        let all: Vec<Peer> = self.links.keys().copied().collect();
        for link in all {
            self.unlink(link);
        }
    }

    fn advertises(&mut self, member: MemberId, addresses: Vec<Address>) {
        if addresses.is_empty() {
            self.advertised.remove(&member);
        } else if self.advertised.len() < MAX_ADVERTISED || self.advertised.contains_key(&member) {
            self.advertised.insert(member, addresses);
        }
    }

    /// Where a member says that it is reached.
    pub(super) fn advertised(&self, member: MemberId) -> &[Address] {
        self.advertised.get(&member).map_or(&[], Vec::as_slice)
    }

    fn end(&mut self, stream: StreamKey) {
        self.ledger.close(stream);
        self.replies.remove(&stream);
    }
}

pub(super) fn key(member: &Member) -> placement::Member {
    placement::Member(*member.member.as_bytes())
}

impl Core {
    pub(super) fn native(&mut self, now: Time, input: Input) {
        let natives = &mut self.natives;
        match input {
            Input::Linked { link, member, stop } => {
                let count = natives.of_member.entry(member.member).or_default();
                if *count >= MAX_LINKS {
                    tracing::warn!(
                        "{} has {MAX_LINKS} connections already; a further one is closed",
                        member.name
                    );
                    return;
                }
                *count += 1;
                let (member, _stop) = (*member, stop);
                natives.links.insert(link, Linked { member, _stop });
            }
            Input::Unlinked { link } => natives.unlink(link),
            Input::Opened {
                stream,
                count,
                need,
                replies,
            } => {
                let Some(linked) = natives.links.get(&stream.link) else {
                    return; // dropping the replies ends the stream
                };
                let member = key(&linked.member);
                if natives.ledger.open(stream, member, count, need).is_ok() {
                    natives.replies.insert(stream, replies);
                } else {
                    let _gone = replies.try_send(Reply::TooMuch);
                }
            }
            Input::Said { stream, said } => natives.ledger.said(now, stream, said),
            Input::Ended { stream } => natives.end(stream),
            Input::Advertised { member, addresses } => natives.advertises(member, addresses),
        }
    }

    /// Asks placement for what agents want now.
    pub(super) fn feed(&mut self, now: Time) {
        if self.natives.ledger.is_idle() {
            return;
        }
        let signs = self.natives.signing.as_ref().map(|_| ());
        let cluster = &mut self.cluster;
        self.natives
            .ledger
            .feed(now, cluster, signs, &mut self.actions);
        self.perform(now);
    }

    /// A place, or none, for a job that an agent wants.
    pub(super) fn granted(&mut self, now: Time, assignment: Assignment) {
        let executor = match &assignment.place {
            placement::Place::Host { host, .. } => self.cluster.host(*host),
            placement::Place::Home(_) => None,
        };
        let executor = executor.and_then(|host| host.member);
        self.natives.ledger.placed(now, assignment, executor);
    }

    pub(super) fn note(&mut self, now: Time, notice: &Notice) {
        match notice {
            Notice::Waits { job } => self.natives.ledger.waits(now, *job),
            Notice::Began { job, .. } => self.natives.ledger.began(now, *job),
            Notice::Ended { job, .. } => self.natives.ledger.ended(now, *job),
            _ => {}
        }
    }

    /// Hands grants and news to the streams. One that does not take them is closed.
    pub(super) fn tell_streams(&mut self, now: Time) {
        if self.natives.ledger.is_idle() {
            return;
        }
        for (stream, mut places) in self.natives.ledger.grants() {
            for place in &mut places {
                let executor = MemberId::from_bytes(place.executor);
                place.advertised = self.natives.advertised(executor).to_vec();
            }
            let signing = match &self.natives.signing {
                Ok(signing) => Arc::clone(signing),
                Err(why) => {
                    let why = Why::Unsigned(Arc::clone(why));
                    let returned = places.iter().map(|place| place.job).collect();
                    let said = Said {
                        returned,
                        ..Said::default()
                    };
                    self.natives.ledger.said(now, stream, said);
                    self.reply(stream, Reply::Nothing(why));
                    continue;
                }
            };
            self.reply(stream, Reply::Granted { signing, places });
        }
        for (stream, why) in self.natives.ledger.news() {
            self.reply(stream, Reply::Nothing(why));
        }
    }

    fn reply(&mut self, stream: StreamKey, reply: Reply) {
        let taken = match self.natives.replies.get(&stream) {
            Some(replies) => replies.try_send(reply).is_ok(),
            None => return,
        };
        if !taken {
            self.natives.end(stream);
        }
    }

    /// Whether everybody who is here may stay, and what grants are signed with from now on.
    pub(super) fn recheck(&mut self, now: Time) {
        let Some(live) = self.gate.live().cloned() else {
            return;
        };
        let moment = UnixTime::now();
        let could = self.natives.signing.is_ok();
        self.natives.renew(&live, moment);
        if could != self.natives.signing.is_ok() {
            self.natives.ledger.look_again();
        }
        let refusal = |member: &Member| member.is_still_trusted(&live, moment).err();
        let daemons = self.daemons.iter();
        let daemons = daemons.filter_map(|(peer, daemon)| Some((peer, daemon.member.as_ref()?)));
        let monitors = self.monitors.iter();
        let monitors =
            monitors.filter_map(|(peer, monitor)| Some((peer, monitor.member.as_ref()?)));
        let refused: Vec<_> = daemons
            .chain(monitors)
            .filter_map(|(peer, member)| Some((*peer, refusal(member)?)))
            .collect();
        let links = self.natives.links.iter();
        let unlinked: Vec<_> = links
            .filter_map(|(link, linked)| Some((*link, refusal(&linked.member)?)))
            .collect();
        for (link, why) in unlinked {
            if let Some(linked) = self.natives.links.get(&link) {
                tracing::warn!("a connection of {} is ended: {why}", linked.member.name);
            }
            self.natives.unlink(link);
        }
        for (peer, why) in refused {
            self.closed(now, peer, Some(&why.to_string()));
        }
    }
}
