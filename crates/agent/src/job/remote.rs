//! A job that travels: prepared, placed, compiled elsewhere; once more on another executor if the
//! first fails; then not at all.

use std::path::PathBuf;

use invocation::{Plan, Remote};
use job::{Input, Phase, Reason};

use super::hold::Hold;
use super::judge::{Judged, Rules, diagnostics, judge, judge_of_files};
use super::local::{self, find_daemon};
use super::outline::Outline;
use super::{Chronicle, Fate, Stay, errors, prepare, warnings};
use crate::cluster::{Access, Daemon, Failure, Place, Seat, Verdict, Wish, Work};
use crate::outputs::{Targets, Writer};
use crate::shared::Shared;
use crate::state::{Event, Pool};
use crate::text::Text;

/// Executors that a job is tried on.
const TRIES: usize = 2;
/// Executors besides those that were being stopped when the job was there.
const MOST_LEFT: usize = 4;

/// Compiles elsewhere, or tells why that did not work.
pub(crate) async fn compile(
    outline: &Outline,
    shared: &Shared,
    chronicle: &mut Chronicle,
    plan: &Remote,
) -> Result<Fate, Failure> {
    // Without a daemon there is no point in preparing anything.
    let way = find_way(outline, shared).await?;
    if let (Way::Daemon(_), Some(stays)) = (&way, &plan.else_stays) {
        drop(way);
        return Ok(only_as_files(outline, shared, chronicle, stays).await);
    }
    chronicle.enter(Phase::Toolchain);
    let mut kit = prepare::kit(outline, shared, plan).await?;
    let behind = prepare::behind(outline, plan, &kit).await?;
    let behind_plan = behind.as_ref().map(Outline::plan);
    let (outline, plan) = match (&behind, &behind_plan) {
        (Some(behind), Some(Plan::Remote(plan))) => {
            kit = prepare::kit(behind, shared, plan).await?;
            (behind, &**plan)
        }
        (Some(_), Some(Plan::Local(plan))) => {
            drop(way);
            let stay = local::by_plan(outline, shared, chronicle, plan.clone()).await;
            return Ok(Fate::Stay(stay));
        }
        _ => (outline, plan),
    };
    let true_plan = kit.true_plan(outline, plan);
    let plan = match &true_plan {
        None => plan,
        Some(Plan::Remote(plan)) => {
            kit = prepare::kit(outline, shared, plan).await?;
            plan
        }
        Some(Plan::Local(plan)) => {
            drop(way);
            let stay = local::by_plan(outline, shared, chronicle, plan.clone()).await;
            return Ok(Fate::Stay(stay));
        }
    };
    if matches!(way, Way::Native(_)) {
        kit.identify(shared).await?;
    }
    let wish = prepare::wish(outline, plan, kit.toolchains.clone());
    if let Way::Native(access) = &way {
        access.coming(&wish);
    }
    let mut work = prepare::work(outline, shared, plan, &kit).await?;
    let unproven = kit.unproven.take();
    if matches!(way, Way::Native(_)) {
        work.files = prepare::files(outline, shared, plan, &kit.toolchains, chronicle).await?;
    }
    if let (None, Some(stays)) = (&work.files, &plan.else_stays) {
        drop(way);
        if let Some(unproven) = unproven {
            shared.toolbox.prove(unproven);
        }
        return Ok(only_as_files(outline, shared, chronicle, stays).await);
    }
    chronicle.enter(Phase::Queue);
    let text = match work.files {
        Some(_) => Text::none(&shared.text_budget),
        None => {
            chronicle.input(Input::Text, 0);
            text(outline, shared, plan).await
        }
    };
    let mut travel = Travel {
        outline,
        shared,
        plan,
        wish,
        work,
        text,
    };
    let fate = travel.run(way, chronicle).await;
    if let Some(unproven) = unproven {
        shared.toolbox.prove(unproven);
    }
    fate
}

/// Text would lose something, and files it cannot be.
async fn only_as_files(
    outline: &Outline,
    shared: &Shared,
    chronicle: &mut Chronicle,
    stays: &invocation::Local,
) -> Fate {
    Fate::Stay(local::by_plan(outline, shared, chronicle, stays.clone()).await)
}

async fn text(outline: &Outline, shared: &Shared, plan: &Remote) -> Text {
    let permit = shared.hub.permit(Pool::Preprocess, outline.niceness).await;
    let order = prepare::order(outline, shared, plan, permit);
    Text::start(order, &shared.text_budget)
}

/// By whom a job gets its place.
enum Way {
    Daemon(Daemon),
    Native(Access),
}

