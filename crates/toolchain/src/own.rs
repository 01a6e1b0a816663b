//! Whether a toolchain of another host is the one that this host has installed itself: the same
//! files by content, and found by its compiler at the very paths that a job runs.
//!
//! For executors that can show a job nothing but their own files. A compiler is read once; after
//! that, each question costs a stat of each of its files, so an upgrade in place is noticed before
//! the next job.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::collect::collect;
use crate::compiler::Compiler;
use crate::fileset::{FileSet, Source};
use crate::identify::identify;
use crate::manifest::Identity;
use crate::stamp::Watch;

/// Where jobs find their compiler.
const BIN: &str = "usr/bin";
/// The PATH of a job.
const SEARCH: &str = "/usr/bin";
/// The drivers that a toolchain may have there. The first that it has is asked for the others.
const DRIVERS: [&str; 3] = ["gcc", "g++", "clang"];
/// How long it is believed that a compiler cannot be read, unless its files change before.
const FAILURE_LASTS: Duration = Duration::from_secs(60);

/// Why a toolchain cannot be used where it is installed. Another executor may take its jobs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotOwn {
    /// The sender's archive.
    #[error("it has no gcc, g++ or clang in {BIN}")]
    NoDriver,
    /// This host lacks something.
    #[error("{path} is not installed here; install the same version as on the host that sent it")]
    Missing { path: PathBuf },
    /// This host's compiler.
    #[error("this host's own {path} cannot be read as a toolchain: {why}")]
    Unreadable { path: PathBuf, why: String },
    /// They are two compilers.
    #[error(
        "this host's own {path} is another one (version {version}, toolchain {own}); install the same packages on both hosts"
    )]
    Other {
        path: PathBuf,
        version: String,
        own: Identity,
    },
    /// The files are there, and a job would run others.
    #[error("{path} is not the program that does the work here ({really}); make it that program")]
    Elsewhere { path: PathBuf, really: PathBuf },
}

impl NotOwn {
    /// Whether it may be the same compiler all the same: nobody could look. An upgrade takes files
    /// away before it brings them, and a busy host cannot start the compiler.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Missing { .. } | Self::Unreadable { .. })
    }
}

/// This host's own compilers. Shared by reference between threads; blocks while one is read.
#[derive(Debug, Default)]
pub struct Own {
    read: Mutex<HashMap<PathBuf, Arc<Mutex<Option<Known>>>>>,
}

/// A compiler that was read.
#[derive(Debug)]
struct Known {
    watch: Watch,
    at: Instant,
    result: Result<Compilers, NotOwn>,
}

#[derive(Debug)]
struct Compilers {
    identity: Identity,
    version: String,
    /// All files, links resolved.
    files: Vec<PathBuf>,
    /// Path as a job would name it, and the file that was read.
    drivers: Vec<(PathBuf, PathBuf)>,
}

impl Own {
    /// The files of this host, links resolved, of which the toolchain `identity` consists. It is
    /// unpacked at `root`; only the names in it are looked at.
    pub fn files(&self, identity: Identity, root: &Path) -> Result<Vec<PathBuf>, NotOwn> {
        self.files_in(Path::new("/"), identity, root)
    }

    fn files_in(
        &self,
        host: &Path,
        identity: Identity,
        root: &Path,
    ) -> Result<Vec<PathBuf>, NotOwn> {
        let names = DRIVERS.map(|name| Path::new(BIN).join(name));
        let driver = names
            .into_iter()
            .find(|name| root.join(name).symlink_metadata().is_ok());
        let path = host.join(driver.ok_or(NotOwn::NoDriver)?);
        let slot = Arc::clone(
            self.read
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .entry(path.clone())
                .or_default(),
        );
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        let still_holds = |known: &mut Known| {
            (known.result.is_ok() || known.at.elapsed() < FAILURE_LASTS) && known.watch.holds()
        };
        if !slot.as_mut().is_some_and(still_holds) {
            *slot = None;
        }
        let known = slot.get_or_insert_with(|| Known::read(host, &path));
        match &known.result {
            Ok(own) if own.identity == identity => own.usable(),
            Ok(own) => Err(NotOwn::Other {
                path,
                version: own.version.clone(),
                own: own.identity,
            }),
            Err(error) => Err(error.clone()),
        }
    }
}

impl Known {
    fn read(host: &Path, path: &Path) -> Self {
        let mut watch = Watch::default();
        watch.add(path);
        let result = Compilers::read(host, path, &mut watch);
        Self {
            watch,
            at: Instant::now(),
            result,
        }
    }
}

