//! The conversation with an executor: toolchain if it lacks it, the work, the text, the result.
//!
//! Whatever can be sent without waiting is; while sending, the executor is listened to, because an
//! early word from it is always a refusal.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use icecream::{BlacklistHostEnv, CompileResult, Message, UseCs};
use job::{Phase, Reason, Trouble};
use tokio::time::timeout;
use transport::{Channel, Passport, Sent, TransportError};

use super::install::{Door, Installation};
use super::{Piece, broken, next, words};
use crate::cluster::{Cluster, Failure, Toolchain, Verdict, Work};
use crate::excerpt::first_line;
use crate::job::Chronicle;
use crate::outputs::{Targets, Writer};
use crate::text::Text;
use crate::toolbox::Toolbox;

/// Waiting for a slot there, and compiling.
const RESULT: Duration = Duration::from_secs(720);
/// Between two pieces of an object.
const PIECE: Duration = Duration::from_secs(40);

/// An executor that the scheduler named.
#[derive(Debug)]
pub(crate) struct Seat {
    /// Open until the end: by it the daemon knows that the job lives.
    pub(super) daemon: Channel,
    pub(super) place: UseCs,
    pub(super) toolchain: Toolchain,
    pub(super) slow_network: bool,
    pub(super) cluster: Option<Arc<Cluster>>,
    pub(super) executor: Option<Channel>,
}

impl Seat {
    pub(super) fn new(
        daemon: Channel,
        place: UseCs,
        toolchain: Toolchain,
        slow_network: bool,
        cluster: Option<Arc<Cluster>>,
    ) -> Self {
        Self {
            daemon,
            place,
            toolchain,
            slow_network,
            cluster,
            executor: None,
        }
    }

    /// The executor's address, for display and to know it again.
    pub(crate) fn host(&self) -> String {
        format!("{}:{}", self.place.hostname, self.place.port)
    }

    /// The executor's address, unless the scheduler made it up.
    pub(crate) fn ip(&self) -> Option<IpAddr> {
        self.place.hostname.parse().ok()
    }

    /// How the text went, once the executor has answered, and if it was all that it was sent.
    pub(crate) fn sent(&self) -> Option<Sent> {
        let executor = self.executor.as_ref().filter(|_| self.place.got_env);
        executor.map(Channel::sent)
    }

    pub(crate) fn job_id(&self) -> u32 {
        self.place.job_id
    }

    pub(crate) fn toolchain(&self) -> &Toolchain {
        &self.toolchain
    }

    /// Sends the job and waits for the remote compiler's verdict. With status 0 its outputs follow:
    /// [`Seat::receive`].
    pub(crate) async fn compile(
        &mut self,
        work: &Work,
        text: &mut Text,
        chronicle: &mut Chronicle,
        toolbox: &Toolbox,
    ) -> Result<Verdict, Failure> {
        chronicle.enter(Phase::Connect);
        let door = self.door().await?;
        let mut executor = door.open().await?;
        if !self.place.got_env {
            chronicle.enter(Phase::Install);
            let installation = Installation {
                name: self.toolchain.name.clone(),
                platform: words::own_platform(),
                toolchain: &self.toolchain,
                door: &door,
                budget: text.budget(),
                toolbox,
            };
            if let Err(failed) = installation.over(&mut executor).await {
                if failed.is_unusable {
                    self.tell_unusable().await;
                }
                return Err(failed.why);
            }
        }
        chronicle.enter_since(Phase::Prepare, text.began());
        let compile = words::compile_file(work, self.place.job_id, &self.toolchain.name);
        let sent = executor.send(&Message::CompileFile(compile)).await;
        sent.map_err(|error| broken(&error))?;
        stream(&mut executor, text).await?;
        finish(&mut executor, &[Message::End]).await?;
        chronicle.enter(Phase::Wait);
        let answer = next(&mut executor, RESULT, "the result").await?;
        self.executor = Some(executor);
        verdict(answer)
    }

