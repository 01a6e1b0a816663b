//! What would be sent with a command, told without sending anything: for whoever compares it with what compilers
//! really read. A bench links this and goes the way that jobs go; the programs have no door for it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use handover::{FileId, Run};
use invocation::Plan;
use job::Input;
use wire::view::What;

use crate::inputs::{Inputs, Not, open};
use crate::job::Outline;

/// What an agent knows of files, without an agent.
#[derive(Debug, Default)]
pub struct Survey {
    inputs: Inputs,
}

/// A compiler's command line.
#[derive(Clone, Copy, Debug)]
pub struct Command<'a> {
    /// Absolute.
    pub program: &'a Path,
    pub arguments: &'a [OsString],
    /// Absolute.
    pub directory: &'a Path,
    pub environment: &'a [(OsString, OsString)],
}

/// What a job's executor would be told.
#[derive(Clone, Debug, Default)]
pub struct Surveyed {
    /// Files with their bytes, by their places, and how many bytes are sent; a second name of a file costs none.
    pub files: Vec<(PathBuf, u64)>,
    /// Files that are there and that nothing should read.
    pub unsent: Vec<PathBuf>,
    /// Where headers are looked for in vain, as the compiler would name it.
    pub absent: Vec<PathBuf>,
    /// Nothing was evaluated: all was as the last time.
    pub is_recorded: bool,
}

/// Why the job has no list of files.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NotSurveyed {
    #[error("it stays on this host: {0}")]
    Stays(String),
    #[error("it travels as text: {0}")]
    Text(String),
    #[error("it ends where {0} is not found")]
    Fails(String),
}

impl Survey {
    /// # Errors
    ///
    /// Why the job would travel without a list of files, or not at all.
    pub async fn of(&self, command: Command<'_>) -> Result<Surveyed, NotSurveyed> {
        let outline = Outline::draw(&run(command));
        let plan = match outline.plan() {
            Plan::Remote(plan) => plan,
            Plan::Local(local) => {
                let why = format!("{}: {}", local.reason.code(), local.detail);
                return Err(NotSurveyed::Stays(why));
            }
        };
        let found = self.inputs.listing(&outline, &plan, Instant::now()).await;
        let found = found.map_err(|why| match why {
            Not::Files(why) => NotSurveyed::Text(why),
            Not::Text(why) => NotSurveyed::Stays(why),
        })?;
        if let Some(header) = &found.listing.missing {
            let header = String::from_utf8_lossy(header);
            return Err(NotSurveyed::Fails(header.into_owned()));
        }
        let absent = self.inputs.absent(&outline, &plan);
        let mut surveyed = Surveyed {
            absent: absent.map_err(NotSurveyed::Text)?,
            is_recorded: found.input == Input::Recorded,
            ..Surveyed::default()
        };
        let catalogue = self.inputs.catalogue();
        let catalogue = open(&catalogue);
        for entry in found.listing.entries.iter() {
            let Some(entry) = catalogue.entry(entry) else {
                continue;
            };
            let place = PathBuf::from(OsStr::from_bytes(entry.path.as_bytes()));
            match entry.what {
                What::File(body) => surveyed.files.push((place, body.size)),
                What::Same(_) => surveyed.files.push((place, 0)),
                What::Unsent => surveyed.unsent.push(place),
                What::Directory | What::Link(_) => {}
            }
        }
        Ok(surveyed)
    }
}

/// The command as a wrapper would hand it over.
fn run(command: Command<'_>) -> Run {
    let bytes = |word: &OsStr| word.as_bytes().to_vec();
    let called_as = command.program.file_name().unwrap_or_default();
    let mut environment: Vec<Vec<u8>> = Vec::new();
    // Compilers are compared with their own preprocessor elsewhere.
    let wanted = (
        OsString::from(job::variable::FLOE_INPUTS),
        OsString::from("headers"),
    );
    for (name, value) in [&wanted].into_iter().chain(command.environment) {
        environment.push([name.as_bytes(), value.as_bytes()].join(&b'='));
    }
    // Nobody compares these two: it is this process's own root and directory.
    let nowhere = FileId {
        device: 0,
        inode: 0,
    };
    Run {
        program: bytes(command.program.as_os_str()),
        called_as: bytes(called_as),
        arguments: command.arguments.iter().map(|word| bytes(word)).collect(),
        environment,
        directory: bytes(command.directory.as_os_str()),
        umask: 0o022,
        stderr_is_terminal: false,
        never_distribute: false,
        root: nowhere,
        here: nowhere,
        niceness: 0,
        columns: 0,
    }
}
