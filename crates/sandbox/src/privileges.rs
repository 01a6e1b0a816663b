//! Giving up root before anything foreign is touched.

use std::ffi::CString;
use std::mem::MaybeUninit;

use rustix::io::Errno;
use thiserror::Error;

/// Why the program must not go on as it is. Each needs its administrator.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PrivilegeError {
    #[error(
        "user {user:?} has user id {uid} and group id {gid}: foreign jobs never run as root or in its group; name another user"
    )]
    Root { user: String, uid: u32, gid: u32 },
    #[error(
        "there is no user {user:?} on this host; create that account, or name another user with -u"
    )]
    Unknown { user: String },
    #[error("user {user:?} cannot be looked up: {errno}")]
    Lookup { user: String, errno: Errno },
    #[error("cannot become user {uid}, group {gid}: {errno}; start as root or as that user")]
    Refused { uid: u32, gid: u32, errno: Errno },
    #[error(
        "root's rights came back after they had been given up; this kernel or its security module cannot be relied on"
    )]
    Kept,
}

/// Whether there are rights to give up. User 0 of a container whose only user it is counts as an
/// ordinary user: that is what it is outside, and there is nobody else to become.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root() && !is_only_user()
}

/// The same of the group.
pub(crate) fn is_root_group() -> bool {
    rustix::process::getegid().is_root() && !is_only_user()
}

/// As a rootless container with one user sees it; the host itself has them all.
fn is_only_user() -> bool {
    std::fs::read_to_string("/proc/self/uid_map").is_ok_and(|map| maps_one_user(&map))
}

fn maps_one_user(map: &str) -> bool {
    let mut counts = map
        .lines()
        .filter_map(|line| line.split_whitespace().nth(2));
    (counts.next(), counts.next()) == (Some("1"), None)
}

/// The ids that [`drop_to`] would take, for whoever prepares directories for that account.
pub fn account(
    user: &str,
    fallback: impl Into<Option<(u32, u32)>>,
) -> Result<(u32, u32), PrivilegeError> {
    let found = look_up(user)?.or(fallback.into());
    let (uid, gid) = found.ok_or_else(|| PrivilegeError::Unknown {
        user: user.to_owned(),
    })?;
    if uid == 0 || gid == 0 {
        return Err(PrivilegeError::Root {
            user: user.to_owned(),
            uid,
            gid,
        });
    }
    Ok((uid, gid))
}

/// Becomes `user`, or the `fallback` (user id, group id) where there is no such user: none for a
/// name that somebody chose. All threads, all ids, no supplementary groups, no capability kept;
/// nothing leads back.
///
/// Directories that the program will write to must belong to that user already.
pub fn drop_to(
    user: &str,
    fallback: impl Into<Option<(u32, u32)>>,
) -> Result<(u32, u32), PrivilegeError> {
    let (uid, gid) = account(user, fallback)?;
    let refused = |errno| PrivilegeError::Refused { uid, gid, errno };
    // SAFETY: the C library's calls change all threads; none takes memory but an empty list.
    unsafe {
        // Groups first: without root the others could not be changed any more.
        check(libc::setgroups(0, std::ptr::null())).map_err(refused)?;
        check(libc::setresgid(gid, gid, gid)).map_err(refused)?;
        check(libc::setresuid(uid, uid, uid)).map_err(refused)?;
        if libc::setresuid(0, 0, 0) == 0 || libc::setresgid(0, 0, 0) == 0 {
            return Err(PrivilegeError::Kept);
        }
    }
    // Capabilities go with user id 0 unless something asked to keep them.
    let left = rustix::thread::capabilities(None).map_err(refused)?;
    if !left.effective.is_empty() || !left.permitted.is_empty() {
        return Err(PrivilegeError::Kept);
    }
    Ok((uid, gid))
}

