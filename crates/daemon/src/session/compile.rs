//! A compile for another host, from COMPILE_FILE to the last byte of the object

use std::io::Read as _;
use std::time::Duration;

use icecream::chunk::Effort;
use icecream::{CompileFile, CompileResult, FileChunk, Message, chunk};
use job::JobId;
use sandbox::{Limits, SpawnError};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use transport::Channel;

use super::source::{Source, Step};
use super::{End, Order, Said, Session};
use crate::core::{Usage, code};
use crate::executor::{self, Bounds, Executor, Failure, Finished, Output};
use crate::toolchains::InUse;

/// Pieces of source between the connection and the compiler's standard input.
const PIECES: usize = 4;
/// A frame's limit of 1 MiB, less the rest of COMPILE_RESULT.
const MOST_OUTPUT: usize = (1 << 20) - 1024;
/// How long a client may take to read the answer that its compile failed here.
const LINGER: Duration = Duration::from_secs(2);

/// A compile that waits for its slot.
struct Task {
    job: JobId,
    order: executor::Order,
    toolchain: InUse,
    executor: Executor,
}

impl Session {
    /// Always ends the session, as in icecream.
    pub(super) async fn compile(&mut self, file: CompileFile) -> Result<(), End> {
        let job = JobId(file.job_id);
        let flags = shown(&file.flags);
        let task = match self.accept(file).await {
            Ok(task) => task,
            Err(text) => return self.reject(job, text).await,
        };
        if let Err(full) = self.shop.toolchains.room() {
            tracing::info!("job {job} is sent back: {full}");
            let usage = Usage::failed(code::OUT_OF_MEMORY);
            self.tell(Said::CompileRejected { job, usage }).await;
            return self.send_back(&full.to_string()).await;
        }
        tracing::debug!("remote compile arguments: {flags} ");
        self.tell(Said::CompileWanted(job)).await;
        let mut source = Source::default();
        let Some(memory_mib) = self.wait_for_slot(&mut source).await? else {
            tracing::info!("job {job} is sent back: memory or disk of this host is full");
            self.tell(Said::CompileEnded(Usage::failed(code::OUT_OF_MEMORY)))
                .await;
            return self.send_back("").await;
        };
        let began = Instant::now();
        let made = self.run_compiler(&task, memory_mib, &mut source).await;
        let usage = Usage {
            real_msec: millis(began.elapsed()),
            in_compressed: count(source.compressed),
            in_uncompressed: count(source.uncompressed),
            ..Usage::default()
        };
        match made {
            Ok(finished) => {
                log_result(job, &finished);
                self.tell(Said::CompileEnded(finished_usage(usage, &finished)))
                    .await;
                drop(task);
                self.deliver(finished).await
            }
            Err(Stop::Client(end)) => {
                tracing::info!(
                    "Remote compilation aborted with exit code {} (job {job}: {end})",
                    code::CLOSED
                );
                self.tell(Said::CompileEnded(Usage {
                    exit_code: code::CLOSED,
                    ..usage
                }))
                .await;
                Err(end)
            }
            Err(Stop::Here(failure)) => self.failed(task, usage, failure).await,
        }
    }

    async fn accept(&self, file: CompileFile) -> Result<Task, String> {
        let Some(executor) = self.shop.executor.clone() else {
            return Err("this host takes no compiles from other hosts".to_owned());
        };
        let job = JobId(file.job_id);
        let entry = self.shop.entry(&file.target_platform, &file.env_version);
        let entry = entry.map_err(|error| error.to_string())?;
        let order = executor::Order::try_from(file).map_err(|error| error.to_string())?;
        let toolchain = self.shop.toolchains.enter(&entry).await;
        let toolchain = toolchain.ok_or_else(|| match self.shop.toolchains.refusal(&entry) {
            Some(refusal) => refusal.text,
            None => format!("toolchain {entry} is not executable, installed environment removed?"),
        })?;
        Ok(Task {
            job,
            order,
            toolchain,
            executor,
        })
    }

    /// The client compiles locally when it reads a text in place of a result.
    async fn reject(&mut self, job: JobId, text: String) -> Result<(), End> {
        let usage = Usage::failed(code::NO_TOOLCHAIN);
        self.tell(Said::CompileRejected { job, usage }).await;
        self.tell(Said::ToolchainsChanged).await;
        self.send_text(text.clone()).await?;
        self.linger().await;
        Err(End::Refused(text))
    }

