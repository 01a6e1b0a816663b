//! Removes directories whose content somebody hostile may have made: without following links, without
//! stumbling over rights that were taken away, and with the same few descriptors however deep it is
//! nested. `std::fs::remove_dir_all` fails at the latter two.

use std::ffi::{CStr, CString};
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags};
use rustix::fs::{chmodat, openat, renameat, unlinkat};
use rustix::io::Errno;

const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// Names that are kept in memory at a time: there may be millions.
const MOST_AT_ONCE: usize = 1000;

/// Removes the file or directory at `path` with all that is in it. Nobody else may change it
/// meanwhile. Nothing there is fine.
pub fn clear(path: &Path) -> io::Result<()> {
    let gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    match path.symlink_metadata() {
        Ok(meta) if meta.is_dir() => {
            empty(path)?;
            fs::remove_dir(path)
        }
        Ok(_) => {
            fs::remove_file(path).or_else(|error| if gone(&error) { Ok(()) } else { Err(error) })
        }
        Err(error) if gone(&error) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Removes all that is in the directory at `path`.
pub(crate) fn empty(path: &Path) -> io::Result<()> {
    let name = CString::new(path.as_os_str().as_bytes())?;
    let top = open(CWD, &name)?;
    let mut number = 0_u64;
    each(&top, |name| {
        let Some(directory) = remove_one(&top, name)? else {
            return Ok(());
        };
        // What nests in it comes up here, so that depth costs nothing.
        each(&directory, |child| {
            if remove_one(&directory, child)?.is_some() {
                number = raise(&directory, child, &top, number)?;
            }
            Ok(())
        })?;
        Ok(unlinkat(&top, name, AtFlags::REMOVEDIR)?)
    })
}

/// Calls `remove` for some of what is in a directory, again and again until nothing is left.
fn each(directory: &OwnedFd, mut remove: impl FnMut(&CStr) -> io::Result<()>) -> io::Result<()> {
    loop {
        let names = some_names(directory)?;
        if names.is_empty() {
            return Ok(());
        }
        for name in names {
            remove(&name)?;
        }
    }
}

/// Removes what is called `name`; a directory that is not empty is opened instead.
fn remove_one(parent: &OwnedFd, name: &CStr) -> io::Result<Option<OwnedFd>> {
    match unlinkat(parent, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(None),
        // Linux says the former, POSIX the latter.
        Err(Errno::ISDIR | Errno::PERM) => {}
        Err(error) => return Err(error.into()),
    }
    match unlinkat(parent, name, AtFlags::REMOVEDIR) {
        Ok(()) => Ok(None),
        Err(Errno::NOTEMPTY | Errno::EXIST) => open(parent, name).map(Some),
        Err(error) => Err(error.into()),
    }
}

/// Opens a directory; one whose rights are missing gets them: only its owner can, and that is us.
fn open(parent: impl AsFd, name: &CStr) -> io::Result<OwnedFd> {
    let rights = Mode::RWXU;
    let opened = match openat(&parent, name, DIRECTORY, Mode::empty()) {
        Err(Errno::ACCESS) => {
            chmodat(&parent, name, rights, AtFlags::empty())?;
            openat(&parent, name, DIRECTORY, Mode::empty())?
        }
        opened => opened?,
    };
    let mode = Mode::from_raw_mode(rustix::fs::fstat(&opened)?.st_mode);
    if !mode.contains(rights) {
        rustix::fs::fchmod(&opened, mode | rights)?;
    }
    Ok(opened)
}

/// Moves a directory up to `top`, under a name that is free there.
fn raise(from: &OwnedFd, name: &CStr, top: &OwnedFd, mut number: u64) -> io::Result<u64> {
    loop {
        number += 1;
        let new = CString::new(format!(".raised-{number}"))?;
        match renameat(from, name, top, &new) {
            Ok(()) => return Ok(number),
            // Taken by a file or by a directory that is not empty.
            Err(Errno::EXIST | Errno::NOTEMPTY | Errno::NOTDIR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn some_names(directory: &OwnedFd) -> io::Result<Vec<CString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            names.push(entry.file_name().to_owned());
        }
        if names.len() == MOST_AT_ONCE {
            break;
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use rustix::fs::mkdirat;

    use super::*;

    #[test]
    fn rights_links_and_depth_do_not_save_a_directory() {
        let all = tempfile::tempdir().unwrap();
        let outside = all.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("precious"), "x").unwrap();
        let victim = all.path().join("victim");
        fs::create_dir_all(victim.join("a/b/c")).unwrap();
        fs::write(victim.join(".raised-1"), "in the way").unwrap();
        fs::write(victim.join("a/b/file"), "x").unwrap();
        symlink(&outside, victim.join("a/b/link")).unwrap();
        symlink(&outside, victim.join("link")).unwrap();
        // Deeper than any path may be long.
        let mut at = open(CWD, &CString::new(victim.as_os_str().as_bytes()).unwrap()).unwrap();
        for _ in 0..1200 {
            mkdirat(&at, c"deeper", Mode::RWXU).unwrap();
            at = open(&at, c"deeper").unwrap();
        }
        for path in ["a/b/c", "a/b", "a", ""] {
            let none = fs::Permissions::from_mode(0o000);
            fs::set_permissions(victim.join(path), none).unwrap();
        }
        clear(&victim).unwrap();
        assert!(!victim.exists());
        assert!(outside.join("precious").exists());
        clear(&victim).unwrap();
    }

    #[test]
    fn a_file_or_a_link_in_the_directorys_place_goes_alone() {
        let all = tempfile::tempdir().unwrap();
        fs::create_dir(all.path().join("kept")).unwrap();
        symlink("kept", all.path().join("link")).unwrap();
        clear(&all.path().join("link")).unwrap();
        fs::write(all.path().join("file"), "").unwrap();
        clear(&all.path().join("file")).unwrap();
        assert_eq!(fs::read_dir(all.path()).unwrap().count(), 1);
    }
}
