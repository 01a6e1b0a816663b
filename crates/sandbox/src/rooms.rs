//! Mount namespaces that hold one toolchain each and nothing of the host.
//!
//! Making one takes several mounts and a pivot_root and costs about as much as all the rest of a
//! sandbox. A job needs only a copy of it, which costs little because there are so few mounts in
//! it, and gets its scratch directory mounted into the copy.

use std::ffi::CStr;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, Mode, OFlags, open, openat, stat};
use rustix::io::Errno;
use rustix::mount::{MoveMountFlags, OpenTreeFlags, UnmountFlags, move_mount, open_tree, unmount};
use rustix::net::{RecvFlags, SendFlags};
use rustix::process::{Pid, Signal, fchdir, kill_process, pivot_root};

use crate::kernel::{self, Forked};
use crate::packet;
use crate::step::At as _;
use crate::{Protection, StartError, Step, Wall};

/// Rooms kept; the one not used for longest goes. Each holds a handful of mounts.
const MAX_ROOMS: usize = 64;

/// A local file system answers in microseconds; one that hangs must not stop all jobs.
const BUILD_LIMIT: Timespec = Timespec {
    tv_sec: 5,
    tv_nsec: 0,
};

/// Harmless devices, and where they are laid over empty files of the toolchain's.
const DEVICES: [(&CStr, &CStr); 4] = [
    (c"/dev/null", c"dev/null"),
    (c"/dev/zero", c"dev/zero"),
    (c"/dev/random", c"dev/random"),
    (c"/dev/urandom", c"dev/urandom"),
];

#[derive(PartialEq, Eq)]
struct Key {
    // The path is part of it: two bind mounts of one directory may show different mounts below.
    path: Vec<u8>,
    device: u64,
    inode: u64,
}

/// In the order of use, the latest last.
#[derive(Default)]
pub(crate) struct Rooms(Vec<(Key, OwnedFd)>);

impl Rooms {
    /// The mount namespace of the toolchain at `root`.
    pub(crate) fn get(
        &mut self,
        root: &CStr,
        proc_directory: BorrowedFd<'_>,
        protection: Protection,
    ) -> Result<BorrowedFd<'_>, StartError> {
        let found = stat(root).at(Step::ToolchainOpen)?;
        // A deleted directory's inode number is not given out again while its room holds it.
        let key = Key {
            path: root.to_bytes().to_vec(),
            device: found.st_dev,
            inode: found.st_ino,
        };
        let room = match self.0.iter().position(|(known, _)| *known == key) {
            Some(index) => self.0.remove(index).1,
            None => {
                if self.0.len() >= MAX_ROOMS {
                    self.0.remove(0);
                }
                build(root, proc_directory, protection)?
            }
        };
        let last = self.0.len();
        self.0.push((key, room));
        Ok(self.0[last].1.as_fd())
    }
}

/// Has a child make the namespace, since a process cannot return from a pivoted root.
fn build(
    root: &CStr,
    proc_directory: BorrowedFd<'_>,
    protection: Protection,
) -> Result<OwnedFd, StartError> {
    let (ours, theirs) = packet::pair().at(Step::RoomHandover)?;
    match kernel::clone_process(libc::CLONE_NEWNS).at(Step::Clone)? {
        Forked::Child => {
            let sent = match furnish(root, proc_directory, protection) {
                Ok(namespace) => {
                    packet::send(&theirs, &[0], &[namespace.as_fd()], SendFlags::empty())
                }
                Err(StartError { step, errno }) => {
                    let mut failure = vec![step as u8];
                    failure.extend(errno.raw_os_error().to_le_bytes());
                    packet::send(&theirs, &failure, &[], SendFlags::empty())
                }
            };
            kernel::exit(i32::from(sent.is_err()))
        }
        Forked::Parent(builder) => {
            drop(theirs);
            receive(&ours, builder)
        }
    }
}

