//! One native connection: its streams are tasks of their own, and end with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use membership::{Live, Peer as Member, Role};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;
use transport::{Exchange, Link, LinkError, hello};
use wire::message::{Elected, Message, Want, WhoSchedules};
use wire::{Limits, ResetCode, Side};

use super::stream::{self, Stream};
use super::words::{Input, Need, Said, StreamKey};
use super::{overview, revoked};
use crate::connection::Peer;
use crate::core;
use crate::election::{self, Ballot, Verdict};

/// How long somebody may take to receive the list of revoked members, or what there is to see.
const TELLING: Duration = Duration::from_secs(30);
/// Such answers under way on one connection.
const MAX_TELLING: usize = 4;

/// Whose connection it is.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) member: Member,
    pub(crate) peer: Peer,
}

/// Serves a connection until it is over or the owner of the state ends it.
pub(crate) async fn serve(
    stream: transport::Stream,
    Caller { member, peer }: Caller,
    live: Live,
    ballot: Option<Ballot>,
    inputs: mpsc::Sender<core::Input>,
) {
    let (link, mut arrivals) = Link::start(stream, Side::Accepting, &hello(), Limits::USUAL);
    let (stop, mut stopped) = oneshot::channel();
    let linked = Input::Linked {
        link: peer,
        member: Box::new(member.clone()),
        stop,
    };
    if inputs.send(core::Input::Native(linked)).await.is_err() {
        return;
    }
    let mut line = Line {
        peer,
        member,
        live,
        ballot,
        inputs: inputs.clone(),
        last_stream: 0,
        talks: false,
        telling: Arc::default(),
        streams: JoinSet::new(),
    };
    loop {
        tokio::select! {
            _ = &mut stopped => {
                // Nobody is to open a stream on it that would be lost.
                link.go_away("the scheduler ends this connection").await;
                break;
            }
            arrived = arrivals.next() => match arrived {
                Some((message, exchange)) => line.begin(message, exchange),
                None => break,
            },
            Some(_) = line.streams.join_next() => {}
        }
    }
    drop(link);
    line.streams.shutdown().await;
    let unlinked = Input::Unlinked { link: peer };
    // A scheduler that stops needs to hear no more.
    let _gone = inputs.send(core::Input::Native(unlinked)).await;
}

struct Line {
    peer: Peer,
    member: Member,
    live: Live,
    ballot: Option<Ballot>,
    inputs: mpsc::Sender<core::Input>,
    last_stream: u32,
    /// One stream of another scheduler is enough.
    talks: bool,
    telling: Arc<AtomicUsize>,
    streams: JoinSet<()>,
}

impl Line {
    fn begin(&mut self, message: Message, exchange: Exchange) {
        if let (Message::Want(_) | Message::Look(_), Some(ballot)) = (&message, &self.ballot)
            && let verdict @ Verdict::Other { .. } = ballot.verdict()
        {
            let elected = ballot.elected(verdict);
            return self.tell(exchange, |exchange| elsewhere(exchange, elected));
        }
        match message {
            Message::Want(want) => self.begin_wants(&want, exchange),
            Message::FetchRevoked(asked) => {
                let live = self.live.clone();
                self.tell(exchange, |exchange| revoked::answer(exchange, asked, live));
            }
            Message::Look(_) => {
                let (inputs, ballot) = (self.inputs.clone(), self.ballot.clone());
                let member = self.member.clone();
                self.tell(exchange, |exchange| {
                    overview::answer(exchange, member, inputs, ballot)
                });
            }
            Message::WhoSchedules(asked) => self.say_who(asked, exchange),
            Message::Candidate(said) => self.begin_talk(said, exchange),
            _ => exchange.reset(ResetCode::OUT_OF_PLACE),
        }
    }

    /// Answers beside the streams that stay, a few at a time.
    fn tell<T>(&mut self, exchange: Exchange, answer: impl FnOnce(Exchange) -> T)
    where
        T: Future<Output = ()> + Send + 'static,
    {
        let telling = Arc::clone(&self.telling);
        if telling.fetch_add(1, Ordering::Relaxed) >= MAX_TELLING {
            telling.fetch_sub(1, Ordering::Relaxed);
            exchange.reset(ResetCode::BUSY);
            return;
        }
        let answer = answer(exchange);
        self.streams.spawn(async move {
            // Who does not take it is reset by the drop.
            let _late = timeout(TELLING, answer).await;
            telling.fetch_sub(1, Ordering::Relaxed);
        });
    }

    /// Which scheduler to log in at; and this one, if it is that, learns where the asker is reached.
    fn say_who(&mut self, asked: WhoSchedules, exchange: Exchange) {
        let Some(ballot) = self.ballot.clone() else {
            return exchange.reset(ResetCode::OUT_OF_PLACE);
        };
        let is_executor = self.member.needs(Role::Execute).is_ok() && !self.member.is_agent;
        let advertised = is_executor.then(|| Input::Advertised {
            member: self.member.member,
            addresses: asked.addresses.into_vec(),
        });
        let inputs = self.inputs.clone();
        self.tell(exchange, |exchange| async move {
            if let Some(advertised) = advertised {
                // Before it logs in. A scheduler that stops needs to hear no more.
                let _gone = inputs.send(core::Input::Native(advertised)).await;
            }
            let elected = ballot.elected(ballot.decided().await);
            elsewhere(exchange, elected).await;
        });
    }

    /// Another scheduler says that it runs.
    fn begin_talk(&mut self, said: wire::message::Candidate, exchange: Exchange) {
        let schedules = self.member.needs(Role::Schedule).is_ok() && !self.member.is_agent;
        match self.ballot.clone() {
            Some(ballot) if schedules && !std::mem::replace(&mut self.talks, true) => {
                let member = self.member.clone();
                self.streams.spawn(async move {
                    election::converse(exchange, &member, Some(said), &ballot).await;
                });
            }
            _ => exchange.reset(ResetCode::FORBIDDEN),
        }
    }

    fn begin_wants(&mut self, want: &Want, exchange: Exchange) {
        if let Err(why) = self.member.needs(Role::Submit) {
            let (name, peer) = (&self.member.name, exchange.peer_addr());
            tracing::warn!("{name} ({peer}) wants grants and gets none: {why}");
            exchange.reset(ResetCode::FORBIDDEN);
            return;
        }
        self.last_stream = self.last_stream.wrapping_add(1);
        let key = StreamKey {
            link: self.peer,
            number: self.last_stream,
        };
        let (reply, replies) = mpsc::channel(stream::MAX_REPLIES);
        let opened = Input::Opened {
            stream: key,
            count: want.count.get(),
            need: Need::of(want),
            replies: reply,
        };
        let stream = Stream {
            key,
            need: Need::of(want),
            exchange,
            replies,
            inputs: self.inputs.clone(),
            unsaid: Said::default(),
        };
        self.streams.spawn(async move {
            let opened = stream.inputs.send(core::Input::Native(opened)).await;
            if opened.is_ok() {
                stream.serve().await;
            }
        });
    }
}

/// Says which scheduler to go to.
async fn elsewhere(mut exchange: Exchange, elected: Elected) {
    let said = async {
        exchange.send(elected).await?;
        exchange.finish().await?;
        while exchange.next().await?.is_some() {}
        Ok::<_, LinkError>(())
    };
    if let Err(error) = said.await {
        tracing::debug!("{error}");
    }
}
