//! Which host gets the next job.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use job::{HostId, JobId, Platform};

use super::Cluster;
use crate::host::Host;
use crate::index::{Rank, Room};
use crate::queue::Next;
use crate::task::Kind;
use crate::{Algorithm, Time, Toolchain, Wants, WhyHome};

/// What sending and unpacking a toolchain costs, in thousandths of an average job on an idle host.
const INSTALL_COST: u32 = 5000;
/// How many jobs have to wait for each slot of other hosts that becomes free while one waits at a
/// host. Measured in simulation: with one, jobs still waited beside idle hosts at the end of short
/// builds; more than two gains nothing.
const CROWD: u64 = 2;
/// Toolchains for which lost time is remembered.
const MAX_REGRETS: usize = 4096;
/// How often chance is asked before all hosts are looked at.
const DRAWS: usize = 16;

/// The choice for one job.
#[derive(Debug)]
pub(super) struct Pick {
    pub(super) host: HostId,
    pub(super) platform: Platform,
    /// The toolchain to use; `None` at home, where the client uses its own compiler.
    pub(super) toolchain: Option<Toolchain>,
    pub(super) has_toolchain: bool,
    pub(super) home: Option<WhyHome>,
}

/// What can be hoped for, for a job that no host takes now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outlook {
    /// The host will take it when it has room.
    Hope(HostId),
    /// There are hosts for it, and all of them have refused work since then.
    Unwilling(Time),
    /// There is no host for it.
    Nobody,
}

impl Cluster {
    /// The host for a job; `None` when it has to wait.
    pub(super) fn choose(&mut self, wants: &Wants, submitter: HostId) -> Option<Pick> {
        if !wants.preferred.is_empty() {
            return self.preferred(wants, submitter);
        }
        if wants.much_memory
            && let Some(host) = self.roomiest(wants, submitter)
        {
            return self.pick(host, wants, submitter);
        }
        let away = match self.algorithm {
            Algorithm::Random => self.drawn(wants, submitter),
            _ => self.best(wants, submitter),
        };
        // Behind other jobs is no place to wait when a free slot is about to have the toolchain.
        let away = away.filter(|rank| {
            rank.room == Room::Free
                || (!self.is_coming(wants, submitter) && self.may_queue_at(rank.host, wants))
        });
        let home = match wants.native {
            true => None,
            false => self.home(wants, submitter),
        };
        match (away, home) {
            (Some(away), Some(home)) if self.prefers_home(away, home) => {
                self.pick_home(wants, submitter, WhyHome::Best)
            }
            (Some(away), _) => self.pick(away.host, wants, submitter),
            (None, Some(_)) => self.pick_home(wants, submitter, WhyHome::Best),
            (None, None) if wants.native => None,
            (None, None) => {
                let from = self.hosts.get(&submitter)?;
                (from.occupied() < from.slots).then_some(())?;
                self.pick_home(wants, submitter, WhyHome::OthersBusy)
            }
        }
    }

    /// What a job can hope for that found no host.
    pub(super) fn outlook(&self, next: &Next) -> Outlook {
        let Some(from) = self.hosts.get(&next.submitter) else {
            return Outlook::Nobody;
        };
        let could = |host: &&Host| host.could_ever(&next.wants, from);
        let comes = |host: &Host| match host.id == from.id {
            true => host.comes_home(),
            false => host.unwilling_since.is_none(),
        };
        let known = next.hope.and_then(|host| self.hosts.get(&host));
        if let Some(known) = known.filter(could).filter(|known| comes(known)) {
            return Outlook::Hope(known.id);
        }
        let mut last = None;
        for host in self.hosts.values().filter(could) {
            if comes(host) {
                return Outlook::Hope(host.id);
            }
            last = last.max(host.unwilling_since);
        }
        last.map_or(Outlook::Nobody, Outlook::Unwilling)
    }

    /// Whether a job may wait at a host for its next free slot. Nobody can take it back from there:
    /// an icecream client that was told a host connects to it at once, and no message calls it off.
    /// While it waits, slots of other hosts become free and stay empty, unless other jobs wait for
    /// them. A job that waits with us loses nothing but the way to its host.
    fn may_queue_at(&mut self, host: HostId, wants: &Wants) -> bool {
        let Some(host) = self.hosts.get(&host) else {
            return false;
        };
        if host.way.is_long(self.overall.usual_msec()) {
            return true;
        }
        let platforms = wants.offers().iter().map(|(platform, _)| platform);
        let own = u64::from(host.slots.max(1));
        let others = self.index.slots(&platforms.collect()).saturating_sub(own);
        let enough = usize::try_from((others * CROWD).div_ceil(own)).unwrap_or(usize::MAX);
        let enough = enough.saturating_add(1); // itself
        if self.queue.movable() >= enough {
            return true;
        }
        self.crowd = self.crowd.min(enough);
        false
    }

