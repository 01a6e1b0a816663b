//! One job, from the wrapper's request to its end.

mod chronicle;
mod environment;
mod errors;
mod files;
mod hold;
mod judge;
mod local;
mod outline;
mod prepare;
mod progress;
mod remote;
mod terminal;
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
pub(crate) use self::outline::Outline;
use self::progress::Progress;
use crate::cluster::Failure;
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
    let source = outline.directory.join(outline.shown_source());
    let outline = if shared.pragmas.were_lost(&outline.program, &source) {
        outline.expanding_here()
    } else {
        outline
    };
    match attempt(&outline, shared, chronicle).await {
        Ok(fate) => fate,
        // Another try costs a second preprocessor; the next job of its kind begins with that.
        Err(_lost) => {
            shared.pragmas.lost(&outline.program, &source);
            let outline = outline.expanding_here();
            match attempt(&outline, shared, chronicle).await {
                Ok(fate) => fate,
                Err(lost) => stay_for(&outline, shared, chronicle, lost).await,
            }
        }
    }
}

/// What becomes of the job. An error: its text would have lost something that it does not lose when
/// all macros are expanded here.
async fn attempt(
    outline: &Outline,
    shared: &Shared,
    chronicle: &mut Chronicle,
) -> Result<Fate, Failure> {
    let plan = match outline.plan() {
        invocation::Plan::Local(plan) => {
            if let Some(output) = &plan.output {
                chronicle.subject(outline.shown_source(), Some(output));
            }
            return Ok(Fate::Stay(
                local::by_plan(outline, shared, chronicle, plan).await,
            ));
        }
        invocation::Plan::Remote(plan) => plan,
    };
    chronicle.subject(&plan.source, Some(&plan.output));
    match remote::compile(outline, shared, chronicle, &plan).await {
        Ok(fate) => Ok(fate),
        Err(failure) if failure.reason == Reason::NotInText && !outline.expands_here() => {
            Err(failure)
        }
        Err(failure) => Ok(stay_for(outline, shared, chronicle, failure).await),
    }
}

async fn stay_for(
    outline: &Outline,
    shared: &Shared,
    chronicle: &mut Chronicle,
    failure: Failure,
) -> Fate {
    let (reason, detail) = (failure.reason, failure.detail);
    Fate::Stay(local::stay(outline, shared, chronicle, reason, detail).await)
}
