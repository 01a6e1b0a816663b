//! The files of a view on this host's disk: a pool in which each is once, and trees of links to them.
//!
//! Nobody but this writes there, and jobs see trees read-only. All the same no path is followed through a
//! link, whatever the index says.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{
    AtFlags, CWD, Mode, OFlags, ResolveFlags, Timespec, Timestamps, UTIME_OMIT, fchmod, futimens,
    linkat, mkdirat, open, openat, openat2, renameat, symlinkat,
};
use rustix::io::Errno;
use tokio::runtime::Handle;
use wire::view::Body;

use super::index::Slot;
use super::limits::Charge;
use super::places::Step;
use super::tools::{Tool, Tools};
use crate::executor::{SCRATCH, SPLIT_SPECS, split_specs};

/// What a file takes beside its bytes, and a directory, on usual file systems.
const BLOCK: u64 = 4096;
/// A name in a directory, or a link that fits its inode.
const NAME: u64 = 64;

/// A view's directory, gone when the last tree in it is.
#[derive(Debug)]
pub(super) struct Ground {
    directory: PathBuf,
    pool: OwnedFd,
    /// What stands for a file that was not sent.
    stub: Vec<u8>,
    /// The present stub's number: a file can have only so many names.
    stubs: Mutex<u32>,
    charge: Mutex<Option<Charge>>,
}

/// A tree that is a job's root, gone when its last user is.
#[derive(Debug)]
pub(super) struct Tree {
    root: PathBuf,
    top: OwnedFd,
    ground: Arc<Ground>,
    charge: Mutex<Option<Charge>>,
}

/// Why a tree was not changed as it should be.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    #[error("{path} is another file in the toolchain")]
    Other { path: String },
    #[error(transparent)]
    Disk(#[from] io::Error),
}

impl From<Errno> for Failed {
    fn from(errno: Errno) -> Self {
        Self::Disk(errno.into())
    }
}

impl Ground {
    pub(super) fn make(directory: PathBuf, marker: &[u8; 16]) -> io::Result<Arc<Self>> {
        make(&directory)?;
        for part in ["pool", "stage"] {
            make(&directory.join(part))?;
        }
        let pool = hold(&directory.join("pool"))?;
        let digits: String = marker.iter().map(|byte| format!("{byte:02x}")).collect();
        let ground = Self {
            directory,
            pool,
            stub: format!("#error {digits}\n").into_bytes(),
            stubs: Mutex::new(0),
            charge: Mutex::default(),
        };
        ground.make_stub(0)?;
        Ok(Arc::new(ground))
    }

    /// What putting a file in takes.
    pub(super) fn cost(size: u64) -> u64 {
        size.div_ceil(BLOCK) * BLOCK + NAME
    }

    /// Keeps a file's bytes.
    pub(super) fn put(&self, slot: Slot, body: &Body, bytes: &[u8]) -> io::Result<()> {
        let mut file = self.create(&slot.0.to_string())?;
        file.write_all(bytes)?;
        let mode = if body.executable { 0o555 } else { 0o444 };
        fchmod(&file, Mode::from_raw_mode(mode))?;
        let omit = Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        };
        let times = Timestamps {
            last_access: omit,
            last_modification: Timespec {
                tv_sec: body.modified.seconds,
                tv_nsec: body.modified.nanoseconds.into(),
            },
        };
        Ok(futimens(&file, &times)?)
    }

    fn create(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = openat(&self.pool, name, flags, Mode::RUSR | Mode::WUSR)?;
        Ok(File::from(file))
    }

    fn make_stub(&self, number: u32) -> io::Result<()> {
        let mut file = self.create(&format!("stub-{number}"))?;
        file.write_all(&self.stub)?;
        Ok(fchmod(&file, Mode::from_raw_mode(0o444))?)
    }

    /// Gives a stub one name more.
    fn link_stub(&self, parent: &OwnedFd, name: &[u8]) -> Result<(), Failed> {
        let mut number = self.stubs.lock().unwrap_or_else(PoisonError::into_inner);
        let link = |number: u32| {
            let stub = format!("stub-{number}");
            linkat(&self.pool, stub, parent, name, AtFlags::empty())
        };
        match link(*number) {
            Err(Errno::MLINK) => {
                self.make_stub(*number + 1)?;
                *number += 1;
                Ok(link(*number)?)
            }
            linked => Ok(linked?),
        }
    }

    /// Takes over who pays for the files.
    pub(super) fn pay(&self, charge: Charge) {
        Charge::add(&self.charge, charge);
    }
}

impl Tree {
    /// What a tree of the toolchain alone takes.
    pub(super) fn cost(tools: &Tools) -> u64 {
        let cost = |(_, tool): &(Arc<[u8]>, Tool)| match tool {
            Tool::Directory => BLOCK,
            Tool::File | Tool::Link(_) => NAME,
        };
        2 * BLOCK + tools.all().iter().map(cost).sum::<u64>()
    }

