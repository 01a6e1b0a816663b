//! A scheduler on free ports, and those who talk to it.

use std::time::Duration;

use icecream::{Environment, GetCs, Login, Message, Stats};
use scheduler::Config;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use transport::Channel;

const PATIENCE: Duration = Duration::from_secs(20);

/// Waits, but not for ever.
pub(crate) async fn within<T>(wait: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, wait)
        .await
        .expect("it takes too long")
}

/// A running scheduler.
pub(crate) struct Served {
    pub(crate) port: u16,
    pub(crate) control: u16,
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
}

impl Served {
    pub(crate) async fn start(config: Config) -> Self {
        let config = Config {
            port: 0,
            listen: vec![std::net::Ipv4Addr::LOCALHOST.into()],
            tests: true,
            ..config
        };
        let bound = scheduler::bind(config).await.unwrap();
        let (port, control) = (bound.port().unwrap(), bound.control_port().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(async move {
            scheduler::run(bound, async { _ = stopped.await })
                .await
                .unwrap();
        });
        Self {
            port,
            control,
            stop,
            running,
        }
    }

    pub(crate) async fn stop(self) {
        self.stop.send(()).unwrap();
        within(self.running).await.unwrap();
    }

    pub(crate) async fn connect(&self) -> Channel {
        let address = ([127, 0, 0, 1], self.port).into();
        Channel::connect_tcp(address, PATIENCE, None).await.unwrap()
    }

    pub(crate) async fn daemon(&self, name: &str, slots: u32, port: u16) -> Daemon {
        let mut channel = self.connect().await;
        channel.send(&login(name, slots, port)).await.unwrap();
        let mut daemon = Daemon { channel, port };
        assert!(matches!(daemon.next().await, Message::CsConf(_)));
        daemon.say(load(5)).await;
        daemon
    }

    /// A daemon that can be reached, and has been.
    pub(crate) async fn executor(&self, name: &str, slots: u32) -> Daemon {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let daemon = self
            .daemon(name, slots, listener.local_addr().unwrap().port())
            .await;
        let probed = within(listener.accept()).await.unwrap();
        drop(probed);
        tokio::spawn(async move { while listener.accept().await.is_ok() {} });
        daemon
    }

    /// A daemon that takes no jobs.
    pub(crate) async fn submitter(&self, name: &str) -> Daemon {
        self.daemon(name, 0, 0).await
    }

    pub(crate) async fn monitor(&self) -> Daemon {
        let mut channel = self.connect().await;
        channel.send(&Message::MonLogin).await.unwrap();
        Daemon { channel, port: 0 }
    }

    /// Waits until the control port shows `word` in its lists of hosts and jobs.
    pub(crate) async fn settled(&self, word: &str) {
        within(async {
            while !control(self.control, "listcs\nlistjobs\nquit\n")
                .await
                .contains(word)
            {}
        })
        .await;
    }
}

/// A peer: a daemon or a monitor.
pub(crate) struct Daemon {
    pub(crate) channel: Channel,
    pub(crate) port: u16,
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

    pub(crate) fn feed(&mut self, message: &Message) {
        self.channel.feed(message).unwrap();
    }

    pub(crate) async fn flush(&mut self) {
        within(self.channel.flush()).await.unwrap();
    }

    /// The scheduler closes the connection, after whatever else it has to say.
    pub(crate) async fn ends(&mut self) {
        while within(self.channel.receive())
            .await
            .is_ok_and(|message| message.is_some())
        {}
    }
}

pub(crate) fn login(name: &str, max_kids: u32, port: u16) -> Message {
    Message::Login(Login {
        port: port.into(),
        max_kids,
        environments: vec![environment()],
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

pub(crate) fn request(client_id: u32) -> GetCs {
    GetCs {
        versions: vec![environment()],
        filename: b"some/file.cpp".to_vec(),
        lang: 1,
        count: 1,
        target: "x86_64".to_owned(),
        arg_flags: 8,
        client_id,
        preferred_host: String::new(),
        ignore_unverified: 0,
        minimal_host_version: 21,
        client_count: 20,
        required_features: 0,
        niceness: 0,
    }
}

fn environment() -> Environment {
    Environment {
        platform: "x86_64".to_owned(),
        name: "gcc".to_owned(),
    }
}

/// Says the lines at the control port and returns all that comes back.
pub(crate) async fn control(port: u16, lines: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(lines.as_bytes()).await.unwrap();
    let mut text = String::new();
    within(stream.read_to_string(&mut text)).await.unwrap();
    text
}

/// Reads until the other end closes, however it does.
pub(crate) async fn read_to_end(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    let _reset_or_end = stream.read_to_end(&mut rest).await;
}
