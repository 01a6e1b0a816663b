//! One logged-in daemon.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

use job::{ClientId, HostId, JobId, NodeName, Platform};

use crate::shown::Shown;
use crate::speed::{Pace, Records, Way};
use crate::{Load, Login, Member, Time, Toolchain, Wants};

/// What is known of the way to a host's port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    Unknown,
    Open,
    Closed,
}

/// An installation that a job has started on a host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Installing {
    pub(crate) since: Time,
    pub(crate) job: JobId,
}

/// What a host can run a job with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usable<'a> {
    pub(crate) runs_on: &'a Platform,
    pub(crate) toolchain: &'a Toolchain,
    pub(crate) has: bool,
}

/// A host and everything that decides whether it gets work.
#[derive(Debug)]
pub struct Host {
    pub id: HostId,
    pub name: NodeName,
    pub address: IpAddr,
    pub port: u16,
    pub slots: u32,
    pub platform: Platform,
    pub chroot_possible: bool,
    pub no_remote: bool,
    pub features: u32,
    pub version: u32,
    pub member: Option<Member>,
    pub reach: Reach,
    pub(crate) toolchains: HashSet<Toolchain>,
    pub(crate) shown: Shown,
    pub(crate) load: Option<Load>,
    /// Since when no other host's job would be given to it; `None` while one would.
    pub(crate) unwilling_since: Option<Time>,
    pub(crate) installing: Option<Installing>,
    /// Jobs of the cluster that run here or are on their way.
    pub(crate) placed: BTreeSet<JobId>,
    /// Jobs that run here without placement.
    pub(crate) local: HashMap<ClientId, JobId>,
    pub(crate) local_slots: u32,
    /// Jobs that come from here and have been or are to be placed.
    pub(crate) submitted: BTreeSet<JobId>,
    /// Those of them that wait, by client.
    pub(crate) pending: BTreeSet<(ClientId, JobId)>,
    /// Toolchains that this host's clients found broken on other hosts.
    pub(crate) distrusts: HashSet<(HostId, Toolchain)>,
    /// Hosts that failed this host's jobs a moment ago.
    pub(crate) avoids: HashSet<HostId>,
    pub(crate) client_count: u32,
    pub(crate) records: Records,
    pub(crate) pace: Pace,
    pub(crate) way: Way,
    /// When it got its last job, in the count of all assignments.
    pub(crate) turn: u64,
}

impl Host {
    /// How gladly it compiles its own jobs: the more clients it has, the more it has to
    /// preprocess and to send.
    pub(crate) fn eagerness(&self) -> f64 {
        let known = self.client_count as usize;
        let clients = if known > 0 {
            known
        } else {
            self.submitted.len()
        };
        let slots = self.slots as usize;
        if clients > slots {
            0.1
        } else if clients == slots {
            0.8
        } else if clients <= slots / 2 {
            1.1
        } else {
            1.0
        }
    }

    /// More announced toolchains than this are ignored.
    const MAX_TOOLCHAINS: usize = 256;
    /// More distrusted toolchains than this are ignored.
    pub(crate) const MAX_DISTRUSTS: usize = 4096;

    pub(crate) fn new(now: Time, id: HostId, login: Login) -> Self {
        Self {
            id,
            name: login.name,
            address: login.address,
            port: login.port,
            slots: login.slots,
            platform: login.platform,
            chroot_possible: login.chroot_possible,
            no_remote: login.no_remote,
            features: login.features,
            version: login.version,
            member: login.member,
            reach: Reach::Unknown,
            toolchains: login
                .toolchains
                .into_iter()
                .take(Self::MAX_TOOLCHAINS)
                .collect(),
            shown: Shown::default(),
            load: None,
            unwilling_since: Some(now),
            installing: None,
            placed: BTreeSet::new(),
            local: HashMap::new(),
            local_slots: 0,
            submitted: BTreeSet::new(),
            pending: BTreeSet::new(),
            distrusts: HashSet::new(),
            avoids: HashSet::new(),
            client_count: 0,
            records: Records::default(),
            pace: Pace::default(),
            way: Way::default(),
            turn: 0,
        }
    }

    pub(crate) fn set_toolchains(&mut self, toolchains: Vec<Toolchain>) {
        self.toolchains = toolchains.into_iter().take(Self::MAX_TOOLCHAINS).collect();
    }

    /// The last report; `None` until the first.
    pub fn load(&self) -> Option<Load> {
        self.load
    }

    /// The load as peers see it: a host that has not reported takes no work.
    pub fn shown_load(&self) -> u32 {
        self.load.map_or(1000, |load| load.load)
    }

    /// The speed as monitors show it.
    pub fn shown_speed(&self) -> f64 {
        self.records.shown()
    }

