//! What one member may have here at a time, so that none crowds out the others.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use membership::MemberId;
use tokio::time::Instant;

use crate::compile::Room;

/// Connections: each user of a host has one agent, which keeps one and may make others while a broken one
/// is not noticed.
const MOST_LINKS: u32 = 64;
/// Jobs that wait or run: what a large build (`make -j` of some hundreds) may have at one executor.
const MOST_JOBS: u32 = 256;
/// The same for all members: what the memory for their first texts allows (256 MiB).
const MOST_OF_ALL: u32 = 1024;
/// How long a complaint is not said again, and how many are remembered.
const QUIET: Duration = Duration::from_secs(3600);
const MOST_COMPLAINTS: usize = 4096;

/// Counts, by member.
#[derive(Clone, Debug, Default)]
pub(super) struct Members(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    members: HashMap<MemberId, Has>,
    jobs: u32,
    complaints: HashSet<(MemberId, u8)>,
    complaining_since: Option<Instant>,
}

#[derive(Debug)]
struct Has {
    links: u32,
    jobs: u32,
    room: Room,
}

impl Default for Has {
    fn default() -> Self {
        Self {
            links: 0,
            jobs: 0,
            room: Room::of_member(),
        }
    }
}

/// Of what there are too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Excess {
    Links,
    Jobs,
    /// Of all members together.
    AllJobs,
}

/// One connection or one job; dropping it makes room for another.
#[derive(Debug)]
pub(super) struct Seat {
    members: Members,
    member: MemberId,
    is_job: bool,
    pub(super) room: Room,
}

impl Members {
    pub(super) fn link(&self, member: MemberId) -> Result<Seat, Excess> {
        self.take(member, false)
    }

    pub(super) fn job(&self, member: MemberId) -> Result<Seat, Excess> {
        self.take(member, true)
    }

    fn take(&self, member: MemberId, is_job: bool) -> Result<Seat, Excess> {
        let mut state = self.state();
        let (links, jobs) = match state.members.get(&member) {
            Some(has) => (has.links, has.jobs),
            None => (0, 0),
        };
        if !is_job && links >= MOST_LINKS {
            return Err(Excess::Links);
        }
        if is_job && jobs >= MOST_JOBS {
            return Err(Excess::Jobs);
        }
        if is_job && state.jobs >= MOST_OF_ALL {
            return Err(Excess::AllJobs);
        }
        let (link, job) = (u32::from(!is_job), u32::from(is_job));
        state.jobs += job;
        let has = state.members.entry(member).or_default();
        has.links += link;
        has.jobs += job;
        Ok(Seat {
            members: self.clone(),
            member,
            is_job,
            room: has.room.clone(),
        })
    }

    /// Whether something is to be said of a member: the first time within an hour.
    pub(super) fn is_news(&self, member: MemberId, kind: u8) -> bool {
        let mut state = self.state();
        let since = *state.complaining_since.get_or_insert_with(Instant::now);
        if since.elapsed() >= QUIET || state.complaints.len() >= MOST_COMPLAINTS {
            state.complaints.clear();
            state.complaining_since = Some(Instant::now());
        }
        state.complaints.insert((member, kind))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.members.state();
        state.jobs -= u32::from(self.is_job);
        if let Some(has) = state.members.get_mut(&self.member) {
            has.links -= u32::from(!self.is_job);
            has.jobs -= u32::from(self.is_job);
            if has.links + has.jobs == 0 {
                state.members.remove(&self.member);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u8) -> MemberId {
        MemberId::from_bytes([number; 16])
    }

    #[test]
    fn one_member_leaves_room_for_others_and_all_have_an_end() {
        let members = Members::default();
        let take = |member| (0..MOST_JOBS).map(move |_| (member, ()));
        let mut seats: Vec<Seat> = (1..=4)
            .flat_map(take)
            .map(|(member, ())| members.job(id(member)).unwrap())
            .collect();
        assert_eq!(members.job(id(1)).err(), Some(Excess::Jobs));
        assert_eq!(members.job(id(9)).err(), Some(Excess::AllJobs));
        seats.pop();
        let seat = members.job(id(9)).unwrap();
        assert_eq!(members.job(id(9)).err(), Some(Excess::AllJobs));
        drop((seats, seat));
        assert!(members.state().members.is_empty());
        let links: Vec<_> = (0..MOST_LINKS).map(|_| members.link(id(1))).collect();
        assert!(links.iter().all(Result::is_ok));
        assert_eq!(members.link(id(1)).err(), Some(Excess::Links));
        assert!(members.link(id(2)).is_ok());
    }

    #[test]
    fn each_complaint_is_made_once() {
        let members = Members::default();
        assert!(members.is_news(id(1), 1));
        assert!(!members.is_news(id(1), 1));
        assert!(members.is_news(id(1), 2) && members.is_news(id(2), 1));
    }
}
