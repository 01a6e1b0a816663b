//! Warnings of a remote compile, as the local compiler says them: with source lines, in the user's
//! language. Nearly all come from the compiler's front end, which alone takes a fraction of a
//! compile (of redis's server.c, -O2 -g: 0.29 s of 3.9 s). What it says counts when it says all that
//! was said remotely; otherwise the whole compile is repeated.

use std::ffi::OsString;
use std::io::Read;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use invocation::Remote;

use super::outline::Outline;
use crate::shared::Shared;
use crate::state::Pool;
use crate::text::{Process, command};

/// A front end that takes longer is no saving.
const LIMIT: Duration = Duration::from_secs(300);

/// The most that it may say.
const MAX_SAID: u64 = 16 << 20;

/// Whether a run of the front end could say what was said remotely. On a terminal the compiler
/// asks for its width and colours, so there it speaks for itself.
pub(super) fn may_do(outline: &Outline, plan: &Remote, there: &[u8]) -> bool {
    plan.front_end.is_some()
        && !outline.stderr_is_terminal
        && !invocation::is_beyond_front_end(there)
}

/// What the local compiler says in place of `there`; `None`: it has to compile to say it.
pub(super) async fn shown(
    outline: &Outline,
    shared: &Shared,
    plan: &Remote,
    there: &[u8],
) -> Option<Vec<u8>> {
    let arguments = plan.front_end.clone()?;
    // It loads this host as a preprocessor does.
    let permit = shared.hub.permit(Pool::Preprocess, outline.niceness).await;
    let here = tokio::time::timeout(LIMIT, said(outline, arguments)).await;
    drop(permit);
    let here = here.ok().flatten()?;
    invocation::differ_in_source_lines_only(&here, there).then_some(here)
}

/// What the compiler says on standard error when it succeeds.
async fn said(outline: &Outline, arguments: Vec<OsString>) -> Option<Vec<u8>> {
    let environment = outline.environment.for_compiler();
    let mut command = command(
        &outline.program,
        &arguments,
        &environment,
        &outline.directory,
    );
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let (umask, niceness) = (outline.umask, outline.niceness);
    let process = Arc::new(Process::default());
    let _ended = EndedWithUs(Arc::clone(&process));
    let run = tokio::task::spawn_blocking(move || {
        let mut child = process.start(&mut command, umask, niceness).ok()?;
        let mut said = Vec::new();
        let read = child
            .stderr
            .take()
            .map(|stderr| stderr.take(MAX_SAID + 1).read_to_end(&mut said));
        if said.len() as u64 > MAX_SAID {
            process.end();
        }
        let succeeded = process.wait(&mut child).ok()?.success();
        (matches!(read, Some(Ok(_))) && succeeded).then_some(said)
    });
    run.await.ok().flatten()
}

/// Nobody waits for it any more.
struct EndedWithUs(Arc<Process>);

impl Drop for EndedWithUs {
    fn drop(&mut self) {
        self.0.end();
    }
}
