//! Sessions that are recorded: who says what, in order. Every message is said at least once.

use job::{Digest, MemberId, NodeName, Platform, Role};
use wire::ResetCode;
use wire::field::{Exactly, Line, List, Opaque};
use wire::grant::{Grant, SignedGrant};
use wire::message::*;
use wire::name::*;

/// What one end does on the session's stream of this index; streams are numbered as they open.
pub(crate) enum Act {
    Open(Message),
    Say(usize, Message),
    Data(usize, Vec<u8>),
    End(usize),
    Reset(usize, ResetCode),
}

/// Whether the connecting end does it.
pub(crate) type Step = (bool, Act);

pub(crate) const CONNECTING: bool = true;
pub(crate) const ACCEPTING: bool = false;

pub(crate) fn all() -> Vec<(&'static str, Vec<Step>)> {
    vec![
        ("job", job()),
        ("refused", refused()),
        ("placement", placement()),
        ("toolchain", crate::toolchains::toolchain()),
        ("view", crate::views::view()),
        ("membership", membership()),
        ("agent", agent()),
        ("overview", overview()),
        ("schedulers", crate::schedulers::schedulers()),
    ]
}

pub(crate) fn digest(byte: u8) -> Digest {
    Digest::from_bytes([byte; 32])
}

pub(crate) fn member(byte: u8) -> MemberId {
    MemberId::from_bytes([byte; 16])
}

pub(crate) fn platform() -> Platform {
    Platform::parse("x86_64").unwrap()
}

pub(crate) fn count(number: u32) -> Count {
    Count::new(number).unwrap()
}

pub(crate) fn size(number: u64) -> Size {
    Size::new(number).unwrap()
}

fn micros(number: u64) -> Micros {
    Micros::new(number).unwrap()
}

pub(crate) fn list<T, const MOST: usize>(entries: Vec<T>) -> List<T, MOST> {
    List::new(entries).unwrap()
}

fn opaque<const MOST: usize>(bytes: &[u8]) -> Opaque<MOST> {
    Opaque::new(bytes.to_vec()).unwrap()
}

fn path(text: &str) -> SubmitPath {
    SubmitPath::new(text.into()).unwrap()
}

fn host() -> NodeName {
    NodeName::display("anvil")
}

pub(crate) fn addresses() -> List<Address, 16> {
    let at = |host, port| Address {
        host: HostText::parse(host).unwrap(),
        port: Port::new(port).unwrap(),
    };
    list(vec![at("anvil.example", 10245), at("2001:db8::1", 10245)])
}

pub(crate) fn grant() -> Grant {
    Grant {
        number: GrantNumber::new(40_000).unwrap(),
        executor: member(1),
        submitter: member(2),
        slots: Slots::new(2).unwrap(),
        jobs: Slots::new(20).unwrap(),
        not_before: UnixSeconds::new(1_800_000_000).unwrap(),
        expires: UnixSeconds::new(1_800_000_060).unwrap(),
        nonce: Exactly([9; 16]),
    }
}

fn signed() -> SignedGrant {
    grant().signed(vec![5; 64], member(3)).unwrap()
}

fn usage() -> Usage {
    Usage {
        user_us: micros(1_200_000),
        system_us: micros(80_000),
        peak_memory: size(190 << 20),
        waited_us: micros(3_000),
        ran_us: micros(1_300_000),
    }
}

pub(crate) fn compile() -> Compile {
    let arguments = ["-O2", "-g", "-c", "-DNAME=\"ü\""];
    Compile {
        job: JobNumber::new(17).unwrap(),
        grant: signed(),
        toolchain: digest(8),
        platform: platform(),
        family: Family::Gcc,
        language: Language::Cxx,
        arguments: list(
            arguments
                .iter()
                .map(|text| Argument::new(text.as_bytes().to_vec()).unwrap())
                .collect(),
        ),
        source: path("src/main.cc"),
        directory: path("/home/user/project"),
        output: path("build/main.o"),
        input: InputKind::Text,
        packing: Packing::Zstd,
        wanted: list(vec![OutputKind::Object, OutputKind::SplitDwarf]),
        accepted: list(vec![Packing::Plain, Packing::Zstd]),
        limits: JobLimits {
            memory: Some(size(4 << 30)),
            run_time_us: None,
        },
        inputs: None,
    }
}

