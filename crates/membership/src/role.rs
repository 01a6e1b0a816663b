//! What a member may do.

use std::fmt;
use std::str::FromStr;

use job::Role;
use job::role::UnknownRole;

use crate::name::stored_as_text;

const fn bit(role: Role) -> u8 {
    1 << role as u8
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRole {
    #[error(transparent)]
    Unknown(#[from] UnknownRole),
    #[error("at least one role is needed")]
    None,
}

/// A set of roles, never empty.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Roles(u8);

impl Roles {
    /// What a developer's host is invited for: its jobs run elsewhere, and jobs of others on it.
    pub const USUAL: Self = Self(bit(Role::Submit) | bit(Role::Execute));

    pub const fn only(role: Role) -> Self {
        Self(bit(role))
    }

    pub fn of(roles: &[Role]) -> Result<Self, InvalidRole> {
        match roles.iter().fold(0, |bits, role| bits | bit(*role)) {
            0 => Err(InvalidRole::None),
            bits => Ok(Self(bits)),
        }
    }

    /// Whether the role or one that includes it is there.
    pub const fn may(self, role: Role) -> bool {
        self.0 & (bit(role) | bit(Role::Admin)) != 0
    }

    pub fn iter(self) -> impl Iterator<Item = Role> {
        let listed = move |role: &Role| self.0 & bit(*role) != 0;
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
