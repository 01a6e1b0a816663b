//! Who belongs to a cluster: its authority, invitations, identities, and TLS between members.
//!
//! A cluster is a certificate authority (X.509, Ed25519) and those to whom it gave a certificate. An
//! [`Invite`] is one line; who has it proves the secret in it to the authority, after the authority
//! proved its fingerprint, and becomes a member with a certificate of one day, renewed at half of it.
//! A certificate says member and roles in one URI; names and addresses decide nothing. Members refuse
//! each other by the certificate, by the authority's signed list of revoked members and by role, at
//! each connection, resumed or not, and again whenever that list changes.
//!
//! This crate owns the files of the authority and of a member, and builds rustls' configurations. It
//! has no socket and no clock: who calls says what time it is, and a test needs no waiting.
//! Calls that touch the disk block.
//!
//! | role | may |
//! |---|---|
//! | `monitor` | watch the jobs of all |
//! | `submit` | have jobs run elsewhere |
//! | `execute` | run jobs of others |
//! | `schedule` | be the scheduler: sign grants |
//! | `admin` | all of this, and ask the authority to invite and revoke |
//!
//! Roles are a set, no ladder: a build host that only executes has no reason to submit, and an executor
//! that somebody broke into must not sign grants.
//!
//! Clocks: a certificate is valid from [`BACKDATE`] before it was issued, so a member's clock may be
//! that much behind the authority's; being ahead costs nothing before half of the lifetime.

mod audit;
mod authority;
mod certificate;
mod der;
mod disk;
mod endpoint;
mod expect;
mod id;
mod identity;
mod invite;
mod join;
mod key;
mod live;
mod mint;
mod name;
mod peer;
mod revocation;
mod role;
mod schedulers;
mod sealed;
mod sign;
mod subject;
mod time;
mod tls;
mod tries;
mod trust;

#[cfg(test)]
mod tests;

use std::time::Duration;

pub use authority::{
    Authority, AuthorityError, InviteOptions, MemberRow, MemberState, Rotation, Serving,
};
pub use disk::DiskError;
pub use endpoint::Endpoint;
pub use expect::Expect;
pub use id::{ClusterId, Fingerprint, InvalidId, InviteId, Serial};
pub use identity::{AgentCredentials, Fallen, Identity, IdentityError, Joining, Renewal, Renewing};
pub use invite::{InvalidInvite, Invite, Secret};
pub use job::{MemberId, Role};
pub use join::{Caller, Issued, JoinRequest, JoinService, Refusal, Reply, Request, RootData};
pub use key::Key;
pub use live::Live;
pub use name::{Address, ClusterName, HostName, InvalidName};
pub use peer::Peer;
pub use revocation::{BadList, RevocationList};
pub use role::{InvalidRole, Roles};
pub use rustls::pki_types::{CertificateDer, UnixTime};
pub use schedulers::{Presence, SchedulerAt};
pub use sign::{Context, SignError, Signature, Signer};
pub use subject::Subject;
pub use time::stamp;
pub use tls::{TlsError, join_client};
pub use trust::{Distrust, Trust};

/// How long a member's certificate is valid; it is renewed when half of that is over.
pub const LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// How far before its issue a certificate begins: the clocks of members may differ by this.
pub const BACKDATE: Duration = Duration::from_secs(10 * 60);
/// How long after its certificate's end a member may still renew: a notebook that was switched off.
pub const RENEWAL_GRACE: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long an old authority key is trusted after a rotation, unless told otherwise.
pub const OVERLAP: Duration = RENEWAL_GRACE;

/// Between members: mutual TLS.
pub const ALPN: &[u8] = b"floe/1";
/// Between members: mutual TLS around icecream's messages.
pub const ALPN_ICECREAM: &[u8] = b"floe-icecream/1";
/// To the authority, without a certificate: [`Request::Join`] only.
pub const ALPN_JOIN: &[u8] = b"floe-join/1";
/// To the authority, with a certificate that may have ended within [`RENEWAL_GRACE`]: everything else.
pub const ALPN_AUTHORITY: &[u8] = b"floe-authority/1";