    /// The named host, if it can take the job now.
    fn preferred(&self, wants: &Wants, submitter: HostId) -> Option<Pick> {
        let from = self.hosts.get(&submitter)?;
        let mut called: Vec<&Host> = self
            .hosts
            .values()
            .filter(|host| host.is_called(&wants.preferred))
            .collect();
        called.sort_unstable_by_key(|host| host.id);
        let able = called.into_iter().find(|host| {
            if host.id == submitter {
                return self.home(wants, submitter).is_some();
            }
            let rank = self.index.rank_of(host.id);
            rank.is_some_and(|rank| host.fulfils(wants) && admits(host, rank, wants, from))
        })?;
        if able.id == submitter {
            return self.pick_home(wants, submitter, WhyHome::Best);
        }
        self.pick(able.id, wants, submitter)
    }

    /// The host with a free slot and the most free memory. None: what every job gets will have to do.
    fn roomiest(&self, wants: &Wants, submitter: HostId) -> Option<HostId> {
        let able = self.index.all().iter();
        let able = able.filter_map(|id| {
            let rank = self.able(*id, wants, submitter)?;
            let memory = self.hosts.get(id)?.load()?.free_memory;
            (rank.room == Room::Free).then_some((memory, Reverse(rank)))
        });
        able.max().map(|(_, Reverse(rank))| rank.host)
    }

    /// The best host by rank, with the toolchain weighed as the algorithm has it.
    fn best(&mut self, wants: &Wants, submitter: HostId) -> Option<Rank> {
        let from = self.hosts.get(&submitter)?;
        let whose = from.member.filter(|_| wants.native);
        let able = |rank: &Rank| {
            let host = self
                .hosts
                .get(&rank.host)
                .filter(|host| host.id != submitter)?;
            if !host.fulfils(wants) || !from.trusts(host) {
                return None;
            }
            let usable = host.usable(wants, from)?;
            let brought = usable.has || host.may_be_brought(wants, from, usable.toolchain);
            brought.then_some(usable.has)
        };
        let mut with: Option<(Rank, &Toolchain)> = None;
        let mut open: Option<(Rank, bool)> = None;
        let mut seen = BTreeSet::new();
        for (runs_on, toolchain) in wants.offers() {
            if wants.native {
                if !seen.insert(runs_on) {
                    continue;
                }
                for ranks in self.index.ranked(runs_on) {
                    let mut able = ranks.iter().filter_map(|rank| Some((*rank, able(rank)?)));
                    let free = |(rank, has): &(Rank, bool)| rank.room == Room::Free || *has;
                    let Some(first) = able.find(free) else {
                        continue;
                    };
                    if open.is_none_or(|(best, _)| first.0 < best) {
                        open = Some(first);
                    }
                    let had = std::iter::once(first).chain(able).find(|(_, has)| *has);
                    if let Some((rank, _)) = had
                        && with.is_none_or(|(best, _)| rank < best)
                    {
                        with = Some((rank, toolchain));
                    }
                }
                continue;
            }
            if let Some(rank) = self
                .index
                .with(toolchain)
                .find(|rank| able(rank) == Some(true))
                && with.is_none_or(|(best, _)| rank < best)
            {
                with = Some((rank, toolchain));
            }
            if !seen.insert(runs_on) {
                continue;
            }
            for ranks in self.index.open(runs_on) {
                let mut able = ranks.iter().filter_map(|rank| Some((*rank, able(rank)?)));
                if let Some((rank, has)) = able.next()
                    && open.is_none_or(|(best, _)| rank < best)
                {
                    open = Some((rank, has));
                }
            }
        }
        let (with, toolchain) = match (with, open) {
            (None, open) => return open.map(|(rank, _)| rank),
            (Some(with), None) => return Some(with.0),
            (Some(with), Some((open, _))) if with.0 <= open => return Some(with.0),
            (Some(with), Some((open, true))) if with.0.host == open.host => return Some(open),
            (Some((with, _)), Some((open, _))) if with.room == Room::Preload => {
                debug_assert_eq!(open.room, Room::Free);
                return Some(open);
            }
            (Some(with), _) => with,
        };
        let open = open?.0;
        if !self.algorithm.minds_toolchains() {
            return Some(open);
        }
        // A better host lacks the toolchain. Sending it pays off once the time lost without it
        // has come to what the sending costs.
        let lost = with.cost.saturating_sub(open.cost);
        if self.regrets.len() >= MAX_REGRETS {
            self.regrets.clear();
        }
        let regretted = (whose, toolchain.clone());
        let regret = self.regrets.entry(regretted.clone()).or_default();
        *regret = regret.saturating_add(lost);
        if *regret < INSTALL_COST {
            return Some(with);
        }
        self.regrets.remove(&regretted);
        Some(open)
    }

