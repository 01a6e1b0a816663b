//! The hosts that can take a job now, best first, so that no placement looks at all hosts.

use std::collections::{BTreeSet, HashMap};

use job::{HostId, Platform};

use crate::host::Host;
use crate::{Algorithm, Toolchain};

/// Whether a host has a slot of its own for the next job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Room {
    /// A free slot.
    Free,
    /// A place beyond its slots, where the job waits for the next free one.
    Preload,
}

/// The rank of a host: the least is the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    pub(crate) room: Room,
    /// The algorithm's figure; with `fastest` when the next job would end, in thousandths of the
    /// time that an average idle host takes.
    pub(crate) cost: u32,
    /// Among equals the one that has waited longest.
    pub(crate) turn: u64,
    pub(crate) host: HostId,
}

/// Where a host stands in the index.
#[derive(Debug)]
struct Entry {
    rank: Rank,
    /// It may be given a toolchain that it does not have.
    installs: bool,
    platform: Platform,
    toolchains: Vec<Toolchain>,
    /// Its place in the list of all.
    at: usize,
}

/// The ranked hosts, by what they can run.
#[derive(Debug, Default)]
pub(crate) struct Index {
    entries: HashMap<HostId, Entry>,
    all: Vec<HostId>,
    /// Those that may be given a toolchain.
    by_platform: HashMap<Platform, BTreeSet<Rank>>,
    /// All of them.
    ranked: HashMap<Platform, BTreeSet<Rank>>,
    by_toolchain: HashMap<Toolchain, BTreeSet<Rank>>,
    /// Of the hosts that take work, with room or without: the slots that they have for it.
    slots: HashMap<HostId, u32>,
    slots_by_platform: HashMap<Platform, u64>,
}

impl Index {
    /// Puts the host where it belongs now. To be called after every change of it.
    pub(crate) fn update(&mut self, host: &Host, algorithm: Algorithm) {
        let slots = host.slots.saturating_sub(host.local_slots);
        self.tally(host, if host.takes_work() { slots } else { 0 });
        let Some(rank) = rank(host, algorithm) else {
            self.forget(host.id);
            return;
        };
        let installs = host.installing.is_none() && rank.room == Room::Free;
        if let Some(entry) = self.entries.get_mut(&host.id)
            && entry.installs == installs
            && entry.toolchains.len() == host.toolchains.len()
            && entry
                .toolchains
                .iter()
                .all(|toolchain| host.toolchains.contains(toolchain))
        {
            let old = std::mem::replace(&mut entry.rank, rank);
            if old == rank {
                return;
            }
            replace(&mut self.ranked, &entry.platform, old, rank);
            if installs {
                replace(&mut self.by_platform, &entry.platform, old, rank);
            }
            for toolchain in &entry.toolchains {
                replace(&mut self.by_toolchain, toolchain, old, rank);
            }
            return;
        }
        self.forget(host.id);
        let entry = Entry {
            rank,
            installs,
            platform: host.platform.clone(),
            toolchains: host.toolchains.iter().cloned().collect(),
            at: self.all.len(),
        };
        self.all.push(host.id);
        let ranked = self.ranked.entry(entry.platform.clone());
        ranked.or_default().insert(rank);
        if installs {
            self.by_platform
                .entry(entry.platform.clone())
                .or_default()
                .insert(rank);
        }
        for toolchain in &entry.toolchains {
            self.by_toolchain
                .entry(toolchain.clone())
                .or_default()
                .insert(rank);
        }
        self.entries.insert(host.id, entry);
    }

    /// The host is gone.
    pub(crate) fn remove(&mut self, host: &Host) {
        self.tally(host, 0);
        self.forget(host.id);
    }

