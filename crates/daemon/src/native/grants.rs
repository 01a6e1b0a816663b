//! Which grants hold here, and which are used up. Pure: whoever calls says what time it is.

use std::collections::{BTreeSet, HashMap};

use job::JobId;
use membership::{Context, Live, MemberId, Peer, Role, SignError, Signature, UnixTime};
use wire::grant::SignedGrant;

/// How far the clocks of scheduler and executor may be apart, in seconds.
const SKEW: u64 = 10;
/// No scheduler grants for longer, in seconds: floe's say a minute. It bounds how long a used grant is
/// remembered.
const LONGEST: u64 = 600;
/// Used grants that are remembered, a hundred bytes each: with grants of a minute, nine hundred jobs a
/// second.
const MOST_USED: usize = 1 << 16;

/// Why a grant does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Bad {
    #[error("this host has no scheduler whose grants it knows")]
    NoScheduler,
    #[error("its grant is signed by member {0}, which is not this host's scheduler")]
    OtherSigner(MemberId),
    #[error("its grant's signature is wrong: {0}")]
    Signature(SignError),
    #[error("its grant cannot be read: {0}")]
    Unreadable(String),
    #[error("its grant is for executor {0}")]
    OtherExecutor(MemberId),
    #[error("its grant is for jobs of member {0}")]
    OtherSubmitter(MemberId),
    #[error(
        "its grant holds from {from} to {until}, and it is {now} (seconds since 1970); are the clocks of scheduler and executor right?"
    )]
    NotCurrent { from: u64, until: u64, now: u64 },
    #[error("its grant was signed before this daemon started, which may have seen it already")]
    Older,
    #[error("its grant is of a kind that this release does not know")]
    Unknown,
    #[error("its grant is used up")]
    Used,
    #[error("too many grants are in use here")]
    Full,
}

impl Bad {
    /// One number for each kind, for the log.
    pub(super) fn kind(&self) -> u8 {
        match self {
            Self::NoScheduler => 1,
            Self::OtherSigner(_) => 2,
            Self::Signature(_) => 3,
            Self::Unreadable(_) => 4,
            Self::OtherExecutor(_) => 5,
            Self::OtherSubmitter(_) => 6,
            Self::NotCurrent { .. } => 7,
            Self::Older => 8,
            Self::Unknown => 9,
            Self::Used => 10,
            Self::Full => 11,
        }
    }

    /// Whether the signer's present key may say otherwise: it may have renewed its certificate.
    pub(super) fn may_be_renewed(&self) -> bool {
        matches!(self, Self::Signature(_))
    }
}

/// What makes a grant this one.
type Key = (MemberId, u64, [u8; 16]);

/// A grant that holds, if it is not used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Permit {
    pub(super) job: JobId,
    key: Key,
    jobs: u32,
    /// When it may be forgotten.
    until: u64,
}

/// Who uses a grant, where.
pub(super) struct Case<'a> {
    pub(super) live: &'a Live,
    pub(super) executor: MemberId,
    pub(super) submitter: MemberId,
    pub(super) now: UnixTime,
    /// From when on this daemon knows which grants were used.
    pub(super) since: UnixTime,
}

/// Whether a grant holds; `signer` is what is known of whom it names as such.
pub(super) fn judge(
    signed: &SignedGrant,
    signer: Option<&Peer>,
    case: &Case<'_>,
) -> Result<Permit, Bad> {
    let named = signed.signer;
    let signer = signer.filter(|signer| signer.member == named);
    let signer = signer.ok_or(Bad::OtherSigner(named))?;
    let signature = Signature(
        signed
            .signature
            .as_bytes()
            .try_into()
            .map_err(|_| Bad::Signature(SignError::Bytes(named)))?,
    );
    let purpose = (Context::GRANT, Role::Schedule);
    let bytes = signed.signed_bytes();
    let verified = signer.signed(case.live, purpose, bytes, &signature, case.now);
    verified.map_err(Bad::Signature)?;
    let grant = signed
        .read_grant()
        .map_err(|bad| Bad::Unreadable(bad.to_string()))?;
    if grant.executor != case.executor {
        return Err(Bad::OtherExecutor(grant.executor));
    }
    if grant.submitter != case.submitter {
        return Err(Bad::OtherSubmitter(grant.submitter));
    }
    let (from, until) = (grant.not_before.get(), grant.expires.get());
    let now = case.now.as_secs();
    if !grant.is_current(now, SKEW) {
        return Err(Bad::NotCurrent { from, until, now });
    }
    if from + SKEW < case.since.as_secs() {
        return Err(Bad::Older);
    }
    // One that allows more jobs than may run at once would have those that run counted.
    let job = u32::try_from(grant.number.get());
    match job {
        Ok(job) if until <= now + LONGEST && grant.slots >= grant.jobs => Ok(Permit {
            job: JobId(job),
            key: (named, grant.number.get(), grant.nonce.0),
            jobs: grant.jobs.get(),
            until: until + SKEW,
        }),
        _ => Err(Bad::Unknown),
    }
}

