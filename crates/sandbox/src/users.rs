//! User namespaces with one user in them.

use std::ffi::CStr;
use std::os::fd::BorrowedFd;

use rustix::fs::{Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::thread::UnshareFlags;

use crate::kernel;
use crate::step::At as _;
use crate::{StartError, Step};

const NOBODY: u32 = 65534;

/// Enters a new user namespace, in which this process's user and group are all there is.
pub(crate) fn isolate(proc_directory: BorrowedFd<'_>) -> Result<(), StartError> {
    // Asked before: inside, until the maps are written, both are the overflow ids.
    let (user, group) = (
        rustix::process::getuid().as_raw(),
        rustix::process::getgid().as_raw(),
    );
    // A container's only user may be called 0; no job is.
    let inside = |id| if id == 0 { NOBODY } else { id };
    kernel::unshare(UnshareFlags::NEWUSER).at(Step::UserNamespace)?;
    // Without this the kernel refuses a group map from a process without rights outside.
    write(proc_directory, c"self/setgroups", "deny").at(Step::IdMap)?;
    write(
        proc_directory,
        c"self/gid_map",
        &format!("{} {group} 1", inside(group)),
    )
    .at(Step::IdMap)?;
    write(
        proc_directory,
        c"self/uid_map",
        &format!("{} {user} 1", inside(user)),
    )
    .at(Step::IdMap)
}

/// Writes a file of `/proc` in one go, as the kernel wants these.
pub(crate) fn write(proc_directory: BorrowedFd<'_>, name: &CStr, text: &str) -> Result<(), Errno> {
    let file = openat(
        proc_directory,
        name,
        OFlags::WRONLY | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    let written = rustix::io::write(&file, text.as_bytes())?;
    if written == text.len() {
        Ok(())
    } else {
        Err(Errno::IO)
    }
}
