//! A cluster in one process: real identities and TLS, a scheduler that signs what is wanted, executors
//! with a manner each.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use handover::Run;
use invocation::{Family, Language};
use job::Digest;
use membership::{
    Authority, Caller, Context, Identity, Invite, InviteOptions, JoinService, Joining, Live,
    MemberId, Reply, Request, Role, Roles, Signer, UnixTime,
};
use rustls::time_provider::DefaultTimeProvider;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use transport::{Admitted, Channel, Exchange, Gate, Incoming, Link, credentials, hello};
use wire::field::{Exactly, Line, List};
use wire::grant::Grant;
use wire::message::{
    Accepted, Address, Compile, Credentials, Finished, Grants, Message, Output, OutputKind,
    Packing, Placed, Started, Usage,
};
use wire::name::{Count, ExitCode, GrantNumber, HostText, Micros, Port, Size, Slots, UnixSeconds};
use wire::{Limits, Side};

use crate::cluster::native::{Access, Cluster};
use crate::cluster::{Effort, Failure, Place, Seat, Toolchain, Verdict, Wish, Work};
use crate::hub::Hub;
use crate::job::Chronicle;
use crate::outputs::Targets;
use crate::text::{Order, Source, Text};
use crate::toolbox::Toolbox;

pub(super) const SOON: Duration = Duration::from_secs(20);
const HOUR: Duration = Duration::from_secs(3600);

/// An authority and whom it made members.
pub(super) struct World {
    pub(super) directory: TempDir,
    service: JoinService,
}

impl World {
    pub(super) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("authority");
        let name = "home".parse().unwrap();
        let authority = Authority::create(&path, name, Vec::new(), UnixTime::now()).unwrap();
        Self {
            directory,
            service: JoinService::new(authority),
        }
    }

    fn invite(&mut self, roles: &[Role]) -> Invite {
        let options = InviteOptions {
            roles: Roles::of(roles).unwrap(),
            uses: 1,
            lifetime: HOUR,
            addresses: vec!["127.0.0.1:1".parse().unwrap()],
        };
        let authority = self.service.authority();
        authority.invite(&options, None, UnixTime::now()).unwrap()
    }

    pub(super) fn member(&mut self, name: &str, roles: &[Role]) -> Identity {
        let invite = self.invite(roles);
        let path = self.directory.path().join(name);
        let joining = Joining::begin(&path, &invite).unwrap();
        let request = joining.request(&name.parse().unwrap()).unwrap();
        let Reply::Issued(issued) = self.ask(&request) else {
            panic!("no certificate came");
        };
        joining.finish(&issued, UnixTime::now()).unwrap()
    }

    fn ask(&mut self, request: &Request) -> Reply {
        let caller = Caller {
            peer: None,
            address: Some(Ipv4Addr::LOCALHOST.into()),
        };
        self.service.handle(request, caller, UnixTime::now()).0
    }

    /// The list with this member on it.
    pub(super) fn revoke(&mut self, member: MemberId) -> Vec<u8> {
        let authority = self.service.authority();
        authority.revoke(member, None, UnixTime::now()).unwrap();
        authority.revocations().unwrap().unwrap().1
    }
}

pub(super) fn live(identity: &Identity) -> Live {
    identity.live(Arc::new(DefaultTimeProvider)).unwrap()
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// What an executor does with each job, once it has heard what the job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    Good,
    /// The object has so many bytes instead of those announced.
    Length(usize),
    NotAskedFor,
    TwoObjects,
    NoObject,
    /// Half of the object comes, and the connection ends.
    Dies,
    /// The same before it says anything.
    DiesSilently,
    /// The text is never taken and nothing is said.
    Sleeps,
    Refuses(wire::message::Refusal),
    /// Until its toolchain was installed.
    Lacks,
}

pub(super) const OBJECT: &[u8] = b"\x7fELF and what belongs to it";

