//! A daemon as a process of its own, on loopback, and its scripted neighbours.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use icecream::{CompileFile, CsConf, Environment, GetCs, Message};
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};
use transport::Channel;

/// Longer than anything here takes on a machine that is being crushed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Rig {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) address: SocketAddr,
    daemon: Child,
}

impl Rig {
    /// A daemon whose scheduler is at `scheduler`; `options` are those of the example.
    pub(crate) async fn start(scheduler: SocketAddr, options: &[&str]) -> Self {
        let rig = Self::spawn(scheduler, options);
        rig.logged("supported features:").await;
        rig
    }

    pub(crate) fn spawn(scheduler: SocketAddr, options: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        // Started by root, the daemon becomes somebody else.
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(directory.path(), open).unwrap();
        if let Some((user, group)) = daemon::usual_account().unwrap() {
            std::os::unix::fs::chown(directory.path(), Some(user), Some(group)).unwrap();
        }
        let address = own_address();
        let at = |name: &str| directory.path().join(name).into_os_string();
        let log = std::fs::File::create(at("log")).unwrap();
        let daemon = Command::new(program())
            .args([
                "--tests",
                "--netname",
                "rig",
                "--name",
                "rig",
                "--bind",
                &address.to_string(),
            ])
            .args([
                "--scheduler",
                &scheduler.to_string(),
                "--port",
                &PORT.to_string(),
            ])
            .args(["--base".into(), at("base"), "--socket".into(), at("socket")])
            .args(["--stat".into(), at("stat"), "--slots".into(), "2".into()])
            .args(options)
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Self {
            directory,
            address: (address, PORT).into(),
            daemon,
        }
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// Waits until the log has this.
    pub(crate) async fn logged(&self, text: &str) {
        for _ in 0..1500 {
            if self.log().contains(text) {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
        panic!("the daemon does not say {text:?}:\n{}", self.log());
    }

    /// Whether this kernel lets the daemon run foreign compiles; says so if not.
    pub(crate) fn takes_compiles(&self) -> bool {
        let log = self.log();
        let refused = log.contains("Cannot use chroot, no remote jobs accepted.");
        if refused {
            eprintln!("SKIPPED: no sandbox on this host:\n{log}");
        }
        !refused
    }

    pub(crate) fn pid(&self) -> u32 {
        self.daemon.id()
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.directory.path().join("socket")
    }

    pub(crate) async fn local_client(&self) -> Channel {
        Channel::connect_unix(&self.socket(), PATIENCE)
            .await
            .unwrap()
    }

    pub(crate) async fn remote_client(&self) -> Channel {
        Channel::connect_tcp(self.address, PATIENCE, None)
            .await
            .unwrap()
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.daemon);
        // It may have ended by itself.
        let _gone = rustix::process::kill_process(pid, signal);
    }

    /// Kills the helper process that starts sandboxes: the daemon's only child.
    pub(crate) fn kill_sandbox_helper(&self) {
        let tasks = format!("/proc/{}/task", self.daemon.id());
        let tasks = std::fs::read_dir(tasks)
            .unwrap()
            .map(|task| task.unwrap().path());
        let children: String = tasks
            .map(|task| std::fs::read_to_string(task.join("children")).unwrap())
            .collect();
        let child = rustix::process::Pid::from_raw(children.trim().parse().unwrap()).unwrap();
        rustix::process::kill_process(child, rustix::process::Signal::KILL).unwrap();
    }

    /// Waits for the daemon's end.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        for _ in 0..1500 {
            if let Some(status) = self.daemon.try_wait().unwrap() {
                return status;
            }
            sleep(Duration::from_millis(20)).await;
        }
        panic!("the daemon does not end:\n{}", self.log());
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        // May have ended already.
        let _gone = self.daemon.kill();
        let _reaped = self.daemon.wait();
        if std::thread::panicking() {
            eprintln!("the daemon's log:\n{}", self.log());
        }
    }
}

const PORT: u16 = 10245;

/// A loopback address of this rig alone, so that no two tests want the same port.
fn own_address() -> Ipv4Addr {
    static RIGS: AtomicU8 = AtomicU8::new(1);
    let [high, low] = ((std::process::id() % 50_000) as u16).to_be_bytes();
    Ipv4Addr::new(127, high + 1, low, RIGS.fetch_add(1, Ordering::Relaxed))
}