fn output(kind: OutputKind, length: u64, packing: Packing) -> Message {
    Output {
        kind,
        size: size(length),
        packing,
    }
    .into()
}

fn job() -> Vec<Step> {
    vec![
        (CONNECTING, Act::Open(compile().into())),
        (CONNECTING, Act::Data(0, b"int main() {}\n".to_vec())),
        (CONNECTING, Act::End(0)),
        (ACCEPTING, Act::Say(0, Accepted { queued: count(3) }.into())),
        (ACCEPTING, Act::Say(0, Started {}.into())),
        (
            ACCEPTING,
            Act::Say(0, output(OutputKind::Object, 5, Packing::Plain)),
        ),
        (ACCEPTING, Act::Data(0, b"\x7fELF\x02".to_vec())),
        (
            ACCEPTING,
            Act::Say(0, output(OutputKind::StandardError, 0, Packing::Plain)),
        ),
        (
            ACCEPTING,
            Act::Say(
                0,
                Finished {
                    exit_code: Some(ExitCode::new(0).unwrap()),
                    signal: None,
                    outputs: count(2),
                    usage: usage(),
                    proofs: list(vec![digest(11), digest(12)]),
                }
                .into(),
            ),
        ),
        (ACCEPTING, Act::End(0)),
    ]
}

fn refused() -> Vec<Step> {
    let refusal = Refused {
        reason: Refusal::Crowded,
        text: Line::new("other compiles of this host have the memory that it needs"),
        retry: Retry::Elsewhere,
    };
    vec![
        (CONNECTING, Act::Open(compile().into())),
        (ACCEPTING, Act::Say(0, refusal.into())),
        (ACCEPTING, Act::End(0)),
        (CONNECTING, Act::Reset(0, ResetCode::CANCELLED)),
        (CONNECTING, Act::Open(compile().into())),
        (CONNECTING, Act::Data(1, b"int".to_vec())),
        (CONNECTING, Act::Reset(1, ResetCode::CANCELLED)),
    ]
}

fn placement() -> Vec<Step> {
    let want = Want {
        count: count(30),
        offers: list(vec![Toolset {
            toolchain: digest(8),
            platform: platform(),
        }]),
        memory: Some(size(300 << 20)),
        niceness: Niceness::new(10).unwrap(),
        preferred: Line::new("builder"),
    };
    let none = NoGrants {
        text: Line::new("all 3 executors are busy"),
        possible: true,
        reason: Lack::Other,
    };
    let placed = Placed {
        grant: signed(),
        addresses: addresses(),
        has_toolchain: true,
        platform: platform(),
    };
    let report = Report {
        grant: grant().number,
        ending: Ending::Refused,
        refusal: Some(Refusal::Busy),
        usage: Some(usage()),
        total_us: micros(1_400_000),
        sent: size(90_000),
        received: size(40_000),
    };
    vec![
        (CONNECTING, Act::Open(want.into())),
        (ACCEPTING, Act::Say(0, none.into())),
        (
            ACCEPTING,
            Act::Say(
                0,
                Grants {
                    grants: list(vec![placed]),
                }
                .into(),
            ),
        ),
        (CONNECTING, Act::Say(0, report.into())),
        (
            CONNECTING,
            Act::Say(
                0,
                GiveBack {
                    grants: list(vec![grant().number]),
                }
                .into(),
            ),
        ),
        (CONNECTING, Act::End(0)),
        (ACCEPTING, Act::End(0)),
    ]
}