    /// What steps take.
    pub(super) fn cost_of(steps: &[Step]) -> u64 {
        let cost = |step: &Step| match step {
            Step::Directory(_) => BLOCK,
            // Longer ones than an inode holds take a block.
            Step::Link(_, target) if target.len() >= 60 => BLOCK,
            _ => NAME,
        };
        steps.iter().map(cost).sum()
    }

    /// A tree that has a toolchain and nothing else.
    pub(super) fn make(ground: &Arc<Ground>, number: u32, tools: &Tools) -> io::Result<Self> {
        let root = ground.directory.join(format!("tree-{number}"));
        make(&root)?;
        let tree = Self {
            top: hold(&root)?,
            root,
            ground: Arc::clone(ground),
            charge: Mutex::default(),
        };
        for (path, tool) in tools.all() {
            let inside = path.get(1..).unwrap_or(b"");
            match tool {
                Tool::Directory => directory(&tree.top, inside)?,
                Tool::Link(target) => symlinkat(&target[..], &tree.top, inside)?,
                Tool::File => {
                    let from = tools.place(path);
                    linkat(CWD, &from, &tree.top, inside, AtFlags::empty())?;
                }
            }
        }
        directory(&tree.top, &SCRATCH.as_bytes()[1..])?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        let mut specs = File::from(openat(&tree.top, &SPLIT_SPECS[1..], flags, mode)?);
        specs.write_all(split_specs().as_bytes())?;
        fchmod(&specs, Mode::from_raw_mode(0o444))?;
        Ok(tree)
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn pay(&self, charge: Charge) {
        Charge::add(&self.charge, charge);
    }

    /// Does what was planned; what compares comes first, and changes nothing.
    pub(super) fn grow(&self, steps: &[Step], tools: &Tools) -> Result<(), Failed> {
        let mut last: Option<(&[u8], OwnedFd)> = None;
        for step in steps {
            let path: &[u8] = match step {
                Step::Compare(path, wanted) => {
                    if tools.digest(path)? == *wanted {
                        continue;
                    }
                    let path = path.escape_ascii().to_string();
                    return Err(Failed::Other { path });
                }
                Step::Directory(path)
                | Step::Link(path, _)
                | Step::File(path, _)
                | Step::Stub(path)
                | Step::Replace(path, _) => path,
            };
            let (above, name) = cut(path);
            let parent = match last.take() {
                Some((known, parent)) if known == above => parent,
                _ => self.open(above)?,
            };
            match step {
                Step::Compare(..) => {}
                Step::Directory(_) => directory(&parent, name)?,
                Step::Link(_, target) => symlinkat(&target[..], &parent, name)?,
                Step::Stub(_) => self.ground.link_stub(&parent, name)?,
                Step::File(_, file) => {
                    let file = file.0.to_string();
                    linkat(&self.ground.pool, file, &parent, name, AtFlags::empty())?;
                }
                Step::Replace(_, file) => {
                    // Jobs that run here see the one or the other.
                    let stage = hold(&self.ground.directory.join("stage"))?;
                    let from = file.0.to_string();
                    linkat(&self.ground.pool, &from, &stage, &from, AtFlags::empty())?;
                    renameat(&stage, &from, &parent, name)?;
                }
            }
            last = Some((above, parent));
        }
        Ok(())
    }

    /// A directory of the tree, by a path that goes through directories only.
    fn open(&self, inside: &[u8]) -> io::Result<OwnedFd> {
        let inside = match inside {
            [] => &b"."[..],
            inside => inside,
        };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        Ok(openat2(&self.top, inside, flags, Mode::empty(), resolve)?)
    }
}

/// The directory above an absolute path, relative to the root, and the last name.
fn cut(path: &[u8]) -> (&[u8], &[u8]) {
    let inside = path.get(1..).unwrap_or(b"");
    match inside.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (&inside[..at], &inside[at + 1..]),
        None => (b"", inside),
    }
}

fn make(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o755).create(path)?;
    // Whatever the process's umask says: a job may run as somebody else.
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755))
}

fn directory(parent: &OwnedFd, name: &[u8]) -> io::Result<()> {
    mkdirat(parent, name, Mode::from_raw_mode(0o755))?;
    // As above.
    let mode = Mode::from_raw_mode(0o755);
    Ok(rustix::fs::chmodat(
        parent.as_fd(),
        OsStr::from_bytes(name),
        mode,
        AtFlags::empty(),
    )?)
}

fn hold(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(open(path, flags, Mode::empty())?)
}

impl Drop for Tree {
    fn drop(&mut self) {
        let charge = self
            .charge
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        remove(self.root.clone(), (Arc::clone(&self.ground), charge));
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        let charge = self
            .charge
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        remove(self.directory.clone(), charge);
    }
}

/// Removes a directory where nobody waits for that, and then lets go of what was kept with it.
fn remove<T: Send + 'static>(path: PathBuf, kept: T) {
    let work = move || {
        if let Err(error) = store::clear(&path) {
            tracing::warn!(
                "cannot remove {}: {error}; it goes when the daemon starts again",
                path.display()
            );
        }
        drop(kept);
    };
    match Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn_blocking(work)),
        Err(_) => work(),
    }
}
