//! How often callers may try: wrong secrets, and renewals.

use std::collections::HashMap;

use rustls::pki_types::UnixTime;

use crate::id::InviteId;
use crate::join::Refusal;
use job::MemberId;

/// Wrong secrets for one invitation in a minute, after which it rests for that minute.
const GUESSES_A_MINUTE: u32 = 5;
/// Renewals of one member in [`RENEWAL_SPAN`]: each is written and flushed. One is enough unless the answer
/// is lost, and half of a certificate's life is left for it.
const RENEWALS: u32 = 3;
const RENEWAL_SPAN: u64 = 600;

/// How often each member renewed lately.
#[derive(Debug, Default)]
pub(crate) struct Renewals {
    since: u64,
    counts: HashMap<MemberId, u32>,
}

impl Renewals {
    pub(crate) fn admit(&mut self, member: MemberId, now: UnixTime) -> Result<(), Refusal> {
        let now = now.as_secs();
        // A clock that was set back begins anew.
        if !(self.since..self.since.saturating_add(RENEWAL_SPAN)).contains(&now) {
            self.since = now;
            self.counts.clear();
        }
        let count = self.counts.entry(member).or_default();
        if *count >= RENEWALS {
            let seconds = self.since.saturating_add(RENEWAL_SPAN) - now;
            return Err(Refusal::TooSoon { seconds });
        }
        *count += 1;
        Ok(())
    }
}

/// Wrong secrets of this minute, for invitations that exist: no more entries than those.
#[derive(Debug, Default)]
pub(crate) struct Guesses {
    minute: u64,
    wrong: HashMap<InviteId, u32>,
}

impl Guesses {
    pub(crate) fn rests(&mut self, invite: InviteId, now: UnixTime) -> Option<u64> {
        let seconds = now.as_secs();
        if seconds / 60 != self.minute {
            self.minute = seconds / 60;
            self.wrong.clear();
        }
        let spent = self
            .wrong
            .get(&invite)
            .is_some_and(|&wrong| wrong >= GUESSES_A_MINUTE);
        spent.then_some(60 - seconds % 60)
    }

    pub(crate) fn wrong(&mut self, invite: InviteId, _now: UnixTime) {
        *self.wrong.entry(invite).or_default() += 1;
    }
}
