//! Asking the scheduler of a cluster of members: its control port answers on its own host only, so this goes
//! the agents' way, with the credentials that the daemon here gives. Where the host may not submit there are
//! none, and the daemon asks.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use membership::{Live, UnixTime};
use rustls::time_provider::DefaultTimeProvider;
use tokio::net::UnixStream;
use transport::{
    HostPort, Incoming, Link, LinkError, LookError, Overview, hello, host_port, look,
    read_credentials, receive_list,
};
use wire::message::{Denied, Message, WantCredentials};
use wire::{Limits, Side};

/// What the scheduler shows to users of this host.
pub(super) async fn overview(socket: &Path) -> Result<Overview> {
    match credentials(socket).await? {
        Asked::Given(live, schedulers) => {
            let scheduler = schedulers.first().context("the daemon has no scheduler")?;
            Ok(look(&live, scheduler.clone(), None).await?)
        }
        Asked::Denied(denied) if denied.code.as_str() == "role" => {
            let stream = UnixStream::connect(socket).await?;
            let seen = Overview::of_daemon(stream.into()).await;
            seen.or_else(|error| match error {
                // A daemon of an earlier release knows no such question.
                LookError::Link(LinkError::Reset { .. }) => bail!("{}", denied.text),
                error => Err(error.into()),
            })
        }
        Asked::Denied(denied) => bail!("{}", denied.text),
    }
}

/// What the daemon gave.
enum Asked {
    Given(Live, Vec<HostPort>),
    Denied(Denied),
}

/// As whom this user may ask, and where.
async fn credentials(socket: &Path) -> Result<Asked> {
    let stream = UnixStream::connect(socket).await?;
    let (link, _opens_none) = Link::start(stream.into(), Side::Connecting, &hello(), Limits::LEAST);
    let mut exchange = link.open(WantCredentials {}).await?;
    let given = loop {
        let said = match exchange.next().await? {
            Some(Incoming::Message(message)) => *message,
            _ => bail!("the daemon said nothing"),
        };
        match said {
            Message::Pinned(pinned) => {
                transport::pin_to(Some(pinned.interface.as_str()));
            }
            Message::Credentials(given) => break given,
            Message::Denied(denied) => return Ok(Asked::Denied(denied)),
            other => bail!("the daemon answered with {}", other.name()),
        }
    };
    let list = receive_list(&mut exchange, &given).await?;
    let schedulers = given.scheduler.iter().filter_map(host_port).collect();
    let credentials = read_credentials(&given, list);
    let live = credentials.live(Arc::new(DefaultTimeProvider), UnixTime::now())?;
    Ok(Asked::Given(live, schedulers))
}
