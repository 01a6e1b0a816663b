//! A request, read: paths, arguments and environment in the forms that the rest uses.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use handover::{FileId, Run};
use invocation::{Call, Local, Plan};
use job::{JobRecord, Reason};

use super::environment::Environment;
use super::files::FilesFrom;

/// What a job is about.
#[derive(Debug)]
pub(crate) struct Outline {
    /// Absolute.
    pub(crate) program: PathBuf,
    pub(crate) called_as: OsString,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) directory: PathBuf,
    pub(crate) environment: Environment,
    pub(crate) umask: u32,
    pub(crate) niceness: u32,
    pub(crate) stderr_is_terminal: bool,
    /// Of the terminal at standard input.
    pub(crate) columns: u32,
    never_distribute: bool,
    /// A text of which only the includes are resolved would lose something.
    expands_here: bool,
}

impl Outline {
    pub(crate) fn draw(run: &Run) -> Self {
        let os = |bytes: &Vec<u8>| OsString::from_vec(bytes.clone());
        let directory = PathBuf::from(os(&run.directory));
        Self {
            program: directory.join(os(&run.program)),
            called_as: os(&run.called_as),
            arguments: run.arguments.iter().map(os).collect(),
            environment: Environment::new(&run.environment),
            umask: run.umask & 0o777,
            niceness: run.niceness.min(19),
            stderr_is_terminal: run.stderr_is_terminal,
            columns: run.columns,
            never_distribute: run.never_distribute,
            expands_here: false,
            directory,
        }
    }

    /// The same job behind a script that changes options and variables.
    pub(crate) fn behind(&self, found: toolchain::Behind) -> Self {
        let called_as = Path::new(&found.called_as).file_name();
        Self {
            called_as: called_as.unwrap_or(&self.called_as).to_owned(),
            program: found.program,
            arguments: found.arguments,
            environment: self.environment.replaced(found.environment),
            directory: self.directory.clone(),
            ..*self
        }
    }

    /// The same job, with all macros expanded on this host.
    pub(crate) fn expanding_here(self) -> Self {
        Self {
            expands_here: true,
            ..self
        }
    }

    pub(crate) fn expands_here(&self) -> bool {
        self.expands_here
    }

    /// Whether the wrapper's root and directory are what this process sees by the same names: it
    /// may live in a chroot or a container.
    pub(crate) fn sees_our_files(&self, run: &Run) -> bool {
        let same = |path: &Path, theirs: &FileId| {
            std::fs::metadata(path)
                .is_ok_and(|ours| (ours.dev(), ours.ino()) == (theirs.device, theirs.inode))
        };
        self.directory.is_absolute()
            && same(Path::new("/"), &run.root)
            && same(&self.directory, &run.here)
    }

    /// Whether and how it travels.
    pub(crate) fn plan(&self) -> Plan {
        self.plan_as(&self.called_as)
    }

    /// The same for a compiler that turned out to be another than its name says.
    pub(crate) fn plan_as(&self, called_as: &OsStr) -> Plan {
        let by_request = |output| {
            let detail = "by the user's wish".to_owned();
            Plan::Local(Local {
                reason: Reason::ByRequest,
                detail,
                all_slots: false,
                output,
            })
        };
        if self.never_distribute {
            return by_request(None);
        }
        let is_clang = called_as.as_bytes().windows(5).any(|part| part == b"clang");
        let mut settings = self.environment.settings(self.stderr_is_terminal, is_clang);
        if self.expands_here {
            settings.remote_cpp = Some(false);
        }
        let call = Call {
            called_as,
            arguments: &self.arguments,
            directory: &self.directory,
            settings: &settings,
        };
        if let Some((name, reason)) = self.environment.deciding() {
            let detail = format!("variable {}", name.display());
            return Plan::Local(Local {
                reason,
                detail,
                all_slots: false,
                output: None,
            });
        }
        match invocation::plan(
            &call,
            &FilesFrom {
                directory: &self.directory,
            },
        ) {
            Plan::Remote(plan) if self.environment.wants_local() => by_request(Some(plan.output)),
            plan => plan,
        }
    }

    /// A wrapper around this one holds a slot already; a second one could never be had when all
    /// slots are taken by wrappers like it.
    pub(crate) fn has_slot_already(&self) -> bool {
        self.environment.depth() > 0
    }

    pub(crate) fn shown_source(&self) -> &Path {
        JobRecord::source_word(&self.arguments).unwrap_or(Path::new(""))
    }

    pub(crate) fn shown_output(&self) -> Option<&Path> {
        let mut words = self.arguments.iter();
        words
            .find(|word| *word == "-o")
            .and_then(|_| words.next())
            .map(Path::new)
    }
}
