//! A cluster of members on loopback: an authority, hosts that joined, and a daemon that is one of them.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use membership::{
    Address, Authority, Context, Expect, Identity, InviteOptions, Live, MemberId, Request, Role,
    Roles, Signer, UnixTime,
};
use tempfile::TempDir;
use tokio::time::timeout;
use tokio_rustls::rustls::time_provider::DefaultTimeProvider;
use transport::{
    Arrivals, Channel, Exchange, Gate, Incoming, Link, LinkError, Passport, listen_tcp,
};
use wire::field::{Exactly, List};
use wire::grant::{Grant, SignedGrant};
use wire::message::{
    Compile, Family, Finished, InputKind, JobLimits, Language, Message, OutputKind, Packing,
    Refused,
};
use wire::name::{Argument, GrantNumber, JobNumber, Slots, SubmitPath, UnixSeconds};
use wire::{Limits, ProofKey, Side};

use crate::foreign::{transfer, verified};
use crate::rig::{FakeScheduler, PATIENCE, Rig, gcc_archive, hear_decision, platform};

pub(crate) fn clock() -> Arc<DefaultTimeProvider> {
    Arc::new(DefaultTimeProvider)
}

/// Those who have joined.
pub(crate) struct Cluster {
    place: TempDir,
}

/// A host that is not there but as a member.
pub(crate) struct Member {
    pub(crate) identity: Identity,
    pub(crate) live: Live,
    pub(crate) directory: PathBuf,
}

impl Cluster {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let listener = listen_tcp((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let address = listener.local_addr().unwrap();
        let authority = Authority::create(
            &place.path().join("authority"),
            "home".parse().unwrap(),
            vec![Address::from((address.ip(), address.port()))],
            UnixTime::now(),
        );
        let office = transport::Office::open(authority.unwrap()).unwrap();
        tokio::spawn(office.keep(listener));
        Self { place }
    }

    fn authority(&self) -> Authority {
        Authority::open(&self.place.path().join("authority")).unwrap()
    }

    pub(crate) async fn member(&self, name: &str, roles: &[Role]) -> Member {
        let options = InviteOptions {
            roles: Roles::of(roles).unwrap(),
            uses: 1,
            lifetime: Duration::from_secs(600),
            addresses: Vec::new(),
        };
        let invite = self.authority().invite(&options, None, UnixTime::now());
        let directory = self.place.path().join(name);
        let name = name.parse().unwrap();
        let identity = transport::join(&invite.unwrap(), &directory, &name).await;
        let identity = identity.unwrap();
        let live = identity.live(clock()).unwrap();
        Member {
            identity,
            live,
            directory,
        }
    }

    pub(crate) fn revoke(&self, member: &Member) {
        let id = member.identity.member();
        self.authority().revoke(id, None, UnixTime::now()).unwrap();
    }
}

impl Member {
    pub(crate) fn id(&self) -> MemberId {
        self.identity.member()
    }

    pub(crate) fn signer(&self) -> Signer {
        self.identity.signer()
    }

    /// Gets another certificate, for another key.
    pub(crate) async fn renew(&mut self) {
        let (renewing, request) = self.identity.renewal().unwrap();
        let request: Request = request;
        let addresses = self.identity.addresses();
        let reply = transport::ask(&self.live, addresses, &request).await;
        let membership::Reply::Issued(issued) = reply.unwrap() else {
            panic!("not renewed");
        };
        let renewed = self
            .identity
            .renewed(&renewing, &issued, &self.live, UnixTime::now());
        renewed.unwrap();
    }

    /// What the agents of its users show.
    pub(crate) fn agent(&self) -> Live {
        let agent = self.identity.agent(UnixTime::now()).unwrap();
        agent.live(clock(), UnixTime::now()).unwrap()
    }
}

/// A daemon that is an executor with this host's gcc, its scheduler, and a member that submits.
pub(crate) struct Executor {
    pub(crate) cluster: Cluster,
    pub(crate) rig: Rig,
    pub(crate) scheduler: Member,
    pub(crate) submitter: Member,
    pub(crate) me: MemberId,
    pub(crate) line: Channel,
    pub(crate) listener: FakeScheduler,
    pub(crate) toolchain: job::Digest,
    numbers: AtomicU64,
}

impl Executor {
    /// None where there is no sandbox or no gcc.
    pub(crate) async fn start() -> Option<Self> {
        let (name, archive) = gcc_archive()?;
        let cluster = Cluster::new();
        let scheduler = cluster.member("scheduler", &[Role::Schedule]).await;
        let submitter = cluster.member("submitter", &[Role::Submit]).await;
        let host = cluster.member("executor", &[Role::Execute]).await;
        let (me, directory) = (host.id(), host.directory.clone());
        drop(host);
        let_through(cluster.place.path());
        let listener = FakeScheduler::new().await;
        let member = directory.to_str().unwrap();
        let rig = Rig::start(listener.address, &["--member", member]).await;
        if !rig.takes_compiles() {
            return None;
        }
        let line = listener.member_line(&scheduler.live).await;
        let mut executor = Self {
            cluster,
            rig,
            scheduler,
            submitter,
            me,
            line,
            listener,
            toolchain: digest(&name),
            numbers: AtomicU64::new(1),
        };
        executor.install(&name, &archive).await;
        Some(executor)
    }

