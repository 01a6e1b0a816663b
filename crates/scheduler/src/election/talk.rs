//! What two schedulers say to each other: that they run, every second, on one stream.

use std::time::Duration;

use membership::{Expect, Live, MemberId, Peer as Member, Role};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use transport::{Exchange, HostPort, Incoming, Link, Passport, hello, host_port};
use wire::message::{self, Message};
use wire::{Limits, ResetCode, Side};

use super::policy::{BEAT, Candidate, Event, SILENCE};
use super::{Ballot, wire_addresses};

/// For each address.
const CONNECT: Duration = Duration::from_secs(3);
/// Between two tries to reach one.
const AGAIN: Duration = Duration::from_secs(2);

/// Keeps talking to one of the others, wherever it is said to be.
pub(super) async fn keep(
    live: Live,
    member: MemberId,
    places: watch::Receiver<Vec<HostPort>>,
    ballot: Ballot,
) {
    loop {
        let addresses = places.borrow().clone();
        if let Some((link, peer)) = connect(&live, member, &addresses).await
            && let Ok(exchange) = link.open(own(&ballot)).await
        {
            converse(exchange, &peer, None, &ballot).await;
        } else if ballot.events.send(Event::Missing(member)).await.is_err() {
            return;
        }
        sleep(AGAIN).await;
    }
}

async fn connect(live: &Live, member: MemberId, places: &[HostPort]) -> Option<(Link, Member)> {
    let expect = Expect::Member(member, Role::Schedule);
    for place in places {
        let connecting = async {
            let address = place.resolve().await?;
            Passport::connect_native(live, expect, address, CONNECT, None).await
        };
        match timeout(CONNECT, connecting).await {
            Ok(Ok((stream, peer))) => {
                let (link, _opens_none) =
                    Link::start(stream, Side::Connecting, &hello(), Limits::LEAST);
                return Some((link, peer));
            }
            Ok(Err(error)) => tracing::debug!("scheduler {member} at {place}: {error}"),
            Err(_) => tracing::debug!("scheduler {member} at {place} does not answer"),
        }
    }
    None
}

/// Tells and hears on a stream until either end is gone or silent. `first` is what opened it.
pub(crate) async fn converse(
    mut exchange: Exchange,
    peer: &Member,
    first: Option<message::Candidate>,
    ballot: &Ballot,
) {
    let stream = ballot.stream();
    let code = match talk(&mut exchange, peer, first, stream, ballot).await {
        Some(code) => code,
        None => ResetCode::CANCELLED,
    };
    let _ending = ballot.events.send(Event::Over { stream }).await;
    exchange.reset(code);
}

async fn talk(
    exchange: &mut Exchange,
    peer: &Member,
    first: Option<message::Candidate>,
    stream: u64,
    ballot: &Ballot,
) -> Option<ResetCode> {
    let mut next_beat = Instant::now();
    let mut heard_at = Instant::now();
    let mut heard = first;
    loop {
        if let Some(said) = heard.take() {
            heard_at = Instant::now();
            let candidate = read(&said, peer, exchange);
            let event = Event::Heard { stream, candidate };
            ballot.events.send(event).await.ok()?;
        }
        tokio::select! {
            incoming = exchange.next() => match incoming {
                Ok(Some(Incoming::Message(message))) => match *message {
                    Message::Candidate(said) => heard = Some(said),
                    _ => return Some(ResetCode::OUT_OF_PLACE),
                },
                Ok(Some(Incoming::Data(_))) => return Some(ResetCode::OUT_OF_PLACE),
                Ok(None) | Err(_) => return None,
            },
            () = sleep_until(next_beat) => {
                exchange.send(own(ballot)).await.ok()?;
                next_beat += BEAT;
            }
            () = sleep_until(heard_at + SILENCE) => return None,
        }
    }
}

fn own(ballot: &Ballot) -> message::Candidate {
    message::Candidate {
        started_ms: ballot.own.started_ms,
        port: ballot.port,
        addresses: wire_addresses(&ballot.own.addresses),
    }
}

fn read(said: &message::Candidate, peer: &Member, exchange: &Exchange) -> Candidate {
    let mut addresses: Vec<_> = said.addresses.iter().filter_map(host_port).collect();
    if let (true, Some(ip), Ok(port)) = (
        addresses.is_empty(),
        exchange.peer_addr().ip(),
        u16::try_from(said.port.get()),
    ) {
        let host = ip.to_canonical().to_string();
        addresses.push(HostPort { host, port });
    }
    Candidate {
        member: peer.member,
        name: peer.name.to_string(),
        started_ms: said.started_ms,
        addresses,
    }
}
