//! Whom a certificate names: one URI, `floe://CLUSTER/member/ID?role=submit,execute`.

use std::fmt;
use std::str::FromStr;

use crate::id::ClusterId;
use crate::role::Roles;
use job::{MemberId, Role};

/// The holder of a certificate, within a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The daemon of a host.
    Member { id: MemberId, roles: Roles },
    /// The agents of that host's users. Their key leaves the daemon, so they may submit and no more.
    Agent { id: MemberId },
    /// Who answers joins and renewals. No member can pass for it, or it would be told secrets.
    Authority,
}

/// A subject of a certain cluster, as a certificate states it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) cluster: ClusterId,
    pub(crate) subject: Subject,
}

impl fmt::Display for Named {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cluster = self.cluster;
        match self.subject {
            Subject::Member { id, roles } => {
                write!(out, "floe://{cluster}/member/{id}?role={roles}")
            }
            Subject::Agent { id } => write!(out, "floe://{cluster}/agent/{id}"),
            Subject::Authority => write!(out, "floe://{cluster}/authority"),
        }
    }
}

/// The URI names nobody that we know.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoSubject;

impl FromStr for Named {
    type Err = NoSubject;

    fn from_str(uri: &str) -> Result<Self, NoSubject> {
        let rest = uri.strip_prefix("floe://").ok_or(NoSubject)?;
        let (cluster, who) = rest.split_once('/').ok_or(NoSubject)?;
        let id = |text: &str| text.parse::<MemberId>().map_err(|_| NoSubject);
        let subject = if who == "authority" {
            Subject::Authority
        } else if let Some(agent) = who.strip_prefix("agent/") {
            Subject::Agent { id: id(agent)? }
        } else {
            let member = who.strip_prefix("member/").ok_or(NoSubject)?;
            let (member, roles) = member.split_once("?role=").ok_or(NoSubject)?;
            Subject::Member {
                id: id(member)?,
                roles: Roles::canonical(roles).ok_or(NoSubject)?,
            }
        };
        Ok(Self {
            cluster: cluster.parse().map_err(|_| NoSubject)?,
            subject,
        })
    }
}

impl Subject {
    /// None for the authority, which is no member and takes no jobs.
    pub const fn member(self) -> Option<(MemberId, Roles)> {
        match self {
            Self::Member { id, roles } => Some((id, roles)),
            Self::Agent { id } => Some((id, Roles::only(Role::Submit))),
            Self::Authority => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_names_one_subject() {
        let cluster = ClusterId::from_bytes([7; 16]);
        let id = MemberId::from_bytes([9; 16]);
        let roles = Roles::USUAL;
        for subject in [
            Subject::Member { id, roles },
            Subject::Agent { id },
            Subject::Authority,
        ] {
            let named = Named { cluster, subject };
            let uri = named.to_string();
            assert_eq!(uri.parse(), Ok(named));
            for other in [
                format!("{uri} "),
                format!("{uri}/"),
                format!("{uri},admin,admin"),
                uri.to_uppercase(),
                uri.replace("floe:", "http:"),
                uri.replace("07", "7"),
                uri.replace("/authority", "/author"),
            ] {
                assert!(other == uri || other.parse::<Named>().is_err(), "{other}");
            }
        }
    }
}
