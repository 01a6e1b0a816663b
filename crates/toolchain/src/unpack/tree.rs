//! The directory that is being filled. Every step goes through an open directory and follows no
//! link, so that no member, whatever came before it, can lead out.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::fs::{FileType, fchmod, linkat, mkdirat, openat, statat, symlinkat};
use rustix::io::Errno;

use super::name::Name;
use super::{Sink, Why, in_pieces};

const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

pub(super) struct Tree {
    root: OwnedFd,
    /// Regular files written so far: the only things a hard link may name.
    files: HashSet<Name>,
}

impl Tree {
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        Ok(Self {
            root: openat(CWD, root, DIRECTORY, Mode::empty())?,
            files: HashSet::new(),
        })
    }

    /// Makes an empty file, unless a regular file is there.
    pub(super) fn placeholder(&mut self, name: &Name) -> Result<(), Why> {
        let (parent, last) = self.place(name)?;
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match openat(&parent, last, flags, Mode::from_raw_mode(0o666)) {
            Ok(_) => Ok(()),
            Err(Errno::EXIST) => match statat(&parent, last, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) if FileType::from_raw_mode(stat.st_mode).is_file() => Ok(()),
                _ => Err(Why::Refused(
                    "something stands where the sandbox needs an empty file",
                )),
            },
            Err(error) => Err(Why::Disk(error.into())),
        }
    }

    pub(super) fn make_sticky(&self, directory: &str) -> io::Result<()> {
        let opened = openat(&self.root, directory, DIRECTORY, Mode::empty())?;
        Ok(fchmod(&opened, Mode::from_raw_mode(0o1777))?)
    }

    fn place<'n>(&self, name: &'n Name) -> Result<(OwnedFd, &'n [u8]), Why> {
        let (parents, last) = name.split().ok_or(Why::Refused("its name is empty"))?;
        Ok((self.parent(parents)?, last))
    }

    fn parent(&self, parents: &[Vec<u8>]) -> Result<OwnedFd, Why> {
        let mut at = self.root.try_clone().map_err(Why::Disk)?;
        for part in parents {
            at = enter(&at, part)?;
        }
        Ok(at)
    }
}

impl Sink for Tree {
    /// Writes a regular file of exactly `size` bytes.
    fn file(
        &mut self,
        name: &Name,
        size: u64,
        executable: bool,
        mut body: impl Read,
    ) -> Result<(), Why> {
        let (parent, last) = self.place(name)?;
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&parent, last, flags, Mode::RUSR | Mode::WUSR).map_err(taken)?;
        let mut file = File::from(file);
        in_pieces(&mut body, size, |piece| {
            file.write_all(piece).map_err(Why::Disk)
        })?;
        // What else the archive says about rights means nothing to a compiler.
        let mode = if executable { 0o755 } else { 0o644 };
        fchmod(&file, Mode::from_raw_mode(mode)).map_err(|error| Why::Disk(error.into()))?;
        self.files.insert(name.clone());
        Ok(())
    }

    /// Makes a directory; one that is there already is fine.
    fn directory(&mut self, name: &Name) -> Result<(), Why> {
        if let Some((parents, last)) = name.split() {
            enter(&self.parent(parents)?, last)?;
        }
        Ok(())
    }

    fn symlink(&mut self, name: &Name, target: &[u8]) -> Result<(), Why> {
        let (parent, last) = self.place(name)?;
        symlinkat(target, &parent, last).map_err(taken)
    }

    fn hard_link(&mut self, name: &Name, target: &Name) -> Result<(), Why> {
        if !self.files.contains(target) {
            return Err(Why::Refused(
                "it is a link to something that is no file of this archive",
            ));
        }
        let (from, old) = self.place(target)?;
        let (parent, last) = self.place(name)?;
        linkat(&from, old, &parent, last, AtFlags::empty()).map_err(taken)?;
        self.files.insert(name.clone());
        Ok(())
    }
}

/// Opens the directory `part` of `at`, made if it is not there.
fn enter(at: &OwnedFd, part: &[u8]) -> Result<OwnedFd, Why> {
    let is_new = match mkdirat(at, part, Mode::from_raw_mode(0o755)) {
        Ok(()) => true,
        Err(Errno::EXIST) => false,
        Err(error) => return Err(Why::Disk(error.into())),
    };
    let opened = openat(at, part, DIRECTORY, Mode::empty()).map_err(|error| match error {
        Errno::LOOP | Errno::NOTDIR => {
            Why::Refused("a link or a file stands where it needs a directory")
        }
        error => Why::Disk(error.into()),
    })?;
    if is_new {
        // Whatever the process's umask says.
        fchmod(&opened, Mode::from_raw_mode(0o755)).map_err(|error| Why::Disk(error.into()))?;
    }
    Ok(opened)
}

fn taken(error: Errno) -> Why {
    match error {
        Errno::EXIST => Why::Refused("its name occurs twice"),
        error => Why::Disk(error.into()),
    }
}