    async fn install(&mut self, name: &str, archive: &[u8]) {
        let passport = Passport::Member(self.submitter.agent());
        let options = transport::Options::default();
        let connecting = passport.connect(Role::Execute, self.rig.address, PATIENCE, None, options);
        let mut channel = connecting.await.unwrap();
        transfer(&mut channel, name, archive).await;
        assert!(verified(&mut channel).await);
        let told = hear_decision(&mut self.line).await;
        assert!(matches!(told, icecream::Message::Login(_)), "{told:?}");
    }

    /// Another member sends the toolchain as well.
    pub(crate) async fn shown_by(&mut self, member: &Member) {
        let (name, archive) = gcc_archive().unwrap();
        let passport = Passport::Member(member.agent());
        let options = transport::Options::default();
        let connecting = passport.connect(Role::Execute, self.rig.address, PATIENCE, None, options);
        let mut channel = connecting.await.unwrap();
        transfer(&mut channel, &name, &archive).await;
        assert!(verified(&mut channel).await);
        let told = hear_decision(&mut self.line).await;
        assert!(matches!(told, icecream::Message::Login(_)), "{told:?}");
    }

    /// A connection of an agent of the submitter.
    pub(crate) async fn link(&self) -> (Link, Arrivals) {
        self.link_of(&self.submitter.agent()).await.unwrap()
    }

    pub(crate) async fn link_of(
        &self,
        live: &Live,
    ) -> Result<(Link, Arrivals), transport::TransportError> {
        let expect = Expect::Member(self.me, Role::Execute);
        let address = self.rig.address;
        let connecting = Passport::connect_native(live, expect, address, PATIENCE, None);
        let (stream, _) = connecting.await?;
        let hello = transport::hello();
        Ok(Link::start(stream, Side::Connecting, &hello, Limits::USUAL))
    }

    /// A grant as it should be, for one job.
    pub(crate) fn grant(&self) -> Grant {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let now = UnixTime::now().as_secs();
        let mut nonce = [0; 16];
        nonce[..8].copy_from_slice(&number.to_be_bytes());
        Grant {
            number: GrantNumber::new(number).unwrap(),
            executor: self.me,
            submitter: self.submitter.id(),
            slots: Slots::LEAST,
            jobs: Slots::LEAST,
            not_before: UnixSeconds::new(now).unwrap(),
            expires: UnixSeconds::new(now + 60).unwrap(),
            nonce: Exactly(nonce),
        }
    }

    pub(crate) fn signed(&self) -> SignedGrant {
        sign(&self.grant(), &self.scheduler)
    }

