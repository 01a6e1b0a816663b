//! A compile for another host, whichever protocol its client speaks: from the wait for a slot to the
//! compiler's end. What the client is answered is its protocol's business.

mod account;
mod ready;
mod source;
mod spool;
mod stop;
mod unpack;

use std::sync::Arc;
use std::time::Duration;

use job::{ClientId, JobId};
use sandbox::{Limits, SpawnError};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use transport::TransportError;

use crate::core::{Peak, Refusal, Usage, code};
use crate::executor::{self, Bounds, Executor, Failure, Finished, Overseer};
use crate::session::answer::{evicted, refusal};
use crate::session::{End, Order, Said};
use crate::shop::Shop;
use crate::toolchains::InUse;
use crate::views::Lease;
pub(crate) use account::shown;
use account::{count, finished_usage, log_result, millis, peak};
pub(crate) use ready::Unready;
pub(crate) use source::{Room, Source, Step};
use stop::Stop;
pub(crate) use unpack::Packed;

/// Pieces of source between the connection and the compiler's standard input.
const PIECES: usize = 4;

/// A place at the desk: the desk knows whoever has it by a number.
pub(crate) struct Post {
    pub(crate) id: ClientId,
    pub(crate) orders: mpsc::Receiver<Order>,
    pub(crate) desk: mpsc::Sender<(ClientId, Said)>,
    pub(crate) shop: Arc<Shop>,
}

/// A compile that waits for its slot.
pub(crate) struct Task {
    pub(crate) job: JobId,
    pub(crate) order: executor::Order,
    /// For the log.
    pub(crate) flags: String,
    pub(crate) toolchain: InUse,
    /// The toolchain with the files that the compile reads, if it reads files.
    pub(crate) tree: Option<Lease>,
    pub(crate) executor: Executor,
    /// Its client wants it to have no more than this.
    pub(crate) most_memory: Option<u64>,
    pub(crate) most_time: Option<Duration>,
}

/// Who wants a compile.
pub(crate) trait Client: Send {
    /// Takes what the client says next into the source, if that has room; ends with an error when
    /// the client has gone. Dropping the wait loses nothing.
    fn hear(&mut self, source: &mut Source) -> impl Future<Output = Result<(), End>> + Send;

    /// The compiler starts.
    fn started(&mut self) -> impl Future<Output = Result<(), End>> + Send;
}

/// What became of a compile. The desk knows it already.
pub(crate) enum Outcome {
    Made(Box<Made>),
    /// The disk is full; the text says so.
    Full(String),
    Refused(Refusal),
    /// It needs more memory than this host gives.
    TooLarge,
    Client(End),
    /// The owner wants the host.
    Owner,
    Evicted {
        again: bool,
    },
    Failed(Failure),
}

/// The compiler came to an end.
pub(crate) struct Made {
    pub(crate) finished: Finished,
    /// Until the compiler started, the last time.
    pub(crate) waited: Duration,
    pub(crate) ran: Duration,
}

impl Post {
    pub(crate) async fn tell(&self, said: Said) {
        // Fails only when the daemon is ending.
        let _ending = self.desk.send((self.id, said)).await;
    }

    /// Says how the session ended; nothing follows.
    pub(crate) async fn leave(self, from: &str, end: End) {
        let id = self.id;
        match &end {
            End::Farewell
            | End::Closed
            | End::Dismissed
            | End::Link(_)
            | End::Transport(TransportError::Broken { .. }) => {
                tracing::debug!("client {id} ({from}) left: {end}");
            }
            _ => tracing::info!("client {id} ({from}) is dropped: {end}"),
        }
        let farewell = matches!(end, End::Farewell);
        self.tell(Said::Left { farewell }).await;
    }

    /// The job is not done here, and never waited for a slot.
    pub(crate) async fn reject(&self, job: JobId, code: i32) {
        let usage = Usage::failed(code);
        self.tell(Said::CompileRejected { job, usage }).await;
    }