pub(super) struct Executor {
    pub(super) identity: Identity,
    pub(super) address: SocketAddr,
    pub(super) manner: Arc<Mutex<Manner>>,
    pub(super) connections: Arc<AtomicUsize>,
    pub(super) installations: Arc<AtomicUsize>,
    /// Jobs as they came, with what is left of each when its stream was reset.
    pub(super) jobs: mpsc::UnboundedReceiver<Seen>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
pub(super) enum Seen {
    Job(Box<Compile>, Vec<u8>),
    Reset,
}

impl Drop for Executor {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Executor {
    pub(super) async fn start(world: &mut World, name: &str, manner: Manner) -> Self {
        let identity = world.member(name, &[Role::Execute]);
        let (listener, address) = listener().await;
        let gate = Gate::Members(live(&identity));
        let manner = Arc::new(Mutex::new(manner));
        let connections = Arc::new(AtomicUsize::new(0));
        let installations = Arc::new(AtomicUsize::new(0));
        let (seen, jobs) = mpsc::unbounded_channel();
        let host = Host {
            manner: Arc::clone(&manner),
            installations: Arc::clone(&installations),
            seen,
        };
        let count = Arc::clone(&connections);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let admitted = gate.admit(&[Role::Submit], stream, SOON).await.unwrap();
                let host = host.clone();
                if admitted.native {
                    count.fetch_add(1, Ordering::Relaxed);
                    tokio::spawn(host.serve(admitted));
                } else {
                    tokio::spawn(host.install(admitted));
                }
            }
        });
        Self {
            identity,
            address,
            manner,
            connections,
            installations,
            jobs,
            task,
        }
    }

    pub(super) fn becomes(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }
}

#[derive(Clone)]
struct Host {
    manner: Arc<Mutex<Manner>>,
    installations: Arc<AtomicUsize>,
    seen: mpsc::UnboundedSender<Seen>,
}

impl Host {
    async fn serve(self, admitted: Admitted) {
        let (link, mut arrivals) =
            Link::start(admitted.stream, Side::Accepting, &hello(), Limits::USUAL);
        let mut jobs = tokio::task::JoinSet::new();
        loop {
            tokio::select! {
                arrived = arrivals.next() => {
                    let Some((Message::Compile(compile), exchange)) = arrived else { return };
                    jobs.spawn(self.clone().run(compile, exchange));
                }
                // A job that ends so takes the connection along.
                Some(Ok(true)) = jobs.join_next() => break,
            }
        }
        drop((jobs, arrivals, link));
    }

    /// True: the connection ends.
    async fn run(self, compile: Compile, mut exchange: Exchange) -> bool {
        let manner = *self.manner.lock().unwrap();
        if manner == Manner::Sleeps {
            let job = Seen::Job(Box::new(compile), Vec::new());
            self.seen.send(job).unwrap();
            while exchange.next().await.is_ok_and(|it| it.is_some()) {}
            let _why = exchange.broken().await;
            // A test may have seen enough.
            let _gone = self.seen.send(Seen::Reset);
            return false;
        }
        if let Manner::Refuses(reason) = manner {
            refuse(&mut exchange, reason).await;
            return false;
        }
        if manner == Manner::Lacks && self.installations.load(Ordering::Relaxed) == 0 {
            refuse(&mut exchange, wire::message::Refusal::ToolchainMissing).await;
            return false;
        }
        // Nothing is said before all of it is here: who waits for a word would wait for ever.
        let mut packed = Vec::new();
        loop {
            match exchange.next().await {
                Ok(Some(Incoming::Data(bytes))) => packed.extend(bytes),
                Ok(Some(Incoming::Message(other))) => panic!("{other:?}"),
                Ok(None) => break,
                Err(_) => {
                    let _ = self.seen.send(Seen::Reset);
                    return false;
                }
            }
        }
        let text = zstd::decode_all(&packed[..]).unwrap();
        let _ = self.seen.send(Seen::Job(Box::new(compile), text));
        answer(&mut exchange, manner).await.is_none()
    }

    /// icecream's conversation about a toolchain.
    async fn install(self, admitted: Admitted) {
        let mut channel = Channel::accept(admitted.stream, SOON).await.unwrap();
        while let Ok(Some(message)) = channel.receive().await {
            if let icecream::Message::VerifyEnv(_) = message {
                self.installations.fetch_add(1, Ordering::Relaxed);
                let result = icecream::VerifyEnvResult { ok: true };
                let said = icecream::Message::VerifyEnvResult(result);
                channel.send(&said).await.unwrap();
            }
        }
    }
}

