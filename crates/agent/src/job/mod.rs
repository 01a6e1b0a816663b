//! One job, from the wrapper's request to its end.

mod chronicle;
mod environment;
mod files;
mod hold;
mod local;
mod outline;
mod prepare;
mod progress;
mod remote;
mod versions;
mod warnings;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use handover::{Answer, BecomeCompiler, HEARTBEAT, Reply, Run, Working};
use job::{Compiled, Reason};
use tokio::net::UnixStream;
use tokio::time::{Instant, interval_at};

pub(crate) use self::chronicle::Chronicle;
pub(crate) use self::progress::Said;

use self::hold::Hold;
use self::outline::Outline;
use self::progress::Progress;
use crate::door::{gone, send};
use crate::shared::Shared;
use crate::state::Event;

/// What becomes of a job.
#[derive(Debug)]
enum Fate {
    /// Another host compiled it; the outputs are in place.
    Finished(handover::Finished),
    Stay(Stay),
}

/// It is compiled here, by the wrapper that becomes the compiler.
#[derive(Debug)]
struct Stay {
    reason: Reason,
    detail: String,
    hold: Hold,
}

/// Serves one request. The wrapper's hanging up ends everything that was begun for it.
pub(crate) async fn serve(mut stream: UnixStream, run: Run, shared: Arc<Shared>) {
    static NUMBERS: AtomicU64 = AtomicU64::new(1);
    let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
    let mut chronicle = Chronicle::new(&shared.hub, number, &run);
    let mut progress = Progress::new(&shared.said, &run.program, chronicle.stages());
    let fate = {
        let mut deciding = pin!(decide(&run, &shared, &mut chronicle));
        let mut heartbeat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
        loop {
            tokio::select! {
                biased;
                fate = &mut deciding => break Some(fate),
                () = gone(&stream) => break None,
                _ = heartbeat.tick() => {
                    if send(&mut stream, &working(String::new())).await.is_err() {
                        break None;
                    }
                }
                line = progress.line(), if run.stderr_is_terminal => {
                    if send(&mut stream, &working(line)).await.is_err() {
                        break None;
                    }
                }
            }
        }
    };
    match fate {
        None => chronicle.decide(Compiled::Nowhere, Reason::Cancelled, String::new(), None),
        Some(Fate::Finished(finished)) => {
            let exit = Some(finished.exit_code);
            // A wrapper that is gone by now has its outputs all the same.
            let _ = send(
                &mut stream,
                &Reply {
                    answer: Some(Answer::Finished(finished)),
                },
            )
            .await;
            chronicle.decide(Compiled::Remote, Reason::Remote, String::new(), exit);
        }
        Some(Fate::Stay(stay)) => {
            let Stay {
                reason,
                detail,
                hold,
            } = stay;
            let process = hold::watch(&stream);
            let answer = Answer::BecomeCompiler(BecomeCompiler {
                reason: reason.into(),
            });
            let told = send(
                &mut stream,
                &Reply {
                    answer: Some(answer),
                },
            )
            .await;
            chronicle.decide(Compiled::Here, reason, detail, None);
            drop(stream);
            if let (Ok(()), Some(process)) = (told, process) {
                hold.until_end_of(process).await;
            }
        }
    }
    shared.hub.tell(Event::JobEnded { job: number });
}

fn working(notice: String) -> Reply {
    Reply {
        answer: Some(Answer::Working(Working { notice })),
    }
}

async fn decide(run: &Run, shared: &Shared, chronicle: &mut Chronicle) -> Fate {
    let outline = Outline::draw(run);
    chronicle.subject(outline.shown_source(), outline.shown_output());
    chronicle.began();
    if !outline.sees_our_files(run) {
        let detail = format!("working directory {}", outline.directory.display());
        return Fate::Stay(
            local::stay(&outline, shared, chronicle, Reason::ForeignRoot, detail).await,
        );
    }
    match outline.plan() {
        invocation::Plan::Local(plan) => {
            if let Some(output) = &plan.output {
                chronicle.subject(outline.shown_source(), Some(output));
            }
            Fate::Stay(local::by_plan(&outline, shared, chronicle, plan).await)
        }
        invocation::Plan::Remote(plan) => {
            chronicle.subject(&plan.source, Some(&plan.output));
            match remote::compile(&outline, shared, chronicle, &plan).await {
                Ok(fate) => fate,
                Err(failure) => {
                    let (reason, detail) = (failure.reason, failure.detail);
                    Fate::Stay(local::stay(&outline, shared, chronicle, reason, detail).await)
                }
            }
        }
    }
}