    /// Reads what the client sends meanwhile. None: this host cannot take the compile after all.
    async fn wait_for_slot(&mut self, source: &mut Source) -> Result<Option<u32>, End> {
        loop {
            tokio::select! {
                order = self.orders.recv() => match order.ok_or(End::Dismissed)? {
                    Order::StartCompile { memory_mib } => return Ok(Some(memory_mib)),
                    Order::RefuseCompile => return Ok(None),
                    Order::Send(_) => {}
                },
                step = listen(&mut self.channel, source), if source.listens() => step?,
            }
        }
    }

    /// Starts the compiler at once and feeds it while the source is still arriving. Returning
    /// early kills it.
    async fn run_compiler(
        &mut self,
        task: &Task,
        memory_mib: u32,
        source: &mut Source,
    ) -> Result<Finished, Stop> {
        let mut bounds = Bounds::default();
        bounds.limits = Limits {
            address_space: Some(u64::from(memory_mib) << 20),
            memory: Some(u64::from(memory_mib) << 20),
            nice: self.shop.config.nice,
            idle: self.shop.config.owner.idle_only,
            ..bounds.limits
        };
        let (pieces, inbox) = mpsc::channel(PIECES);
        let toolchain = task.toolchain.toolchain();
        let running = task
            .executor
            .clone()
            .run(task.order.clone(), toolchain, inbox, bounds);
        let mut running = std::pin::pin!(running);
        let mut told_end = false;
        loop {
            let end_is_due = source.complete && !source.has_waiting() && !told_end;
            tokio::select! {
                finished = &mut running => return Ok(finished?),
                Ok(room) = pieces.reserve(), if source.has_waiting() || end_is_due => {
                    room.send(match source.pop() {
                        Some(piece) => executor::Source::Text(unpack(&piece)?),
                        None => {
                            told_end = true;
                            executor::Source::End
                        }
                    });
                }
                step = listen(&mut self.channel, source), if source.listens() => step?,
                order = self.orders.recv() => if order.is_none() {
                    return Err(End::Dismissed.into());
                },
            }
        }
    }

    /// This host failed, or the toolchain, or the request made no sense: not the compiler.
    async fn failed(&mut self, task: Task, usage: Usage, failure: Failure) -> Result<(), End> {
        if sandbox_is_lost(&task, &failure).await {
            self.tell(Said::SandboxLost).await;
        }
        let Task { job, toolchain, .. } = task;
        tracing::warn!("job {job}: {failure}");
        tracing::info!(
            "Remote compilation aborted with exit code {} (job {job})",
            failure.code()
        );
        self.tell(Said::CompileEnded(Usage {
            exit_code: failure.code(),
            ..usage
        }))
        .await;
        if failure.toolchain_is_foreign() {
            let why = failure.to_string();
            self.shop.toolchains.refuse(toolchain, why.clone()).await;
            self.tell(Said::ToolchainsChanged).await;
            return self.send_back(&why).await;
        }
        if failure.toolchain_is_broken() {
            self.shop.toolchains.remove(toolchain).await;
            self.tell(Said::ToolchainsChanged).await;
        } else if !matches!(failure, Failure::Order(_)) {
            return self.send_back(&failure.to_string()).await;
        }
        self.send_text(failure.to_string()).await?;
        self.linger().await;
        Err(End::Refused(failure.to_string()))
    }

    /// "Out of memory" is the one answer after which every client compiles locally.
    async fn send_back(&mut self, why: &str) -> Result<(), End> {
        let result = CompileResult {
            stderr: why.as_bytes().to_vec(),
            stdout: Vec::new(),
            status: code::OUT_OF_MEMORY,
            out_of_memory: true,
            have_dwo: false,
        };
        self.channel.send(&Message::CompileResult(result)).await?;
        self.linger().await;
        Err(End::Closed)
    }

    async fn deliver(&mut self, mut finished: Finished) -> Result<(), End> {
        if finished.stderr.len() + finished.stdout.len() > MOST_OUTPUT {
            return self
                .send_back("more diagnostics than the protocol can carry")
                .await;
        }
        let result = CompileResult {
            stderr: std::mem::take(&mut finished.stderr),
            stdout: std::mem::take(&mut finished.stdout),
            status: finished.status,
            out_of_memory: finished.out_of_memory,
            have_dwo: finished.dwo.is_some(),
        };
        self.channel.feed(&Message::CompileResult(result))?;
        for output in finished.object.iter_mut().chain(&mut finished.dwo) {
            self.send_file(output).await?;
        }
        self.channel.flush().await?;
        if let Some(client) = self.channel.peer_addr().ip() {
            self.shop.rates.learn(client, self.channel.sent());
        }
        Err(End::Closed)
    }