    async fn door(&self) -> Result<Door, Failure> {
        let ip = self.ip().ok_or_else(|| {
            let named = self
                .place
                .hostname
                .chars()
                .filter(|c| !c.is_control())
                .take(60);
            let detail = format!("{:?} is no address", named.collect::<String>());
            Failure::elsewhere(Reason::PeerProtocol, detail)
        })?;
        let port = u16::try_from(self.place.port).unwrap_or(0);
        let passport = match &self.cluster {
            Some(cluster) => cluster.passport().await,
            None => Passport::None,
        };
        Ok(Door {
            address: SocketAddr::new(ip, port),
            slow_network: self.slow_network,
            passport,
        })
    }

    /// The scheduler then never offers that host for this toolchain again.
    async fn tell_unusable(&mut self) {
        let blacklist = BlacklistHostEnv {
            name: self.toolchain.name.clone(),
            target: words::own_platform(),
            hostname: self.place.hostname.clone(),
        };
        let _ = self
            .daemon
            .send(&Message::BlacklistHostEnv(blacklist))
            .await;
    }

    /// Receives the object, and the `.dwo` if there is one.
    pub(crate) async fn receive(
        &mut self,
        targets: &Targets,
        has_dwo: bool,
    ) -> Result<Writer, Failure> {
        let mut writer = Writer::start(targets.clone(), None);
        let Some(executor) = &mut self.executor else {
            return Err(Failure::elsewhere(
                Reason::PeerLost,
                "no result is under way",
            ));
        };
        for output in 0..=usize::from(has_dwo) {
            if output > 0 {
                writer.next_output().await;
            }
            loop {
                let message = next(executor, PIECE, "the rest of the object").await;
                match message.map_err(incomplete)? {
                    Message::FileChunk(chunk) => writer.piece(Piece::arrived(chunk)).await,
                    Message::End => break,
                    other => return Err(incomplete(early(Ok(Some(other))))),
                }
            }
        }
        Ok(writer)
    }

    /// The result is in place: the daemon learns that all went well.
    pub(crate) async fn succeeded(mut self) {
        // A daemon that went away does not mind.
        let _ = self.daemon.send(&Message::End).await;
    }
}

/// Sends a whole text; returns before its END, and only if its production succeeded.
pub(super) async fn stream(channel: &mut Channel, text: &mut Text) -> Result<(), Failure> {
    loop {
        let (receiver, sender) = channel.halves();
        let chunk = tokio::select! {
            biased;
            piece = text.next() => piece.map(Piece::chunk),
            word = receiver.receive() => return Err(early(word)),
        };
        let Some(chunk) = chunk else { break };
        sender
            .feed(&Message::FileChunk(chunk))
            .map_err(|error| broken(&error))?;
        flush(channel).await?;
    }
    let ending = text.ending().await;
    ending
        .map(drop)
        .map_err(|none| Failure::here(none.reason, none.detail))
}

pub(super) async fn finish(channel: &mut Channel, messages: &[Message]) -> Result<(), Failure> {
    for message in messages {
        channel.feed(message).map_err(|error| broken(&error))?;
    }
    flush(channel).await
}

async fn flush(channel: &mut Channel) -> Result<(), Failure> {
    let (receiver, sender) = channel.halves();
    let flushed = tokio::select! {
        biased;
        flushed = sender.flush() => flushed,
        word = receiver.receive() => return Err(early(word)),
    };
    let Err(error) = flushed else { return Ok(()) };
    // What it said before it closed tells more than that it closed.
    match timeout(Duration::from_millis(200), channel.receive()).await {
        Ok(word @ Ok(Some(_))) => Err(early(word)),
        _ => Err(broken(&error)),
    }
}

