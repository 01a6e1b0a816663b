//! How the roles of the crate `job` stand in messages.

use job::Role;

use crate::define::Choice;
use crate::field::{Field, Invalid};

const NUMBERS: [(u32, Role); 5] = [
    (1, Role::Submit),
    (2, Role::Execute),
    (3, Role::Monitor),
    (4, Role::Admin),
    (5, Role::Schedule),
];

pub(crate) const DEFINITION: Choice = Choice {
    name: "Role",
    doc: " What a host or a member does in its cluster.",
    values: &[
        (1, " sends jobs"),
        (2, " runs jobs of others"),
        (3, " watches"),
        (4, " decides who is a member"),
        (5, " decides which host runs which job"),
    ],
    otherwise: None,
};

impl Field for Role {
    type Wire = u32;

    fn read(wire: u32) -> Result<Self, Invalid> {
        let known = NUMBERS.iter().find(|(number, _)| *number == wire);
        let unknown = || Invalid::new(format!("{wire} is not known here"));
        known.map(|(_, role)| *role).ok_or_else(unknown)
    }

    fn write(&self) -> u32 {
        match self {
            Self::Submit => 1,
            Self::Execute => 2,
            Self::Monitor => 3,
            Self::Admin => 4,
            Self::Schedule => 5,
        }
    }

    fn describe() -> String {
        "[Role](#role)".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_is_read_as_it_is_written() {
        for role in Role::ALL {
            let number = role.write();
            assert_eq!(Role::read(number), Ok(role));
            assert!(NUMBERS.contains(&(number, role)));
            assert!(DEFINITION.values.iter().any(|(known, _)| *known == number));
        }
        assert!(Role::read(0).is_err() && Role::read(6).is_err());
    }
}
