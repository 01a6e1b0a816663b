//! A cluster of members on loopback: an authority, a scheduler, and those who talk to it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use icecream::{Environment, JobBegin, JobDone, Login, Message, Stats};
use job::{Digest, Platform};
use membership::{
    Address, Authority, Expect, HostName, Identity, IdentityError, Live, Peer, Role, Roles,
    UnixTime,
};
use scheduler::Config;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsStream;
use tokio_rustls::rustls::time_provider::{DefaultTimeProvider, TimeProvider};
use transport::{
    Arrivals, Channel, Exchange, Gate, Incoming, Link, Options, Papers, Passport, Schedulers,
};
use wire::field::{Line, List};
use wire::grant::Grant;
use wire::message::{
    self, Capabilities, Ending, GiveBack, Hello, NoGrants, Placed, Report, Toolset, Want,
};
use wire::name::{Count, GrantNumber, Micros, Niceness, Size};
use wire::{Limits, Side};

const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const TOOLCHAIN: Digest = Digest::from_bytes([7; 32]);

/// Waits, but not for ever.
pub(crate) async fn within<T>(wait: impl Future<Output = T>) -> T {
    timeout(PATIENCE, wait).await.expect("it takes too long")
}

fn clock() -> Arc<dyn TimeProvider> {
    Arc::new(DefaultTimeProvider)
}

pub(crate) struct Rig {
    place: TempDir,
    authority: Authority,
    /// The scheduler's.
    pub(crate) live: Live,
    pub(crate) papers: watch::Sender<Papers>,
    /// As executors know it.
    pub(crate) scheduler: Peer,
    pub(crate) port: u16,
    pub(crate) control: u16,
}

/// A member's host.
pub(crate) struct Host {
    pub(crate) identity: Identity,
    pub(crate) live: Live,
}

/// An authority that knows of no other scheduler.
fn alone() -> watch::Receiver<Schedulers> {
    let nobody = Schedulers {
        all: Vec::new(),
        asked: true,
    };
    watch::channel(nobody).1
}

impl Rig {
    pub(crate) async fn start() -> Self {
        Self::start_as(&[Role::Schedule]).await
    }

    pub(crate) async fn start_as(roles: &[Role]) -> Self {
        let place = tempfile::tempdir().unwrap();
        let authority = Authority::create(
            &place.path().join("authority"),
            "home".parse().unwrap(),
            vec![Address::from(([127, 0, 0, 1].into(), 1))],
            UnixTime::now(),
        );
        let mut authority = authority.unwrap();
        let host = join(&place, &mut authority, "scheduler", roles);
        let (papers, shown) = watch::channel(Papers {
            signer: host.identity.signer(),
            agent: None,
            fallen: None,
        });
        let config = Config {
            port: 0,
            listen: vec![std::net::Ipv4Addr::LOCALHOST.into()],
            tests: true,
            gate: Gate::Members(host.live.clone()),
            papers: Some(shown),
            schedulers: Some(alone()),
            ..Config::default()
        };
        let bound = scheduler::bind(config).await.unwrap();
        let (port, control) = (bound.port().unwrap(), bound.control_port().unwrap());
        tokio::spawn(scheduler::run(bound, std::future::pending()));
        let chain = host.identity.signer();
        let scheduler = Peer::of_chain(chain.chain(), &host.live, UnixTime::now()).unwrap();
        Self {
            place,
            authority,
            live: host.live,
            papers,
            scheduler,
            port,
            control,
        }
    }

    pub(crate) fn host(&mut self, name: &str, roles: &[Role]) -> Host {
        join(&self.place, &mut self.authority, name, roles)
    }

    /// As the scheduler's own loop does it, once it has the list.
    pub(crate) fn revoke(&mut self, host: &Host) {
        let now = UnixTime::now();
        self.authority
            .revoke(host.identity.member(), None, now)
            .unwrap();
        let (_, list) = self.authority.revocations().unwrap().unwrap();
        assert!(self.live.revoke(&list, now).unwrap());
        self.papers.send_modify(|_| {});
    }

