//! Whether what a remote compiler said and made may stand.

use invocation::Remote;
use job::Reason;

use super::outline::Outline;
use super::warnings;
use crate::cluster::{Failure, Files, Verdict};
use crate::excerpt::first_line;

/// Whether the remote compiler's verdict may stand; true: with all it said. What may not is
/// repeated by the local compiler, which sees the sources and the user's environment.
pub(super) fn judge(verdict: &Verdict, outline: &Outline, plan: &Remote) -> Result<bool, Failure> {
    let failed = |detail| Err(Failure::here(Reason::RemoteFailed, detail));
    if verdict.status != 0 {
        return failed(format!(
            "status {}: {}",
            verdict.status,
            first_said(verdict)
        ));
    }
    if contains(&verdict.stderr, b"file not found") {
        return failed(first_said(verdict));
    }
    let silent = verdict.stderr.is_empty() && verdict.stdout.is_empty();
    let stands = silent || !plan.repeat_on_diagnostics;
    let may_be_shown =
        verdict.stdout.is_empty() && warnings::may_do(outline, plan, &verdict.stderr);
    if !stands && !may_be_shown {
        return Err(diagnostics(verdict));
    }
    // None may be right: clang's -gsplit-dwarf alone, and -g0 after it, make none.
    if verdict.has_dwo && plan.dwo.is_none() {
        return Err(Failure::here(
            Reason::ResultIncomplete,
            "a .dwo file came that was not asked for",
        ));
    }
    Ok(stands)
}

/// The same of a compile that read files: it says what a local one says.
pub(super) fn judge_of_files(
    verdict: &Verdict,
    files: &Files,
    outline: &Outline,
    plan: &Remote,
) -> Result<bool, Failure> {
    // A header that was not sent for whatever reason.
    let lacks = [&b"No such file or directory"[..], b"file not found"];
    if verdict.status != 0 && lacks.iter().any(|lack| contains(&verdict.stderr, lack)) {
        return Err(Failure::elsewhere(
            Reason::FilesMissing,
            first_said(verdict),
        ));
    }
    if verdict.status == 0 && files.dependencies && !verdict.has_dependencies {
        return Err(Failure::elsewhere(
            Reason::FilesMissing,
            "no dependency rules came",
        ));
    }
    let speaks_alike = !outline.stderr_is_terminal && files.speaks_alike;
    if verdict.status == 0 && speaks_alike && !verdict.has_dwo {
        return Ok(true);
    }
    judge(verdict, outline, plan)
}

/// Only a whole compile here says it as the user is to see it.
pub(super) fn diagnostics(verdict: &Verdict) -> Failure {
    Failure::here(Reason::Diagnostics, first_said(verdict))
}

fn first_said(verdict: &Verdict) -> String {
    let said = [&verdict.stderr, &verdict.stdout];
    said.into_iter()
        .find_map(|text| first_line(text))
        .unwrap_or_default()
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
