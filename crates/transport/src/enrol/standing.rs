//! A member's standing, kept while it runs: its certificate renewed, the list of revoked members fetched.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use membership::{
    AgentCredentials, Fallen, Identity, IdentityError, Live, Presence, Renewal, Reply, Request,
    SchedulerAt, Signer, UnixTime,
};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_rustls::rustls::time_provider::DefaultTimeProvider;

use super::{EnrolError, ask};

/// How often the authority is asked who is revoked. A revoked member is refused everywhere within a minute:
/// this, an authority's first address that does not answer, and the second that does.
const LOOK: Duration = Duration::from_secs(15);
/// Between two tries to renew; half of a certificate's life is left for them.
const RENEW_AGAIN: Duration = Duration::from_secs(60);

/// What this host shows of itself at present. It changes with each renewal and each newer list.
#[derive(Clone, Debug)]
pub struct Papers {
    pub signer: Signer,
    /// For the agents of this host's users; none if this host may not submit.
    pub agent: Option<AgentCredentials>,
    /// Why this host is a member no more, for people: in which cluster, and what to do.
    pub fallen: Option<String>,
}

impl Papers {
    fn of(identity: &Identity, fallen: Option<Fallen>) -> Self {
        Self {
            signer: identity.signer(),
            agent: identity.agent(UnixTime::now()),
            fallen: fallen.map(|fallen| fallen_from(identity, fallen)),
        }
    }
}

fn fallen_from(identity: &Identity, fallen: Fallen) -> String {
    let addresses: Vec<_> = identity
        .addresses()
        .iter()
        .map(ToString::to_string)
        .collect();
    let (name, at) = (identity.cluster_name(), addresses.join(", "));
    format!("{fallen} (the cluster is {name}, its authority at {at})")
}

/// Where the cluster's schedulers are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedulers {
    pub all: Vec<SchedulerAt>,
    /// The authority said so, or did not answer, since this host began to ask.
    pub asked: bool,
}

/// Whether something changed.
type Asked = Result<bool, EnrolError>;

/// This host as a member.
#[derive(Debug)]
pub struct Standing {
    identity: Identity,
    live: Live,
    papers: watch::Sender<Papers>,
    /// If this host's scheduler asks: where others find it.
    presence: Option<Presence>,
    schedulers: watch::Sender<Schedulers>,
    renewed: Option<Instant>,
    /// What is kept of that.
    fallen: Option<Fallen>,
    /// What went wrong last, so that it is said once.
    trouble: String,
}

impl Standing {
    /// Opens a member's files.
    pub fn open(directory: &Path) -> Result<Self, IdentityError> {
        let identity = Identity::open(directory, UnixTime::now())?;
        let live = identity.live(Arc::new(DefaultTimeProvider))?;
        let fallen = Identity::fallen(directory, UnixTime::now());
        let (papers, _) = watch::channel(Papers::of(&identity, fallen));
        let (schedulers, _) = watch::channel(Schedulers {
            all: identity.schedulers(),
            asked: false,
        });
        Ok(Self {
            presence: None,
            schedulers,
            identity,
            live,
            papers,
            renewed: None,
            fallen,
            trouble: String::new(),
        })
    }

    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    pub fn live(&self) -> Live {
        self.live.clone()
    }

    /// Changes whenever running connections are to be asked anew whether they may go on.
    pub fn papers(&self) -> watch::Receiver<Papers> {
        self.papers.subscribe()
    }

    /// This host's scheduler is to be found by others.
    pub fn schedules(&mut self, presence: Presence) {
        self.presence = Some(presence);
    }

    /// What the authority said last of schedulers; those of the last run until it answers.
    pub fn schedulers(&self) -> watch::Receiver<Schedulers> {
        self.schedulers.subscribe()
    }