fn membership() -> Vec<Step> {
    let at = |seconds: u64| UnixSeconds::new(1_800_000_000 + seconds).unwrap();
    let join = JoinRequest {
        invite: Exactly([1; 8]),
        secret: Exactly([2; 20]),
        request: opaque(b"request"),
        agent_request: opaque(b"agents"),
        name: host(),
    };
    let certificate = Certificate {
        cluster: Exactly([3; 16]),
        cluster_name: Line::new("workshop"),
        chain: list(vec![opaque(b"certificate")]),
        agent_chain: list(vec![opaque(b"agents")]),
        roots: list(vec![Root {
            certificate: opaque(b"authority"),
            until: Some(at(900)),
        }]),
        addresses: addresses(),
    };
    let renew = Renew {
        request: opaque(b"request"),
        agent_request: opaque(b"agents"),
    };
    let members = Members {
        members: list(vec![Member {
            id: member(2),
            name: host(),
            roles: list(vec![Role::Submit]),
            joined: at(0),
            renewed: at(60),
            expires: at(86_400),
            standing: Standing::Active,
        }]),
        more: false,
    };
    let revoked = Revoked {
        number: 5,
        size: size(4),
        schedulers: List::default(),
    };
    let fetch_revoked = FetchRevoked {
        known: 4,
        scheduler_port: None,
        scheduler_addresses: List::default(),
    };
    let invite = Invite {
        roles: list(vec![Role::Submit, Role::Execute]),
        uses: count(3),
        lifetime_s: 3_600,
        addresses: addresses(),
    };
    let invited = Invited {
        cluster: Exactly([3; 16]),
        fingerprint: Exactly([4; 32]),
        invite: Exactly([1; 8]),
        secret: Exactly([2; 20]),
        addresses: addresses(),
    };
    vec![
        (CONNECTING, Act::Open(join.into())),
        (CONNECTING, Act::End(0)),
        (ACCEPTING, Act::Say(0, certificate.into())),
        (ACCEPTING, Act::End(0)),
        (CONNECTING, Act::Open(renew.into())),
        (CONNECTING, Act::Open(ListMembers {}.into())),
        (ACCEPTING, Act::Say(2, members.into())),
        (CONNECTING, Act::Open(invite.into())),
        (ACCEPTING, Act::Say(3, invited.into())),
        (CONNECTING, Act::Open(Revoke { member: member(2) }.into())),
        (ACCEPTING, Act::Say(4, Done {}.into())),
        (CONNECTING, Act::Open(fetch_revoked.into())),
        (ACCEPTING, Act::Open(revoked.into())),
        (ACCEPTING, Act::Data(6, b"list".to_vec())),
        (ACCEPTING, Act::End(6)),
    ]
}

/// An agent and the daemon of its host.
fn agent() -> Vec<Step> {
    let list_of_revoked = b"list".to_vec();
    let credentials = Credentials {
        cluster: Exactly([3; 16]),
        key: opaque(b"key"),
        chain: list(vec![opaque(b"agents")]),
        roots: list(vec![Root {
            certificate: opaque(b"authority"),
            until: None,
        }]),
        scheduler: addresses(),
        mixed: false,
        list_size: size(list_of_revoked.len() as u64),
        trouble: Default::default(),
    };
    let pinned = Pinned {
        interface: InterfaceName::parse("eth0").unwrap(),
    };
    vec![
        (CONNECTING, Act::Open(WantCredentials {}.into())),
        (CONNECTING, Act::End(0)),
        (ACCEPTING, Act::Say(0, pinned.into())),
        (ACCEPTING, Act::Say(0, credentials.into())),
        (ACCEPTING, Act::Data(0, list_of_revoked)),
        (ACCEPTING, Act::End(0)),
    ]
}

/// A member and its scheduler.
fn overview() -> Vec<Step> {
    let text = b"200-ICECC\0 first\0".to_vec();
    let shown = Overview {
        size: size(text.len() as u64),
    };
    vec![
        (CONNECTING, Act::Open(Look {}.into())),
        (CONNECTING, Act::End(0)),
        (ACCEPTING, Act::Say(0, shown.into())),
        (ACCEPTING, Act::Data(0, text)),
        (ACCEPTING, Act::End(0)),
    ]
}
