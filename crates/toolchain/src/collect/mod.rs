//! From a compiler to its files, in icecream's archive layout: the
//! drivers, what they run, the libraries of all of them, and a program to try the result with.

mod compilers;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::compiler::{Compiler, is_program};
use crate::elf::Kind;
use crate::fileset::{self, FileSet, Member, Source};
use crate::ldcache;
use crate::libraries::{Cached, Missing, closure};
use crate::loader::Loader;
use crate::path::{in_archive, normal};
use crate::stamp::Watch;

/// Why a compiler's files cannot be collected. A retry helps only after the cause was removed.
#[derive(Debug, thiserror::Error)]
#[error("toolchain for {compiler} cannot be packed: {cause}")]
pub struct CollectError {
    pub compiler: PathBuf,
    pub cause: Cause,
    pub(crate) watch: Watch,
}

/// What is missing or in the way.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    #[error("lib/{library} not found (needed by {needed_by})")]
    Library { library: String, needed_by: String },
    #[error("{tool} not found by {asked}, nor in PATH; install it")]
    Tool { tool: &'static str, asked: PathBuf },
    #[error("neither cc1 nor cc1plus was found by {asked}; install the compiler proper")]
    NoCompilerProper { asked: PathBuf },
    #[error("{path} cannot be read: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("extra file {path} {why}")]
    Extra { path: PathBuf, why: String },
    #[error("{one} and {other} would both become {name}")]
    Conflict {
        name: PathBuf,
        one: PathBuf,
        other: PathBuf,
    },
    #[error("{path} is found by -B only; name the file with -specs")]
    ByOption { path: PathBuf },
    #[error("its own trial compile of {language} fails here: {said}")]
    Trial {
        language: &'static str,
        said: String,
    },
    #[error("{file} not found (needed by {needed_by})")]
    File { file: String, needed_by: String },
    #[error("a trial compile of {language} with the collected files alone fails: {said}")]
    Sandboxed {
        language: &'static str,
        said: String,
    },
    #[error("{path} did not answer: {source}")]
    Silent { path: PathBuf, source: io::Error },
}

/// Collects what `compiler` needs to compile preprocessed source, and `extra` files at their own
/// absolute paths.
pub fn collect(compiler: &Compiler, extra: &[PathBuf]) -> Result<FileSet, CollectError> {
    collect_all(std::slice::from_ref(compiler), extra)
}

/// Collects several compilers into one set, as icecream does for a gcc and a clang.
pub(crate) fn collect_all(
    compilers: &[Compiler],
    extra: &[PathBuf],
) -> Result<FileSet, CollectError> {
    let mut collector = Collector {
        prefix: PathBuf::from("/usr"),
        search: None,
        options: Vec::new(),
        members: BTreeMap::new(),
        cached: BTreeMap::new(),
        watch: Watch::default(),
        is_observed: true,
        loader: Loader::here(),
    };
    let compiler = compilers
        .first()
        .map(|compiler| compiler.asked.clone())
        .unwrap_or_default();
    match collector.all(compilers, extra) {
        Ok(()) => Ok(collector.finish(compiler)),
        Err(cause) => Err(CollectError {
            compiler,
            cause,
            watch: collector.watch,
        }),
    }
}

pub(crate) struct Collector {
    /// What becomes `/usr` on the executor.
    prefix: PathBuf,
    /// The PATH of the compiler at hand.
    search: Option<OsString>,
    /// Options with which to ask the compiler at hand.
    options: Vec<OsString>,
    members: BTreeMap<PathBuf, Member>,
    /// What the loader's cache will say, and whether no other library of that name may replace it.
    cached: fileset::Cached,
    watch: Watch,
    /// Its trial compiles were watched.
    is_observed: bool,
    loader: Loader,
}

impl Collector {
    /// Goes on with what was collected of `compiler`.
    pub(crate) fn resume(compiler: &Compiler, set: FileSet) -> Self {
        Self {
            prefix: prefix(compiler),
            search: compiler.search.clone(),
            options: compiler.options.clone(),
            members: set.members,
            cached: set.cached,
            watch: set.watch,
            is_observed: set.is_observed,
            loader: Loader::here(),
        }
    }

    pub(crate) fn finish(self, compiler: PathBuf) -> FileSet {
        FileSet {
            compiler,
            members: self.members,
            watch: self.watch,
            cached: self.cached,
            is_observed: self.is_observed,
        }
    }

    pub(crate) fn members(&self) -> &BTreeMap<PathBuf, Member> {
        &self.members
    }

    pub(crate) fn prefix(&self) -> &Path {
        &self.prefix
    }

    pub(crate) fn loader(&mut self) -> &mut Loader {
        &mut self.loader
    }

    /// Adds a library that the loader is to find by its name, whatever it knows otherwise.
    pub(crate) fn known_library(
        &mut self,
        name: &OsStr,
        kind: Kind,
        found: &Path,
        target: &Path,
    ) -> Result<(), Cause> {
        self.file(found, target)?;
        let key = (name.as_bytes().to_vec(), kind);
        self.cached.insert(key, (target.to_path_buf(), true));
        self.loader_files();
        Ok(())
    }