    pub(crate) fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    pub(crate) async fn control(&self, line: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.control))
            .await
            .unwrap();
        let lines = format!("{line}\nquit\n");
        stream.write_all(lines.as_bytes()).await.unwrap();
        let mut text = String::new();
        within(stream.read_to_string(&mut text)).await.unwrap();
        text
    }

    /// Waits until the control port shows, or shows no more, `word` in its lists of hosts and jobs.
    pub(crate) async fn settled(&self, word: &str, shown: bool) {
        within(async { while self.control("listcs\nlistjobs").await.contains(word) != shown {} })
            .await;
    }

    /// Logs a daemon in, with the certificate in `live`.
    pub(crate) async fn log_in(&self, live: &Live, login: Message) -> Daemon {
        let mut daemon = Daemon {
            channel: self.channel(live).await,
        };
        daemon.say(login).await;
        daemon
    }

    pub(crate) async fn channel(&self, live: &Live) -> Channel {
        let passport = Passport::Member(live.clone());
        let options = Options::default();
        passport
            .connect(Role::Schedule, self.address(), PATIENCE, None, options)
            .await
            .unwrap()
    }

    /// A host that takes jobs and is known to be reachable.
    pub(crate) async fn executor(&self, host: &Host, slots: u32) -> Daemon {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let name = host.identity.name().to_string();
        let mut daemon = self.log_in(&host.live, login(&name, slots, port)).await;
        assert!(matches!(daemon.next().await, Message::CsConf(_)));
        daemon.say(load(5)).await;
        drop(within(listener.accept()).await.unwrap());
        tokio::spawn(async move { while listener.accept().await.is_ok() {} });
        daemon
    }

    /// A host that takes none.
    pub(crate) async fn submitter(&self, host: &Host) -> Daemon {
        let name = host.identity.name().to_string();
        let mut daemon = self.log_in(&host.live, login(&name, 0, 0)).await;
        assert!(matches!(daemon.next().await, Message::CsConf(_)));
        daemon.say(load(5)).await;
        self.settled(&name, true).await;
        daemon
    }

    pub(crate) async fn agent(&self, host: &Host) -> Agent {
        self.link(&host.agent()).await
    }

    /// Bytes on a connection of nobody, until it is closed.
    pub(crate) async fn raw(&self, bytes: &[u8]) {
        let mut stream = TcpStream::connect(self.address()).await.unwrap();
        until_closed(&mut stream, bytes).await;
    }

    /// The same on a member's connection.
    pub(crate) async fn noise(&self, live: &Live, bytes: &[u8]) {
        until_closed(&mut *self.tls(live).await, bytes).await;
    }

    /// A member's connection on which nothing was said yet.
    pub(crate) async fn tls(&self, live: &Live) -> Box<TlsStream<TcpStream>> {
        let expect = Expect::Any(Role::Schedule);
        let connecting = Passport::connect_native(live, expect, self.address(), PATIENCE, None);
        match connecting.await.unwrap() {
            (transport::Stream::Tls(stream), _) => stream,
            (other, _) => panic!("no TLS: {other:?}"),
        }
    }

    pub(crate) async fn link(&self, live: &Live) -> Agent {
        let expect = Expect::Any(Role::Schedule);
        let connecting = Passport::connect_native(live, expect, self.address(), PATIENCE, None);
        let (stream, _) = connecting.await.unwrap();
        let hello = Hello::new("floe", "test", Capabilities::default());
        let (link, arrivals) = Link::start(stream, Side::Connecting, &hello, Limits::USUAL);
        Agent {
            link,
            _arrivals: arrivals,
        }
    }
}

async fn until_closed(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), bytes: &[u8]) {
    let _may_fail_midway = stream.write_all(bytes).await;
    let _half = stream.shutdown().await;
    let mut rest = Vec::new();
    let _reset_or_end = within(stream.read_to_end(&mut rest)).await;
}

fn join(place: &TempDir, authority: &mut Authority, name: &str, roles: &[Role]) -> Host {
    #[derive(Debug)]
    struct Failed;
    impl From<IdentityError> for Failed {
        fn from(error: IdentityError) -> Self {
            panic!("{error}")
        }
    }
    let (now, directory) = (UnixTime::now(), place.path().join(name));
    let name: HostName = name.parse().unwrap();
    let roles = Roles::of(roles).unwrap();
    let admit = |csr: &[u8], agent: &[u8]| {
        let issued = authority.admit(&name, roles, (csr, agent), now);
        Ok::<_, Failed>(issued.unwrap())
    };
    let identity = Identity::create(&directory, now, admit).unwrap();
    let live = identity.live(clock()).unwrap();
    Host { identity, live }
}

impl Host {
    /// What its users' agents show.
    pub(crate) fn agent(&self) -> Live {
        let now = UnixTime::now();
        let credentials = self.identity.agent(now).unwrap();
        credentials.live(clock(), now).unwrap()
    }

    pub(crate) fn id(&self) -> [u8; 16] {
        *self.identity.member().as_bytes()
    }
}

/// A daemon's line, with icecream's messages.
pub(crate) struct Daemon {
    channel: Channel,
}