impl Compilers {
    fn read(host: &Path, path: &Path, watch: &mut Watch) -> Result<Self, NotOwn> {
        if !path.exists() {
            return Err(NotOwn::Missing {
                path: path.to_path_buf(),
            });
        }
        let unreadable = |error: &dyn std::fmt::Display| NotOwn::Unreadable {
            path: path.to_path_buf(),
            why: error.to_string(),
        };
        let compiler = Compiler::probe_in(path, Some(OsStr::new(SEARCH)));
        let compiler = compiler.map_err(|error| unreadable(&error))?;
        let set = match collect(&compiler, &[]) {
            Ok(set) => set,
            Err(error) => {
                let why = unreadable(&error);
                *watch = error.watch;
                return Err(why);
            }
        };
        watch.clone_from(&set.watch);
        // What changes while it is read has another stamp afterwards, or is read again.
        let manifest = identify(&set).map_err(|error| unreadable(&error))?;
        Ok(Self {
            identity: manifest.identity(),
            version: compiler.version,
            drivers: drivers(host, &set),
            files: sources(&set).map(|(_, file)| file.to_path_buf()).collect(),
        })
    }

    /// Unless a job would run something else than what was read.
    fn usable(&self) -> Result<Vec<PathBuf>, NotOwn> {
        for (path, really) in &self.drivers {
            if path.canonicalize().ok().as_ref() != Some(really) {
                return Err(NotOwn::Elsewhere {
                    path: path.clone(),
                    really: really.clone(),
                });
            }
        }
        Ok(self.files.clone())
    }
}

fn drivers(host: &Path, set: &FileSet) -> Vec<(PathBuf, PathBuf)> {
    let is_driver = |name: &Path| {
        DRIVERS
            .iter()
            .any(|driver| name == Path::new(BIN).join(driver))
    };
    sources(set)
        .filter(|(name, _)| is_driver(name))
        .map(|(name, file)| (host.join(name), file.to_path_buf()))
        .collect()
}

/// Name in the toolchain and file of this host, of those members that are files.
fn sources(set: &FileSet) -> impl Iterator<Item = (&Path, &Path)> {
    set.members()
        .filter_map(|(name, member)| match &member.source {
            Source::File(file) => Some((name, file.as_path())),
            Source::Text(_) => None,
        })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// A toolchain in which only names count.
    fn root(names: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join(BIN)).unwrap();
        for name in names {
            fs::write(root.path().join(BIN).join(name), "").unwrap();
        }
        root
    }

    fn identity(compiler: &str) -> Identity {
        let compiler = Compiler::probe(Path::new(compiler)).unwrap();
        identify(&collect(&compiler, &[]).unwrap())
            .unwrap()
            .identity()
    }

    #[test]
    fn this_hosts_own_gcc_is_known_again() {
        let (own, root) = (Own::default(), root(&["gcc", "g++"]));
        let same = identity("/usr/bin/gcc");
        let files = own.files(same, root.path()).unwrap();
        let gcc = Path::new("/usr/bin/gcc").canonicalize().unwrap();
        assert!(files.contains(&gcc), "{files:?}");
        assert!(
            files
                .iter()
                .all(|file| file.canonicalize().unwrap() == *file)
        );
        let other = Identity(job::Digest::from_bytes([7; 32]));
        let refused = own.files(other, root.path()).unwrap_err();
        assert!(
            matches!(&refused, NotOwn::Other { own, .. } if *own == same),
            "{refused}"
        );
    }

    #[test]
    fn what_is_missing_or_no_compiler_is_named() {
        let (own, host) = (Own::default(), root(&[]));
        let any = Identity(job::Digest::from_bytes([0; 32]));
        let ask = |names: &[&str]| {
            own.files_in(host.path(), any, root(names).path())
                .unwrap_err()
        };
        assert_eq!(ask(&["tcc"]), NotOwn::NoDriver);
        assert!(matches!(ask(&["clang"]), NotOwn::Missing { .. }));
        // Remembered, until somebody puts one there.
        let clang = host.path().join(BIN).join("clang");
        fs::write(&clang, "#!/bin/sh\nexit 3\n").unwrap();
        fs::set_permissions(&clang, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(ask(&["clang"]), NotOwn::Unreadable { .. }));
    }

    #[test]
    fn a_compiler_behind_a_script_is_not_what_a_job_would_run() {
        let (own, host, root) = (Own::default(), root(&[]), root(&["gcc"]));
        let script = host.path().join(BIN).join("gcc");
        fs::write(&script, "#!/bin/sh\nexec /usr/bin/gcc \"$@\"\n").unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        let same = identity("/usr/bin/gcc");
        let refused = own.files_in(host.path(), same, root.path()).unwrap_err();
        assert!(matches!(refused, NotOwn::Elsewhere { .. }), "{refused}");
    }
}
