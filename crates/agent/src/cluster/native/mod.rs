//! A cluster of members only: grants from its scheduler ahead of need, warm connections to executors,
//! one flight for each job.
//!
//! Whether this host belongs to such a cluster its daemon says ([`asking`]). In every other cluster, and
//! with a daemon that says nothing, jobs go icecream's way.

mod asking;
mod grants;
mod kind;
mod line;
mod pool;
mod result;
mod seat;
mod supply;
mod talk;
#[cfg(test)]
mod tests;
mod ticket;
mod views;
mod want;
mod words;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use job::Reason;
use membership::{CertificateDer, Live, MemberId, UnixTime};
use rustls::time_provider::DefaultTimeProvider;
use tokio::sync::{Notify, watch};
use tracing::info;
use transport::{HostPort, Mixed, Passport, host_port, read_credentials};
use wire::message::Credentials;

use self::line::{Line, Target};
use self::pool::Pool;
pub(crate) use self::seat::Seat;
use self::supply::Supplies;
use self::ticket::Desk;
use self::views::Views;
use self::want::Kind;
use super::{Failure, Place, Places, Wish};

/// Daemons that are asked; a host has one.
const MOST_DAEMONS: usize = 8;
/// Toolchains and platforms that are asked for.
const MOST_KINDS: usize = 64;
/// How long a new agent's first jobs wait to learn which way to go. Nothing is waited for after the
/// daemon's first word, whatever it is.
const FIRST_WORD: Duration = Duration::from_millis(500);
/// How long a connection waits to learn whether it is one between members.
const KNOWN: Duration = Duration::from_secs(2);

/// The clusters to which daemons of this host belong.
#[derive(Debug, Default)]
pub(crate) struct Clusters(Mutex<HashMap<Places, Arc<Cluster>>>);

impl Clusters {
    /// The cluster of the daemon at these places. Never waits: what is not known yet is asked for.
    pub(crate) fn at(&self, places: &Places) -> Option<Arc<Cluster>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cluster) = known.get(places) {
            cluster.wanted.notify_one();
            return Some(Arc::clone(cluster));
        }
        if known.len() >= MOST_DAEMONS {
            return None;
        }
        let cluster = Arc::new(Cluster::default());
        let asking = asking::keep(Arc::downgrade(&cluster), places.sockets.clone());
        tokio::spawn(asking);
        known.insert(places.clone(), Arc::clone(&cluster));
        Some(cluster)
    }
}

/// What is known of one daemon's cluster.
#[derive(Debug)]
pub(crate) struct Cluster {
    standing: Mutex<Standing>,
    wanted: Arc<Notify>,
    /// Whether the daemon has said anything yet.
    answered: watch::Sender<bool>,
    line: Line,
    pool: Pool,
    kinds: Mutex<HashMap<Kind, Desk>>,
    installing: Mutex<HashMap<(MemberId, String), Installing>>,
    supplies: Supplies,
    views: Views,
}

/// One installation at a time, of one toolchain on one host.
type Installing = Arc<tokio::sync::Mutex<bool>>;

impl Default for Cluster {
    fn default() -> Self {
        Self {
            standing: Mutex::default(),
            wanted: Arc::default(),
            answered: watch::channel(false).0,
            line: Line::default(),
            pool: Pool::default(),
            kinds: Mutex::default(),
            installing: Mutex::default(),
            supplies: Supplies::default(),
            views: Views::default(),
        }
    }
}

#[derive(Default)]
struct Standing {
    member: Option<Member>,
    /// Of what is shown and of the scheduler's place.
    generation: u64,
}

/// As whom this agent acts.
struct Member {
    live: Live,
    key: Vec<u8>,
    chain: Vec<CertificateDer<'static>>,
    roots: Vec<Vec<u8>>,
    scheduler: Vec<HostPort>,
    /// Why no member talks to this host any more; empty if the daemon knows of nothing.
    trouble: String,
    /// Another one, that the first named.
    elected: Option<(MemberId, Vec<HostPort>)>,
    mixed: bool,
    /// For a cluster with hosts that are no members.
    among: Mixed,
    socket: String,
}

impl fmt::Debug for Standing {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = out.debug_struct("Standing");
        shown.field("is_member", &self.member.is_some());
        shown.field("generation", &self.generation).finish()
    }
}

impl Cluster {
    /// The way for jobs, if it is one of members only and there is somebody to ask.
    pub(crate) fn access(self: &Arc<Self>) -> Option<Access> {
        let standing = self.standing();
        let member = standing.member.as_ref()?;
        let socket = member.socket.clone();
        (!member.mixed).then(|| Access {
            cluster: Arc::clone(self),
            socket,
        })
    }

    /// The same once it is known; the daemon's first word comes at once.
    pub(crate) async fn access_soon(self: &Arc<Self>) -> Option<Access> {
        self.first_word(FIRST_WORD).await;
        self.access()
    }

    async fn first_word(&self, limit: Duration) {
        let mut answered = self.answered.subscribe();
        // What is not told in time is not known.
        let _ = tokio::time::timeout(limit, answered.wait_for(|known| *known)).await;
    }

    /// As whom a connection is made to an executor that the daemon's scheduler named.
    pub(crate) async fn passport(&self) -> Passport {
        self.first_word(KNOWN).await;
        match &self.standing().member {
            Some(member) if member.mixed => Passport::Mixed(member.among.clone()),
            Some(member) => Passport::Member(member.live.clone()),
            None => Passport::None,
        }
    }

    fn wanted(&self) -> Arc<Notify> {
        Arc::clone(&self.wanted)
    }

    fn answered(&self) {
        self.answered.send_replace(true);
    }

    /// What is connected goes out by an interface that is not to be used any more.
    fn goes_another_way(&self) {
        self.standing().generation += 1;
        self.pool.renew();
    }