    /// Whether a host with a free slot is installing a toolchain that the job can use.
    fn is_coming(&self, wants: &Wants, submitter: HostId) -> bool {
        let Some(from) = self.hosts.get(&submitter) else {
            return false;
        };
        if let (true, Some(member)) = (wants.native, from.member) {
            return self.index.all().iter().any(|id| {
                self.hosts.get(id).is_some_and(|host| {
                    let mut offered = wants.offers().iter();
                    host.occupied() < host.slots
                        && offered.any(|(_, offer)| host.shown.coming(member, offer) > 0)
                        && host.could_ever(wants, from)
                })
            });
        }
        let brings = |job: &JobId| {
            let task = self.tasks.get(job)?;
            let Kind::Placed(placed) = &task.kind else {
                return None;
            };
            let mut arriving = placed.wants.offers().iter();
            Some(arriving.any(|offer| wants.offers().contains(offer)))
        };
        self.installs.iter().any(|(_, id)| {
            self.hosts.get(id).is_some_and(|host| {
                host.id != submitter
                    && host.occupied() < host.slots
                    && host.is_willing()
                    && host.could_ever(wants, from)
                    && host
                        .installing
                        .is_some_and(|installing| brings(&installing.job) == Some(true))
            })
        })
    }

    /// Any host, all with the same chance; one with a free slot if there is any.
    fn drawn(&mut self, wants: &Wants, submitter: HostId) -> Option<Rank> {
        let all = self.index.all().len();
        for _ in 0..DRAWS.min(all) {
            let host = self.index.all()[self.chance.below(all)];
            if let Some(rank) = self.able(host, wants, submitter)
                && rank.room == Room::Free
            {
                return Some(rank);
            }
        }
        let able = self
            .index
            .all()
            .iter()
            .filter_map(|host| self.able(*host, wants, submitter));
        let mut able: Vec<Rank> = able.collect();
        able.sort_unstable();
        let best = able.first()?.room;
        able.retain(|rank| rank.room == best);
        Some(able[self.chance.below(able.len())])
    }

    fn able(&self, host: HostId, wants: &Wants, submitter: HostId) -> Option<Rank> {
        let rank = self.index.rank_of(host)?;
        let from = self.hosts.get(&submitter)?;
        let host = self
            .hosts
            .get(&host)
            .filter(|host| host.id != submitter && host.fulfils(wants) && from.trusts(host))?;
        admits(host, rank, wants, from).then_some(rank)
    }

    /// The rank of the submitter for its own job, if it can take it as any other host.
    fn home(&self, wants: &Wants, submitter: HostId) -> Option<Rank> {
        let from = self.hosts.get(&submitter)?;
        let can = from.is_willing()
            && from.occupied() < from.slots
            && from.fulfils(wants)
            && from.usable(wants, from).is_some();
        let cost = f64::from(self.algorithm.cost(from)) / from.eagerness();
        can.then_some(Rank {
            room: Room::Free,
            cost: cost as u32,
            turn: from.turn,
            host: submitter,
        })
    }

    fn prefers_home(&mut self, away: Rank, home: Rank) -> bool {
        if self.algorithm == Algorithm::Random {
            return away.room > home.room || self.chance.below(self.index.all().len() + 1) == 0;
        }
        if away.room == home.room && away.cost == home.cost && self.algorithm == Algorithm::Fastest
        {
            return false; // the submitter has preprocessing to do
        }
        home < away
    }

    fn pick(&self, id: HostId, wants: &Wants, submitter: HostId) -> Option<Pick> {
        let host = self.hosts.get(&id)?;
        let usable = host.usable(wants, self.hosts.get(&submitter)?)?;
        Some(Pick {
            host: id,
            platform: usable.runs_on.clone(),
            toolchain: Some(usable.toolchain.clone()),
            has_toolchain: usable.has,
            home: None,
        })
    }

    fn pick_home(&self, wants: &Wants, submitter: HostId, why: WhyHome) -> Option<Pick> {
        let from = self.hosts.get(&submitter)?;
        let usable = from.usable(wants, from)?;
        Some(Pick {
            host: submitter,
            platform: usable.runs_on.clone(),
            toolchain: None,
            has_toolchain: true,
            home: Some(why),
        })
    }
}

/// Whether the host, which can take work, takes this job with the toolchain or is to be brought it.
fn admits(host: &Host, rank: Rank, wants: &Wants, from: &Host) -> bool {
    host.usable(wants, from).is_some_and(|usable| {
        let brought = rank.room == Room::Free;
        usable.has || brought && host.may_be_brought(wants, from, usable.toolchain)
    })
}