/// The example, which cargo builds beside the tests.
fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.ancestors().nth(2).unwrap();
    let program = profile.join("examples/daemon");
    assert!(
        program.exists(),
        "build it first: cargo build -p daemon --example daemon"
    );
    program
}

/// A scheduler that does what a test says.
pub(crate) struct FakeScheduler {
    listener: TcpListener,
    pub(crate) address: SocketAddr,
}

impl FakeScheduler {
    pub(crate) async fn new() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        Self { listener, address }
    }

    /// The next daemon to log in, its LOGIN and its first STATS behind it.
    pub(crate) async fn login(&self) -> Channel {
        Self::greet(
            Channel::accept(self.connection().await, PATIENCE)
                .await
                .unwrap(),
        )
        .await
    }

    /// The same on a connection that was accepted already.
    pub(crate) async fn greet(mut channel: Channel) -> Channel {
        let Message::Login(_) = hear(&mut channel).await else {
            panic!("no LOGIN")
        };
        let conf = CsConf {
            max_scheduler_pong: 3,
            max_scheduler_ping: 36,
            bench_source: String::new(),
        };
        channel.send(&Message::CsConf(conf)).await.unwrap();
        let Message::Stats(stats) = hear(&mut channel).await else {
            panic!("no STATS")
        };
        assert!(stats.load < 1000 && stats.free_mem > 0, "{stats:?}");
        channel
    }

    pub(crate) async fn connection(&self) -> tokio::net::TcpStream {
        timeout(PATIENCE, self.listener.accept())
            .await
            .unwrap()
            .unwrap()
            .0
    }
}

/// An address at which nobody listens.
pub(crate) fn nobody() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 1))
}

/// The next message; load figures come when they come.
pub(crate) async fn hear(channel: &mut Channel) -> Message {
    timeout(PATIENCE, channel.receive())
        .await
        .expect("in time")
        .unwrap()
        .expect("a message")
}

/// The next message that is no STATS.
pub(crate) async fn hear_decision(channel: &mut Channel) -> Message {
    loop {
        match hear(channel).await {
            Message::Stats(_) => {}
            message => return message,
        }
    }
}

/// Waits for the other end to close, whatever it still says.
pub(crate) async fn hear_close(channel: &mut Channel) -> Vec<Message> {
    let mut said = Vec::new();
    while let Ok(Some(message)) = timeout(PATIENCE, channel.receive()).await.expect("in time") {
        said.push(message);
    }
    said
}

pub(crate) fn get_cs(environment: &str) -> GetCs {
    GetCs {
        versions: vec![Environment {
            platform: "x86_64".into(),
            name: environment.into(),
        }],
        filename: b"src/a.c".to_vec(),
        lang: 0,
        count: 1,
        target: "x86_64".into(),
        arg_flags: 8,
        client_id: 0,
        preferred_host: String::new(),
        ignore_unverified: 0,
        minimal_host_version: 21,
        client_count: 0,
        required_features: 0,
        niceness: 0,
    }
}

pub(crate) fn compile_file(environment: &str, job: u32) -> CompileFile {
    CompileFile {
        lang: 0,
        job_id: job,
        flags: vec![b"-O2".to_vec(), b"-c".to_vec()],
        env_version: environment.into(),
        target_platform: platform(),
        compiler_name: "gcc".into(),
        input_file: b"a.c".to_vec(),
        working_dir: b"/build".to_vec(),
        output_file: b"a.o".to_vec(),
        dwarf_fission: false,
    }
}

pub(crate) fn platform() -> String {
    rustix::system::uname()
        .machine()
        .to_string_lossy()
        .into_owned()
}

/// This host's gcc as an archive, packed once for all tests.
pub(crate) fn gcc_archive() -> Option<(String, Vec<u8>)> {
    static PACKED: std::sync::OnceLock<Option<(String, Vec<u8>)>> = std::sync::OnceLock::new();
    PACKED
        .get_or_init(|| {
            let place = tempfile::tempdir().unwrap();
            let cache = toolchain::NativeCache::new(place.path());
            let compression = toolchain::Compression::Zstd;
            match cache.get(Path::new("/usr/bin/gcc"), &[], compression) {
                Ok(native) => {
                    let name = native.archive.path.file_name().unwrap().to_str().unwrap();
                    let name = name.split('.').next().unwrap().to_owned();
                    Some((name, std::fs::read(&native.archive.path).unwrap()))
                }
                Err(error) => {
                    eprintln!("SKIPPED: no gcc to pack: {error}");
                    None
                }
            }
        })
        .clone()
}