async fn refuse(exchange: &mut Exchange, reason: wire::message::Refusal) {
    let refused = wire::message::Refused {
        reason,
        text: Line::new("as the test says"),
        retry: wire::message::Retry::Elsewhere,
    };
    exchange.send(refused).await.unwrap();
    let _ = exchange.finish().await;
    while let Ok(Some(_)) = exchange.next().await {}
}

/// None: the connection is to end.
async fn answer(exchange: &mut Exchange, manner: Manner) -> Option<()> {
    if manner == Manner::DiesSilently {
        return None;
    }
    let queued = Count::LEAST;
    exchange.send(Accepted { queued }).await.ok()?;
    exchange.send(Started {}).await.ok()?;
    let output = |kind, size: usize| Output {
        kind,
        size: Size::new(size as u64).unwrap(),
        packing: Packing::Plain,
    };
    let object = output(OutputKind::Object, OBJECT.len());
    let mut outputs = 1;
    match manner {
        Manner::Dies => {
            exchange.send(object).await.ok()?;
            let half = OBJECT[..OBJECT.len() / 2].to_vec();
            exchange.send_data(half).await.ok()?;
            return None;
        }
        Manner::Length(length) => {
            exchange.send(object).await.ok()?;
            exchange.send_data(vec![7; length]).await.ok()?;
        }
        Manner::NotAskedFor => {
            let dwo = output(OutputKind::SplitDwarf, 1);
            exchange.send(dwo).await.ok()?;
        }
        Manner::TwoObjects => {
            outputs = 2;
            for _ in 0..outputs {
                exchange.send(object.clone()).await.ok()?;
                exchange.send_data(OBJECT.to_vec()).await.ok()?;
            }
        }
        Manner::NoObject => outputs = 0,
        _ => {
            exchange.send(object).await.ok()?;
            exchange.send_data(OBJECT.to_vec()).await.ok()?;
        }
    }
    let finished = Finished {
        exit_code: Some(ExitCode::new(0).unwrap()),
        signal: None,
        outputs: Count::new(outputs).unwrap(),
        usage: Usage {
            user_us: Micros::LEAST,
            system_us: Micros::LEAST,
            peak_memory: Size::LEAST,
            waited_us: Micros::LEAST,
            ran_us: Micros::LEAST,
        },
    };
    exchange.send(finished).await.ok()?;
    exchange.finish().await.ok()?;
    // Who is refused for it goes by itself.
    let _ = exchange.next().await;
    Some(())
}

/// A scheduler: it grants what is wanted on its executors in turn, as long as it is allowed to.
pub(super) struct Scheduler {
    pub(super) address: SocketAddr,
    pub(super) member: MemberId,
    /// How many grants it may still give.
    pub(super) allowed: Arc<AtomicUsize>,
    /// All that it heard.
    pub(super) heard: mpsc::UnboundedReceiver<Message>,
    task: JoinHandle<()>,
}

impl Scheduler {
    pub(super) async fn start(
        world: &mut World,
        submitter: MemberId,
        executors: &[&Executor],
        has_toolchain: bool,
    ) -> Self {
        static NAMES: AtomicU64 = AtomicU64::new(0);
        let name = format!("scheduler{}", NAMES.fetch_add(1, Ordering::Relaxed));
        let identity = world.member(&name, &[Role::Schedule]);
        let (listener, address) = listener().await;
        let allowed = Arc::new(AtomicUsize::new(1000));
        let (tell, heard) = mpsc::unbounded_channel();
        let executors: Vec<_> = executors
            .iter()
            .map(|executor| (executor.identity.member(), executor.address))
            .collect();
        let desk = Desk {
            signer: identity.signer(),
            member: identity.member(),
            submitter,
            executors,
            has_toolchain,
            allowed: Arc::clone(&allowed),
            tell,
        };
        let gate = Gate::Members(live(&identity));
        let task = tokio::spawn(async move {
            let mut links = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let Ok(admitted) = gate.admit(&[Role::Submit], stream, SOON).await else {
                    continue;
                };
                links.spawn(desk.clone().serve(admitted));
            }
        });
        Self {
            address,
            member: identity.member(),
            allowed,
            heard,
            task,
        }
    }

    pub(super) fn dies(&self) {
        self.task.abort();
    }

    /// What was heard next that is no want.
    pub(super) async fn hears(&mut self) -> Message {
        loop {
            let heard = tokio::time::timeout(SOON, self.heard.recv()).await;
            match heard.unwrap().unwrap() {
                Message::Want(_) => {}
                other => return other,
            }
        }
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Clone)]
struct Desk {
    signer: Signer,
    member: MemberId,
    submitter: MemberId,
    executors: Vec<(MemberId, SocketAddr)>,
    has_toolchain: bool,
    allowed: Arc<AtomicUsize>,
    tell: mpsc::UnboundedSender<Message>,
}

