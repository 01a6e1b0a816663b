//! A pretended executor that takes any toolchain and writes down what it is asked to compile.
//!
//! It answers no job, so that the client compiles locally after all. What a client sends is seen
//! on the wire here, where the original's suite reads it in the log of the original's daemon.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use icecream::{Environment, Login, Message, Stats, VerifyEnvResult, Version, discovery};
use lab::Host;
use tokio::sync::{mpsc, oneshot};
use transport::Channel;

pub const NAME: &str = "recorder";
const PORT: u16 = 10300;
const PATIENCE: Duration = Duration::from_secs(45);

/// What it was asked.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Connections that said something: a scheduler's probe says nothing.
    pub connections: usize,
    /// The arguments of each compile.
    pub compiles: Vec<Vec<String>>,
}

pub struct Recorder {
    asked: Arc<Mutex<Asked>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Recorder {
    /// Logs in from `host`, which must run no daemon. `features`: bit 0, unpacks xz; bit 1, zstd.
    pub fn start(host: &Host, scheduler: (Ipv4Addr, u16), features: u32) -> Result<Self> {
        let listener = host.listen(PORT)?;
        listener.set_nonblocking(true)?;
        let stream = host.connect(scheduler.0, scheduler.1)?;
        stream.set_nonblocking(true)?;
        let nudge = host.datagrams(0)?;
        let asked = Arc::new(Mutex::new(Asked::default()));
        let mine = Arc::clone(&asked);
        let (stop, stopped) = oneshot::channel();
        let (ready, login) = std::sync::mpsc::channel();
        let thread = thread::Builder::new().name(NAME.into()).spawn(move || {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
            else {
                return;
            };
            runtime.block_on(async {
                tokio::select! {
                    _ = stopped => {}
                    end = serve(stream, listener, features, mine, ready) => {
                        if let Err(e) = end {
                            eprintln!("recorder: {e:#}");
                        }
                    }
                }
            });
        })?;
        let end = Instant::now() + PATIENCE;
        while login.recv_timeout(Duration::from_millis(300)).is_err() {
            if Instant::now() > end {
                bail!("the scheduler does not take the recorder");
            }
            nudge.send_to(&discovery::query(Version::MAX), scheduler)?;
        }
        Ok(Self {
            asked,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Asked {
        self.asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(
    stream: std::net::TcpStream,
    listener: std::net::TcpListener,
    features: u32,
    asked: Arc<Mutex<Asked>>,
    ready: std::sync::mpsc::Sender<()>,
) -> Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let mut scheduler = Channel::accept(tokio::net::TcpStream::from_std(stream)?, PATIENCE).await?;
    scheduler
        .send(&Message::Login(login(
            u32::from(PORT),
            features,
            Vec::new(),
        )))
        .await?;
    let idle = Stats {
        load: 0,
        load_avg_1: 0,
        load_avg_5: 0,
        load_avg_10: 0,
        free_mem: 8000,
    };
    scheduler.send(&Message::Stats(idle)).await?;
    let (installed, mut renewals) = mpsc::channel::<Environment>(16);
    let mut environments = Vec::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (peer, _) = accepted?;
                tokio::spawn(client(peer, Arc::clone(&asked), installed.clone()));
            }
            Some(environment) = renewals.recv() => {
                environments.push(environment);
                scheduler.send(&Message::Login(login(0, features, environments.clone()))).await?;
            }
            message = scheduler.receive() => {
                if matches!(message.context("the scheduler")?, Some(Message::CsConf(_))) {
                    let _ = ready.send(());
                }
            }
        }
    }
}

fn login(port: u32, features: u32, environments: Vec<Environment>) -> Login {
    Login {
        port,
        max_kids: if port == 0 { 0 } else { 4 },
        environments,
        node_name: NAME.to_owned(),
        host_platform: "x86_64".to_owned(),
        chroot_possible: true,
        no_remote: false,
        features,
    }
}

async fn client(
    peer: tokio::net::TcpStream,
    asked: Arc<Mutex<Asked>>,
    installed: mpsc::Sender<Environment>,
) {
    let Ok(mut channel) = Channel::accept(peer, PATIENCE).await else {
        return; // a probe
    };
    let note = |change: &dyn Fn(&mut Asked)| {
        change(&mut asked.lock().unwrap_or_else(PoisonError::into_inner));
    };
    let mut counted = false;
    while let Ok(Some(message)) = channel.receive().await {
        if !std::mem::replace(&mut counted, true) {
            note(&|asked| asked.connections += 1);
        }
        match message {
            Message::TransferEnv(transfer) => {
                let environment = Environment {
                    platform: transfer.target,
                    name: transfer.name,
                };
                let _ = installed.send(environment).await;
            }
            Message::VerifyEnv(_) => {
                let _ = channel
                    .send(&Message::VerifyEnvResult(VerifyEnvResult { ok: true }))
                    .await;
            }
            Message::CompileFile(compile) => {
                let flags: Vec<String> = compile
                    .flags
                    .iter()
                    .map(|flag| String::from_utf8_lossy(flag).into_owned())
                    .collect();
                note(&|asked| asked.compiles.push(flags.clone()));
                return;
            }
            _ => {}
        }
    }
}