impl Daemon {
    pub(crate) async fn next(&mut self) -> Message {
        within(self.channel.receive())
            .await
            .unwrap()
            .expect("the scheduler hung up")
    }

    pub(crate) async fn say(&mut self, message: Message) {
        within(self.channel.send(&message)).await.unwrap();
    }

    pub(crate) async fn begins(&mut self, job: &Job) {
        let job_id = u32::try_from(job.grant.number.get()).unwrap();
        self.say(Message::JobBegin(JobBegin {
            job_id,
            start_time: 7,
            client_count: 1,
        }))
        .await;
    }

    pub(crate) async fn ends_job(&mut self, job: &Job) {
        let job_id = u32::try_from(job.grant.number.get()).unwrap();
        self.say(Message::JobDone(JobDone {
            job_id,
            real_msec: 5,
            ..JobDone::default()
        }))
        .await;
    }

    /// The scheduler closes the connection, after whatever else it has to say.
    pub(crate) async fn is_closed(&mut self) {
        while within(self.channel.receive())
            .await
            .is_ok_and(|message| message.is_some())
        {}
    }
}

/// An agent's connection.
pub(crate) struct Agent {
    pub(crate) link: Link,
    _arrivals: Arrivals,
}

/// A grant that was read.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) placed: Placed,
    pub(crate) grant: Grant,
}

pub(crate) struct Wants {
    pub(crate) exchange: Exchange,
}

impl Agent {
    pub(crate) async fn open(&self, want: Want) -> Wants {
        let exchange = within(self.link.open(want)).await.unwrap();
        Wants { exchange }
    }

    pub(crate) async fn want(&self, count: u32) -> Wants {
        let exchange = within(self.link.open(want(count))).await.unwrap();
        Wants { exchange }
    }
}

impl Wants {
    pub(crate) async fn next(&mut self) -> message::Message {
        match within(self.exchange.next()).await.unwrap() {
            Some(Incoming::Message(message)) => *message,
            other => panic!("{other:?}"),
        }
    }

    /// So many grants, however many messages they come in.
    pub(crate) async fn grants(&mut self, count: usize) -> Vec<Job> {
        let mut jobs = Vec::new();
        while jobs.len() < count {
            match self.next().await {
                message::Message::Grants(grants) => {
                    jobs.extend(grants.grants.into_vec().into_iter().map(|placed| Job {
                        grant: placed.grant.read_grant().unwrap(),
                        placed,
                    }));
                }
                message::Message::NoGrants(_) => {}
                other => panic!("{other:?}"),
            }
        }
        jobs
    }

    pub(crate) async fn none(&mut self) -> NoGrants {
        match self.next().await {
            message::Message::NoGrants(none) => none,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn change(&mut self, count: u32) {
        within(self.exchange.send(want(count))).await.unwrap();
    }

    pub(crate) async fn give_back(&mut self, jobs: &[Job]) {
        let numbers = jobs.iter().map(|job| job.grant.number).collect();
        let grants = List::new(numbers).unwrap();
        within(self.exchange.send(GiveBack { grants }))
            .await
            .unwrap();
    }

    pub(crate) async fn report(&mut self, grant: GrantNumber, ending: Ending) {
        let report = Report {
            grant,
            ending,
            refusal: None,
            usage: None,
            total_us: Micros::LEAST,
            sent: Size::LEAST,
            received: Size::LEAST,
        };
        within(self.exchange.send(report)).await.unwrap();
    }
}

pub(crate) fn want(count: u32) -> Want {
    want_of(count, TOOLCHAIN)
}

pub(crate) fn want_of(count: u32, toolchain: Digest) -> Want {
    Want {
        count: Count::new(count).unwrap(),
        offers: List::new(vec![Toolset {
            toolchain,
            platform: Platform::parse("x86_64").unwrap(),
        }])
        .unwrap(),
        memory: None,
        niceness: Niceness::LEAST,
        preferred: Line::default(),
    }
}

pub(crate) fn login(name: &str, max_kids: u32, port: u16) -> Message {
    Message::Login(Login {
        port: port.into(),
        max_kids,
        environments: vec![Environment {
            platform: "x86_64".to_owned(),
            name: TOOLCHAIN.to_string()[..32].to_owned(),
        }],
        node_name: name.to_owned(),
        host_platform: "x86_64".to_owned(),
        chroot_possible: true,
        no_remote: max_kids == 0,
        features: 3,
    })
}

pub(crate) fn load(load: u32) -> Message {
    Message::Stats(Stats {
        load,
        load_avg_1: 1,
        load_avg_5: 2,
        load_avg_10: 3,
        free_mem: 4,
    })
}
