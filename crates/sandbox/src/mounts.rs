//! A job's own mounts: its copy of the toolchain's room, and the scratch directory in it.

use std::ffi::CStr;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use rustix::fs::{CWD, Mode, mkdirat};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags, fsconfig_create,
    fsconfig_set_string, fsmount, fsopen, move_mount, open_tree,
};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space};

use crate::codec::{Quota, Request};
use crate::kernel;
use crate::kit::Kit;
use crate::step::At as _;
use crate::{StartError, Step, Wall};

/// Enters a copy of `room` and mounts the scratch directory at its place there. Returns the directory,
/// which outlives the mount namespace if somebody keeps the descriptor.
pub(crate) fn enter(
    request: &Request<'_>,
    room: BorrowedFd<'_>,
    kit: &Kit,
) -> Result<OwnedFd, StartError> {
    let on_disk = request.scratch.map(open_directory).transpose()?;
    move_into_link_name_space(room, Some(LinkNameSpaceType::Mount)).at(Step::Enter)?;
    kernel::unshare(UnshareFlags::NEWNS).at(Step::Enter)?;
    let scratch = match on_disk {
        Some(scratch) => scratch,
        None => {
            let quota = Some(request.quota).filter(|_| kit.protection.has(Wall::Quota));
            in_memory(quota, kit.user)?
        }
    };
    move_mount(
        &scratch,
        c"",
        CWD,
        request.place,
        MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH,
    )
    .at(Step::ScratchMount)?;
    for directory in &request.directories {
        mkdirat(&scratch, *directory, Mode::RWXU).at(Step::ScratchMount)?;
    }
    Ok(scratch)
}

fn open_directory(path: &CStr) -> Result<OwnedFd, StartError> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let scratch = open_tree(CWD, path, flags).at(Step::ScratchOpen)?;
    kernel::set_mount_attributes(
        scratch.as_fd(),
        kernel::NO_SUID | kernel::NO_DEVICES | kernel::NO_EXECUTE,
    )
    .at(Step::ScratchOpen)?;
    Ok(scratch)
}

fn in_memory(quota: Option<Quota>, owner: Option<(u32, u32)>) -> Result<OwnedFd, StartError> {
    let made = || {
        let context = fsopen(c"tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
        let set = |key: &CStr, value: String| fsconfig_set_string(&context, key, value);
        set(c"mode", "0700".to_owned())?;
        // Zero means no limit. The directory itself counts as a file.
        let (bytes, files) = quota.map_or((0, 0), |quota| {
            (quota.bytes.max(1), quota.files.saturating_add(1))
        });
        set(c"size", bytes.to_string())?;
        set(c"nr_inodes", files.to_string())?;
        if let Some((user, group)) = owner {
            set(c"uid", user.to_string())?;
            set(c"gid", group.to_string())?;
        }
        fsconfig_create(&context)?;
        fsmount(
            &context,
            FsMountFlags::FSMOUNT_CLOEXEC,
            MountAttrFlags::MOUNT_ATTR_NOSUID
                | MountAttrFlags::MOUNT_ATTR_NODEV
                | MountAttrFlags::MOUNT_ATTR_NOEXEC,
        )
    };
    made().at(Step::ScratchMount)
}
