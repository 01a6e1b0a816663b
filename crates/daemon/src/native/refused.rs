//! Why a member's job is not done here, as it is told: a reason for programs, words for people, and
//! where another try may help.

use job::{Trouble, answer};
use wire::field::Line;
use wire::message::{Refusal, Refused, Retry};

use super::grants::Bad;
use super::members::Excess;
use crate::compile::{Outcome, Unready};
use crate::core;
use crate::executor::{BadOrder, Failure, Setback};
use crate::load::Lack;
use crate::session::answer::{evicted, refusal, told};
use crate::views::Lost;

pub(super) fn say(reason: Refusal, retry: Retry, text: &str) -> Refused {
    Refused {
        reason,
        text: Line::new(text),
        retry,
    }
}

pub(super) fn grant(bad: &Bad) -> Refused {
    let reason = match bad {
        Bad::Used => Refusal::GrantUsed,
        Bad::Full => Refusal::Busy,
        _ => Refusal::GrantInvalid,
    };
    say(reason, Retry::Elsewhere, &bad.to_string())
}

pub(super) fn excess(excess: Excess) -> Refused {
    match excess {
        Excess::AllJobs => say(
            Refusal::Busy,
            Retry::Elsewhere,
            "this host has all the jobs that it takes at a time",
        ),
        Excess::Links | Excess::Jobs => say(
            Refusal::OverLimit,
            Retry::Elsewhere,
            "this host has all the jobs that it takes of one member at a time",
        ),
    }
}

pub(super) fn order(bad: &BadOrder) -> Refused {
    let reason = match bad {
        BadOrder::Files(_) => Refusal::FilesMissing,
        _ => Refusal::BadInput,
    };
    say(reason, Retry::Never, &bad.to_string())
}

/// A job that is not told why its view is lost is none that could be done as files.
pub(super) fn files(lost: &Lost) -> Refused {
    say(Refusal::FilesMissing, lost.retry, &lost.text)
}

/// A compiler that did not start among the files of its job.
pub(super) fn unstarted(failure: &Failure) -> Refused {
    say(Refusal::FilesMissing, Retry::Never, &failure.to_string())
}

pub(super) fn input(bad: &str) -> Refused {
    say(Refusal::BadInput, Retry::Never, bad)
}

pub(super) fn unready(unready: &Unready) -> Refused {
    let (reason, retry) = match unready {
        Unready::Closed => (Refusal::NoSandbox, Retry::Elsewhere),
        Unready::Unusable(_) => (Refusal::ToolchainUnusable, Retry::Elsewhere),
        // Once it was sent.
        Unready::Missing(_) => (Refusal::ToolchainMissing, Retry::Here),
    };
    say(reason, retry, &unready.to_string())
}

/// What the agent is told of a compile without a result; none if it has gone.
pub(super) fn outcome(outcome: &Outcome) -> Option<Refused> {
    let elsewhere = |reason, text: &str| Some(say(reason, Retry::Elsewhere, text));
    match outcome {
        Outcome::Made(made) => {
            let setback = made.finished.setback?;
            Some(setback_of(setback, &made.finished.stderr))
        }
        Outcome::Full(full) => elsewhere(Refusal::DiskFull, &Trouble::Disk.answer(full)),
        Outcome::Refused(why) => elsewhere(reason_of(*why), &refusal(*why)),
        Outcome::TooLarge => elsewhere(Refusal::TooLarge, answer::TOO_LARGE),
        Outcome::Owner => elsewhere(Refusal::HandedBack, answer::HANDED_BACK),
        Outcome::Evicted { again: true } => elsewhere(Refusal::Crowded, evicted(true)),
        Outcome::Evicted { again: false } => elsewhere(Refusal::TooLarge, evicted(false)),
        Outcome::Failed(failure) => Some(failed(failure)),
        Outcome::Client(_) => None,
    }
}

fn reason_of(why: core::Refusal) -> Refusal {
    match why {
        core::Refusal::Full(Lack::Leave(_)) => Refusal::HandedBack,
        core::Refusal::Full(Lack::Memory) | core::Refusal::Crowded => Refusal::Crowded,
        core::Refusal::Full(Lack::Disk) => Refusal::DiskFull,
        core::Refusal::Full(Lack::Sandbox) => Refusal::NoSandbox,
        core::Refusal::TooLarge => Refusal::TooLarge,
        // Streams are reset for that; the words are for whoever cannot know it.
        core::Refusal::Leaving => Refusal::Busy,
    }
}

fn setback_of(setback: Setback, stderr: &[u8]) -> Refused {
    trouble(setback.trouble(), &told(setback, stderr))
}

/// As an icecream client would do: only what is the host's may go better at another.
fn trouble(trouble: Trouble, text: &str) -> Refused {
    let reason = match trouble {
        Trouble::Memory => Refusal::TooLarge,
        Trouble::Disk => Refusal::DiskFull,
        Trouble::Host => Refusal::Failed,
        _ => Refusal::Other,
    };
    let retry = match trouble {
        Trouble::Memory | Trouble::Disk | Trouble::Host => Retry::Elsewhere,
        _ => Retry::Never,
    };
    say(reason, retry, text)
}

fn failed(failure: &Failure) -> Refused {
    let text = failure.to_string();
    match failure {
        Failure::Order(bad) => order(bad),
        Failure::SourceStalled => input(&text),
        _ if failure.toolchain_is_foreign() => {
            say(Refusal::ToolchainUnusable, Retry::Elsewhere, &text)
        }
        _ if failure.toolchain_is_broken() => {
            say(Refusal::ToolchainMissing, Retry::Elsewhere, &text)
        }
        _ => trouble(failure.trouble(), &failure.trouble().answer(&text)),
    }
}
