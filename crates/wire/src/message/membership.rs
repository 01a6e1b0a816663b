//! Who belongs to the cluster. Certificates and requests for them are opaque here.

use job::NodeName;

use super::login::{Address, Role};
use crate::define::{messages, parts};
use crate::field::{List, Opaque};
use crate::name::{MemberId, UnixSeconds};

parts! {
    /// A member, as its certificate authority knows it.
    Member {
        /// Who.
        1 (bytes = "vec") id: MemberId;
        /// Its host's name.
        2 (string) name: NodeName;
        /// What it may do.
        3 (uint32, repeated) roles: List<Role, 16>;
        /// Until when its certificate is good.
        4 (uint64) expires: UnixSeconds;
        /// When it was last connected, if that is known.
        5 (uint64, optional) last_seen: Option<UnixSeconds>;
        /// Where it can be reached.
        6 (message, repeated) addresses: List<Address, 16>;
    }
}

messages! {
    /// A host wants to become a member. It has checked the authority's fingerprint before.
    JoinRequest = 80, "joiner → certificate authority, opens a stream" {
        /// Which invitation.
        1 (bytes = "vec") invite: Opaque<32>;
        /// What proves it.
        2 (bytes = "vec") secret: Opaque<64>;
        /// The request for a certificate, in DER.
        3 (bytes = "vec") request: Opaque<8192>;
        /// The host's name.
        4 (string) name: NodeName;
    }

    /// A certificate. Refusals come as Denied.
    Certificate = 81, "certificate authority → joiner or member, the last on its stream" {
        /// The certificate and those above it, in DER.
        1 (bytes = "vec", repeated) chain: List<Opaque<8192>, 4>;
        /// Until when it is good.
        2 (uint64) expires: UnixSeconds;
        /// Authorities to trust from now on, in DER: two while the authority's key is rotated.
        3 (bytes = "vec", repeated) authorities: List<Opaque<8192>, 4>;
    }

    /// A member wants a newer certificate. The connection's own one proves who it is.
    Renew = 82, "member → certificate authority, opens a stream" {
        /// The request for a certificate, in DER.
        1 (bytes = "vec") request: Opaque<8192>;
    }

    /// Who is a member?
    ListMembers = 83, "member → scheduler or certificate authority, opens a stream" {}

    /// Members.
    Members = 84, "answer to ListMembers" {
        /// Some of them.
        1 (message, repeated) members: List<Member, 1024>;
        /// More such messages follow.
        2 (bool) more: bool;
    }

    /// Certificates that are refused although they have not expired. The whole list: a newer epoch
    /// replaces an older one.
    Revoked = 85, "certificate authority → everybody, opens a stream; each tells those connected to it" {
        /// Counts the changes.
        1 (uint64) epoch: u64;
        /// Serial numbers.
        2 (bytes = "vec", repeated) serials: List<Opaque<20>, 16384>;
        /// The authority's signature of the list: it may come through others.
        3 (bytes = "vec") signature: Opaque<512>;
    }
}
