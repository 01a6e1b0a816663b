//! A compile for another host, from COMPILE_FILE to the last byte of the object.

use std::time::Duration;

use icecream::{CompileFile, chunk};
use job::{JobId, Trouble, answer};
use sandbox::{Limits, SpawnError};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use transport::Channel;

use super::answer::{evicted, refusal, told};
use super::source::{Source, Step};
use super::{End, Order, Said, Session};
use crate::core::{Peak, Refusal, Usage, code};
use crate::executor::{self, Bounds, Executor, Failure, Finished, Overseer, Setback};
use crate::toolchains::InUse;

/// Pieces of source between the connection and the compiler's standard input.
const PIECES: usize = 4;

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
            return self
                .send_back(&Trouble::Disk.answer(&full.to_string()))
                .await;
        }
        tracing::debug!("remote compile arguments: {flags} ");
        let like = task.order.likeness();
        self.tell(Said::CompileWanted(job, like)).await;
        let mut source = Source::new(&self.shop.room);
        let (began, memory, made) = loop {
            let memory = match self.wait_for_slot(&mut source).await? {
                Ok(memory) => memory,
                Err(why) => return self.refused(job, why).await,
            };
            let began = Instant::now();
            let made = self.run_compiler(&task, memory, &mut source).await;
            match made {
                Err(Stop::Evicted { again: true }) if source.rewind() => {
                    tracing::info!(
                        "job {job} has made way for older ones: together they needed more than the memory that they may have (--memory); it starts again when there is room"
                    );
                    self.tell(Said::CompileEvicted).await;
                }
                made => break (began, memory, made),
            }
        };
        let usage = Usage {
            real_msec: millis(began.elapsed()),
            in_compressed: count(source.compressed),
            in_uncompressed: count(source.uncompressed),
            ..Usage::default()
        };
        match made {
            Ok(finished) => {
                log_result(job, &finished);
                let peak = peak(finished.setback, finished.usage.peak_memory, memory);
                self.tell(Said::CompilePeaked(peak)).await;
                self.tell(Said::CompileEnded(finished_usage(usage, &finished)))
                    .await;
                drop(task);
                if peak == Peak::TooMuch {
                    // The compiler's own words do not say whether a larger host would do.
                    drop(finished);
                    return self.send_back(answer::TOO_LARGE).await;
                }
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
            Err(Stop::Owner) => {
                tracing::info!("job {job} is handed back: the owner of this host needs it");
                let code = code::OUT_OF_MEMORY;
                self.tell(Said::CompileEnded(Usage {
                    exit_code: code,
                    ..usage
                }))
                .await;
                drop(task);
                self.send_back(answer::HANDED_BACK).await
            }
            Err(Stop::Here(failure)) => self.failed(task, usage, failure).await,
            Err(Stop::Evicted { again }) => {
                tracing::info!("job {job} is sent back: {}", evicted(again));
                self.tell(Said::CompileEnded(Usage {
                    exit_code: code::OUT_OF_MEMORY,
                    ..usage
                }))
                .await;
                self.send_back(evicted(again)).await
            }
        }
    }

    /// The desk wants no such compile.
    async fn refused(&mut self, job: JobId, why: Refusal) -> Result<(), End> {
        let why = refusal(why);
        tracing::info!("job {job} is sent back: {why}");
        self.tell(Said::CompileEnded(Usage::failed(code::OUT_OF_MEMORY)))
            .await;
        self.send_back(&why).await
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

    /// Reads what the client sends meanwhile. The memory that the compile may have, or why this host
    /// does not take it after all.
    async fn wait_for_slot(&mut self, source: &mut Source) -> Result<Result<u64, Refusal>, End> {
        loop {
            tokio::select! {
                order = self.orders.recv() => match order.ok_or(End::Dismissed)? {
                    Order::StartCompile { memory } => return Ok(Ok(memory)),
                    Order::RefuseCompile(why) => return Ok(Err(why)),
                    Order::Send(_) | Order::EvictCompile { .. } | Order::HandBack => {}
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
        memory: u64,
        source: &mut Source,
    ) -> Result<Finished, Stop> {
        let mut bounds = Bounds::default();
        bounds.limits = Limits {
            address_space: Some(memory),
            memory: Some(memory),
            nice: self.shop.config.nice,
            idle: self.shop.config.owner.idle_only,
            ..bounds.limits
        };
        let (pieces, inbox) = mpsc::channel(PIECES);
        let toolchain = task.toolchain.toolchain();
        let (evict, evicted) = oneshot::channel();
        let (used, mut uses) = watch::channel(0);
        let overseer = Overseer { used, evicted };
        let running = task.executor.clone().run_overseen(
            task.order.clone(),
            toolchain,
            inbox,
            bounds,
            overseer,
        );
        let mut running = std::pin::pin!(running);
        let mut evict = Some(evict);
        let mut again = false;
        let executor = &task.executor;
        let spool = || executor.spool();
        let mut told_end = false;
        loop {
            let end_is_due = source.complete && !source.has_waiting() && !told_end;
            tokio::select! {
                finished = &mut running => return match finished {
                    Err(Failure::Evicted) => Err(Stop::Evicted { again }),
                    finished => Ok(finished?),
                },
                Ok(room) = pieces.reserve(), if source.has_waiting() || end_is_due => {
                    let mut text = Vec::new();
                    let popped = source.pop(&spool, |piece| chunk::decompress(piece, &mut text));
                    match popped.map_err(Failure::Files)? {
                        Some(unpacked) => {
                            unpacked.map_err(|error| End::Refused(error.to_string()))?;
                            room.send(executor::Source::Text(text));
                        }
                        None if end_is_due => {
                            told_end = true;
                            room.send(executor::Source::End);
                        }
                        None => {}
                    }
                }
                Ok(()) = uses.changed() => {
                    let bytes = *uses.borrow_and_update();
                    self.tell(Said::CompileUses(bytes)).await;
                }
                step = listen(&mut self.channel, source), if source.listens() => step?,
                order = self.orders.recv() => match order {
                    None => return Err(End::Dismissed.into()),
                    // The compiler is dead and its memory free when `running` ends by that.
                    Some(Order::EvictCompile { again: wanted }) => {
                        again = wanted;
                        drop(evict.take());
                    }
                    Some(Order::HandBack) => return Err(Stop::Owner),
                    Some(_) => {}
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
            self.shop.toolchains.refuse(toolchain, why).await;
            self.tell(Said::ToolchainsChanged).await;
        } else if failure.toolchain_is_broken() {
            self.shop.toolchains.remove(toolchain).await;
            self.tell(Said::ToolchainsChanged).await;
        } else if !matches!(failure, Failure::Order(_)) {
            let text = failure.trouble().answer(&failure.to_string());
            return self.send_back(&text).await;
        }
        self.send_text(failure.to_string()).await?;
        self.linger().await;
        Err(End::Refused(failure.to_string()))
    }
}

/// Why there is no result.
enum Stop {
    Client(End),
    /// The owner wants the host.
    Owner,
    Here(Failure),
    /// Others need its memory, or it alone needs more than there is.
    Evicted {
        again: bool,
    },
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

/// What is remembered of a compile that had `bytes` at most and could have had `limit`. One that
/// says that it got too little, or that the kernel killed, is believed when it had much.
fn peak(setback: Option<Setback>, bytes: u64, limit: u64) -> Peak {
    match setback.map(|setback| (setback, setback.trouble())) {
        Some((Setback::Memory, _)) => Peak::TooMuch,
        Some((_, Trouble::Memory | Trouble::Killed)) if bytes > limit / 2 => Peak::TooMuch,
        _ => Peak::Bytes(bytes),
    }
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
    if let Some(setback) = finished.setback {
        let why = told(setback, &finished.stderr);
        tracing::warn!("Remote compilation aborted with exit code {status} (job {job}): {why}");
        return;
    }
    let how = match status {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crashed_compiler_does_not_count_as_too_large() {
        let hunger = Some(Setback::Shown(Trouble::Memory));
        assert_eq!(peak(hunger, 50, 100), Peak::Bytes(50));
        assert_eq!(peak(hunger, 51, 100), Peak::TooMuch);
        assert_eq!(peak(Some(Setback::Memory), 10, 100), Peak::TooMuch);
        assert_eq!(peak(Some(Setback::Signal(11)), 90, 100), Peak::Bytes(90));
        assert_eq!(peak(Some(Setback::Signal(9)), 90, 100), Peak::TooMuch);
        assert_eq!(peak(Some(Setback::Signal(9)), 40, 100), Peak::Bytes(40));
        let crash = Some(Setback::Shown(Trouble::Crashed));
        assert_eq!(peak(crash, 90, 100), Peak::Bytes(90));
        assert_eq!(peak(None, 90, 100), Peak::Bytes(90));
    }
}
