//! A job that stays: it waits for a slot of this host.

use std::path::Path;

use invocation::Local;
use job::{Phase, Reason};
use tracing::debug;

use super::hold::Hold;
use super::outline::Outline;
use super::{Chronicle, Stay};
use crate::cluster::Daemon;
use crate::shared::Shared;
use crate::state::{Event, Pool};

/// The command line says that it stays.
pub(crate) async fn by_plan(
    outline: &Outline,
    shared: &Shared,
    chronicle: &mut Chronicle,
    plan: Local,
) -> Stay {
    let output = plan
        .output
        .as_deref()
        .or(outline.shown_output())
        .unwrap_or(Path::new(""));
    let hold = hold(outline, shared, chronicle, output, plan.all_slots).await;
    Stay {
        reason: plan.reason,
        detail: plan.detail,
        hold,
    }
}

/// Circumstances make it stay.
pub(crate) async fn stay(
    outline: &Outline,
    shared: &Shared,
    chronicle: &mut Chronicle,
    reason: Reason,
    detail: String,
) -> Stay {
    let output = outline.shown_output().unwrap_or(Path::new(""));
    let hold = match reason {
        // A daemon that does not answer would not answer now either, and each try may take long.
        Reason::DaemonUnavailable => own_permit(outline, shared, chronicle).await,
        _ => hold(outline, shared, chronicle, output, false).await,
    };
    Stay {
        reason,
        detail,
        hold,
    }
}

async fn hold(
    outline: &Outline,
    shared: &Shared,
    chronicle: &mut Chronicle,
    output: &Path,
    all_slots: bool,
) -> Hold {
    if outline.has_slot_already() {
        return Hold::Nothing;
    }
    chronicle.enter(Phase::Queue);
    let shown = match output.as_os_str().is_empty() {
        true => output.to_owned(),
        false => outline.directory.join(output),
    };
    match find_daemon(outline, shared).await {
        Ok(daemon) => match daemon.slot(&shown, all_slots).await {
            Ok(slot) => return Hold::Slot(slot),
            Err(failure) => debug!("no slot from the daemon: {failure}"),
        },
        Err(failure) => debug!("no daemon: {failure}"),
    }
    own_permit(outline, shared, chronicle).await
}

/// The right to compile here when no daemon counts.
async fn own_permit(outline: &Outline, shared: &Shared, chronicle: &mut Chronicle) -> Hold {
    if outline.has_slot_already() {
        return Hold::Nothing;
    }
    chronicle.enter(Phase::Queue);
    Hold::Permit(shared.hub.permit(Pool::Compile, outline.niceness).await)
}

pub(crate) async fn find_daemon(
    outline: &Outline,
    shared: &Shared,
) -> Result<Daemon, crate::cluster::Failure> {
    let environment = &outline.environment;
    let places = environment.daemon_places();
    let cluster = shared.clusters.at(&places);
    let slow_network = environment.slow_network();
    let found = Daemon::find(&shared.daemons, &places, slow_network, cluster).await;
    let socket = found
        .as_ref()
        .map_or_else(|_| String::new(), Daemon::address);
    shared.hub.tell(Event::DaemonSeen { socket });
    found
}
