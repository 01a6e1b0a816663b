//! Who gets which file from whom: each file leaves this host once, as far as that can be had, and executors
//! get the rest from each other. Pure: no clock, no socket.
//!
//! An executor that misses a file gets it from here if nobody has it and nobody else is being sent it; else
//! from the executor that has it and has the least to hand on. What could not be fetched is sent from here.

use std::collections::{BTreeMap, HashMap, HashSet};

use job::Digest;
use membership::MemberId;

/// Files, and bytes of them, on their way from here to one executor.
const MOST_SENDING: usize = 24;
const MUCH_SENDING: u64 = 4 << 20;
/// Files that one was to hand on and did not: it is left out then.
const MOST_FAILURES: u32 = 3;
/// How often one file is sent to one executor.
const MOST_TRIES: u32 = 3;
/// Files that one executor is to fetch, in one message.
const TOGETHER: usize = 1024;

/// A file by its place in the list.
pub(super) type Index = usize;

#[derive(Debug)]
struct File {
    digest: Digest,
    size: u64,
    /// Executors to whom it is on its way from here, and moves.
    sending: u32,
}

/// How a missing file is to come.
#[derive(Debug, Default)]
struct Want {
    way: Way,
    /// What is there of it.
    offset: u64,
    /// Sent from here so often.
    tries: u32,
    /// Not to be had from others.
    direct: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Way {
    #[default]
    None,
    Here,
    From(MemberId),
}

#[derive(Debug, Default)]
struct Executor {
    missing: BTreeMap<Index, Want>,
    /// Whether it has said what it misses: it has the rest.
    asked: bool,
    sending: usize,
    bytes: u64,
    /// Bytes that others are to fetch there.
    load: u64,
    failures: u32,
    /// It is gone, but was whole when it went.
    whole: bool,
}

/// What is to be done for an executor.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Send {
        index: Index,
        digest: Digest,
        size: u64,
        offset: u64,
    },
    Elsewhere {
        holder: MemberId,
        files: Vec<Digest>,
    },
    /// Until something changes.
    Wait,
    /// It was sent a file so often without success.
    Hopeless(Digest),
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Swarm {
    files: Vec<File>,
    index: HashMap<Digest, Index>,
    executors: HashMap<MemberId, Executor>,
    /// Bytes that left this host, unpacked.
    pub(super) sent: u64,
}

impl Swarm {
    /// Of all files of a toolchain, each content once.
    pub(super) fn new(files: impl IntoIterator<Item = (Digest, u64)>) -> Self {
        let files: HashMap<Digest, u64> = files.into_iter().collect();
        let mut files: Vec<File> = files
            .into_iter()
            .map(|(digest, size)| File {
                digest,
                size,
                sending: 0,
            })
            .collect();
        // What takes longest begins first.
        files.sort_by_key(|file| (std::cmp::Reverse(file.size), file.digest));
        let index = files.iter().enumerate();
        let index = index.map(|(at, file)| (file.digest, at)).collect();
        Self {
            files,
            index,
            ..Self::default()
        }
    }

    /// A conversation with it begins.
    pub(super) fn join(&mut self, executor: MemberId) {
        self.leave(executor, false);
        self.executors.insert(executor, Executor::default());
    }

    /// The conversation is over; with the toolchain whole it may hand it on.
    pub(super) fn leave(&mut self, executor: MemberId, whole: bool) {
        let Some(mut left) = self.executors.remove(&executor) else {
            return;
        };
        for (at, want) in std::mem::take(&mut left.missing) {
            self.unassign(at, want.way);
        }
        if whole {
            left.whole = true;
            left.asked = true;
            self.executors.insert(executor, left);
        }
        // What others were to fetch there may still come; who does not get it says so.
    }

    /// It misses these; said again, they could not be had as was planned. A file that is none of the toolchain's is an error.
    pub(super) fn misses(
        &mut self,
        executor: MemberId,
        files: impl IntoIterator<Item = (Digest, u64)>,
        last: bool,
    ) -> Result<(), Digest> {
        for (digest, offset) in files {
            let at = *self.index.get(&digest).ok_or(digest)?;
            let offset = offset.min(self.files[at].size);
            let Some(one) = self.executors.get_mut(&executor) else {
                return Ok(());
            };
            let want = one.missing.entry(at).or_default();
            want.offset = offset;
            if one.asked {
                let way = std::mem::take(&mut want.way);
                want.direct = true;
                if let Way::From(holder) = way {
                    self.unassign(at, way);
                    if let Some(holder) = self.executors.get_mut(&holder) {
                        holder.failures += 1;
                    }
                } else {
                    want.way = way;
                }
            }
        }
        if last && let Some(one) = self.executors.get_mut(&executor) {
            one.asked = true;
        }
        Ok(())
    }

    /// It could not be told to fetch these there.
    pub(super) fn untold(&mut self, executor: MemberId, holder: MemberId, files: &[Digest]) {
        for digest in files {
            let Some(at) = self.index.get(digest).copied() else {
                continue;
            };
            let one = self.executors.get_mut(&executor);
            let want = one.and_then(|one| one.missing.get_mut(&at));
            if let Some(want) = want.filter(|want| want.way == Way::From(holder)) {
                want.way = Way::None;
                self.unassign(at, Way::From(holder));
            }
        }
        if let Some(holder) = self.executors.get_mut(&holder) {
            holder.failures += 1;
        }
    }