impl Way {
    async fn place(self, outline: &Outline, wish: &Wish) -> Result<Place, Failure> {
        let environment = &outline.environment;
        match self {
            Self::Daemon(daemon) => daemon.place(wish, environment.remote_on_loopback()).await,
            Self::Native(access) => access.place(wish, environment.slow_network()).await,
        }
    }
}

/// Straight to the cluster if it is one of members; else by way of the daemon.
async fn find_way(outline: &Outline, shared: &Shared) -> Result<Way, Failure> {
    let environment = &outline.environment;
    if let Some(cluster) = shared.clusters.at(&environment.daemon_places())
        && let Some(access) = cluster.access_soon().await
    {
        let socket = access.address().to_owned();
        shared.hub.tell(Event::DaemonSeen { socket });
        return Ok(Way::Native(access));
    }
    find_daemon(outline, shared).await.map(Way::Daemon)
}

/// A job ready to go.
struct Travel<'a> {
    outline: &'a Outline,
    shared: &'a Shared,
    plan: &'a Remote,
    wish: Wish,
    work: Work,
    text: Text,
}

impl Travel<'_> {
    async fn run(&mut self, way: Way, chronicle: &mut Chronicle) -> Result<Fate, Failure> {
        let mut way = Some(way);
        let mut last = None::<(String, Failure)>;
        let mut tries = Tries::default();
        while tries.may_go_on() {
            let asked = match way.take() {
                Some(way) => way,
                // The first connection's job has failed; another job needs another one.
                None => {
                    chronicle.enter(Phase::Queue);
                    find_way(self.outline, self.shared).await?
                }
            };
            let native = matches!(asked, Way::Native(_));
            let placed = asked.place(self.outline, &self.wish).await;
            let placed = match (placed, &last) {
                (Err(_), Some((host, failure))) if native => return Err(at_last(host, failure)),
                (placed, _) => placed,
            };
            let mut seat = match placed? {
                Place::Here { slot, reason } => {
                    let why = match last {
                        Some((host, failure)) => at_last(&host, &failure),
                        None => Failure::here(reason, ""),
                    };
                    return Ok(Fate::Stay(Stay {
                        reason: why.reason,
                        detail: why.detail,
                        hold: Hold::Slot(slot),
                    }));
                }
                Place::Elsewhere(seat) => seat,
            };
            let host = seat.host();
            if let Some((before, failure)) = &last
                && *before == host
                && !leaves(failure)
            {
                break;
            }
            chronicle.placed(&host, seat.job_id());
            if let (None, Some(ip)) = (self.outline.environment.level(), seat.ip()) {
                self.text.compress(self.shared.paces.to(ip));
            }
            chronicle.toolchain(&seat.toolchain().name);
            match self.attempt(&mut seat, chronicle).await {
                Ok(finished) => {
                    tokio::spawn(seat.succeeded());
                    return Ok(Fate::Finished(finished));
                }
                // Text cannot lack anything, and no executor is to blame for what was not sent.
                Err(failure) if self.may_be_text() && is_about_files(&failure) => {
                    let host = seat.host();
                    drop(seat);
                    chronicle.failed(&host, failure.reason, &failure.detail);
                    self.work.files = None;
                    chronicle.input(Input::Text, 0);
                    chronicle.why_text(format!("{host}: {}", failure.detail));
                    self.text = text(self.outline, self.shared, self.plan).await;
                }
                // No executor is to blame for a text that there is not.
                Err(failure) if self.text.failed() => return Err(failure),
                Err(failure) => {
                    // It may have moved to another one.
                    let host = seat.host();
                    drop(seat);
                    chronicle.failed(&host, failure.reason, &failure.detail);
                    self.wish.much_memory |= wants_larger_host(&failure);
                    tries.count(&failure);
                    let again = failure.retry && self.wish.preferred_host.is_empty();
                    last = Some((host, failure));
                    if !again || !self.text.rewind() {
                        break;
                    }
                }
            }
        }
        Err(match last {
            Some((host, failure)) => at_last(&host, &failure),
            None => Failure::here(Reason::NoHost, ""),
        })
    }

    /// It is files now, and text would do as well.
    fn may_be_text(&self) -> bool {
        let files = self.work.files.as_ref();
        files.is_some_and(|files| !files.listing.is_precompiled && self.plan.else_stays.is_none())
    }

    async fn attempt(
        &mut self,
        seat: &mut Seat,
        chronicle: &mut Chronicle,
    ) -> Result<handover::Finished, Failure> {
        let toolbox = &self.shared.toolbox;
        let targets = Targets {
            object: (self.plan.has_object).then(|| self.outline.directory.join(&self.plan.output)),
            dwo: self
                .plan
                .dwo
                .as_ref()
                .map(|dwo| self.outline.directory.join(dwo)),
            dependencies: self.dependencies(),
            umask: self.outline.umask,
        };
        let verdict = seat
            .compile(&self.work, &mut self.text, &targets, chronicle, toolbox)
            .await?;
        if self.work.files.is_none()
            && let Ok(production) = self.text.ending().await
        {
            chronicle.sent(production.bytes);
            if let (Some(ip), Some(sent)) = (seat.ip(), seat.sent()) {
                self.shared.paces.learn(ip, sent, production.took);
            }
        }
        let judged = match &self.work.files {
            Some(files) => judge_of_files(&verdict, files, self.outline, self.plan)?,
            None => judge(&verdict, self.outline, self.plan)?,
        };
        let writer = seat.receive(&targets, verdict.has_dwo, chronicle).await?;
        let stderr = match judged {
            Judged::Whole => verdict.stderr,
            Judged::Errors(rules) => {
                return self
                    .failed(verdict, rules, (&targets, writer), chronicle)
                    .await;
            }
            Judged::Outputs => {
                chronicle.enter(Phase::Warnings);
                let shown = warnings::shown(self.outline, self.shared, self.plan, &verdict.stderr);
                let shown = shown.await;
                shown.ok_or_else(|| diagnostics(&verdict))?
            }
        };
        chronicle.enter(Phase::Write);
        let written = writer.finish().await;
        let bytes =
            written.map_err(|error| Failure::here(Reason::OutputWrite, error.to_string()))?;
        chronicle.received(bytes);
        chronicle.leave();
        Ok(handover::Finished {
            stdout: verdict.stdout,
            stderr,
            exit_code: verdict.status,
        })
    }

    /// The remote compiler's error is what the local one would say.
    async fn failed(
        &self,
        verdict: Verdict,
        rules: Rules,
        outputs: (&Targets, Writer),
        chronicle: &mut Chronicle,
    ) -> Result<handover::Finished, Failure> {
        chronicle.enter(Phase::Write);
        if let Some(files) = &self.work.files {
            let found = errors::Found {
                files,
                verdict: &verdict,
                rules,
            };
            let left = errors::leave(found, self.outline, self.shared, self.plan, outputs);
            chronicle.received(left.await?);
        }
        chronicle.leave();
        Ok(handover::Finished {
            stdout: verdict.stdout,
            stderr: verdict.stderr,
            exit_code: verdict.status,
        })
    }

    /// Where the executor's dependency rules go.
    fn dependencies(&self) -> Option<PathBuf> {
        let files = self.work.files.as_ref()?;
        let named = self.plan.with_files.as_ref()?.dependencies.as_ref()?;
        files
            .dependencies
            .then(|| self.outline.directory.join(named))
    }
}