    /// An order for a C file under this grant.
    pub(crate) fn order(&self, grant: SignedGrant) -> Compile {
        let argument = |text: &str| Argument::new(text.as_bytes().to_vec()).unwrap();
        let path = |text: &str| SubmitPath::new(text.as_bytes().to_vec()).unwrap();
        Compile {
            job: JobNumber::new(1).unwrap(),
            grant,
            toolchain: self.toolchain,
            platform: job::Platform::parse(&platform()).unwrap(),
            family: Family::Gcc,
            language: Language::C,
            arguments: List::new(vec![argument("-O2"), argument("-c")]).unwrap(),
            source: path("a.c"),
            directory: path("/build"),
            output: path("a.o"),
            input: InputKind::Text,
            inputs: None,
            packing: Packing::Plain,
            wanted: List::new(OutputKind::ALL.to_vec()).unwrap(),
            accepted: List::default(),
            limits: JobLimits {
                memory: None,
                run_time_us: None,
            },
        }
    }
}

/// A daemon of a member with these roles, whose scheduler says nothing.
pub(crate) async fn host(roles: &[Role]) -> (Cluster, FakeScheduler, Rig) {
    let cluster = Cluster::new();
    let member = cluster.member("host", roles).await;
    let_through(cluster.place.path());
    let listener = FakeScheduler::new().await;
    let directory = member.directory.to_str().unwrap();
    let rig = Rig::start(listener.address, &["--member", directory]).await;
    (cluster, listener, rig)
}

impl FakeScheduler {
    /// The line of a daemon that is a member.
    pub(crate) async fn member_line(&self, live: &Live) -> Channel {
        let gate = Gate::Members(live.clone());
        loop {
            let stream = self.connection().await;
            let admitted = gate
                .admit(&[Role::Execute], stream, PATIENCE)
                .await
                .unwrap();
            if admitted.native {
                tokio::spawn(knows_of_no_others(admitted.stream));
                continue;
            }
            return Self::greet(Channel::accept(admitted.stream, PATIENCE).await.unwrap()).await;
        }
    }
}

/// A scheduler that is asked who is elected, and knows of no election.
async fn knows_of_no_others(stream: transport::Stream) {
    let (_link, mut arrivals) =
        Link::start(stream, Side::Accepting, &transport::hello(), Limits::USUAL);
    while let Some((_, exchange)) = arrivals.next().await {
        exchange.reset(wire::ResetCode::UNKNOWN_MESSAGE);
    }
}

pub(crate) fn sign(grant: &Grant, by: &Member) -> SignedGrant {
    let signature = by.signer().sign(Context::GRANT, &grant.encode());
    grant.signed(signature.0.to_vec(), by.id()).unwrap()
}

/// The daemon runs as somebody else, and has to get at its directory.
fn let_through(place: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(place, std::fs::Permissions::from_mode(0o711)).unwrap();
}

/// The whole digest of this host's gcc, whose archive has half of it as its name.
fn digest(name: &str) -> job::Digest {
    static DIGEST: std::sync::OnceLock<job::Digest> = std::sync::OnceLock::new();
    let digest = DIGEST.get_or_init(|| {
        let gcc = toolchain::Compiler::probe(Path::new("/usr/bin/gcc")).unwrap();
        let set = toolchain::collect(&gcc, &[]).unwrap();
        toolchain::identify(&set).unwrap().identity().0
    });
    assert_eq!(&digest.to_string()[..32], name);
    *digest
}

/// What came of an order.
#[derive(Debug)]
pub(crate) enum Reply {
    Done {
        outputs: Vec<(OutputKind, Packing, Vec<u8>)>,
        finished: Finished,
    },
    Refused(Refused),
    Broken(LinkError),
}

impl Reply {
    pub(crate) fn object(self) -> Vec<u8> {
        let Self::Done { outputs, finished } = self else {
            panic!("{self:?}");
        };
        assert_eq!(finished.exit_code.unwrap().get(), 0);
        assert_eq!(finished.outputs.get() as usize, outputs.len());
        let mut objects = outputs
            .into_iter()
            .filter(|(kind, ..)| *kind == OutputKind::Object);
        match objects.next().unwrap() {
            (_, Packing::Plain, bytes) => bytes,
            (_, Packing::Zstd, bytes) => zstd::decode_all(&bytes[..]).unwrap(),
        }
    }

    pub(crate) fn refused(self) -> Refused {
        match self {
            Self::Refused(refused) => refused,
            other => panic!("{other:?}"),
        }
    }
}

pub(crate) async fn compile(link: &Link, order: Compile, input: &[u8]) -> Reply {
    let key = ProofKey::of(&order.grant);
    let mut exchange = link.open(order).await.unwrap();
    // A refusal may come first.
    let sent = exchange.send_data(input.to_vec()).await;
    if sent.is_ok() {
        let _refused = exchange.finish().await;
    }
    let reply = reply(&mut exchange).await;
    if let Reply::Done { outputs, finished } = &reply {
        let proofs = outputs.iter().map(|(kind, packing, bytes)| {
            let mut proof = key.begin(*kind);
            match packing {
                Packing::Plain => proof.update(bytes),
                Packing::Zstd => proof.update(&zstd::decode_all(&bytes[..]).unwrap()),
            }
            proof.finish()
        });
        assert_eq!(proofs.collect::<Vec<_>>(), &finished.proofs[..]);
    }
    reply
}

pub(crate) async fn reply(exchange: &mut Exchange) -> Reply {
    let mut outputs = Vec::new();
    let mut last = None;
    loop {
        let next = timeout(PATIENCE, exchange.next()).await.expect("in time");
        match next {
            Ok(Some(Incoming::Message(message))) => match *message {
                Message::Accepted(_) | Message::Started(_) => {}
                Message::Output(output) => outputs.push((output.kind, output.packing, Vec::new())),
                Message::Finished(finished) => {
                    last = Some(finished);
                }
                Message::Refused(refused) => return Reply::Refused(refused),
                other => panic!("{other:?}"),
            },
            Ok(Some(Incoming::Data(bytes))) => outputs.last_mut().unwrap().2.extend(bytes),
            Ok(None) => {
                let finished = last.expect("an end behind a result");
                return Reply::Done { outputs, finished };
            }
            Err(error) => return Reply::Broken(error),
        }
    }
}