/// The same for one thread of a process that goes on as root: that of a job's program, which shares
/// its memory for the moment. Allocates nothing. The bounding set goes first, as that needs rights.
pub(crate) fn drop_thread_to(uid: u32, gid: u32) -> Result<(), Errno> {
    drop_bounding_set();
    // The C library's calls would try to change all threads of the process.
    // SAFETY: numbers only, and an empty list.
    unsafe {
        check_call(libc::syscall(libc::SYS_setgroups, 0usize, 0usize))?;
        check_call(libc::syscall(libc::SYS_setresgid, gid, gid, gid))?;
        check_call(libc::syscall(libc::SYS_setresuid, uid, uid, uid))
    }
}

/// Nothing can be gained by executing a program afterwards. Without the right to do so, which is
/// the right to gain nothing else either, nothing happens.
pub(crate) fn drop_bounding_set() {
    for number in 0..64 {
        // SAFETY: numbers only. The first that the kernel does not know ends the list.
        if unsafe { libc::prctl(libc::PR_CAPBSET_DROP, number, 0, 0, 0) } != 0 {
            break;
        }
    }
}

fn check_call(result: libc::c_long) -> Result<(), Errno> {
    check(if result < 0 { -1 } else { 0 })
}

/// By the name service, which may know users that /etc/passwd does not.
fn look_up(user: &str) -> Result<Option<(u32, u32)>, PrivilegeError> {
    let failed = |errno| PrivilegeError::Lookup {
        user: user.to_owned(),
        errno,
    };
    let name = CString::new(user).map_err(|_| failed(Errno::INVAL))?;
    let mut strings = vec![0; 16 * 1024];
    let mut entry = MaybeUninit::<libc::passwd>::uninit();
    let mut found = std::ptr::null_mut();
    // SAFETY: all pointers are to live memory of the lengths given.
    let result = unsafe {
        libc::getpwnam_r(
            name.as_ptr(),
            entry.as_mut_ptr(),
            strings.as_mut_ptr(),
            strings.len(),
            &raw mut found,
        )
    };
    // Some name services report an unknown user as one of these.
    if found.is_null() && matches!(result, 0 | libc::ENOENT | libc::ESRCH) {
        return Ok(None);
    }
    if found.is_null() {
        return Err(failed(Errno::from_raw_os_error(result)));
    }
    // SAFETY: a result that is not null points to the entry, which has been filled in.
    let entry = unsafe { entry.assume_init() };
    Ok(Some((entry.pw_uid, entry.pw_gid)))
}

fn check(result: libc::c_int) -> Result<(), Errno> {
    if result == 0 {
        return Ok(());
    }
    Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_refused_by_name_and_by_fallback() {
        assert!(matches!(
            drop_to("root", (1, 1)),
            Err(PrivilegeError::Root { uid: 0, .. })
        ));
        assert!(matches!(
            drop_to("no such user", (0, 5)),
            Err(PrivilegeError::Root { .. })
        ));
        assert!(matches!(
            drop_to("no such user", (5, 0)),
            Err(PrivilegeError::Root { .. })
        ));
    }

    #[test]
    fn the_only_user_of_a_container_is_told_from_root() {
        assert!(maps_one_user("         0       1000          1\n"));
        assert!(!maps_one_user("         0          0 4294967295\n"));
        assert!(!maps_one_user("0 1000 1\n1 100000 65536\n"));
        assert!(!maps_one_user(""));
    }

    #[test]
    fn a_chosen_name_that_does_not_exist_is_refused_by_name() {
        let error = account("no such user", None).unwrap_err();
        assert!(matches!(error, PrivilegeError::Unknown { .. }));
        assert!(error.to_string().contains("\"no such user\""), "{error}");
        assert_eq!(account("no such user", (5, 6)), Ok((5, 6)));
    }

    #[test]
    fn a_name_with_a_nul_is_refused() {
        assert!(matches!(
            drop_to("a\0b", (1, 1)),
            Err(PrivilegeError::Lookup { .. })
        ));
    }
}
