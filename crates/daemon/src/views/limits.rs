//! What views may take of this host's disk: of one member, and of all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use membership::MemberId;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use wire::message::Refusal;

use super::View;

/// Views of one member: one for each toolchain of each of its agents' connections.
const MOST_VIEWS: u32 = 32;
/// Of all members.
const MOST_OF_ALL: usize = 256;
/// Bytes on the disk of one member.
const MOST_OF_MEMBER: u64 = 1 << 30;
/// Of all members, unless the limit of the whole cache is low.
const MOST_TOGETHER: u64 = 4 << 30;
/// The headers of one large build.
const LEAST_TOGETHER: u64 = 256 << 20;

/// Bytes of entries, unpacked, that one member may have in memory: one message may have half of that.
const MOST_ARRIVING: usize = 2 * wire::view::MOST_TOGETHER;
const UNIT: usize = 64 << 10;

/// Of what there is too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    Member,
    All,
}

/// What is taken. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Books(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Told when something is given back.
    freed: Notify,
    together: u64,
    of_member: u64,
}

#[derive(Debug, Default)]
struct State {
    members: HashMap<MemberId, Has>,
    bytes: u64,
    views: Vec<Weak<View>>,
}

#[derive(Debug)]
struct Has {
    views: u32,
    bytes: u64,
    arriving: Arc<Semaphore>,
}

impl Default for Has {
    fn default() -> Self {
        Self {
            views: 0,
            bytes: 0,
            arriving: Arc::new(Semaphore::new(MOST_ARRIVING / UNIT)),
        }
    }
}

impl Books {
    /// `cache` is the limit of toolchains; views may have as much beside them, within reason.
    pub(super) fn new(cache: u64) -> Self {
        let together = cache.clamp(LEAST_TOGETHER, MOST_TOGETHER);
        Self::of(together, together.min(MOST_OF_MEMBER))
    }

    fn of(together: u64, of_member: u64) -> Self {
        Self(Arc::new(Shared {
            state: Mutex::default(),
            freed: Notify::new(),
            together,
            of_member,
        }))
    }

    /// One view more.
    pub(super) fn seat(&self, member: MemberId) -> Result<Seat, Full> {
        let mut state = self.state();
        state.views.retain(|view| view.strong_count() > 0);
        if state.views.len() >= MOST_OF_ALL {
            return Err(Full::All);
        }
        let has = state.members.entry(member).or_default();
        if has.views >= MOST_VIEWS {
            return Err(Full::Member);
        }
        has.views += 1;
        Ok(Seat {
            arriving: Arc::clone(&has.arriving),
            books: self.clone(),
            member,
        })
    }

    pub(super) fn enter(&self, view: &Arc<View>) {
        self.state().views.push(Arc::downgrade(view));
    }

    pub(super) fn charge(&self, member: MemberId, bytes: u64) -> Result<Charge, Full> {
        let mut state = self.state();
        let has = state.members.get(&member).map_or(0, |has| has.bytes);
        if has.saturating_add(bytes) > self.0.of_member {
            return Err(Full::Member);
        }
        if state.bytes.saturating_add(bytes) > self.0.together {
            return Err(Full::All);
        }
        state.bytes += bytes;
        state.members.entry(member).or_default().bytes += bytes;
        Ok(Charge {
            books: self.clone(),
            member,
            bytes,
        })
    }

    /// Ends the view that was not used for longest, that has no jobs, and that is not `but`. False: there
    /// is none.
    pub(super) fn give_up_one(&self, but: &View, full: Full) -> bool {
        let views: Vec<Arc<View>> = {
            let state = self.state();
            state.views.iter().filter_map(Weak::upgrade).collect()
        };
        let idle = views.iter().filter(|view| {
            !std::ptr::eq(Arc::as_ptr(view), but)
                && (full == Full::All || view.member() == but.member())
                && view.is_idle()
        });
        match idle.min_by_key(|view| view.last_used()) {
            Some(view) => {
                view.lose(Refusal::OverLimit, "other views need the room that it has");
                true
            }
            None => false,
        }
    }

    /// Ends when something is given back after this was called.
    pub(super) fn freed(&self) -> impl Future<Output = ()> {
        self.0.freed.notified()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give_back(&self, member: MemberId, views: u32, bytes: u64) {
        let mut state = self.state();
        state.bytes -= bytes;
        if let Some(has) = state.members.get_mut(&member) {
            has.views -= views;
            has.bytes -= bytes;
            if has.views == 0 && has.bytes == 0 {
                state.members.remove(&member);
            }
        }
        drop(state);
        self.0.freed.notify_waiters();
    }
}

/// The right to have one view.
#[derive(Debug)]
pub(super) struct Seat {
    arriving: Arc<Semaphore>,
    books: Books,
    member: MemberId,
}

impl Seat {
    /// Room in memory for entries on their way.
    pub(super) async fn room(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let units = u32::try_from(bytes.div_ceil(UNIT)).ok()?;
        let acquired = Arc::clone(&self.arriving).acquire_many_owned(units);
        acquired.await.ok()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.books.give_back(self.member, 1, 0);
    }
}

/// Bytes that are taken, until this is dropped.
#[derive(Debug)]
pub(super) struct Charge {
    books: Books,
    member: MemberId,
    bytes: u64,
}

impl Charge {
    /// Puts it together with others of the same member.
    pub(super) fn add(all: &Mutex<Option<Self>>, mut more: Self) {
        let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *all {
            Some(all) => all.bytes += std::mem::take(&mut more.bytes),
            None => *all = Some(more),
        }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.books.give_back(self.member, 0, self.bytes);
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
        let books = Books::of(100, 60);
        let one = books.charge(id(1), 50).unwrap();
        assert_eq!(books.charge(id(1), 11).err(), Some(Full::Member));
        let other = books.charge(id(2), 40).unwrap();
        let all = Mutex::new(Some(one));
        Charge::add(&all, books.charge(id(1), 10).unwrap());
        assert_eq!(books.charge(id(3), 1).err(), Some(Full::All));
        drop((all, other));
        assert!(books.state().members.is_empty() && books.state().bytes == 0);
        let seats: Vec<_> = (0..MOST_VIEWS).map(|_| books.seat(id(1))).collect();
        assert!(seats.iter().all(Result::is_ok));
        assert_eq!(books.seat(id(1)).err(), Some(Full::Member));
        assert!(books.seat(id(2)).is_ok());
    }
}