/// The grants that were used. It forgets those whose time is over and no other.
#[derive(Debug)]
pub(super) struct Ledger {
    used: HashMap<Key, u32>,
    ends: BTreeSet<(u64, Key)>,
    most: usize,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            used: HashMap::new(),
            ends: BTreeSet::new(),
            most: MOST_USED,
        }
    }
}

impl Ledger {
    /// Whether [`Ledger::enter`] would take it.
    pub(super) fn check(&mut self, permit: &Permit, now: UnixTime) -> Result<(), Bad> {
        self.forget(now.as_secs());
        match self.used.get(&permit.key) {
            Some(jobs) if *jobs >= permit.jobs => Err(Bad::Used),
            None if self.used.len() >= self.most => Err(Bad::Full),
            _ => Ok(()),
        }
    }

    /// Uses the grant for one job.
    pub(super) fn enter(&mut self, permit: &Permit, now: UnixTime) -> Result<(), Bad> {
        self.check(permit, now)?;
        *self.used.entry(permit.key).or_default() += 1;
        self.ends.insert((permit.until, permit.key));
        Ok(())
    }

    fn forget(&mut self, now: u64) {
        while let Some((until, key)) = self.ends.first().copied() {
            if now < until {
                return;
            }
            self.ends.pop_first();
            self.used.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permit(number: u64, jobs: u32, until: u64) -> Permit {
        Permit {
            job: JobId(1),
            key: (MemberId::from_bytes([1; 16]), number, [2; 16]),
            jobs,
            until,
        }
    }

    fn at(seconds: u64) -> UnixTime {
        UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds))
    }

    #[test]
    fn a_grant_is_used_as_often_as_it_says() {
        let mut ledger = Ledger::default();
        let (once, twice) = (permit(1, 1, 100), permit(2, 2, 100));
        assert_eq!(ledger.check(&once, at(10)), Ok(()));
        assert_eq!(ledger.enter(&once, at(10)), Ok(()));
        assert_eq!(ledger.enter(&once, at(99)), Err(Bad::Used));
        assert_eq!(ledger.enter(&twice, at(10)), Ok(()));
        assert_eq!(ledger.enter(&twice, at(10)), Ok(()));
        assert_eq!(ledger.enter(&twice, at(10)), Err(Bad::Used));
        // Another grant of the same number: a scheduler that started anew.
        let mut again = once;
        again.key.2 = [3; 16];
        assert_eq!(ledger.enter(&again, at(10)), Ok(()));
    }

    #[test]
    fn a_full_ledger_refuses_and_forgets_only_what_is_over() {
        let mut ledger = Ledger {
            most: 2,
            ..Ledger::default()
        };
        ledger.enter(&permit(1, 1, 50), at(10)).unwrap();
        ledger.enter(&permit(2, 1, 100), at(10)).unwrap();
        assert_eq!(ledger.enter(&permit(3, 1, 100), at(49)), Err(Bad::Full));
        assert_eq!(ledger.enter(&permit(1, 1, 50), at(49)), Err(Bad::Used));
        assert_eq!(ledger.enter(&permit(3, 1, 100), at(50)), Ok(()));
        assert_eq!(ledger.enter(&permit(2, 1, 100), at(50)), Err(Bad::Used));
        assert_eq!((ledger.used.len(), ledger.ends.len()), (2, 2));
    }
}