impl Desk {
    async fn serve(self, admitted: Admitted) {
        let (_link, mut arrivals) =
            Link::start(admitted.stream, Side::Accepting, &hello(), Limits::USUAL);
        let mut streams = tokio::task::JoinSet::new();
        while let Some((message, exchange)) = arrivals.next().await {
            streams.spawn(self.clone().grant(message, exchange));
        }
    }

    async fn grant(self, first: Message, mut exchange: Exchange) {
        let (mut want, mut out) = (0, 0);
        let mut next = Some(first);
        loop {
            if let Some(message) = next.take() {
                match &message {
                    Message::Want(wanted) => want = wanted.count.get(),
                    Message::Report(_) => out -= 1,
                    Message::GiveBack(back) => out -= u32::try_from(back.grants.len()).unwrap(),
                    other => panic!("{other:?}"),
                }
                let _ = self.tell.send(message);
            }
            let mut some = Vec::new();
            while out < want && self.may() {
                out += 1;
                some.push(self.placed());
            }
            if !some.is_empty() {
                let grants = List::new(some).unwrap();
                if exchange.send(Grants { grants }).await.is_err() {
                    return;
                }
            }
            match exchange.next().await {
                Ok(Some(Incoming::Message(message))) => next = Some(*message),
                _ => return,
            }
        }
    }

    fn may(&self) -> bool {
        let less = |left: usize| left.checked_sub(1);
        let taken = self
            .allowed
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        taken.is_ok()
    }

    fn placed(&self) -> Placed {
        static NUMBERS: AtomicU64 = AtomicU64::new(1);
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let turn = usize::try_from(number).unwrap() % self.executors.len();
        let (executor, address) = self.executors[turn];
        let now = UnixTime::now().as_secs();
        let one = Slots::new(1).unwrap();
        let id = |member: MemberId| wire::name::MemberId::from_bytes(*member.as_bytes());
        let grant = Grant {
            number: GrantNumber::new(number).unwrap(),
            executor: id(executor),
            submitter: id(self.submitter),
            slots: one,
            jobs: one,
            not_before: UnixSeconds::new(now).unwrap(),
            expires: UnixSeconds::new(now + 60).unwrap(),
            nonce: Exactly([3; 16]),
        };
        let signature = self.signer.sign(Context::GRANT, &grant.encode());
        let signed = grant.signed(signature.0.to_vec(), id(self.member));
        Placed {
            grant: signed.unwrap(),
            addresses: List::new(vec![place(address)]).unwrap(),
            has_toolchain: self.has_toolchain,
            platform: job::Platform::parse("x86_64").unwrap(),
        }
    }
}

fn place(address: SocketAddr) -> Address {
    Address {
        host: HostText::parse(&address.ip().to_string()).unwrap(),
        port: Port::new(address.port().into()).unwrap(),
    }
}

/// The agent's end.
pub(super) struct Agent {
    pub(super) cluster: Arc<Cluster>,
    pub(super) identity: Identity,
    directory: PathBuf,
    hub: Hub,
    toolbox: Toolbox,
    budget: Arc<Semaphore>,
}

impl Agent {
    pub(super) fn new(world: &mut World) -> Self {
        let identity = world.member("submitter", &[Role::Submit]);
        let directory = world.directory.path().join("work");
        std::fs::create_dir(&directory).unwrap();
        let (hub, _events) = Hub::channel();
        let toolbox = Toolbox::open(directory.join("cache"), "x86_64".to_owned(), None);
        Self {
            cluster: Arc::default(),
            identity,
            directory,
            hub,
            toolbox,
            budget: Arc::new(Semaphore::new(1 << 20)),
        }
    }