    /// Since when it has been installing a toolchain.
    pub fn installing_since(&self) -> Option<Time> {
        self.installing.map(|installing| installing.since)
    }

    /// Its jobs of the cluster, in the order of their numbers.
    pub fn placed(&self) -> impl Iterator<Item = JobId> {
        self.placed.iter().copied()
    }

    /// Its jobs, placed and local, in slots.
    pub fn occupied(&self) -> u32 {
        u32::try_from(self.placed.len())
            .unwrap_or(u32::MAX)
            .saturating_add(self.local_slots)
    }

    /// How many jobs it gets at most: a few beyond its slots wait there for the next free one.
    pub(crate) fn preload_limit(&self) -> u32 {
        self.slots.saturating_add(1 + self.slots / 4)
    }

    /// Whether it takes jobs of others at all.
    pub(crate) fn serves_others(&self) -> bool {
        self.slots > 0 && self.chroot_possible && !self.no_remote && self.reach != Reach::Closed
    }

    /// Whether its last report allows work.
    pub(crate) fn is_willing(&self) -> bool {
        self.shown_load() < 1000
    }

    /// Whether it would take a job of another host now, had it a slot for it.
    pub(crate) fn takes_work(&self) -> bool {
        self.serves_others() && self.is_willing() && self.reach == Reach::Open
    }

    /// To be called when a report or a probe may have changed its mind. Only the first of several
    /// refusals counts, or a host that repeats its own would keep others waiting.
    pub(crate) fn note_will(&mut self, now: Time) {
        self.unwilling_since = match self.takes_work() {
            true => None,
            false => self.unwilling_since.or(Some(now)),
        };
    }

    /// Whether it will come to a job of its own that waits: now, or when others of its own end.
    pub(crate) fn comes_home(&self) -> bool {
        self.is_willing()
            || self.local_slots > 0
            || self.placed.iter().any(|job| self.submitted.contains(job))
    }

    /// Whether its jobs may go to `other` for now.
    pub(crate) fn trusts(&self, other: &Self) -> bool {
        self.avoids.is_empty() || !self.avoids.contains(&other.id)
    }

    /// Whether name or address is `wanted`, literally.
    pub fn is_called(&self, wanted: &str) -> bool {
        self.name.as_str() == wanted || wanted.parse() == Ok(self.address)
    }

    /// Of the offered toolchains, the one to use here for a job of `submitter`, with its platform, and
    /// whether it is installed as far as that submitter may know.
    pub(crate) fn usable<'a>(&self, wants: &'a Wants, submitter: &Self) -> Option<Usable<'a>> {
        let own = submitter.id == self.id;
        let mut missing = None;
        let usable = |runs_on, toolchain, has| Usable {
            runs_on,
            toolchain,
            has,
        };
        for (runs_on, toolchain) in wants.offers() {
            if !self.platform.runs(runs_on) {
                continue;
            }
            if own {
                return Some(usable(runs_on, toolchain, true));
            }
            if !submitter.distrusts.is_empty()
                && submitter.distrusts.contains(&(self.id, toolchain.clone()))
            {
                continue;
            }
            let has = match (wants.native, submitter.member) {
                (false, _) => self.toolchains.contains(toolchain),
                (true, Some(member)) => self.shown.has(member, toolchain),
                (true, None) => false,
            };
            if has {
                return Some(usable(runs_on, toolchain, true));
            }
            missing = missing.or(Some(usable(runs_on, toolchain, false)));
        }
        missing
    }

    /// Whether a job that would bring the toolchain may come now, if there is a slot for it. Of icecream's
    /// clients one of all, since the host installs in one go; of members a few of each, who learn nothing of
    /// what others bring.
    pub(crate) fn may_be_brought(
        &self,
        wants: &Wants,
        submitter: &Self,
        toolchain: &Toolchain,
    ) -> bool {
        match (wants.native, submitter.member) {
            (false, _) => self.installing.is_none(),
            (true, Some(member)) => self.shown.coming(member, toolchain) < Shown::MOST_AT_ONCE,
            (true, None) => true,
        }
    }

    /// Whether it has the version and features that the job asks for.
    pub(crate) fn fulfils(&self, wants: &Wants) -> bool {
        self.version >= wants.min_version
            && self.features & wants.features == wants.features
            && (!wants.native || self.member.is_some())
    }

    /// Whether this host could take the job at some time.
    pub(crate) fn could_ever(&self, wants: &Wants, submitter: &Self) -> bool {
        let takes = if submitter.id == self.id {
            self.slots > 0 && !wants.native
        } else {
            self.serves_others()
        };
        takes
            && self.fulfils(wants)
            && (wants.preferred.is_empty() || self.is_called(&wants.preferred))
            && self.usable(wants, submitter).is_some()
    }
}
