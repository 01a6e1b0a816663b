//! How many grants of one kind are wanted, and who gets those that come. Knows no clock and no socket.
//!
//! A grant that is there when a job comes saves that job a round trip, and keeps a place at an executor
//! from others as long as nobody uses it. So a little more is asked for than jobs wait, only while jobs
//! come, and what stays unused goes back.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use membership::MemberId;

/// A time on the caller's clock, from a start of its choice.
pub(super) type Moment = Duration;

/// Without a job for so long nothing is kept ready, and this is how long more than is wanted is kept.
pub(super) const REST: Duration = Duration::from_secs(2);
/// The most grants that wait for jobs.
const MOST_AHEAD: usize = 16;
/// How long a job waits for a place, as at the daemon.
pub(super) const PLACEMENT: Duration = Duration::from_secs(240);
/// The longest that a grant is kept, however long it is good for.
const KEPT: Duration = Duration::from_secs(30);
/// The longest round trip that is reckoned with.
const LONGEST_ROUND: Duration = Duration::from_secs(1);

/// A job that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Token(pub(super) u64);

/// A grant as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Granted<G> {
    pub(super) number: u64,
    pub(super) executor: MemberId,
    /// How long it is good for, from its making.
    pub(super) lifetime: Duration,
    pub(super) what: G,
}