    /// The daemon says that this host is no member.
    fn is_open(&self) {
        let mut standing = self.standing();
        if standing.member.take().is_some() {
            info!("the daemon gives no credentials any more");
            standing.generation += 1;
            drop(standing);
            self.pool.renew();
        }
    }

    /// Takes what the daemon gave. True: connections are to be asked anew whether they may go on.
    fn take(&self, given: &Credentials, list: Vec<u8>, socket: String) -> Result<bool, String> {
        let credentials = read_credentials(given, list);
        let scheduler: Vec<_> = given.scheduler.iter().filter_map(host_port).collect();
        let roots: Vec<_> = credentials
            .roots
            .iter()
            .map(|root| root.certificate.clone())
            .collect();
        let now = UnixTime::now();
        let mut guard = self.standing();
        let standing = &mut *guard;
        if let Some(member) = &mut standing.member
            && member.key == credentials.key
            && member.chain == credentials.chain
            && member.roots == roots
            && member.live.trust().cluster() == credentials.cluster
        {
            let recheck = match credentials.revocations.as_slice() {
                [] => false,
                list => member
                    .live
                    .revoke(list, now)
                    .map_err(|bad| bad.to_string())?,
            };
            if member.scheduler != scheduler {
                member.scheduler = scheduler;
                member.elected = None;
                standing.generation += 1;
            }
            if member.trouble != given.trouble.as_str() {
                given.trouble.as_str().clone_into(&mut member.trouble);
                standing.generation += 1;
            }
            member.mixed = given.mixed;
            return Ok(recheck);
        }
        let live = credentials.live(Arc::new(DefaultTimeProvider), now);
        let live = live.map_err(|error| error.to_string())?;
        standing.member = Some(Member {
            among: Mixed::new(live.clone()),
            live,
            key: credentials.key,
            chain: credentials.chain,
            roots,
            scheduler,
            trouble: given.trouble.as_str().to_owned(),
            elected: None,
            mixed: given.mixed,
            socket,
        });
        standing.generation += 1;
        drop(guard);
        self.pool.renew();
        self.supplies.clear();
        Ok(true)
    }

    /// Ends connections with members that are not trusted any more.
    async fn recheck(&self) {
        let Some(live) = self.live() else { return };
        let now = UnixTime::now();
        self.line
            .recheck(|peer| peer.is_still_trusted(&live, now).is_ok())
            .await;
        self.pool.recheck(&live).await;
    }

    fn live(&self) -> Option<Live> {
        Some(self.standing().member.as_ref()?.live.clone())
    }

    fn generation(&self) -> u64 {
        self.standing().generation
    }

    /// Where the scheduler is; none if this host is a member no more.
    fn target(&self) -> Option<Target> {
        let standing = self.standing();
        let member = standing.member.as_ref()?;
        let (whom, addresses) = match &member.elected {
            Some((whom, addresses)) => (Some(*whom), addresses.clone()),
            None => (None, member.scheduler.clone()),
        };
        Some(Target {
            live: member.live.clone(),
            addresses,
            trouble: member.trouble.clone(),
            member: whom,
            generation: standing.generation,
        })
    }

    /// This host was a member, and no member talks to it any more.
    fn is_outside(&self) -> bool {
        let standing = self.standing();
        let member = standing.member.as_ref();
        member.is_none_or(|member| !member.trouble.is_empty())
    }

    /// The scheduler says that another one is in charge.
    fn follow(&self, whom: MemberId, addresses: Vec<HostPort>) {
        let mut guard = self.standing();
        let standing = &mut *guard;
        if let Some(member) = &mut standing.member {
            // Two that name each other are not followed in circles.
            member.elected = member.elected.is_none().then_some((whom, addresses));
            standing.generation += 1;
        }
    }

    fn desk(self: &Arc<Self>, wish: &Wish) -> Option<Desk> {
        let kind = Kind::of(wish)?;
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        if kinds.len() >= MOST_KINDS && !kinds.contains_key(&kind) {
            // Jobs have what they need of those; a kind that comes again opens another desk.
            kinds.clear();
        }
        let cluster = Arc::downgrade(self);
        let desk = kinds
            .entry(kind)
            .or_insert_with_key(|kind| kind::open(cluster, kind.clone()));
        Some(desk.clone())
    }

    fn installing(&self, executor: MemberId, toolchain: &str) -> Installing {
        let mut known = self
            .installing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // Nobody waits for those.
        known.retain(|_, one| Arc::strong_count(one) > 1);
        Arc::clone(known.entry((executor, toolchain.to_owned())).or_default())
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One job's way into a cluster of members.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    cluster: Arc<Cluster>,
    socket: String,
}

impl Access {
    /// The daemon's socket, for display.
    pub(crate) fn address(&self) -> &str {
        &self.socket
    }

    /// A job will soon want to be placed: the scheduler is asked while its text is made.
    pub(crate) fn coming(&self, wish: &Wish) {
        if let Some(desk) = self.cluster.desk(wish) {
            desk.coming();
        }
    }

    pub(crate) async fn place(self, wish: &Wish, slow_network: bool) -> Result<Place, Failure> {
        let Some(desk) = self.cluster.desk(wish) else {
            let detail = "members have no name for the platform of its toolchain";
            return Err(Failure::here(Reason::ToolchainFailed, detail));
        };
        let ticket = desk.want().await?;
        let seat = Seat::new(self.cluster, desk, ticket, &wish.toolchains, slow_network)?;
        Ok(Place::Elsewhere(Box::new(super::Seat::Native(seat))))
    }
}

fn no_member() -> Failure {
    let detail = "this host is no member of its cluster any more";
    Failure::here(Reason::NoMember, detail)
}
