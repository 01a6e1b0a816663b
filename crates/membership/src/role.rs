//! What a member may do.

use std::fmt;
use std::str::FromStr;

use crate::name::stored_as_text;

/// One permission; see the table in the crate's description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    Monitor,
    Submit,
    Execute,
    Schedule,
    Admin,
}

impl Role {
    pub const ALL: [Self; 5] = [
        Self::Monitor,
        Self::Submit,
        Self::Execute,
        Self::Schedule,
        Self::Admin,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Monitor => "monitor",
            Self::Submit => "submit",
            Self::Execute => "execute",
            Self::Schedule => "schedule",
            Self::Admin => "admin",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Role {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRole {
    #[error("{0:?} is no role: roles are monitor, submit, execute, schedule and admin")]
    Unknown(String),
    #[error("at least one role is needed")]
    None,
}

impl FromStr for Role {
    type Err = InvalidRole;

    fn from_str(text: &str) -> Result<Self, InvalidRole> {
        Self::ALL
            .into_iter()
            .find(|role| role.name() == text)
            .ok_or_else(|| InvalidRole::Unknown(text.chars().take(40).collect()))
    }
}

/// A set of roles, never empty.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Roles(u8);

impl Roles {
    /// What a developer's host is invited for: its jobs run elsewhere, and jobs of others on it.
    pub const USUAL: Self = Self(Role::Submit.bit() | Role::Execute.bit());

    pub const fn only(role: Role) -> Self {
        Self(role.bit())
    }

    pub fn of(roles: &[Role]) -> Result<Self, InvalidRole> {
        match roles.iter().fold(0, |bits, role| bits | role.bit()) {
            0 => Err(InvalidRole::None),
            bits => Ok(Self(bits)),
        }
    }

    /// Whether the role or one that includes it is there.
    pub const fn may(self, role: Role) -> bool {
        self.0 & (role.bit() | Role::Admin.bit()) != 0
    }

    pub fn iter(self) -> impl Iterator<Item = Role> {
        let listed = move |role: &Role| self.0 & role.bit() != 0;
        Role::ALL.into_iter().filter(listed)
    }

    /// Reads what [`fmt::Display`] writes and nothing else, so that a certificate has one spelling.
    pub(crate) fn canonical(text: &str) -> Option<Self> {
        let roles: Self = text.parse().ok()?;
        (roles.to_string() == text).then_some(roles)
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, role) in self.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(out, "{comma}{role}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Roles {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Roles({self})")
    }
}

/// Names with commas between, in any order.
impl FromStr for Roles {
    type Err = InvalidRole;

    fn from_str(text: &str) -> Result<Self, InvalidRole> {
        let roles: Vec<Role> = text.split(',').map(str::parse).collect::<Result<_, _>>()?;
        Self::of(&roles)
    }
}

stored_as_text!(Roles);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_admin_includes_other_roles() {
        for held in Role::ALL {
            for asked in Role::ALL {
                let may = Roles::only(held).may(asked);
                assert_eq!(may, held == asked || held == Role::Admin, "{held} {asked}");
            }
        }
    }

    #[test]
    fn a_certificate_has_one_spelling_and_a_person_several() {
        assert_eq!("execute,submit".parse(), Ok(Roles::USUAL));
        assert_eq!(Roles::USUAL.to_string(), "submit,execute");
        assert_eq!(Roles::canonical("submit,execute"), Some(Roles::USUAL));
        for other in [
            "execute,submit",
            "submit,submit",
            "",
            "submit,",
            "Submit",
            "root",
        ] {
            assert_eq!(Roles::canonical(other), None, "{other}");
        }
    }
}