    /// As the owner wants it, else by what is known of the client's network.
    fn effort(&self) -> Effort {
        match self.shop.config.compression {
            Some(level) => Effort::Level(level),
            None => {
                let client = self.channel.peer_addr().ip();
                Effort::for_rate(client.and_then(|client| self.shop.rates.to(client)))
            }
        }
    }

    async fn send_file(&mut self, output: &mut Output) -> Result<(), End> {
        let effort = self.effort();
        let mut buffer = vec![0; chunk::CHUNK_LEN];
        let mut left = output.len;
        while left > 0 {
            let length = buffer
                .len()
                .min(usize::try_from(left).unwrap_or(usize::MAX));
            let piece = &mut buffer[..length];
            // From the page cache: the compiler has just written it.
            let read = output.file.read_exact(piece);
            read.map_err(|error| End::Refused(format!("the object cannot be read back: {error}")))?;
            let piece =
                chunk::pack(piece, effort).map_err(|error| End::Refused(error.to_string()))?;
            self.channel.send(&Message::FileChunk(piece)).await?;
            left -= length as u64;
        }
        Ok(self.channel.feed(&Message::End)?)
    }

    /// Lets the client read the answer before the connection closes under the source text that it
    /// may still be sending: unread data at a close resets the connection, and the answer is lost.
    async fn linger(&mut self) {
        let drain = async { while let Ok(Some(_)) = self.channel.receive().await {} };
        let _either_way = timeout(LINGER, drain).await;
    }
}

/// Why there is no result.
enum Stop {
    Client(End),
    Here(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::ClientGone => Self::Client(End::Closed),
            failure => Self::Here(failure),
        }
    }
}

impl From<End> for Stop {
    fn from(end: End) -> Self {
        Self::Client(end)
    }
}

/// Whether no job can be started any more, or only this one came to grief.
async fn sandbox_is_lost(task: &Task, failure: &Failure) -> bool {
    let gone = |failure: &Failure| matches!(failure, Failure::Spawn(SpawnError::Gone));
    match failure {
        Failure::Lost(_) => {
            let again = task.executor.verify(task.toolchain.toolchain()).await;
            again.is_err_and(|failure| gone(&failure))
        }
        failure => gone(failure),
    }
}

/// Takes the next message into the source.
async fn listen(channel: &mut Channel, source: &mut Source) -> Result<(), End> {
    match source.take(channel.receive().await?.ok_or(End::Closed)?) {
        Step::More | Step::Complete => Ok(()),
        Step::Nonsense => Err(End::Refused(
            "it sent something else within a source".to_owned(),
        )),
    }
}

fn unpack(piece: &FileChunk) -> Result<Vec<u8>, End> {
    let mut text = Vec::new();
    chunk::decompress(piece, &mut text).map_err(|error| End::Refused(error.to_string()))?;
    Ok(text)
}

fn finished_usage(usage: Usage, finished: &Finished) -> Usage {
    let outputs = finished.object.iter().chain(&finished.dwo);
    let spent = &finished.usage;
    Usage {
        exit_code: finished.status,
        user_msec: millis(spent.user),
        sys_msec: millis(spent.system),
        page_faults: u32::try_from(spent.major_faults).unwrap_or(u32::MAX),
        out_bytes: u32::try_from(outputs.map(|output| output.len).sum::<u64>()).unwrap_or(u32::MAX),
        ..usage
    }
}

fn log_result(job: JobId, finished: &Finished) {
    let status = finished.status;
    let how = match status {
        _ if finished.out_of_memory => "aborted",
        0 => "completed",
        _ => "exited",
    };
    tracing::info!("Remote compilation {how} with exit code {status} (job {job})");
}

/// Each flag with a blank in front; the caller puts one behind the last.
fn shown(flags: &[Vec<u8>]) -> String {
    flags
        .iter()
        .map(|flag| String::from_utf8_lossy(flag))
        .collect::<Vec<_>>()
        .join(" ")
}

fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

fn count(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