/// Why a job gets no place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Without {
    /// No host will ever do.
    NoHost(String),
    /// None will for now.
    Nobody(String),
    /// Those that could take no work just now.
    NobodyWilling(String),
    NoScheduler(String),
    TooLate,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event<G> {
    /// A job will want a place soon.
    Coming,
    Wanted(Token),
    Left(Token),
    Granted(Vec<Granted<G>>),
    Nothing(Without),
    /// Nobody took it, or whoever did could not use it.
    Unused(Granted<G>),
    /// The job under it is over.
    Over(u64),
    /// The executor is not to be tried again for now.
    Avoid(MemberId),
    /// The stream is over, and all that was granted with it.
    StreamOver,
    NoScheduler(String),
    Tick,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action<G> {
    Give(Token, Granted<G>),
    Refuse(Token, Without),
    /// So many, those included that are used and kept. Opens the stream if there is none.
    Want(u32),
    GiveBack(Vec<u64>),
}

#[derive(Debug)]
struct Waiter {
    token: Token,
    since: Moment,
}

#[derive(Debug)]
struct Ready<G> {
    grant: Granted<G>,
    until: Moment,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Grants<G> {
    waiting: VecDeque<Waiter>,
    ready: VecDeque<Ready<G>>,
    used: HashSet<u64>,
    /// When jobs came, the last [`REST`] only.
    came: VecDeque<Moment>,
    /// What the scheduler said last if it was that it has nothing. It has taken all that was asked for off
    /// its queue then, tries again by itself as long as anything is wanted, and says it once only.
    nothing: Option<Without>,
    /// What was wanted last; none without a stream.
    wanted: Option<u32>,
    /// When more was wanted than before, until an answer comes.
    raised: Option<Moment>,
    round: Duration,
    surplus_since: Option<Moment>,
}

impl<G> Default for Grants<G> {
    fn default() -> Self {
        Self {
            waiting: VecDeque::new(),
            ready: VecDeque::new(),
            used: HashSet::new(),
            came: VecDeque::new(),
            nothing: None,
            wanted: None,
            raised: None,
            round: Duration::ZERO,
            surplus_since: None,
        }
    }
}

/// Arrivals that are remembered.
const MOST_CAME: usize = 256;

impl<G> Grants<G> {
    /// What follows from an event. Times never go back.
    pub(super) fn apply(&mut self, event: Event<G>, now: Moment) -> Vec<Action<G>> {
        let mut actions = Vec::new();
        match event {
            Event::Coming => self.note(now),
            Event::Wanted(token) => {
                self.note(now);
                match &self.nothing {
                    Some(without) if self.ready.is_empty() => {
                        actions.push(Action::Refuse(token, without.clone()));
                    }
                    _ => self.waiting.push_back(Waiter { token, since: now }),
                }
            }
            Event::Left(token) => self.waiting.retain(|waiter| waiter.token != token),
            Event::Granted(grants) => self.granted(grants, now),
            Event::Nothing(without) => {
                self.raised = None;
                self.send_home(&without, &mut actions);
                self.nothing = Some(without);
            }
            Event::Unused(grant) => self.unused(grant, now),
            Event::Over(number) => {
                self.used.remove(&number);
            }
            Event::Avoid(executor) => {
                self.give_back(|ready| ready.grant.executor == executor, &mut actions);
            }
            Event::StreamOver => self.forget(),
            Event::NoScheduler(text) => {
                self.forget();
                self.send_home(&Without::NoScheduler(text), &mut actions);
                return actions;
            }
            Event::Tick => {}
        }
        self.settle(now, &mut actions);
        actions
    }

    /// When [`Event::Tick`] is due, if nothing happens before.
    pub(super) fn wake_at(&self) -> Option<Moment> {
        let waiter = self.waiting.front().map(|waiter| waiter.since + PLACEMENT);
        let expiry = self.ready.iter().map(|ready| ready.until).min();
        let rest = self.came.back().map(|last| *last + REST);
        let surplus = self.surplus_since.map(|since| since + REST);
        [waiter, expiry, rest, surplus].into_iter().flatten().min()
    }

    /// Whether nobody waits, nothing is used and no job came lately.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.used.is_empty() && self.came.is_empty()
    }

    /// What was wanted last.
    pub(super) fn wanted(&self) -> u32 {
        self.wanted.unwrap_or(0)
    }

    fn note(&mut self, now: Moment) {
        if self.came.len() == MOST_CAME {
            self.came.pop_front();
        }
        self.came.push_back(now);
    }

    fn granted(&mut self, grants: Vec<Granted<G>>, now: Moment) {
        if let Some(raised) = self.raised.take() {
            let round = now.saturating_sub(raised).min(LONGEST_ROUND);
            // A grant may have waited for a host: the quicker answers tell the way.
            self.round = if self.round.is_zero() || round < self.round {
                round
            } else {
                self.round + (round - self.round) / 8
            };
        }
        self.nothing = None;
        for grant in grants {
            let until = now + (grant.lifetime / 4 * 3).min(KEPT);
            self.ready.push_back(Ready { grant, until });
        }
    }

    fn unused(&mut self, grant: Granted<G>, now: Moment) {
        if self.used.remove(&grant.number) {
            // How old it is nobody remembers: it is given on at once, or soon given back.
            let until = now + REST;
            self.ready.push_front(Ready { grant, until });
        }
    }

    fn forget(&mut self) {
        self.ready.clear();
        self.used.clear();
        self.wanted = None;
        self.raised = None;
        self.nothing = None;
        self.surplus_since = None;
    }

    fn send_home(&mut self, without: &Without, actions: &mut Vec<Action<G>>) {
        let refuse = |waiter: Waiter| Action::Refuse(waiter.token, without.clone());
        actions.extend(self.waiting.drain(..).map(refuse));
    }

    fn give_back(&mut self, which: impl Fn(&Ready<G>) -> bool, actions: &mut Vec<Action<G>>) {
        let mut numbers = Vec::new();
        self.ready.retain(|ready| {
            let goes = which(ready);
            if goes {
                numbers.push(ready.grant.number);
            }
            !goes
        });
        if !numbers.is_empty() {
            actions.push(Action::GiveBack(numbers));
        }
    }

    /// Brings everything in line with the time.
    fn settle(&mut self, now: Moment, actions: &mut Vec<Action<G>>) {
        while self.came.front().is_some_and(|came| *came + REST <= now) {
            self.came.pop_front();
        }
        self.give_back(|ready| ready.until <= now, actions);
        while !self.waiting.is_empty() && !self.ready.is_empty() {
            if let (Some(waiter), Some(ready)) = (self.waiting.pop_front(), self.ready.pop_front())
            {
                self.used.insert(ready.grant.number);
                actions.push(Action::Give(waiter.token, ready.grant));
            }
        }
        while let Some(first) = self
            .waiting
            .pop_front_if(|first| first.since + PLACEMENT <= now)
        {
            actions.push(Action::Refuse(first.token, Without::TooLate));
        }
        self.return_surplus(now, actions);
        self.want(now, actions);
    }

    fn return_surplus(&mut self, now: Moment, actions: &mut Vec<Action<G>>) {
        let ahead = self.ahead();
        let surplus = self.ready.len().saturating_sub(ahead);
        if surplus == 0 {
            self.surplus_since = None;
            return;
        }
        let since = *self.surplus_since.get_or_insert(now);
        if ahead > 0 && now < since + REST {
            return;
        }
        self.surplus_since = None;
        let oldest: Vec<u64> = self
            .ready
            .drain(..surplus)
            .map(|ready| ready.grant.number)
            .collect();
        actions.push(Action::GiveBack(oldest));
    }

    fn want(&mut self, now: Moment, actions: &mut Vec<Action<G>>) {
        let more = (self.waiting.len() + self.ahead()).max(self.ready.len());
        let count = u32::try_from(self.used.len() + more)
            .unwrap_or(u32::MAX)
            .min(1_000_000);
        // Nothing is wanted of a scheduler that was not asked yet.
        if self.wanted == Some(count) || (self.wanted.is_none() && count == 0) {
            return;
        }
        if count == 0 {
            // Whoever wants something again is answered anew.
            self.nothing = None;
        }
        if count > self.wanted.unwrap_or(0) && self.raised.is_none() {
            self.raised = Some(now);
        }
        self.wanted = Some(count);
        actions.push(Action::Want(count));
    }

    /// How many grants are to be ready beside those that are waited for: what comes in one round trip.
    fn ahead(&self) -> usize {
        if self.came.is_empty() {
            return 0;
        }
        let in_a_round = self.came.len() as u128 * self.round.as_micros() / REST.as_micros();
        usize::try_from(in_a_round + 1)
            .unwrap_or(MOST_AHEAD)
            .min(MOST_AHEAD)
    }
}

#[cfg(test)]
mod tests;
