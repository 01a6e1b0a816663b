//! Recognising this very program, under whatever name and through whatever link.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Names under which floe or icecream installs its client: a file that resolves to one of them is
/// a client, even if it is another installation's.
const CLIENTS: &[&str] = &["icecc", "icerun", "floe"];

/// The running executable's identity.
pub(crate) struct Own {
    meta: Option<Metadata>,
}

impl Own {
    pub(crate) fn find() -> Self {
        Self {
            meta: fs::metadata("/proc/self/exe").ok(),
        }
    }

    /// Whether `candidate`, whose metadata is `meta`, is this program: a link or a hard link to
    /// it, another installation's client, or a copy.
    pub(crate) fn is(&self, candidate: &Path, meta: &Metadata) -> bool {
        if let Some(own) = &self.meta {
            if (own.dev(), own.ino()) == (meta.dev(), meta.ino()) {
                return true;
            }
            if own.len() == meta.len() && same_bytes(candidate) {
                return true;
            }
        }
        let resolved = fs::canonicalize(candidate);
        resolved.is_ok_and(|path| path.file_name().is_some_and(is_client_name))
    }
}

/// Whether somebody who asks for `name` asks for the client itself (`icerun icecc gcc …`).
pub(crate) fn is_client_name(name: &OsStr) -> bool {
    CLIENTS.iter().any(|client| name == *client)
}

/// Compares a file of the same length with the running executable. Equal lengths are rare.
fn same_bytes(candidate: &Path) -> bool {
    let open = |path: &Path| fs::File::open(path).ok();
    let (Some(mut own), Some(mut other)) = (open(Path::new("/proc/self/exe")), open(candidate))
    else {
        return false;
    };
    let (mut left, mut right) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        let Ok(length) = own.read(&mut left) else {
            return false;
        };
        if length == 0 {
            return true;
        }
        if other.read_exact(&mut right[..length]).is_err() || left[..length] != right[..length] {
            return false;
        }
    }
}

/// Whether the name this process was called by leads through a link called `via`: a link `foo`
/// to `icerun` means `icerun foo`, even where icerun itself is a link to icecc.
pub(crate) fn links_through(called: &OsStr, via: &str) -> bool {
    let given = Path::new(called);
    let start = if given.components().count() > 1 || given.is_absolute() {
        Some(given.to_owned())
    } else {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path)
            .map(|dir| dir.join(given))
            .find(|candidate| candidate.symlink_metadata().is_ok())
    };
    let mut next = start;
    for _ in 0..16 {
        let Some(link) = next else { return false };
        let Ok(target) = fs::read_link(&link) else {
            return false;
        };
        if target.file_name().is_some_and(|name| name == via) {
            return true;
        }
        let base: PathBuf = link.parent().map(Path::to_owned).unwrap_or_default();
        next = Some(base.join(target));
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_hard_links_copies_and_other_installations_are_recognised() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let me = std::env::current_exe().unwrap();
        symlink(&me, at("gcc")).unwrap();
        if fs::hard_link(&me, at("cc")).is_err() {
            fs::copy(&me, at("cc")).unwrap();
        }
        fs::copy(&me, at("g++")).unwrap();
        fs::write(at("icecc"), "another installation").unwrap();
        symlink(at("icecc"), at("clang")).unwrap();
        fs::write(at("real"), "a compiler").unwrap();
        let own = Own::find();
        let is = |name: &str| own.is(&at(name), &fs::metadata(at(name)).unwrap());
        for ours in ["gcc", "cc", "g++", "clang", "icecc"] {
            assert!(is(ours), "{ours}");
        }
        assert!(!is("real"));
    }

    #[test]
    fn a_link_to_icerun_is_icerun_however_long_the_chain() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        symlink("icecc", at("icerun")).unwrap();
        symlink("icerun", at("foo")).unwrap();
        symlink("foo", at("bar")).unwrap();
        symlink("icecc", at("gcc")).unwrap();
        symlink("loop", at("loop")).unwrap();
        for (name, expected) in [
            ("foo", true),
            ("bar", true),
            ("gcc", false),
            ("loop", false),
        ] {
            assert_eq!(
                links_through(at(name).as_os_str(), "icerun"),
                expected,
                "{name}"
            );
        }
    }
}
