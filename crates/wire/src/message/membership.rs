//! Who belongs to the cluster. Certificates, requests for them and signed lists are opaque here.
//! Whatever the authority does not do is answered by Denied.

use job::{MemberId, NodeName, Role};

use super::schedulers::{Address, SchedulerPlace};
use crate::define::{messages, parts};
use crate::field::{Exactly, Line, List, Opaque};
use crate::make::choices;
use crate::name::{Count, InterfaceName, Port, Size, UnixSeconds};

choices! {
    /// How a member stands.
    Standing {
        /// its certificate is good
        Active = 1;
        /// its certificate ended; it renews when it is back
        Away = 2;
        /// it was away for too long and must join again
        Lapsed = 3;
        /// it is refused
        Revoked = 4;
    }
}

parts! {
    /// A certificate to believe.
    Root {
        /// In DER.
        1 (bytes = "vec") certificate: Opaque<8192>;
        /// Until when, if it is being replaced.
        2 (uint64, optional) until: Option<UnixSeconds>;
    }

    /// A member, as its certificate authority knows it.
    Member {
        /// Who.
        1 (bytes = "vec") id: MemberId;
        /// Its host's name.
        2 (string) name: NodeName;
        /// What it may do.
        3 (uint32, repeated) roles: List<Role, 16>;
        /// When it joined.
        4 (uint64) joined: UnixSeconds;
        /// When it got its certificate.
        5 (uint64) renewed: UnixSeconds;
        /// Until when that is good.
        6 (uint64) expires: UnixSeconds;
        /// How it stands.
        7 (uint32) standing: Standing;
    }
}

messages! {
    /// A host wants to become a member. It has checked the authority's fingerprint before.
    JoinRequest = 80, "joiner → certificate authority, opens a stream" {
        /// Which invitation.
        1 (bytes = "vec") invite: Exactly<8>;
        /// What proves it.
        2 (bytes = "vec") secret: Exactly<20>;
        /// The request for the daemon's certificate, PKCS #10 in DER.
        3 (bytes = "vec") request: Opaque<8192>;
        /// The same for the agents of the host's users.
        4 (bytes = "vec") agent_request: Opaque<8192>;
        /// The host's name.
        5 (string) name: NodeName;
    }

    /// Certificates, and what else a member has to know. The data is the signed list of revoked
    /// members; none if nobody ever was revoked.
    Certificate = 81, "certificate authority → joiner or member, the last on its stream; data follows" {
        /// The cluster.
        1 (bytes = "vec") cluster: Exactly<16>;
        /// Its name.
        2 (string) cluster_name: Line<64>;
        /// The daemon's certificate and those above it, in DER.
        3 (bytes = "vec", repeated) chain: List<Opaque<8192>, 4>;
        /// The agents'; empty if the member may not submit.
        4 (bytes = "vec", repeated) agent_chain: List<Opaque<8192>, 4>;
        /// Whom to believe from now on; several while the authority's key is rotated.
        5 (message, repeated) roots: List<Root, 8>;
        /// Where the authority is reached.
        6 (message, repeated) addresses: List<Address, 16>;
    }

    /// A member wants newer certificates, for new keys. The connection's own one proves who it is.
    Renew = 82, "member → certificate authority, opens a stream" {
        /// The request for the daemon's certificate, PKCS #10 in DER.
        1 (bytes = "vec") request: Opaque<8192>;
        /// The same for the agents.
        2 (bytes = "vec") agent_request: Opaque<8192>;
    }

    /// Who is a member?
    ListMembers = 83, "member → certificate authority, opens a stream" {}

    /// Members.
    Members = 84, "answer to ListMembers" {
        /// Some of them.
        1 (message, repeated) members: List<Member, 1024>;
        /// More such messages follow.
        2 (bool) more: bool;
    }

    /// Who is revoked?
    FetchRevoked = 85, "member → certificate authority or scheduler, opens a stream" {
        /// The number of the list that it has; 0 for none.
        1 (uint64) known: u64;
        /// A scheduler: where it listens, on the address from which it asks.
        2 (uint32, optional) scheduler_port: Option<Port>;
        /// A scheduler: where it is reached instead.
        3 (message, repeated) scheduler_addresses: List<Address, 16>;
    }

    /// The data is the list of revoked members, as the authority signed it. A list of a higher number
    /// replaces the one before. No data if the asker has the newest.
    Revoked = 86, "answer to FetchRevoked, or opens a stream to tell a newer one; data follows" {
        /// The list's number.
        1 (uint64) number: u64;
        /// The length of the data.
        2 (uint64) size: Size;
        /// Schedulers that asked lately; said by the authority only.
        3 (message, repeated) schedulers: List<SchedulerPlace, 16>;
    }

    /// An invitation is wanted.
    Invite = 87, "admin → certificate authority, opens a stream" {
        /// What those who use it may do.
        1 (uint32, repeated) roles: List<Role, 16>;
        /// How many hosts may use it.
        2 (uint32) uses: Count;
        /// For how many seconds.
        3 (uint32) lifetime_s: u32;
        /// Where the authority is reached, instead of where it usually is.
        4 (message, repeated) addresses: List<Address, 16>;
    }

    /// The invitation.
    Invited = 88, "answer to Invite, the last on its stream" {
        /// The cluster.
        1 (bytes = "vec") cluster: Exactly<16>;
        /// SHA-256 of the authority's public key.
        2 (bytes = "vec") fingerprint: Exactly<32>;
        /// Which invitation.
        3 (bytes = "vec") invite: Exactly<8>;
        /// What proves it.
        4 (bytes = "vec") secret: Exactly<20>;
        /// Where the authority is reached, best first.
        5 (message, repeated) addresses: List<Address, 16>;
    }

    /// A member is to be refused everywhere.
    Revoke = 89, "admin → certificate authority, opens a stream" {
        /// Which.
        1 (bytes = "vec") member: MemberId;
    }

    /// It is done.
    Done = 90, "answer to Share and to Revoke, the last on its stream" {}

    /// A user's agent wants to act in its host's name; the socket says which user it is.
    WantCredentials = 91, "agent → daemon of its host, over the Unix socket, opens a stream" {}

    /// What the agent shows to others, and whom it believes; the data is the signed list of revoked
    /// members. Sent again when any of it changes.
    Credentials = 92, "daemon → agent of its host; data follows" {
        /// The cluster.
        1 (bytes = "vec") cluster: Exactly<16>;
        /// The key of its certificate, PKCS #8 in DER; for the agent's memory only.
        2 (bytes = "vec") key: Opaque<512>;
        /// Its certificate and those above it, in DER.
        3 (bytes = "vec", repeated) chain: List<Opaque<8192>, 4>;
        /// Whom to believe.
        4 (message, repeated) roots: List<Root, 8>;
        /// Where the scheduler is; none while the daemon has none.
        5 (message, repeated) scheduler: List<Address, 16>;
        /// The cluster has hosts that are no members: those are found through the daemon only.
        6 (bool) mixed: bool;
        /// The length of the data.
        7 (uint64) list_size: Size;
        /// Why no member talks to this host any more, for people; empty as long as nothing speaks against it.
        8 (string) trouble: Line<400>;
    }

    /// The owner of this host chose the interface by which its daemon talks to others, and agents are to do the same.
    /// It comes before Credentials or Denied; when it does not, every interface is allowed.
    Pinned = 93, "daemon → agent of its host, the first on WantCredentials' stream" {
        /// Connections go out by this interface, save those to this host itself.
        1 (string) interface: InterfaceName;
    }
}
