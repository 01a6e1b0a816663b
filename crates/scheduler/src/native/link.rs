//! One native connection: its streams are tasks of their own, and end with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use membership::{Live, Peer as Member, Role};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;
use transport::{Exchange, Link, hello};
use wire::message::{Message, Want};
use wire::{Limits, ResetCode, Side};

use super::stream::{self, Stream};
use super::words::{Input, Need, Said, StreamKey};
use super::{overview, revoked};
use crate::connection::Peer;
use crate::core;

/// How long somebody may take to receive the list of revoked members, or what there is to see.
const TELLING: Duration = Duration::from_secs(30);
/// Such answers under way on one connection.
const MAX_TELLING: usize = 4;

/// Serves a connection until it is over or the owner of the state ends it.
pub(crate) async fn serve(
    stream: transport::Stream,
    member: Member,
    peer: Peer,
    live: Live,
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
        inputs: inputs.clone(),
        last_stream: 0,
        telling: Arc::default(),
        streams: JoinSet::new(),
    };
    loop {
        tokio::select! {
            _ = &mut stopped => break,
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
    inputs: mpsc::Sender<core::Input>,
    last_stream: u32,
    telling: Arc<AtomicUsize>,
    streams: JoinSet<()>,
}

impl Line {
    fn begin(&mut self, message: Message, exchange: Exchange) {
        match message {
            Message::Want(want) => self.begin_wants(&want, exchange),
            Message::FetchRevoked(asked) => {
                let live = self.live.clone();
                self.tell(exchange, |exchange| revoked::answer(exchange, asked, live));
            }
            Message::Look(_) => {
                let inputs = self.inputs.clone();
                self.tell(exchange, |exchange| overview::answer(exchange, inputs));
            }
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