/// What an executor says before it has everything.
pub(super) fn early(word: Result<Option<Message>, TransportError>) -> Failure {
    match word {
        Ok(Some(Message::StatusText(status))) => {
            let text: String = status
                .text
                .chars()
                .filter(|c| !c.is_control())
                .take(300)
                .collect();
            Failure::elsewhere(Reason::PeerRefused, text)
        }
        Ok(Some(Message::CompileResult(result))) if is_handed_back(&result) => handed_back(),
        Ok(Some(Message::CompileResult(result))) if result.out_of_memory => Failure::elsewhere(
            trouble(&result).reason(),
            first_line(&result.stderr)
                .unwrap_or_else(|| "it gave up before it had the whole text".to_owned()),
        ),
        Ok(Some(other)) => {
            let detail = format!("{:?} was not to be expected", other.kind());
            Failure::elsewhere(Reason::PeerProtocol, detail)
        }
        Ok(None) => Failure::elsewhere(Reason::PeerLost, "the executor closed the connection"),
        Err(error) => broken(&error),
    }
}

/// In the words of floe's own executors.
fn is_handed_back(result: &CompileResult) -> bool {
    result.out_of_memory && result.stderr == job::HANDED_BACK.as_bytes()
}

fn handed_back() -> Failure {
    Failure::elsewhere(Reason::HandedBack, job::HANDED_BACK)
}

fn verdict(answer: Message) -> Result<Verdict, Failure> {
    /// What icecream reports for a compiler that a signal ended.
    const KILLED: i32 = 105;
    match answer {
        Message::CompileResult(result) if is_handed_back(&result) => Err(handed_back()),
        Message::CompileResult(result) if result.out_of_memory => {
            let detail = first_line(&result.stderr)
                .unwrap_or_else(|| "the executor ran out of memory or disk, or stopped".to_owned());
            let larger_host_helps = job::answer::lacks_memory(&result.stderr);
            let trouble = trouble(&result);
            Err(Failure {
                // A crashed compiler is answered so too, and crashes anywhere.
                retry: larger_host_helps || trouble.is_the_hosts(),
                ..Failure::here(trouble.reason(), detail)
            })
        }
        Message::CompileResult(result) if result.status == KILLED => Err(Failure::here(
            Reason::RemoteKilled,
            "the remote compiler was killed",
        )),
        Message::CompileResult(result) => Ok(Verdict {
            status: result.status,
            stdout: result.stdout,
            stderr: result.stderr,
            has_dwo: result.have_dwo,
            has_dependencies: false,
            at_terminal: false,
        }),
        other => Err(early(Ok(Some(other)))),
    }
}

/// icecream's executors have one answer for all, and the compiler's words beside it.
fn trouble(result: &CompileResult) -> Trouble {
    Trouble::answered(&result.stderr).unwrap_or(Trouble::Memory)
}

fn incomplete(failure: Failure) -> Failure {
    Failure {
        reason: Reason::ResultIncomplete,
        ..failure
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_lack_of_memory_is_tried_on_a_larger_host() {
        let tried = |stderr: &str| {
            let answer = CompileResult {
                stderr: stderr.into(),
                stdout: Vec::new(),
                status: 105,
                out_of_memory: true,
                have_dwo: false,
            };
            let failure = verdict(Message::CompileResult(answer)).err();
            failure.map(|failure| (failure.reason, failure.retry))
        };
        let memory = Reason::RemoteMemory;
        assert_eq!(tried(job::answer::TOO_LARGE), Some((memory, true)));
        let crash = "gcc: fatal error: Segmentation fault signal terminated program cc1";
        assert_eq!(tried(crash), Some((Reason::RemoteCrashed, false)));
        assert_eq!(tried(""), Some((memory, false)));
        let full = Trouble::Disk.answer("");
        assert_eq!(tried(&full), Some((Reason::RemoteDisk, true)));
        assert_eq!(tried(job::HANDED_BACK), Some((Reason::HandedBack, true)));
    }
}