    /// It has these now.
    pub(super) fn arrived(&mut self, executor: MemberId, files: impl IntoIterator<Item = Digest>) {
        for digest in files {
            let Some(at) = self.index.get(&digest).copied() else {
                continue;
            };
            let one = self.executors.get_mut(&executor);
            let Some(want) = one.and_then(|one| one.missing.remove(&at)) else {
                continue;
            };
            // One that is sent from here is counted until that has ended.
            if matches!(want.way, Way::From(_)) {
                self.unassign(at, want.way);
            }
        }
    }

    /// A file was sent, or not. What was taken whole is there.
    pub(super) fn sent(&mut self, executor: MemberId, index: Index, moving: bool, whole: bool) {
        let file = &mut self.files[index];
        let size = file.size;
        file.sending -= u32::from(moving);
        let Some(one) = self.executors.get_mut(&executor) else {
            return;
        };
        one.sending = one.sending.saturating_sub(1);
        one.bytes = one.bytes.saturating_sub(size);
        if whole {
            one.missing.remove(&index);
        } else if let Some(want) = one.missing.get_mut(&index)
            && want.way == Way::Here
        {
            want.way = Way::None;
        }
    }

    /// Nothing is taken of a file that is being sent: others need not wait for it.
    pub(super) fn stalls(&mut self, index: Index) {
        self.files[index].sending -= 1;
    }

    /// What is to be done for it next.
    pub(super) fn next(&mut self, executor: MemberId) -> Step {
        let Some(one) = self.executors.get(&executor) else {
            return Step::Wait;
        };
        let has_room = one.sending < MOST_SENDING && one.bytes < MUCH_SENDING;
        let mut first = None;
        let mut elsewhere: Option<(MemberId, Vec<Index>)> = None;
        for (at, want) in &one.missing {
            if want.way != Way::None {
                continue;
            }
            let holder = match want.direct {
                true => None,
                false => self.holder(executor, *at, elsewhere.as_ref().map(|(one, _)| *one)),
            };
            match holder {
                Some(holder) => {
                    let (chosen, files) = elsewhere.get_or_insert((holder, Vec::new()));
                    if *chosen == holder && files.len() < TOGETHER {
                        files.push(*at);
                    }
                }
                None if first.is_none()
                    && has_room
                    && (want.direct || self.files[*at].sending == 0) =>
                {
                    first = Some(*at);
                }
                None => {}
            }
        }
        if let Some((holder, files)) = elsewhere {
            let bytes: u64 = files.iter().map(|at| self.files[*at].size).sum();
            if let Some(one) = self.executors.get_mut(&executor) {
                for at in &files {
                    if let Some(want) = one.missing.get_mut(at) {
                        want.way = Way::From(holder);
                    }
                }
            }
            if let Some(holder) = self.executors.get_mut(&holder) {
                holder.load += bytes;
            }
            let files = files.iter().map(|at| self.files[*at].digest).collect();
            return Step::Elsewhere { holder, files };
        }
        let Some(at) = first else { return Step::Wait };
        self.send(executor, at)
    }

    fn send(&mut self, executor: MemberId, index: Index) -> Step {
        let file = &mut self.files[index];
        let Some(one) = self.executors.get_mut(&executor) else {
            return Step::Wait;
        };
        let Some(want) = one.missing.get_mut(&index) else {
            return Step::Wait;
        };
        if want.tries == MOST_TRIES {
            return Step::Hopeless(file.digest);
        }
        want.tries += 1;
        want.way = Way::Here;
        one.sending += 1;
        one.bytes += file.size;
        file.sending += 1;
        self.sent += file.size - want.offset;
        Step::Send {
            index,
            digest: file.digest,
            size: file.size,
            offset: want.offset,
        }
    }

    /// Who hands a file on: who has the least to do, or who was chosen for others just now.
    fn holder(
        &self,
        executor: MemberId,
        index: Index,
        chosen: Option<MemberId>,
    ) -> Option<MemberId> {
        let has = |id: &MemberId, one: &Executor| {
            *id != executor
                && one.failures < MOST_FAILURES
                && (one.whole || (one.asked && !one.missing.contains_key(&index)))
        };
        let mut holders = self.executors.iter().filter(|(id, one)| has(id, one));
        let least = holders.clone().map(|(_, one)| one.load).min()?;
        if let Some(chosen) = chosen
            && holders
                .clone()
                .any(|(id, one)| *id == chosen && one.load == least)
        {
            return Some(chosen);
        }
        holders
            .find(|(_, one)| one.load == least)
            .map(|(id, _)| *id)
    }

    fn unassign(&mut self, index: Index, way: Way) {
        let size = self.files[index].size;
        if let Way::From(holder) = way
            && let Some(holder) = self.executors.get_mut(&holder)
        {
            holder.load = holder.load.saturating_sub(size);
        }
    }

    /// Those that talk with this host about the toolchain now.
    pub(super) fn members(&self) -> HashSet<MemberId> {
        self.executors.keys().copied().collect()
    }
}

#[cfg(test)]
#[path = "swarm_tests.rs"]
mod tests;