    /// Asks the authority again and again, for ever.
    pub async fn keep(mut self) {
        let mut ticks = interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            // A certificate that cannot be renewed is no reason to trust who was revoked.
            let renewed = self.renew_if_due().await;
            let revoked = self.look_for_revoked().await;
            let noted = self.note_fallen(&renewed, &revoked);
            let changed = [&renewed, &revoked].map(|done| matches!(done, Ok(true)));
            if let Some(error) = renewed.err().or(revoked.err()) {
                self.complain(&error);
            } else if !self.trouble.is_empty() {
                tracing::info!("the cluster's authority answers again");
                self.trouble.clear();
            }
            if noted || changed.contains(&true) {
                let papers = Papers::of(&self.identity, self.fallen);
                self.papers.send_replace(papers);
            }
        }
    }

    /// For `floe status`, `floe doctor` and `floe join`, which ask nobody. What an authority that is not
    /// reached knows is not known. True: it is news.
    fn note_fallen(&mut self, renewed: &Asked, revoked: &Asked) -> bool {
        let fallen = [renewed, revoked]
            .into_iter()
            .find_map(|asked| match asked {
                Err(EnrolError::Fallen(fallen)) => Some(*fallen),
                _ => None,
            });
        if fallen == self.fallen || fallen.is_none() && revoked.is_err() {
            return false;
        }
        self.fallen = fallen;
        if let Err(error) = self.identity.keep_fallen(fallen) {
            tracing::warn!(
                "{error}; without its daemon floe status cannot say why no member talks to this host"
            );
        }
        true
    }

    async fn renew_if_due(&mut self) -> Result<bool, EnrolError> {
        let now = UnixTime::now();
        match self.identity.needs_renewal(now) {
            Renewal::NotBefore(_) => return Ok(false),
            Renewal::Lapsed => {
                return Err(EnrolError::Fallen(Fallen::Lapsed));
            }
            Renewal::Due | Renewal::Overdue => {}
        }
        if self
            .renewed
            .is_some_and(|last| last.elapsed() < RENEW_AGAIN)
        {
            return Ok(false);
        }
        self.renewed = Some(Instant::now());
        let (renewing, request) = self.identity.renewal()?;
        let Reply::Issued(issued) = self.ask(&request).await? else {
            return Err(EnrolError::Answer("no certificate came".to_owned()));
        };
        self.identity
            .renewed(&renewing, &issued, &self.live, UnixTime::now())?;
        tracing::info!(
            "this host's certificate is renewed, until {} (seconds since 1970)",
            self.identity.expires().as_secs()
        );
        Ok(true)
    }

    async fn look_for_revoked(&mut self) -> Result<bool, EnrolError> {
        let known = self.live.trust().revoked().number();
        let scheduler = self.presence.clone();
        let asked = self.ask(&Request::Revocations { known, scheduler }).await;
        let schedulers = match &asked {
            Ok(Reply::Revocations { schedulers, .. }) => schedulers.as_slice(),
            _ => &[],
        };
        self.take_schedulers(schedulers);
        let Reply::Revocations { newer, .. } = asked? else {
            return Err(EnrolError::Answer("no list came".to_owned()));
        };
        let Some((number, list)) = newer else {
            return Ok(false);
        };
        let taken = self.live.revoke(&list, UnixTime::now());
        let newer = taken.map_err(|bad| EnrolError::Answer(bad.to_string()))?;
        if newer {
            tracing::info!("list {number} of revoked members is in force");
            // It is in force even where it cannot be kept: a full disk admits nobody.
            if let Err(error) = self.identity.keep_revocations(&self.live) {
                tracing::warn!("{error}; after a restart this host learns anew who is revoked");
            }
        }
        Ok(newer)
    }

    /// An authority that has just started has not heard of any: what was known before is better then.
    fn take_schedulers(&self, heard: &[SchedulerAt]) {
        let changed = self.schedulers.send_if_modified(|known| {
            let news = !heard.is_empty() && known.all != heard;
            if news {
                known.all = heard.to_vec();
            }
            !std::mem::replace(&mut known.asked, true) || news
        });
        if changed
            && !heard.is_empty()
            && let Err(error) = self.identity.keep_schedulers(heard)
        {
            tracing::debug!("where the schedulers are is not kept: {error}");
        }
    }

    async fn ask(&self, request: &Request) -> Result<Reply, EnrolError> {
        ask(&self.live, self.identity.addresses(), request).await
    }

    /// Once for each cause, not every few seconds for a whole night.
    fn complain(&mut self, error: &EnrolError) {
        let trouble = error.to_string();
        if trouble != self.trouble {
            match error {
                EnrolError::Fallen(_) => tracing::error!("{trouble}"),
                _ => tracing::warn!("{trouble}; this host goes on with what it knows"),
            }
            self.trouble = trouble;
        }
    }
}
