//! The members as people read them.

use rustls::pki_types::UnixTime;

use super::state::{Member, State};
use super::{Authority, AuthorityError};
use crate::name::HostName;
use crate::role::Roles;
use crate::{RENEWAL_GRACE, time};
use job::MemberId;

/// One member; times in seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberRow {
    pub id: MemberId,
    pub name: HostName,
    pub roles: Roles,
    pub joined: u64,
    pub renewed: u64,
    pub expires: u64,
    pub state: MemberState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberState {
    Active,
    /// Its certificate ended; it renews when it is back.
    Away,
    /// It was away for too long and must join again.
    Lapsed,
    Revoked,
}

impl MemberState {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Away => "away",
            Self::Lapsed => "lapsed",
            Self::Revoked => "revoked",
        }
    }
}

pub(super) fn rows(state: &State, now: UnixTime) -> Vec<MemberRow> {
    let row = |(&id, member): (&MemberId, &Member)| MemberRow {
        id,
        name: member.name.clone(),
        roles: member.roles,
        joined: member.joined,
        renewed: member.renewed,
        expires: member.expires,
        state: standing(member, now.as_secs()),
    };
    let mut rows: Vec<_> = state.members.iter().map(row).collect();
    rows.sort_by(|one, other| {
        (one.joined, &one.name, one.id).cmp(&(other.joined, &other.name, other.id))
    });
    rows
}

fn standing(member: &Member, now: u64) -> MemberState {
    if member.revoked.is_some() {
        MemberState::Revoked
    } else if now <= member.expires {
        MemberState::Active
    } else if now <= time::after(time::at(member.expires), RENEWAL_GRACE) {
        MemberState::Away
    } else {
        MemberState::Lapsed
    }
}

impl Authority {
    /// The member that a person means: by its name, its id, or at least four digits that begin it.
    /// Revoked ones are meant only by their id.
    pub fn find(&mut self, given: &str, now: UnixTime) -> Result<MemberId, AuthorityError> {
        let rows = self.members(now)?;
        let shown = || given.chars().take(64).collect::<String>();
        let begins = |row: &&MemberRow| given.len() >= 4 && row.id.to_string().starts_with(given);
        let is_in = |row: &&MemberRow| row.state != MemberState::Revoked;
        let named = rows
            .iter()
            .filter(is_in)
            .filter(|row| row.name.as_str() == given);
        let mut found: Vec<_> = named.collect();
        if found.is_empty() {
            found = rows.iter().filter(begins).collect();
        }
        match found.as_slice() {
            [one] => Ok(one.id),
            [] if rows.iter().any(|row| row.name.as_str() == given) => {
                Err(AuthorityError::RevokedBefore(shown()))
            }
            [] => Err(AuthorityError::NoSuchMember(shown())),
            _ => Err(AuthorityError::Ambiguous(shown())),
        }
    }
}