    fn all(&mut self, compilers: &[Compiler], extra: &[PathBuf]) -> Result<(), Cause> {
        // Daemons run it to see whether the toolchain works there at all.
        let probe = ["/bin/true", "/usr/bin/true"]
            .map(PathBuf::from)
            .into_iter()
            .find(|path| is_program(path));
        let probe = probe.ok_or_else(|| Cause::Tool {
            tool: "true",
            asked: PathBuf::from("/bin"),
        })?;
        self.file(&probe, Path::new("/bin/true"))?;
        for compiler in compilers {
            self.compiler(compiler)?;
        }
        for path in extra {
            self.extra(path)?;
        }
        self.loader_files();
        Ok(())
    }

    fn extra(&mut self, path: &Path) -> Result<(), Cause> {
        let refuse = |why: String| Cause::Extra {
            path: path.to_path_buf(),
            why,
        };
        let meta =
            std::fs::metadata(path).map_err(|error| refuse(format!("cannot be read: {error}")))?;
        if !meta.is_file() {
            return Err(refuse("is not a regular file".to_owned()));
        }
        let absolute = std::path::absolute(path)
            .map_err(|error| refuse(format!("has no absolute path: {error}")))?;
        self.file(&absolute, &normal(&absolute))
    }

    /// Adds a file, and when it is a program or library, everything the loader needs for it.
    pub(crate) fn file(&mut self, found: &Path, target: &Path) -> Result<(), Cause> {
        let source = self.single(found, target)?;
        if let Some(interpreter) = interpreter(&source).filter(|path| is_program(path)) {
            self.file(&interpreter, &normal(&interpreter))?;
        }
        for library in closure(&mut self.loader, &source, target, &self.prefix).map_err(missing)? {
            self.single(&library.source, &library.target)?;
            let (name, kind, is_sure) = match library.cached {
                Cached::No => continue,
                Cached::Fallback(name, kind) => (name, kind, false),
                Cached::Yes(name, kind) => (name, kind, true),
            };
            let (path, was_sure) = self
                .cached
                .entry((name, kind))
                .or_insert((library.target.clone(), is_sure));
            if is_sure && !*was_sure {
                (*path, *was_sure) = (library.target, true);
            }
        }
        Ok(())
    }

    fn single(&mut self, found: &Path, target: &Path) -> Result<PathBuf, Cause> {
        let unreadable = |source| Cause::Read {
            path: found.to_path_buf(),
            source,
        };
        self.watch.add(found);
        let source = found.canonicalize().map_err(unreadable)?;
        let meta = std::fs::metadata(&source).map_err(unreadable)?;
        if !meta.is_file() {
            return Err(unreadable(io::Error::other("it is not a regular file")));
        }
        let member = Member {
            source: Source::File(source.clone()),
            executable: is_program(&source),
            size: meta.len(),
        };
        let name = in_archive(target);
        match self.members.get(&name).map(|known| &known.source) {
            Some(Source::File(known)) if *known != source => Err(Cause::Conflict {
                name,
                one: known.clone(),
                other: source,
            }),
            Some(_) => Ok(source),
            None => {
                self.members.insert(name, member);
                Ok(source)
            }
        }
    }

    fn text(&mut self, name: &str, bytes: Vec<u8>) {
        let member = Member {
            size: bytes.len() as u64,
            source: Source::Text(bytes),
            executable: false,
        };
        // A file that the user wants there stays.
        let known = self.members.get(Path::new(name));
        if !matches!(known.map(|known| &known.source), Some(Source::File(_))) {
            self.members.insert(PathBuf::from(name), member);
        }
    }

    /// `ld.so.conf` and the cache for it, with only what the toolchain holds.
    fn loader_files(&mut self) {
        let cached = self.cached.clone().into_iter();
        let entries: Vec<_> = cached
            .map(|((name, kind), (path, _))| ldcache::Entry { name, kind, path })
            .collect();
        let mut directories: Vec<_> = entries
            .iter()
            .filter_map(|entry| entry.path.parent())
            .collect();
        directories.sort_unstable();
        directories.dedup();
        let list: String = directories
            .iter()
            .map(|dir| format!("{}\n", dir.display()))
            .collect();
        let cache = ldcache::write(&entries);
        self.text("etc/ld.so.conf", list.into_bytes());
        if let Some(cache) = cache {
            self.text("etc/ld.so.cache", cache);
        }
    }
}

/// What becomes `/usr` on the executor.
fn prefix(compiler: &Compiler) -> PathBuf {
    let above = compiler.driver().parent().and_then(Path::parent);
    above.unwrap_or(Path::new("/usr")).to_path_buf()
}

/// What the first line of a script names.
fn interpreter(script: &Path) -> Option<PathBuf> {
    let mut start = Vec::new();
    File::open(script)
        .ok()?
        .take(256)
        .read_to_end(&mut start)
        .ok()?;
    let line = start
        .strip_prefix(b"#!")?
        .split(|byte| *byte == b'\n')
        .next()?;
    let name = line.trim_ascii().split(u8::is_ascii_whitespace).next()?;
    (name.first() == Some(&b'/')).then(|| PathBuf::from(OsStr::from_bytes(name)))
}

fn missing(missing: Missing) -> Cause {
    let needed_by = missing
        .needed_by
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    Cause::Library {
        library: missing.library,
        needed_by,
    }
}
