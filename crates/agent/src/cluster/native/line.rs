//! The way to the scheduler: one connection, made when it is first of use and made again when it is over.

use std::time::Duration;

use membership::{Expect, Live, MemberId, Peer, Role};
use tokio::sync::Mutex;
use tokio::time::Instant;
use transport::{HostPort, Link, Passport, hello};
use wire::{Limits, Side};

/// For each address of the scheduler.
const CONNECT: Duration = Duration::from_secs(10);
/// After a failure nobody tries again for so long, twice as long after the next.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Where the scheduler is, and as whom to go there.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) live: Live,
    pub(super) addresses: Vec<HostPort>,
    /// Why it will not talk to this host, if that is known.
    pub(super) trouble: String,
    /// Who it has to be, if that is known.
    pub(super) member: Option<MemberId>,
    /// Another number: what was connected before is of no use.
    pub(super) generation: u64,
}

#[derive(Debug, Default)]
pub(super) struct Line(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    up: Option<(u64, Link, Peer)>,
    down: Option<Down>,
    pause: Duration,
}

#[derive(Debug)]
struct Down {
    generation: u64,
    until: Instant,
    why: String,
}

impl Line {
    /// The connection, made now if there is none; an error says why there is none.
    pub(super) async fn link(&self, target: &Target) -> Result<Link, String> {
        // Who comes while somebody connects waits for the same connection.
        let mut state = self.0.lock().await;
        if let Some((generation, link, _)) = &state.up
            && *generation == target.generation
            && !link.is_over()
        {
            return Ok(link.clone());
        }
        state.up = None;
        if let Some(down) = &state.down
            && down.generation == target.generation
            && Instant::now() < down.until
        {
            return Err(down.why.clone());
        }
        match connect(target).await {
            Ok((link, peer)) => {
                state.down = None;
                state.up = Some((target.generation, link.clone(), peer));
                Ok(link)
            }
            Err(why) => {
                state.fail(target.generation, &why);
                Err(why)
            }
        }
    }

    /// It answers nothing of use: the next try is made later, on another connection.
    pub(super) async fn useless(&self, generation: u64, why: &str) {
        let mut state = self.0.lock().await;
        state.up = None;
        state.fail(generation, why);
    }

    /// It answered as it should.
    pub(super) async fn useful(&self) {
        self.0.lock().await.pause = Duration::ZERO;
    }

    /// Ends the connection if its other end is not trusted any more.
    pub(super) async fn recheck(&self, trusted: impl Fn(&Peer) -> bool) {
        let mut state = self.0.lock().await;
        state.up.take_if(|(.., peer)| !trusted(peer));
    }
}

impl State {
    fn fail(&mut self, generation: u64, why: &str) {
        self.pause = (self.pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        self.down = Some(Down {
            generation,
            until: Instant::now() + self.pause,
            why: why.to_owned(),
        });
    }
}

async fn connect(target: &Target) -> Result<(Link, Peer), String> {
    let expect = match target.member {
        Some(member) => Expect::Member(member, Role::Schedule),
        None => Expect::Any(Role::Schedule),
    };
    let mut why = "the daemon of this host has no scheduler".to_owned();
    for place in &target.addresses {
        let connected = async {
            let address = place.resolve().await?;
            Passport::connect_native(&target.live, expect, address, CONNECT, None).await
        };
        match connected.await {
            Ok((stream, peer)) => {
                let (link, _opens_none) =
                    Link::start(stream, Side::Connecting, &hello(), Limits::USUAL);
                return Ok((link, peer));
            }
            Err(error) => why = error.to_string(),
        }
    }
    // A connection that the other end gives up says less.
    if !target.trouble.is_empty() {
        why.clone_from(&target.trouble);
    }
    Err(why)
}
