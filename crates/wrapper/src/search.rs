//! Finding the real program behind a name.
//!
//! PATH is walked the way a shell does, but what is this program is stepped over, and what follows
//! it is preferred: a directory of links in front of PATH then leads to the compilers behind it.
//! Links to other compiler front ends (ccache, distcc, …) are taken only if nothing else is there,
//! because those search PATH in turn and would come back here.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use handover::program::DEFAULT_PATH;

use crate::mode::Wrapped;
use crate::own::{Own, is_client_name};
use crate::substitute;

const FRONT_ENDS: &[&str] = &[
    "ccache",
    "sccache",
    "distcc",
    "distccd",
    "tbcompiler",
    "colorgcc",
    "buildcache",
];

/// The program to run for `wrapped`: always a path with a slash. `None`: not found.
///
/// What runs `inside` a compiler gets no substitute: the substitute may be the one that calls.
pub(crate) fn resolve(wrapped: &Wrapped, inside: bool) -> Option<PathBuf> {
    let own = Own::find();
    let instead = if inside {
        None
    } else {
        substitute::compiler(wrapped)
    };
    match instead {
        Some(instead) => find(&instead, &own),
        None => find(&wrapped.name, &own),
    }
}

fn find(name: &OsStr, own: &Own) -> Option<PathBuf> {
    let given = Path::new(name);
    let base = given.file_name().unwrap_or(name);
    if name.as_bytes().contains(&b'/') {
        let ours =
            !is_client_name(base) && fs::metadata(given).is_ok_and(|meta| own.is(given, &meta));
        // A path to one of our own links can only mean the compiler behind it.
        return if ours {
            in_path(base, own)
        } else {
            Some(given.to_owned())
        };
    }
    in_path(name, own)
}

fn in_path(name: &OsStr, own: &Own) -> Option<PathBuf> {
    let path = env::var_os("PATH").filter(|path| !path.is_empty());
    search(name, &path.unwrap_or_else(|| DEFAULT_PATH.into()), own)
}

fn search(name: &OsStr, path: &OsStr, own: &Own) -> Option<PathBuf> {
    let wants_client = is_client_name(name);
    let (mut passed_own, mut first, mut front_end) = (false, None, None);
    for dir in env::split_paths(path) {
        let dir = if dir.as_os_str().is_empty() {
            PathBuf::from(".")
        } else {
            dir
        };
        let candidate = dir.join(name);
        let Ok(meta) = fs::metadata(&candidate) else {
            continue;
        };
        if !meta.is_file() || meta.permissions().mode() & 0o111 == 0 {
            continue;
        }
        if wants_client {
            return Some(candidate);
        }
        if own.is(&candidate, &meta) {
            passed_own = true;
        } else if is_front_end(&candidate) {
            front_end.get_or_insert(candidate);
        } else if passed_own {
            return Some(candidate);
        } else {
            first.get_or_insert(candidate);
        }
    }
    first.or(front_end)
}

fn is_front_end(candidate: &Path) -> bool {
    let named = |path: PathBuf| {
        path.file_name()
            .is_some_and(|name| FRONT_ENDS.iter().any(|front_end| name == *front_end))
    };
    // A command that is asked for by that very name is no detour.
    !named(candidate.to_owned()) && fs::canonicalize(candidate).is_ok_and(named)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    struct Dirs(tempfile::TempDir);

    impl Dirs {
        fn new() -> Self {
            let dirs = Self(tempfile::tempdir().unwrap());
            for dir in ["ice", "cache", "real", "local", "bin"] {
                fs::create_dir(dirs.at(dir)).unwrap();
            }
            dirs.program("bin/icecc");
            dirs.program("bin/ccache");
            symlink("../bin/icecc", dirs.at("ice/gcc")).unwrap();
            symlink("../bin/ccache", dirs.at("cache/gcc")).unwrap();
            dirs
        }

        fn at(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn program(&self, name: &str) {
            fs::write(self.at(name), format!("program {name}")).unwrap();
            fs::set_permissions(self.at(name), fs::Permissions::from_mode(0o755)).unwrap();
        }

        fn find(&self, name: &str, path: &[&str]) -> Option<String> {
            let path = env::join_paths(path.iter().map(|dir| self.at(dir))).unwrap();
            let found = search(OsStr::new(name), &path, &Own::find())?;
            Some(
                found
                    .strip_prefix(self.0.path())
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned(),
            )
        }
    }

    #[test]
    fn what_follows_our_own_link_is_preferred() {
        let dirs = Dirs::new();
        dirs.program("real/gcc");
        dirs.program("local/gcc");
        let find = |path: &[&str]| dirs.find("gcc", path);
        assert_eq!(find(&["ice", "real"]).as_deref(), Some("real/gcc"));
        assert_eq!(find(&["local", "ice", "real"]).as_deref(), Some("real/gcc"));
        assert_eq!(find(&["local", "real"]).as_deref(), Some("local/gcc"));
        assert_eq!(find(&["local", "ice"]).as_deref(), Some("local/gcc"));
        assert_eq!(find(&["ice"]), None);
        assert_eq!(find(&["ice", "cache", "real"]).as_deref(), Some("real/gcc"));
        assert_eq!(find(&["cache", "ice", "real"]).as_deref(), Some("real/gcc"));
        assert_eq!(find(&["ice", "cache"]).as_deref(), Some("cache/gcc"));
    }

    #[test]
    fn directories_and_plain_files_are_no_programs() {
        let dirs = Dirs::new();
        fs::create_dir(dirs.at("local/tool")).unwrap();
        fs::write(dirs.at("bin/tool"), "not executable").unwrap();
        dirs.program("real/tool");
        assert_eq!(
            dirs.find("tool", &["local", "bin", "real"]).as_deref(),
            Some("real/tool")
        );
        assert_eq!(
            dirs.find("icecc", &["real", "bin"]).as_deref(),
            Some("bin/icecc")
        );
        assert_eq!(dirs.find("ccache", &["bin"]).as_deref(), Some("bin/ccache"));
    }

    #[test]
    fn a_path_is_taken_as_it_is_unless_it_is_us() {
        let own = Own::find();
        let find = |name: &str| find(OsStr::new(name), &own);
        assert_eq!(find("/no/such/gcc"), Some("/no/such/gcc".into()));
        assert_eq!(find("./rel/gcc"), Some("./rel/gcc".into()));
        let dirs = Dirs::new();
        let own_link = dirs.at("ice/sh");
        symlink("../bin/icecc", &own_link).unwrap();
        let found = find(own_link.to_str().unwrap()).unwrap();
        assert!(found.ends_with("sh") && found != own_link, "{found:?}");
    }
}
