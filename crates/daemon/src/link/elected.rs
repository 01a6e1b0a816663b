//! Which of a cluster's schedulers to log in at: every one of them says, and why.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ::wire::field::List;
use ::wire::message::{Address, Elected, Message, WhoSchedules};
use ::wire::name::{HostText, Port};
use ::wire::{Limits, Side};
use membership::{Expect, Live, MemberId, Peer, Role};
use tokio::task::JoinSet;
use tokio::time::timeout;
use transport::{Channel, HostPort, Incoming, Link, Passport, hello, host_port};

use super::{NO_MEMBER, connect_at};
use crate::config::{Config, Find};

/// For one scheduler's answer: the handshakes, and the seconds for which one that has just started waits.
const ANSWER: Duration = Duration::from_secs(8);

/// What a scheduler answered.
struct Asked {
    at: SocketAddr,
    peer: Peer,
    /// None: it knows of no others.
    elected: Option<Elected>,
}

/// Asks all at once, and logs in where the first answer says that leads there.
pub(super) async fn connect(
    config: &Config,
    live: &Live,
) -> Result<(Channel, Option<Peer>), String> {
    let mut asking = JoinSet::new();
    let bind = config.bind;
    for place in places(config) {
        let (live, question) = (live.clone(), question(config));
        asking.spawn(async move {
            let asked = timeout(ANSWER, ask(&place, question, &live, bind)).await;
            asked.unwrap_or_else(|_| Err(format!("scheduler {place} did not answer in time")))
        });
    }
    let mut last = NO_MEMBER.to_owned();
    while let Some(asked) = asking.join_next().await {
        let followed = match asked {
            Ok(Ok(asked)) => follow(config, asked).await,
            Ok(Err(why)) => Err(why),
            Err(panicked) => Err(panicked.to_string()),
        };
        match followed {
            Ok(connected) => return Ok(connected),
            Err(why) => last = why,
        }
    }
    Err(last)
}

/// Those that somebody named, and those of which the authority knows.
pub(crate) fn places(config: &Config) -> Vec<HostPort> {
    let mut places = match &config.scheduler {
        Find::At(place) => vec![place.clone()],
        Find::OneOf(places) => places.clone(),
        Find::Broadcast { .. } => Vec::new(),
    };
    if let Some(schedulers) = &config.schedulers {
        let known = schedulers.borrow();
        let known = known.all.iter().flat_map(|at| &at.addresses);
        places.extend(known.map(|address| HostPort {
            host: address.host().to_owned(),
            port: address.port(),
        }));
    }
    let mut unique = Vec::new();
    for place in places {
        if !unique.contains(&place) {
            unique.push(place);
        }
    }
    unique
}

/// With where this host is reached, as far as that can be said.
fn question(config: &Config) -> WhoSchedules {
    let address = |place: &HostPort| {
        Some(Address {
            host: HostText::parse(&place.host).ok()?,
            port: Port::new(place.port.into()).ok()?,
        })
    };
    let addresses = config.advertise.iter().filter_map(address).take(16);
    WhoSchedules {
        addresses: List::new(addresses.collect()).unwrap_or_default(),
    }
}

async fn ask(
    place: &HostPort,
    question: WhoSchedules,
    live: &Live,
    bind: Option<IpAddr>,
) -> Result<Asked, String> {
    let at = place.resolve().await.map_err(|error| error.to_string())?;
    let expect = Expect::Any(Role::Schedule);
    let connected = Passport::connect_native(live, expect, at, ANSWER, bind).await;
    let (stream, peer) = connected.map_err(|error| error.to_string())?;
    let (link, _opens_none) = Link::start(stream, Side::Connecting, &hello(), Limits::LEAST);
    let exchange = link.open(question).await;
    let mut exchange = exchange.map_err(|error| error.to_string())?;
    let elected = match exchange.next().await {
        Ok(Some(Incoming::Message(message))) => match *message {
            Message::Elected(elected) => Some(elected),
            other => return Err(format!("scheduler {place} answered {}", other.name())),
        },
        // It stands for itself, or is of a release that knew nothing else.
        Err(error) if !error.is_final() => None,
        Err(error) => return Err(error.to_string()),
        Ok(_) => return Err(format!("scheduler {place} did not answer")),
    };
    Ok(Asked { at, peer, elected })
}

async fn follow(config: &Config, asked: Asked) -> Result<(Channel, Option<Peer>), String> {
    let named = asked
        .elected
        .as_ref()
        .map_or(asked.peer.member, |elected| elected.scheduler);
    if named == asked.peer.member {
        return log_in(config, asked.at, named).await;
    }
    let elected = asked.elected.iter();
    let addresses = elected.flat_map(|elected| elected.addresses.iter());
    let mut last = format!("scheduler {named} is elected, and nobody says where it is");
    for place in addresses.filter_map(host_port) {
        let connected = match place.resolve().await {
            Ok(address) => log_in(config, address, named).await,
            Err(error) => Err(error.to_string()),
        };
        match connected {
            Ok(connected) => {
                if let Some(elected) = &asked.elected {
                    tracing::info!(
                        "scheduler {} sends this host on: {}",
                        asked.peer.name,
                        elected.why
                    );
                }
                return Ok(connected);
            }
            Err(why) => {
                last = format!(
                    "{why}; scheduler {} says that it is elected",
                    asked.peer.name
                );
            }
        }
    }
    Err(last)
}

async fn log_in(
    config: &Config,
    address: SocketAddr,
    named: MemberId,
) -> Result<(Channel, Option<Peer>), String> {
    let (channel, peer) = connect_at(config, address).await?;
    match &peer {
        Some(peer) if peer.member != named => Err(format!(
            "another scheduler, {}, is at {address} now",
            peer.name
        )),
        _ => Ok((channel, peer)),
    }
}

#[cfg(test)]
mod tests {
    use membership::SchedulerAt;
    use tokio::sync::watch;
    use transport::Schedulers;

    use super::*;

    #[test]
    fn whoever_was_named_is_asked_and_whoever_is_known() {
        let at = |member, address: &str| SchedulerAt {
            member: MemberId::from_bytes([member; 16]),
            addresses: vec![address.parse().unwrap()],
        };
        let (_sender, schedulers) = watch::channel(Schedulers {
            all: vec![at(1, "one:8765"), at(2, "two:8765")],
            asked: true,
        });
        let config = Config {
            scheduler: Find::parse("two").unwrap(),
            schedulers: Some(schedulers),
            ..Config::new("/nowhere".into())
        };
        let shown: Vec<_> = places(&config).iter().map(HostPort::to_string).collect();
        assert_eq!(shown, ["two:8765", "one:8765"]);
    }
}
