//! What the zygote has ready for every job of its rung.

use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::{CWD, Mode, OFlags, openat};

use crate::codec::Request;
use crate::landlock::{self, Rules};
use crate::seccomp::{self, Instruction, Profile};
use crate::step::At as _;
use crate::{Protection, Rung, StartError, Step, Wall};

/// Files that programs read everywhere, and that hold no secret.
const LOADER_FILES: [&std::ffi::CStr; 1] = [c"/etc/ld.so.cache"];
const DEVICES: [&std::ffi::CStr; 4] = [c"/dev/null", c"/dev/zero", c"/dev/random", c"/dev/urandom"];

pub(crate) struct Kit {
    pub(crate) rung: Rung,
    pub(crate) protection: Protection,
    /// Whom the jobs run as; none when that is who the zygote is.
    pub(crate) user: Option<(u32, u32)>,
    /// The version; 0: not used.
    landlock: u32,
    /// Empty: not used.
    pub(crate) filter: Vec<Instruction>,
}

impl Kit {
    pub(crate) fn new(
        rung: Rung,
        protection: Protection,
        user: Option<(u32, u32)>,
    ) -> Result<Self, StartError> {
        // Both need it, unless the user is root.
        let possible = protection.has(Wall::NoNewPrivileges);
        let landlock = if possible && protection.has(Wall::Landlock) {
            landlock::abi()
        } else {
            0
        };
        let profile = Profile {
            signals: rung.has_mounts() || landlock >= landlock::SCOPES,
            shares_host: !rung.has_mounts(),
        };
        let filter = if possible && protection.has(Wall::Seccomp) && seccomp::is_available() {
            seccomp::filter(profile)
        } else {
            Vec::new()
        };
        // Without namespaces both are all there is.
        let complete = landlock > 0 && !filter.is_empty();
        if rung == Rung::Installed && protection == Protection::full() && !complete {
            return Err(StartError {
                step: Step::Filters,
                errno: rustix::io::Errno::NOSYS,
            });
        }
        Ok(Self {
            rung,
            protection,
            user: user.filter(|_| rung.keeps_root()),
            landlock,
            filter,
        })
    }

    /// Whether each job has a process namespace, whose end is the end of its processes. Otherwise
    /// they are known by their group.
    pub(crate) fn has_process_namespace(&self) -> bool {
        self.rung.has_mounts() && self.protection.has(Wall::Processes)
    }

    /// Made in the job's view of files, except that a root directory is not changed yet.
    pub(crate) fn rules(
        &self,
        request: &Request<'_>,
        scratch: BorrowedFd<'_>,
    ) -> Result<Option<Rules>, StartError> {
        if self.landlock == 0 {
            return Ok(None);
        }
        let rules = Rules::new(self.landlock).at(Step::Landlock)?;
        match (self.rung, request.root) {
            (Rung::Chroot, Some(root)) => rules.allow_reading(root).at(Step::Landlock)?,
            // Seen where it is.
            (_, Some(root)) if !self.protection.has(Wall::Root) => {
                rules.allow_reading(root).at(Step::Landlock)?;
            }
            (Rung::Installed, _) => {
                for path in request.readable.iter().chain(&LOADER_FILES) {
                    rules.allow_reading(path).at(Step::Landlock)?;
                }
            }
            _ => rules.allow_reading(c"/").at(Step::Landlock)?,
        }
        for device in DEVICES {
            rules.allow_device(device).at(Step::Landlock)?;
        }
        rules.allow_scratch(scratch).at(Step::Landlock)?;
        Ok(Some(rules))
    }
}

/// The scratch directory on disk of a job without mounts.
pub(crate) fn open_scratch(request: &Request<'_>) -> Result<OwnedFd, StartError> {
    let path = request
        .scratch
        .ok_or(rustix::io::Errno::INVAL)
        .at(Step::View)?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(CWD, path, flags, Mode::empty()).at(Step::ScratchOpen)
}
