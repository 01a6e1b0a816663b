//! The jobs that wait for a host: lower niceness first, submitters of the same niceness in turn,
//! the jobs of one submitter in the order in which they came.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use job::{HostId, JobId};

use crate::{Time, Wants};

/// Waiting jobs of one submitter with the same needs.
#[derive(Debug)]
struct Line {
    wants: Arc<Wants>,
    jobs: BTreeSet<JobId>,
    /// The state of the cluster in which no host was found for them.
    stuck_at: Option<u64>,
    /// A host that takes work and could take them, when last looked at.
    hope: Option<HostId>,
    /// When they are to be looked at again although nothing has changed.
    until: Option<Time>,
}

/// Waiting jobs of one submitter with the same niceness.
#[derive(Debug, Default)]
struct Group {
    lines: Vec<Line>,
}

#[derive(Debug, Default)]
struct Level {
    turns: VecDeque<HostId>,
    groups: HashMap<HostId, Group>,
}

/// All waiting jobs.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    levels: BTreeMap<u32, Level>,
    /// No line has to be looked at again before.
    patience: Option<Time>,
    /// Waiting jobs that may go to more than one host.
    movable: usize,
}

/// The job that a pass over the queue has come to.
#[derive(Debug)]
pub(crate) struct Next {
    pub(crate) submitter: HostId,
    pub(crate) job: JobId,
    pub(crate) wants: Arc<Wants>,
    pub(crate) hope: Option<HostId>,
    niceness: u32,
    position: usize,
    line: usize,
}

/// A pass over the queue: where it goes on.
#[derive(Debug, Default)]
pub(crate) struct Pass {
    niceness: u32,
    position: usize,
}

impl Queue {
    /// Kinds of needs of one submitter and niceness that may wait at a time.
    pub(crate) const MAX_KINDS: usize = 64;

    /// Adds a job; `false` when its submitter has too many different kinds waiting.
    pub(crate) fn add(
        &mut self,
        submitter: HostId,
        niceness: u32,
        job: JobId,
        wants: &mut Arc<Wants>,
    ) -> bool {
        let level = self.levels.entry(niceness).or_default();
        let group = level.groups.entry(submitter).or_insert_with(|| {
            level.turns.push_back(submitter);
            Group::default()
        });
        let same = |line: &&mut Line| Arc::ptr_eq(&line.wants, wants) || line.wants == *wants;
        if let Some(line) = group.lines.iter_mut().find(same) {
            *wants = Arc::clone(&line.wants);
            line.jobs.insert(job);
            self.movable += usize::from(wants.preferred.is_empty());
            return true;
        }
        if group.lines.len() >= Self::MAX_KINDS {
            return false;
        }
        group.lines.push(Line {
            wants: Arc::clone(wants),
            jobs: BTreeSet::from([job]),
            stuck_at: None,
            hope: None,
            until: None,
        });
        self.movable += usize::from(wants.preferred.is_empty());
        true
    }

    /// Removes a job wherever it stands.
    pub(crate) fn remove(&mut self, submitter: HostId, niceness: u32, job: JobId) {
        let Some(level) = self.levels.get_mut(&niceness) else {
            return;
        };
        let Some(group) = level.groups.get_mut(&submitter) else {
            return;
        };
        let Some(at) = group
            .lines
            .iter_mut()
            .position(|line| line.jobs.remove(&job))
        else {
            return;
        };
        self.movable -= usize::from(group.lines[at].wants.preferred.is_empty());
        if group.lines[at].jobs.is_empty() {
            group.lines.remove(at);
        }
        if group.lines.is_empty() {
            level.groups.remove(&submitter);
            level.turns.retain(|host| *host != submitter);
        }
        if level.groups.is_empty() {
            self.levels.remove(&niceness);
        }
    }

    /// The next job in turn that is not known to be stuck in the state `state` of the cluster.
    pub(crate) fn next(&self, pass: &mut Pass, state: u64) -> Option<Next> {
        for (&niceness, level) in self.levels.range(pass.niceness..) {
            if niceness > pass.niceness {
                *pass = Pass {
                    niceness,
                    position: 0,
                };
            }
            while let Some(&submitter) = level.turns.get(pass.position) {
                let lines = level.groups[&submitter].lines.iter().enumerate();
                let next = lines
                    .filter(|(_, line)| line.stuck_at != Some(state))
                    .filter_map(|(at, line)| Some((*line.jobs.first()?, at)))
                    .min();
                if let Some((job, line)) = next {
                    let Line { wants, hope, .. } = &level.groups[&submitter].lines[line];
                    let (wants, hope, position) = (Arc::clone(wants), *hope, pass.position);
                    return Some(Next {
                        submitter,
                        job,
                        wants,
                        hope,
                        niceness,
                        position,
                        line,
                    });
                }
                pass.position += 1;
            }
        }
        None
    }

    /// The job got its place: it leaves, and its submitter goes behind the others.
    pub(crate) fn placed(&mut self, next: &Next) {
        self.remove(next.submitter, next.niceness, next.job);
        if let Some(level) = self.levels.get_mut(&next.niceness)
            && level.turns.get(next.position) == Some(&next.submitter)
        {
            level.turns.remove(next.position);
            level.turns.push_back(next.submitter);
        }
    }

    /// Nothing was found for the job, nor will be for its like until the cluster changes or the time
    /// has come; `hope` could take it when it has room.
    pub(crate) fn stuck(
        &mut self,
        next: &Next,
        state: u64,
        hope: Option<HostId>,
        until: Option<Time>,
    ) {
        self.patience = self.patience.into_iter().chain(until).min();
        if let Some(level) = self.levels.get_mut(&next.niceness)
            && let Some(group) = level.groups.get_mut(&next.submitter)
            && let Some(line) = group.lines.get_mut(next.line)
        {
            line.stuck_at = Some(state);
            line.hope = hope;
            line.until = until;
        }
    }

    /// When [`Self::lose_patience`] is due. It may turn out to be for nobody: whoever waited for
    /// that moment may have left before.
    pub(crate) fn patience(&self) -> Option<Time> {
        self.patience
    }

    /// Lets the next pass look again at the jobs whose time has come.
    pub(crate) fn lose_patience(&mut self, now: Time) {
        if self.patience.is_none_or(|patience| patience > now) {
            return;
        }
        self.patience = None;
        let levels = self.levels.values_mut();
        let groups = levels.flat_map(|level| level.groups.values_mut());
        for line in groups.flat_map(|group| &mut group.lines) {
            let Some(until) = line.until else { continue };
            if until <= now {
                (line.stuck_at, line.until) = (None, None);
            } else {
                self.patience = self.patience.into_iter().chain([until]).min();
            }
        }
    }

    /// How many submitters wait; one that waits with several nicenesses counts for each.
    pub(crate) fn submitters(&self) -> usize {
        self.levels.values().map(|level| level.groups.len()).sum()
    }

    /// How many of the waiting jobs may go to more than one host.
    pub(crate) fn movable(&self) -> usize {
        self.movable
    }
}

#[cfg(test)]
impl Queue {
    /// All waiting jobs, in no useful order.
    pub(crate) fn jobs(&self) -> Vec<JobId> {
        let groups = self.levels.values().flat_map(|level| level.groups.values());
        groups
            .flat_map(|group| &group.lines)
            .flat_map(|line| line.jobs.iter().copied())
            .collect()
    }
}