    pub(super) fn credentials(&self, scheduler: Option<SocketAddr>) -> Credentials {
        let agent = self.identity.agent(UnixTime::now()).unwrap();
        credentials(&agent, scheduler, false).unwrap()
    }

    pub(super) fn joins(&self, scheduler: &Scheduler) {
        let given = self.credentials(Some(scheduler.address));
        let taken = self.cluster.take(&given, Vec::new(), "socket".to_owned());
        assert_eq!(taken, Ok(true));
    }

    pub(super) fn access(&self) -> Access {
        self.cluster.access().unwrap()
    }

    pub(super) fn wish(&self) -> Wish {
        let archive = self.directory.join("archive.tar");
        std::fs::write(&archive, vec![5; 300_000]).unwrap();
        Wish {
            toolchains: vec![Toolchain {
                platform: "x86_64".to_owned(),
                name: "toolchain".to_owned(),
                path: archive,
                gzipped: None,
                manifest: Some(Digest::from_bytes([9; 32])),
            }],
            source: "a.c".into(),
            language: Language::C,
            weight_flags: 0,
            preferred_host: String::new(),
            niceness: 0,
            much_memory: false,
            archive_compression: String::new(),
        }
    }

    pub(super) async fn seat(&self) -> Result<Box<Seat>, Failure> {
        let wish = self.wish();
        let placing = self.access().place(&wish, false);
        match tokio::time::timeout(SOON, placing).await.unwrap()? {
            Place::Elsewhere(seat) => Ok(seat),
            Place::Here { reason, .. } => panic!("{reason}"),
        }
    }

    pub(super) fn text(&self, content: &[u8]) -> Text {
        static NAMES: AtomicU64 = AtomicU64::new(0);
        let number = NAMES.fetch_add(1, Ordering::Relaxed);
        let path = self.directory.join(format!("{number}.i"));
        std::fs::write(&path, content).unwrap();
        let order = Order {
            source: Source::File(path),
            directory: self.directory.clone(),
            environment: Vec::new(),
            umask: 0o022,
            niceness: 0,
            effort: Effort::default(),
            permit: None,
        };
        Text::start(order, &self.budget)
    }

    pub(super) fn targets(&self, name: &str) -> Targets {
        Targets {
            object: self.directory.join(name),
            dwo: None,
            umask: 0o022,
        }
    }

    pub(super) async fn compile(&self, seat: &mut Seat, name: &str) -> Result<Verdict, Failure> {
        let mut text = self.text(b"int main;");
        self.compile_text(seat, name, &mut text).await
    }

    pub(super) async fn compile_text(
        &self,
        seat: &mut Seat,
        name: &str,
        text: &mut Text,
    ) -> Result<Verdict, Failure> {
        let run = Run::default();
        let mut chronicle = Chronicle::new(&self.hub, 1, &run);
        let targets = self.targets(name);
        let work = work(&self.directory);
        let compiling = seat.compile(&work, text, &targets, &mut chronicle, &self.toolbox);
        let verdict = tokio::time::timeout(SOON, compiling).await.unwrap()?;
        let writer = seat
            .receive(&targets, verdict.has_dwo, &mut chronicle)
            .await?;
        if verdict.status == 0 {
            writer.finish().await.unwrap();
            assert_eq!(std::fs::read(&targets.object).unwrap(), OBJECT);
        }
        Ok(verdict)
    }

    /// A whole job.
    pub(super) async fn job(&self, name: &str) -> Result<Verdict, Failure> {
        let mut seat = self.seat().await?;
        self.compile(&mut seat, name).await
    }

    /// No name in the directory of outputs but these.
    pub(super) fn outputs(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.directory).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.filter(|name| name.contains(".o")).collect();
        names.sort();
        names
    }
}

fn work(directory: &Path) -> Work {
    Work {
        family: Family::Gcc,
        language: Language::C,
        arguments: vec![b"-O2".to_vec()],
        source: "a.c".into(),
        directory: directory.to_owned(),
        output: "a.o".into(),
        split_dwarf: false,
    }
}
