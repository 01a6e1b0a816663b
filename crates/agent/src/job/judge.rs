//! Whether what a remote compiler said and made may stand.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use invocation::{Family, Remote};
use job::Reason;

use super::outline::Outline;
use super::warnings;
use crate::cluster::{Failure, Files, Verdict};
use crate::excerpt::first_line;

/// What of it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judged {
    /// All of it.
    Whole,
    /// What it made; what there is to say is said here.
    Outputs,
    /// Its errors, if the files that it read are still the same.
    Errors(Rules),
}

/// What becomes of rules for make at an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rules {
    /// They are written if they came; old ones stay otherwise.
    Written,
    /// Old ones go.
    Removed,
}

/// Of a compile that read text.
pub(super) fn judge(
    verdict: &Verdict,
    outline: &Outline,
    plan: &Remote,
) -> Result<Judged, Failure> {
    if verdict.status != 0 {
        return Err(failed(verdict));
    }
    if contains(&verdict.stderr, b"file not found") {
        let said = first_said(verdict);
        return Err(Failure::here(Reason::RemoteFailed, said));
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
    Ok(match stands {
        true => Judged::Whole,
        false => Judged::Outputs,
    })
}

/// The same of a compile that read files: it says what a local one says.
pub(super) fn judge_of_files(
    verdict: &Verdict,
    files: &Files,
    outline: &Outline,
    plan: &Remote,
) -> Result<Judged, Failure> {
    let missing = files.listing.missing.as_deref();
    let quotes_others = files.listing.renames && plan.family == Family::Gcc;
    let speaks_alike = files.speaks_alike
        && (verdict.stderr.is_empty() || !quotes_others)
        && (verdict.at_terminal || !outline.stderr_is_terminal)
        && !invocation::is_of_another_driver(
            &verdict.stderr,
            &drivers_name(outline, plan),
            plan.family,
        );
    if verdict.status != 0 {
        if speaks_alike
            && verdict.stdout.is_empty()
            && invocation::is_about_source(&verdict.stderr, missing)
            && let Some(rules) = rules_at_error(verdict, files, plan)
        {
            return Ok(Judged::Errors(rules));
        }
        // A header that was not sent for whatever reason.
        let lacks = [&b"No such file or directory"[..], b"file not found"];
        return Err(
            match lacks.iter().any(|lack| contains(&verdict.stderr, lack)) {
                true => Failure::elsewhere(Reason::FilesMissing, first_said(verdict)),
                false => failed(verdict),
            },
        );
    }
    if missing.is_some() {
        let detail = "the compiler did without a header that is not there";
        return Err(Failure::elsewhere(Reason::FilesMissing, detail));
    }
    if files.dependencies && !verdict.has_dependencies {
        return Err(Failure::elsewhere(
            Reason::FilesMissing,
            "no dependency rules came",
        ));
    }
    if speaks_alike && (!verdict.has_dwo || plan.dwo.is_some()) {
        return Ok(Judged::Whole);
    }
    judge(verdict, outline, plan)
}

/// How the driver calls itself here: gcc as it was called, clang by its file, whatever links led there.
fn drivers_name(outline: &Outline, plan: &Remote) -> OsString {
    let called_as = Path::new(&outline.called_as).file_name();
    let file = || outline.program.canonicalize().ok();
    match plan.family {
        Family::Gcc => called_as.map(OsStr::to_owned),
        Family::Clang => file().and_then(|file| file.file_stem().map(OsStr::to_owned)),
    }
    .unwrap_or_default()
}

/// What a local compile would do with rules for make at this error; `None` where that is not known. Both compilers
/// write them as far as they have come, but gcc not when it gives up, and where a header is missing clang takes
/// away what was there (measured with gcc 11 and 12, clang 14 and 16).
fn rules_at_error(verdict: &Verdict, files: &Files, plan: &Remote) -> Option<Rules> {
    if !files.dependencies || verdict.has_dependencies {
        return Some(Rules::Written);
    }
    match plan.family {
        Family::Gcc => invocation::gave_up(&verdict.stderr).then_some(Rules::Written),
        Family::Clang => files.listing.missing.as_ref().map(|_| Rules::Removed),
    }
}

/// Only a whole compile here says it as the user is to see it.
pub(super) fn diagnostics(verdict: &Verdict) -> Failure {
    Failure::here(Reason::Diagnostics, first_said(verdict))
}

/// A compile here shows whether it fails, and says why.
fn failed(verdict: &Verdict) -> Failure {
    let detail = format!("status {}: {}", verdict.status, first_said(verdict));
    Failure::here(Reason::RemoteFailed, detail)
}

pub(super) fn first_said(verdict: &Verdict) -> String {
    let said = [&verdict.stderr, &verdict.stdout];
    said.into_iter()
        .find_map(|text| first_line(text))
        .unwrap_or_default()
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(text, part).is_some()
}
