//! A compile of files that failed elsewhere as it would have failed here: the same is left behind.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use invocation::Remote;
use job::Reason;

use super::judge::{Rules, first_said};
use super::outline::Outline;
use crate::cluster::{Failure, Files, Verdict};
use crate::outputs::{Targets, Writer};
use crate::shared::Shared;

/// An error that the executor's compiler found in files.
pub(super) struct Found<'a> {
    pub(super) files: &'a Files,
    pub(super) verdict: &'a Verdict,
    pub(super) rules: Rules,
}

/// Leaves what a local compile would leave, and tells how many bytes were written.
///
/// # Errors
///
/// Something that was read, or that was not there, is another now: a header that was being made is why a build's
/// compile fails once and not again. Or the outputs cannot be written, of which the local compiler has to tell.
pub(super) async fn leave(
    found: Found<'_>,
    outline: &Outline,
    shared: &Shared,
    plan: &Remote,
    (targets, writer): (&Targets, Writer),
) -> Result<u64, Failure> {
    // Only looks that are made from now on count.
    let now = shared.inputs.listing(outline, plan, Instant::now()).await;
    let is_same = |now: &crate::inputs::Found| {
        now.listing == found.files.listing && now.directory == found.files.directory
    };
    if !now.is_ok_and(|now| is_same(&now)) {
        let detail = format!("files changed meanwhile: {}", first_said(found.verdict));
        return Err(Failure::here(Reason::RemoteFailed, detail));
    }
    let unwritten = |error: String| Failure::here(Reason::OutputWrite, error);
    let written = writer.finish_rules().await;
    let written = written.map_err(|error| unwritten(error.to_string()))?;
    let rules = targets.dependencies.clone();
    let rules = rules.filter(|_| found.rules == Rules::Removed);
    let with_files = plan.with_files.as_ref();
    let removes = with_files.is_some_and(|with_files| with_files.error_removes_output);
    let object = targets.object.clone().filter(|_| removes);
    let gone: Vec<PathBuf> = rules.into_iter().chain(object).collect();
    // A network's file system may take its time.
    let removed =
        tokio::task::spawn_blocking(move || gone.iter().try_for_each(|path| remove(path)));
    let removed = removed.await.map_err(io::Error::other).flatten();
    removed.map_err(|error| unwritten(format!("removing old outputs failed: {error}")))?;
    Ok(written)
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(meta) if !meta.is_file() => Err(io::Error::other(format!(
            "{} is no regular file",
            path.display()
        ))),
        Ok(_) => std::fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_files_go_and_nothing_else() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a.o");
        std::fs::write(&path, "old").unwrap();
        remove(&path).unwrap();
        assert!(!path.exists());
        remove(&path).unwrap();
        remove(home.path()).unwrap_err();
    }
}