    /// Waits for a slot and runs the compiler, once more if it has to make way.
    pub(crate) async fn compile(&mut self, task: Task, client: &mut impl Client) -> Outcome {
        self.compile_from(task, client, Source::new(&self.shop.room), Packed::Chunks)
            .await
    }

    /// The same with a source that the caller made, packed in the caller's way.
    pub(crate) async fn compile_from(
        &mut self,
        task: Task,
        client: &mut impl Client,
        mut source: Source,
        packed: Packed,
    ) -> Outcome {
        let job = task.job;
        if let Err(full) = self.shop.toolchains.room() {
            tracing::info!("job {job} is sent back: {full}");
            self.reject(job, code::OUT_OF_MEMORY).await;
            return Outcome::Full(full.to_string());
        }
        tracing::debug!("remote compile arguments: {} ", task.flags);
        let like = task.order.likeness();
        self.tell(Said::CompileWanted(job, like)).await;
        let arrived = Instant::now();
        let (began, memory, made) = loop {
            let memory = match self.wait_for_slot(client, &mut source).await {
                Ok(Ok(memory)) => memory,
                Ok(Err(why)) => return self.refused(job, why).await,
                // The desk hears of it when the session ends.
                Err(end) => return Outcome::Client(end),
            };
            let began = Instant::now();
            let made = self
                .run_compiler(&task, memory, client, &mut source, packed)
                .await;
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
                let used = finished.usage.peak_memory;
                let peak = match task.most_memory {
                    // That it was not enough is remembered of nobody else's compile.
                    Some(most) if most < memory => Peak::Bytes(used),
                    _ => peak(finished.setback, used, memory),
                };
                self.tell(Said::CompilePeaked(peak)).await;
                self.ended(finished_usage(usage, &finished)).await;
                drop(task);
                if peak == Peak::TooMuch {
                    // The compiler's own words do not say whether a larger host would do.
                    return Outcome::TooLarge;
                }
                Outcome::Made(Box::new(Made {
                    finished,
                    waited: began - arrived,
                    ran: began.elapsed(),
                }))
            }
            Err(Stop::Client(end)) => {
                tracing::info!(
                    "Remote compilation aborted with exit code {} (job {job}: {end})",
                    code::CLOSED
                );
                self.ended_with(usage, code::CLOSED).await;
                Outcome::Client(end)
            }
            Err(Stop::Owner) => {
                tracing::info!("job {job} is handed back: the owner of this host needs it");
                self.ended_with(usage, code::OUT_OF_MEMORY).await;
                Outcome::Owner
            }
            Err(Stop::Here(failure)) => {
                self.failed(task, usage, &failure).await;
                Outcome::Failed(failure)
            }
            Err(Stop::Evicted { again }) => {
                tracing::info!("job {job} is sent back: {}", evicted(again));
                self.ended_with(usage, code::OUT_OF_MEMORY).await;
                Outcome::Evicted { again }
            }
        }
    }

    /// The desk wants no such compile.
    async fn refused(&mut self, job: JobId, why: Refusal) -> Outcome {
        tracing::info!("job {job} is sent back: {}", refusal(why));
        self.ended(Usage::failed(code::OUT_OF_MEMORY)).await;
        Outcome::Refused(why)
    }

    async fn ended(&self, usage: Usage) {
        self.tell(Said::CompileEnded(usage)).await;
    }

    async fn ended_with(&self, usage: Usage, exit_code: i32) {
        self.ended(Usage { exit_code, ..usage }).await;
    }

    /// Reads what the client sends meanwhile. The memory that the compile may have, or why this host
    /// does not take it after all.
    async fn wait_for_slot(
        &mut self,
        client: &mut impl Client,
        source: &mut Source,
    ) -> Result<Result<u64, Refusal>, End> {
        let _queued = self.shop.queue();
        loop {
            tokio::select! {
                order = self.orders.recv() => match order.ok_or(End::Dismissed)? {
                    Order::StartCompile { memory } => return Ok(Ok(memory)),
                    Order::RefuseCompile(why) => return Ok(Err(why)),
                    Order::Send(_) | Order::EvictCompile { .. } | Order::HandBack => {}
                },
                heard = client.hear(source) => heard?,
            }
        }
    }

    /// Starts the compiler at once and feeds it while the source is still arriving. Returning
    /// early kills it.
    async fn run_compiler(
        &mut self,
        task: &Task,
        memory: u64,
        client: &mut impl Client,
        source: &mut Source,
        packed: Packed,
    ) -> Result<Finished, Stop> {
        let bounds = self.bounds(task, memory);
        let mut unpacker = packed.unpacker().map_err(Failure::Files)?;
        let (pieces, inbox) = mpsc::channel(PIECES);
        let toolchain = match &task.tree {
            Some(tree) => tree.root().to_path_buf().into(),
            None => task.toolchain.toolchain(),
        };
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
        client.started().await?;
        let mut evict = Some(evict);
        let mut again = false;
        let executor = &task.executor;
        let spool = || executor.spool();
        let mut told_end = false;
        loop {
            let waits = unpacker.has_more() || source.has_waiting();
            let end_is_due = source.complete && !waits && !told_end;
            tokio::select! {
                finished = &mut running => return match finished {
                    Err(Failure::Evicted) => Err(Stop::Evicted { again }),
                    finished => Ok(finished?),
                },
                Ok(room) = pieces.reserve(), if waits || end_is_due => {
                    if end_is_due {
                        unpacker.finish().map_err(|bad| End::BadInput(bad.to_string()))?;
                        source.unpacked(unpacker.total());
                        told_end = true;
                        room.send(executor::Source::End);
                        continue;
                    }
                    if !unpacker.has_more() {
                        let popped = source.pop(&spool, |piece| unpacker.take(piece));
                        popped.map_err(Failure::Files)?;
                    }
                    let text = unpacker.next();
                    let text = text.map_err(|bad| End::BadInput(bad.to_string()))?;
                    if !text.is_empty() {
                        room.send(executor::Source::Text(text));
                    }
                }
                Ok(()) = uses.changed() => {
                    let bytes = *uses.borrow_and_update();
                    self.tell(Said::CompileUses(bytes)).await;
                }
                heard = client.hear(source) => heard?,
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

    fn bounds(&self, task: &Task, memory: u64) -> Bounds {
        let mut bounds = Bounds::default();
        let memory = task.most_memory.map_or(memory, |most| most.min(memory));
        bounds.limits = Limits {
            address_space: Some(memory),
            memory: Some(memory),
            nice: self.shop.config.nice,
            idle: self.shop.config.owner.idle_only,
            ..bounds.limits
        };
        if let Some(most) = task.most_time {
            bounds.deadline = bounds.deadline.min(most);
        }
        bounds
    }

    /// This host failed, or the toolchain, or the request made no sense: not the compiler.
    async fn failed(&mut self, task: Task, usage: Usage, failure: &Failure) {
        if sandbox_is_lost(&task, failure).await {
            self.tell(Said::SandboxLost).await;
        }
        let Task {
            job,
            toolchain,
            tree,
            ..
        } = task;
        tracing::warn!("job {job}: {failure}");
        tracing::info!(
            "Remote compilation aborted with exit code {} (job {job})",
            failure.code()
        );
        self.ended_with(usage, failure.code()).await;
        if tree.is_some() {
            // What others put beside the toolchain says nothing about it.
        } else if failure.toolchain_is_foreign() {
            let why = failure.to_string();
            self.shop.toolchains.refuse(toolchain, why).await;
            self.tell(Said::ToolchainsChanged).await;
        } else if failure.toolchain_is_broken() {
            self.shop.toolchains.remove(toolchain).await;
            self.tell(Said::ToolchainsChanged).await;
        }
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
