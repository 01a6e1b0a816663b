//! What the agent's words are in floe's own messages, and back.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use invocation::{Family, Language};
use job::{Digest, Platform, Reason, Trouble};
use transport::LinkError;
use wire::field::{Invalid, List};
use wire::grant::SignedGrant;
use wire::message::{
    self, Compile, InputKind, JobInputs, JobLimits, OutputKind, Packing, Refusal, Refused, Retry,
};
use wire::name::{Argument, JobNumber, SubmitPath};
use wire::{Mistake, Owner, ResetCode};

use crate::cluster::{Failure, Work};

/// What a job comes with besides its work.
pub(super) struct Terms<'a> {
    pub(super) number: u64,
    pub(super) grant: &'a SignedGrant,
    pub(super) toolchain: Digest,
    pub(super) platform: &'a Platform,
}

pub(super) fn compile(
    work: &Work,
    terms: &Terms<'_>,
    inputs: Option<JobInputs>,
) -> Result<Compile, Invalid> {
    let arguments = match (&work.files, &inputs) {
        (Some(files), Some(_)) => &files.arguments,
        _ => &work.arguments,
    };
    let arguments = arguments.iter().cloned().map(Argument::new);
    let arguments: Result<Vec<_>, Invalid> = arguments.collect();
    Ok(Compile {
        job: JobNumber::new(terms.number)?,
        grant: terms.grant.clone(),
        toolchain: terms.toolchain,
        platform: terms.platform.clone(),
        family: match work.family {
            Family::Gcc => message::Family::Gcc,
            Family::Clang => message::Family::Clang,
        },
        language: match work.language {
            Language::C => message::Language::C,
            Language::Cxx => message::Language::Cxx,
            Language::ObjectiveC => message::Language::ObjectiveC,
            Language::ObjectiveCxx => message::Language::ObjectiveCxx,
        },
        arguments: List::new(arguments?)?,
        source: path(&work.source)?,
        directory: match (&work.files, &inputs) {
            (Some(files), Some(_)) => path(&files.directory)?,
            _ => path(&work.directory)?,
        },
        output: path(&work.output)?,
        input: match &inputs {
            Some(_) => InputKind::Files,
            None => InputKind::Text,
        },
        // An empty stream of zstd is not empty.
        packing: match &inputs {
            Some(_) => Packing::Plain,
            None => Packing::Zstd,
        },
        inputs,
        wanted: List::new(wanted(work))?,
        accepted: List::new(vec![Packing::Plain, Packing::Zstd])?,
        limits: JobLimits {
            memory: None,
            run_time_us: None,
        },
    })
}

/// What may come back.
pub(super) fn wanted(work: &Work) -> Vec<OutputKind> {
    let mut kinds = vec![OutputKind::StandardOutput, OutputKind::StandardError];
    if work.has_object {
        kinds.push(OutputKind::Object);
    }
    if work.split_dwarf {
        kinds.push(OutputKind::SplitDwarf);
    }
    if work.files.as_ref().is_some_and(|files| files.dependencies) {
        kinds.push(OutputKind::Dependencies);
    }
    kinds
}

fn path(path: &Path) -> Result<SubmitPath, Invalid> {
    SubmitPath::new(path.as_os_str().as_bytes().to_vec())
}

/// What an executor's refusal means to the job.
pub(super) fn refused(refusal: &Refused) -> Failure {
    let text = refusal.text.as_str();
    let told = |reason| Failure {
        reason,
        detail: text.to_owned(),
        retry: refusal.retry != Retry::Never,
    };
    match refusal.reason {
        Refusal::ToolchainMissing | Refusal::ToolchainUnusable => told(Reason::EnvironmentRefused),
        // Only a host with more memory may do better; that such a one exists the executor cannot know.
        Refusal::TooLarge | Refusal::Crowded => Failure::elsewhere(Reason::RemoteMemory, text),
        Refusal::HandedBack => Failure::elsewhere(Reason::HandedBack, text),
        Refusal::DiskFull => told(Reason::RemoteDisk),
        Refusal::FilesMissing => Failure::elsewhere(Reason::FilesMissing, text),
        Refusal::Failed | Refusal::Other => match Trouble::answered(text.as_bytes()) {
            Some(trouble) => Failure {
                retry: trouble.is_the_hosts() || job::answer::lacks_memory(text.as_bytes()),
                ..told(trouble.reason())
            },
            None => told(Reason::PeerRefused),
        },
        Refusal::Forbidden
        | Refusal::GrantInvalid
        | Refusal::GrantUsed
        | Refusal::Busy
        | Refusal::NoSandbox
        | Refusal::BadInput
        | Refusal::OverLimit => told(Reason::PeerRefused),
    }
}

/// What a stream's or connection's end means to the job.
pub(super) fn broken(error: &LinkError) -> Failure {
    let reason = match error {
        LinkError::Reset { code, .. } => match *code {
            ResetCode::TOO_SLOW => Reason::PeerTimeout,
            ResetCode::BUSY | ResetCode::FORBIDDEN => Reason::PeerRefused,
            ResetCode::GOING_AWAY => Reason::ExecutorLeaves,
            ResetCode::INVALID_FIELD | ResetCode::UNKNOWN_MESSAGE | ResetCode::OUT_OF_PLACE => {
                Reason::PeerProtocol
            }
            _ => Reason::PeerLost,
        },
        LinkError::Failed { fault, .. } if fault.owner() == Owner::Peer => Reason::PeerProtocol,
        LinkError::Mistake {
            mistake: Mistake::GoingAway,
            ..
        } => Reason::ExecutorLeaves,
        LinkError::Failed { .. } | LinkError::Ended { .. } | LinkError::Mistake { .. } => {
            Reason::PeerLost
        }
    };
    let forbidden = matches!(error, LinkError::Reset { code, .. } if *code == ResetCode::FORBIDDEN);
    // Members learn within a minute of each other who was revoked: what this host's daemon knows may come later.
    let detail = match forbidden {
        true => format!(
            "{error}: it takes no jobs of this host any more; `floe status` says whether it was revoked, and what to do"
        ),
        false => error.to_string(),
    };
    Failure::elsewhere(reason, detail)
}
