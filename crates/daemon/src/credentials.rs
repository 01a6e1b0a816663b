//! Gives the agents of this host's users what they show to other members. The Unix socket says which user
//! an agent works for; no key lies in a file that users can read.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use ::wire::field::Line;
use ::wire::message::{Denied, Message, Overview, Pinned, Retry};
use ::wire::name::{InterfaceName, Size};
use ::wire::{Limits, ResetCode, Side};
use tokio::net::UnixStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use transport::{Exchange, HostPort, Incoming, Link, LinkError, Passport, credentials};

use crate::config::Config;
use crate::link::elected::places;

/// What agents are told.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    pub(crate) config: Arc<Config>,
    pub(crate) scheduler: watch::Receiver<Option<SocketAddr>>,
    pub(crate) mixed: bool,
    pub(crate) users: Users,
    /// Those who were denied; the log names each once.
    pub(crate) denied: Arc<Mutex<HashSet<Option<u32>>>>,
}

/// Answers to one connection at a time.
const MOST_TOLD: usize = 8;
/// Users that are remembered to have been denied.
const MOST_DENIED: usize = 64;

impl Desk {
    /// False: whoever may not has been named, or there are too many of them to name.
    fn is_news(&self, user: Option<u32>) -> bool {
        let mut denied = self.denied.lock().unwrap_or_else(PoisonError::into_inner);
        denied.len() < MOST_DENIED && denied.insert(user)
    }
}

/// Which of this host's users may act in its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Users {
    /// All but this one: the account of a daemon that root started, as which jobs of others run.
    AllBut(u32),
    /// Who started the daemon, and root.
    Only(u32),
}

impl Users {
    pub(crate) fn may(self, user: u32) -> bool {
        match self {
            Self::AllBut(jobs) => user != jobs,
            Self::Only(owner) => user == owner || user == 0,
        }
    }
}

/// Serves one agent until it leaves.
pub(crate) async fn serve(stream: UnixStream, desk: Arc<Desk>) {
    let user = stream.peer_cred().map(|peer| peer.uid()).ok();
    let (_link, mut arrivals) = Link::start(
        stream.into(),
        Side::Accepting,
        &transport::hello(),
        Limits::LEAST,
    );
    // Dropped with the connection; an agent that has said all it has to say leaves no other trace.
    let mut telling = JoinSet::new();
    while let Some((message, exchange)) = arrivals.next().await {
        while telling.try_join_next().is_some() {}
        match message {
            Message::WantCredentials(_) => {
                let desk = desk.as_ref().clone();
                telling.spawn(async move {
                    if let Err(error) = tell(exchange, desk, user).await {
                        tracing::debug!("an agent of user {user:?} is told no more: {error}");
                    }
                });
            }
            Message::Look(_) if telling.len() < MOST_TOLD => {
                let desk = desk.as_ref().clone();
                telling.spawn(async move {
                    if let Err(error) = look(exchange, &desk, user).await {
                        tracing::debug!("user {user:?} is not told of the scheduler: {error}");
                    }
                });
            }
            Message::Look(_) => exchange.reset(ResetCode::BUSY),
            _ => exchange.reset(ResetCode::OUT_OF_PLACE),
        }
    }
}

/// Where there are no credentials for agents, this host asks its scheduler for its users.
async fn look(mut exchange: Exchange, desk: &Desk, user: Option<u32>) -> Result<(), LinkError> {
    if !user.is_some_and(|user| desk.users.may(user)) {
        return deny(exchange, "this user may not act in its host's name", "user").await;
    }
    let Passport::Member(live) = &desk.config.passport else {
        return deny(exchange, "this host is no member of a cluster", "no-member").await;
    };
    let mut why = "no scheduler is known".to_owned();
    let used = *desk.scheduler.borrow();
    let used = used.map(|at| HostPort {
        host: at.ip().to_string(),
        port: at.port(),
    });
    for place in used.into_iter().chain(places(&desk.config)) {
        match transport::look(live, place, desk.config.bind).await {
            Ok(seen) => {
                let text = seen.for_user();
                // A text in memory is shorter than any size that cannot be said.
                let size = Size::new(text.len() as u64).unwrap_or(Size::MOST);
                exchange.send(Overview { size }).await?;
                exchange.send_data(text.into_bytes()).await?;
                exchange.finish().await?;
                while exchange.next().await?.is_some() {}
                return Ok(());
            }
            Err(error) => why = error.to_string(),
        }
    }
    deny(exchange, &why, "failed").await
}

async fn tell(mut exchange: Exchange, mut desk: Desk, user: Option<u32>) -> Result<(), LinkError> {
    if !user.is_some_and(|user| desk.users.may(user)) {
        let shown = user.map_or_else(|| "nobody knows which".to_owned(), |user| user.to_string());
        let text = "may not act in this host's name; agents of it get no credentials";
        match desk.is_news(user) {
            true => tracing::warn!("user {shown} {text}"),
            false => tracing::debug!("user {shown} {text}"),
        }
        return deny(exchange, "this user may not act in its host's name", "user").await;
    }
    // Whoever is no member has its jobs done by others as well, where icecream's protocol is spoken.
    if let Some(interface) = transport::pinned() {
        match InterfaceName::parse(&interface) {
            Ok(interface) => exchange.send(Pinned { interface }).await?,
            Err(_) => return deny(exchange, "its interface has an odd name", "failed").await,
        }
    }
    let Some(mut papers) = desk.config.papers.clone() else {
        return deny(exchange, "this host is no member of a cluster", "no-member").await;
    };
    loop {
        let (agent, fallen) = {
            let papers = papers.borrow_and_update();
            (papers.agent.clone(), papers.fallen.clone())
        };
        let Some(agent) = agent else {
            let roles = desk.config.roles.map(|roles| format!(", only {roles}"));
            let text = format!(
                "this host's membership has not the role submit{}",
                roles.unwrap_or_default()
            );
            return deny(exchange, &text, "role").await;
        };
        let scheduler = *desk.scheduler.borrow_and_update();
        match credentials(&agent, scheduler, desk.mixed, fallen.as_deref()) {
            Ok(message) => exchange.send(message).await?,
            Err(unfit) => return deny(exchange, &unfit.to_string(), "failed").await,
        }
        exchange.send_data(agent.revocations.clone()).await?;
        tokio::select! {
            changed = papers.changed() => if changed.is_err() { return exchange.finish().await },
            changed = desk.scheduler.changed() => if changed.is_err() { return exchange.finish().await },
            gone = gone(&mut exchange) => return gone,
        }
    }
}

/// Until the agent has nothing more to hear: it may have finished its side long ago.
async fn gone(exchange: &mut Exchange) -> Result<(), LinkError> {
    loop {
        match exchange.next().await? {
            None => std::future::pending().await,
            Some(Incoming::Message(_) | Incoming::Data(_)) => {}
        }
    }
}

async fn deny(mut exchange: Exchange, text: &str, code: &str) -> Result<(), LinkError> {
    let denied = Denied {
        text: Line::new(text),
        retry: Retry::Never,
        code: Line::new(code),
    };
    exchange.send(denied).await?;
    exchange.finish().await?;
    while exchange.next().await?.is_some() {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_of_others_and_other_peoples_daemons_give_no_credentials() {
        assert!(Users::AllBut(120).may(1000) && Users::AllBut(120).may(0));
        assert!(!Users::AllBut(120).may(120));
        assert!(Users::Only(1000).may(1000) && Users::Only(1000).may(0));
        assert!(!Users::Only(1000).may(1001));
    }
}