fn receive(socket: &OwnedFd, builder: Pid) -> Result<OwnedFd, StartError> {
    let mut waiting = [PollFd::new(socket, PollFlags::IN)];
    if poll(&mut waiting, Some(&BUILD_LIMIT)).at(Step::RoomHandover)? == 0 {
        // Nothing more can be done if that fails; the caller reaps.
        let _ = kill_process(builder, Signal::KILL);
        return Err(StartError {
            step: Step::ToolchainMount,
            errno: Errno::TIMEDOUT,
        });
    }
    let mut buffer = [0; 8];
    let (len, mut descriptors) =
        packet::receive(socket, &mut buffer, RecvFlags::empty()).at(Step::RoomHandover)?;
    match (&buffer[..len], descriptors.pop()) {
        (_, Some(namespace)) => Ok(namespace),
        (&[step, a, b, c, d], None) => Err(StartError {
            step: Step::from_number(step).unwrap_or(Step::ToolchainMount),
            errno: Errno::from_raw_os_error(i32::from_le_bytes([a, b, c, d])),
        }),
        _ => Err(StartError {
            step: Step::RoomHandover,
            errno: Errno::CHILD,
        }),
    }
}

/// Makes the toolchain this process's whole view of files, and returns the mount namespace.
fn furnish(
    root: &CStr,
    proc_directory: BorrowedFd<'_>,
    protection: Protection,
) -> Result<OwnedFd, StartError> {
    let clone = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let attach = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;

    let namespace = openat(
        proc_directory,
        c"self/ns/mnt",
        OFlags::RDONLY | OFlags::CLOEXEC,
        Mode::empty(),
    )
    .at(Step::RoomHandover)?;
    if !protection.has(Wall::Root) {
        return Ok(namespace);
    }
    let attributes = [
        (Wall::ReadOnly, kernel::READ_ONLY),
        (Wall::NoSuid, kernel::NO_SUID),
        (Wall::NoDevices, kernel::NO_DEVICES),
    ];
    let attributes = attributes
        .into_iter()
        .filter(|(wall, _)| protection.has(*wall))
        .fold(0, |all, (_, attribute)| all | attribute);
    let tree = open_tree(CWD, root, clone).at(Step::ToolchainOpen)?;
    kernel::set_mount_attributes(tree.as_fd(), attributes).at(Step::ToolchainMount)?;
    // pivot_root wants a mount point, and the directory itself is the only one sure to be there.
    move_mount(&tree, c"", CWD, root, attach).at(Step::ToolchainMount)?;
    fchdir(&tree).at(Step::ToolchainMount)?;

    for (device, place) in DEVICES {
        // A toolchain without the placeholder does without the device.
        let Ok(place) = open_beneath(&tree, place) else {
            continue;
        };
        let device = open_tree(CWD, device, clone).at(Step::Devices)?;
        kernel::set_mount_attributes(device.as_fd(), kernel::NO_SUID | kernel::NO_EXECUTE)
            .at(Step::Devices)?;
        move_mount(
            &device,
            c"",
            &place,
            c"",
            attach | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH,
        )
        .at(Step::Devices)?;
    }

    // Stacks the old root on the new one, from where it is taken away: no directory for it needed.
    pivot_root(c".", c".").at(Step::Pivot)?;
    unmount(c".", UnmountFlags::DETACH).at(Step::Pivot)?;
    Ok(namespace)
}

/// Toolchains come from peers: a symbolic link must not lay a device over a file of the host.
fn open_beneath(tree: &OwnedFd, place: &CStr) -> Result<OwnedFd, Errno> {
    use rustix::fs::{ResolveFlags, openat2};
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    openat2(
        tree,
        place,
        flags,
        Mode::empty(),
        ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS,
    )
}

/// The host's `/proc`, which stays usable when the root has changed.
pub(crate) fn open_proc() -> Result<OwnedFd, Errno> {
    open(
        c"/proc",
        OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )
}