/// What keeps a job here after an executor failed and no other will do.
fn at_last(host: &str, failure: &Failure) -> Failure {
    Failure {
        reason: match wants_larger_host(failure) {
            true => Reason::NoLargerHost,
            false => failure.reason,
        },
        detail: format!("{host}: {}", failure.detail),
        retry: false,
    }
}

/// Tries that failed, and those that count for nothing against the job.
#[derive(Debug, Default)]
struct Tries {
    failed: usize,
    left: usize,
}

impl Tries {
    fn may_go_on(&self) -> bool {
        self.failed < TRIES && self.left < MOST_LEFT
    }

    fn count(&mut self, failure: &Failure) {
        match leaves(failure) {
            true => self.left += 1,
            false => self.failed += 1,
        }
    }
}

/// The executor was being stopped: it may be back a moment later.
fn leaves(failure: &Failure) -> bool {
    failure.reason == Reason::ExecutorLeaves
}

fn wants_larger_host(failure: &Failure) -> bool {
    failure.reason == Reason::RemoteMemory && failure.retry
}

/// Whether another try with text may do better.
fn is_about_files(failure: &Failure) -> bool {
    matches!(
        failure.reason,
        Reason::FilesMissing | Reason::PeerRefused | Reason::RemoteSandbox
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executors_that_are_stopped_cost_no_try() {
        let failed = |reason| Failure::elsewhere(reason, "");
        let mut tries = Tries::default();
        for _ in 1..MOST_LEFT {
            tries.count(&failed(Reason::ExecutorLeaves));
            assert!(tries.may_go_on());
        }
        tries.count(&failed(Reason::PeerLost));
        assert!(tries.may_go_on());
        tries.count(&failed(Reason::PeerLost));
        assert!(!tries.may_go_on());
        // A cluster that is being stopped host by host is not followed to its end.
        let mut tries = Tries::default();
        (0..MOST_LEFT).for_each(|_| tries.count(&failed(Reason::ExecutorLeaves)));
        assert!(!tries.may_go_on());
    }
}
