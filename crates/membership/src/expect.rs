//! Whom a connecting member wants to reach.
//!
//! rustls hands a "server name" to whoever verifies the server, and keeps sessions to resume under it.
//! Members have no names that count, so what is expected is written as such a name: a session with one
//! member is never tried on another. It is not sent (SNI is off).

use rustls::pki_types::{DnsName, ServerName};

use crate::certificate::Leaf;
use crate::subject::Subject;
use crate::trust::Distrust;
use job::{MemberId, Role};

/// What the other end has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Expect {
    /// Anybody with the role: a scheduler found by its address.
    Any(Role),
    /// This member, with the role: the executor that a grant names.
    Member(MemberId, Role),
    /// The cluster's authority.
    Authority,
}

impl Expect {
    /// To be given to rustls with the configuration of [`crate::Live`].
    pub fn server_name(self) -> ServerName<'static> {
        let text = match self {
            Self::Any(role) => format!("{role}.any.floe"),
            Self::Member(member, role) => format!("{role}.m{member}.floe"),
            Self::Authority => "authority.floe".to_owned(),
        };
        match DnsName::try_from(text) {
            Ok(name) => ServerName::DnsName(name),
            // Roles and hexadecimal digits are labels of a DNS name.
            Err(_) => unreachable!("an expectation is a DNS name"),
        }
    }

    /// Reads such a name back.
    pub(crate) fn read(name: &ServerName<'_>) -> Option<Self> {
        let ServerName::DnsName(name) = name else {
            return None;
        };
        let name = name.as_ref().strip_suffix(".floe")?;
        if name == "authority" {
            return Some(Self::Authority);
        }
        let (role, whom) = name.split_once('.')?;
        let role = role.parse().ok()?;
        if whom == "any" {
            return Some(Self::Any(role));
        }
        let member = whom.strip_prefix('m')?.parse().ok()?;
        Some(Self::Member(member, role))
    }

    /// Whether the holder of a certificate that is in order is the one expected.
    pub(crate) fn check(self, leaf: &Leaf) -> Result<(), Distrust> {
        let (expected, needs) = match (self, leaf.named.subject) {
            (Self::Authority, Subject::Authority) => return Ok(()),
            (Self::Authority, _) => return Err(Distrust::NotTheAuthority),
            (Self::Any(role), _) => (None, role),
            (Self::Member(member, role), _) => (Some(member), role),
        };
        let Subject::Member { id, roles } = leaf.named.subject else {
            return Err(Distrust::NoMember);
        };
        match expected {
            Some(expected) if expected != id => Err(Distrust::OtherMember {
                expected,
                found: id,
            }),
            _ if !roles.may(needs) => Err(Distrust::Role { has: roles, needs }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expectation_survives_being_a_server_name() {
        let member = MemberId::from_bytes([0xab; 16]);
        let mut all = vec![Expect::Authority];
        for role in Role::ALL {
            all.extend([Expect::Any(role), Expect::Member(member, role)]);
        }
        for expect in all {
            assert_eq!(Expect::read(&expect.server_name()), Some(expect));
        }
        for other in [
            "example.org",
            "root.any.floe",
            "execute.floe",
            "execute.mab.floe",
        ] {
            let name = ServerName::try_from(other).unwrap();
            assert_eq!(Expect::read(&name), None, "{other}");
        }
    }
}
