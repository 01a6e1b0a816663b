//! Executors, good and bad.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use membership::{Identity, Role};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use transport::{Admitted, Channel, Exchange, Gate, Incoming, Link, hello};
use wire::field::{Line, List, Opaque};
use wire::message::{
    Accepted, Compile, Finished, Message, Output, OutputKind, Packing, Started, Usage,
};
use wire::name::{Count, ExitCode, Micros, Size};
use wire::{Limits, ProofKey, ResetCode, Side};

use super::{SOON, World, listener, live};

/// What an executor does with each job, once it has heard what the job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Manner {
    Good,
    /// The object has so many bytes instead of those announced.
    Length(usize),
    NotAskedFor,
    TwoObjects,
    NoObject,
    /// The object of another job, with what proves that it is that one's.
    AnotherJobs,
    /// Other bytes than those that are proved, as many.
    WrongDigest,
    Unproved,
    /// Half of the object comes, and the connection ends.
    Dies,
    /// The same before it says anything.
    DiesSilently,
    /// The text is never taken and nothing is said.
    Sleeps,
    Refuses(wire::message::Refusal),
    /// It is being stopped, and has said so before it sends the job elsewhere.
    Leaves,
    /// The same, and its connection ends under the job.
    LeavesAtOnce,
    /// Until its toolchain was installed.
    Lacks,
}

pub(in super::super) const OBJECT: &[u8] = b"\x7fELF and what belongs to it";

pub(in super::super) struct Executor {
    pub(in super::super) identity: Identity,
    pub(in super::super) address: SocketAddr,
    pub(in super::super) manner: Arc<Mutex<Manner>>,
    pub(in super::super) connections: Arc<AtomicUsize>,
    pub(in super::super) installations: Arc<AtomicUsize>,
    listens: Arc<AtomicBool>,
    /// Jobs as they came, with what is left of each when its stream was reset.
    pub(in super::super) jobs: mpsc::UnboundedReceiver<Seen>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
pub(in super::super) enum Seen {
    Job(Box<Compile>, Vec<u8>),
    Reset,
}

impl Drop for Executor {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Executor {
    pub(in super::super) async fn start(world: &mut World, name: &str, manner: Manner) -> Self {
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
        let listens = Arc::new(AtomicBool::new(true));
        let is_there = Arc::clone(&listens);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                if !is_there.load(Ordering::Relaxed) {
                    continue;
                }
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
            listens,
            jobs,
            task,
        }
    }

    /// One that does not leaves whoever comes before it has said a word.
    pub(in super::super) fn listens(&self, listens: bool) {
        self.listens.store(listens, Ordering::Relaxed);
    }

    pub(in super::super) fn becomes(&self, manner: Manner) {
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
                    let manner = *self.manner.lock().unwrap();
                    if let Manner::Leaves | Manner::LeavesAtOnce = manner {
                        link.go_away("as the test says").await;
                        if manner == Manner::Leaves {
                            exchange.reset(ResetCode::GOING_AWAY);
                            continue;
                        }
                        break;
                    }
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
        let mut grant = compile.grant.clone();
        if manner == Manner::AnotherJobs {
            let mut other = grant.grant.as_bytes().to_vec();
            other[1] ^= 1;
            grant.grant = Opaque::new(other).unwrap();
        }
        let key = ProofKey::of(&grant);
        let _ = self.seen.send(Seen::Job(Box::new(compile), text));
        answer(&mut exchange, manner, &key).await.is_none()
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
async fn answer(exchange: &mut Exchange, manner: Manner, key: &ProofKey) -> Option<()> {
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
        Manner::WrongDigest => {
            exchange.send(object).await.ok()?;
            exchange.send_data(vec![7; OBJECT.len()]).await.ok()?;
        }
        _ => {
            exchange.send(object).await.ok()?;
            exchange.send_data(OBJECT.to_vec()).await.ok()?;
        }
    }
    let mut proof = key.begin(OutputKind::Object);
    proof.update(OBJECT);
    let proofs = match manner {
        Manner::Unproved => Vec::new(),
        _ => vec![proof.finish(); outputs as usize],
    };
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
        proofs: List::new(proofs).unwrap(),
    };
    exchange.send(finished).await.ok()?;
    exchange.finish().await.ok()?;
    // Who is refused for it goes by itself.
    let _ = exchange.next().await;
    Some(())
}