    /// Takes note of how many slots the host has for jobs of the cluster.
    fn tally(&mut self, host: &Host, slots: u32) {
        let before = self.slots.get(&host.id).copied().unwrap_or(0);
        if before == slots {
            return;
        }
        match slots {
            0 => self.slots.remove(&host.id),
            _ => self.slots.insert(host.id, slots),
        };
        let all = self.slots_by_platform.get(&host.platform).copied();
        let all = all.unwrap_or(0) + u64::from(slots) - u64::from(before);
        match all {
            0 => self.slots_by_platform.remove(&host.platform),
            _ => self.slots_by_platform.insert(host.platform.clone(), all),
        };
    }

    fn forget(&mut self, host: HostId) {
        let Some(entry) = self.entries.remove(&host) else {
            return;
        };
        self.all.swap_remove(entry.at);
        if let Some(moved) = self
            .all
            .get(entry.at)
            .and_then(|moved| self.entries.get_mut(moved))
        {
            moved.at = entry.at;
        }
        take(&mut self.ranked, &entry.platform, entry.rank);
        if entry.installs {
            take(&mut self.by_platform, &entry.platform, entry.rank);
        }
        for toolchain in &entry.toolchains {
            take(&mut self.by_toolchain, toolchain, entry.rank);
        }
    }

    /// Hosts that have the toolchain, best first.
    pub(crate) fn with(&self, toolchain: &Toolchain) -> impl Iterator<Item = Rank> {
        self.by_toolchain
            .get(toolchain)
            .into_iter()
            .flatten()
            .copied()
    }

    /// Hosts with a free slot that run tools of `platform` and may be given any toolchain; for each
    /// kind of host best first.
    pub(crate) fn open(&self, platform: &Platform) -> impl Iterator<Item = &BTreeSet<Rank>> {
        self.by_platform
            .iter()
            .filter(|(host, _)| host.runs(platform))
            .map(|(_, ranks)| ranks)
    }

    /// Hosts that run tools of `platform`, with a free slot or beyond; for each kind of host best first.
    pub(crate) fn ranked(&self, platform: &Platform) -> impl Iterator<Item = &BTreeSet<Rank>> {
        let all = self.ranked.iter();
        let fit = all.filter(|(host, _)| host.runs(platform));
        fit.map(|(_, ranks)| ranks)
    }

    /// The rank of a host that can take work.
    pub(crate) fn rank_of(&self, host: HostId) -> Option<Rank> {
        self.entries.get(&host).map(|entry| entry.rank)
    }

    /// The slots for jobs of the cluster, free or not, of the hosts that take work and run tools of one of `platforms`.
    pub(crate) fn slots(&self, platforms: &BTreeSet<&Platform>) -> u64 {
        let all = self.slots_by_platform.iter();
        let fit = all.filter(|(host, _)| platforms.iter().any(|platform| host.runs(platform)));
        fit.map(|(_, slots)| slots).sum()
    }

    /// All hosts that can take work, in no useful order.
    pub(crate) fn all(&self) -> &[HostId] {
        &self.all
    }
}

/// The rank of a host for jobs of others; `None` when it takes none now.
fn rank(host: &Host, algorithm: Algorithm) -> Option<Rank> {
    if !host.takes_work() {
        return None;
    }
    let occupied = host.occupied();
    let room = if occupied < host.slots {
        Room::Free
    } else if algorithm.preloads()
        && occupied < host.preload_limit()
        && host.local_slots < host.slots
    {
        Room::Preload
    } else {
        return None;
    };
    Some(Rank {
        room,
        cost: algorithm.cost(host),
        turn: host.turn,
        host: host.id,
    })
}

fn replace<K: std::hash::Hash + Eq>(
    sets: &mut HashMap<K, BTreeSet<Rank>>,
    key: &K,
    old: Rank,
    new: Rank,
) {
    if let Some(set) = sets.get_mut(key) {
        set.remove(&old);
        set.insert(new);
    }
}

fn take<K: std::hash::Hash + Eq>(sets: &mut HashMap<K, BTreeSet<Rank>>, key: &K, rank: Rank) {
    if let Some(set) = sets.get_mut(key) {
        set.remove(&rank);
        if set.is_empty() {
            sets.remove(key);
        }
    }
}
