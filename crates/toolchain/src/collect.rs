//! From a compiler to its files, in icecream's archive layout: the
//! drivers, what they run, the libraries of all of them, and a program to try the result with.

use std::collections::{BTreeMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::ask::ask;
use crate::compiler::{Compiler, Family, find, is_program};
use crate::elf::Kind;
use crate::fileset::{FileSet, Member, Source};
use crate::ldcache;
use crate::libraries::{Cached, Missing, closure};
use crate::loader::Loader;
use crate::path::{in_archive, normal, under_usr};
use crate::stamp::Watch;
use crate::trial;

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
        options: Vec::new(),
        members: BTreeMap::new(),
        cached: BTreeMap::new(),
        watch: Watch::default(),
        loader: Loader::here(),
    };
    let compiler = compilers
        .first()
        .map(|compiler| compiler.asked.clone())
        .unwrap_or_default();
    match collector.all(compilers, extra) {
        Ok(()) => Ok(FileSet {
            compiler,
            members: collector.members,
            watch: collector.watch,
        }),
        Err(cause) => Err(CollectError {
            compiler,
            cause,
            watch: collector.watch,
        }),
    }
}

struct Collector {
    /// What becomes `/usr` on the executor.
    prefix: PathBuf,
    /// Options with which to ask the compiler at hand.
    options: Vec<OsString>,
    members: BTreeMap<PathBuf, Member>,
    /// What the loader's cache will say, and whether no other library of that name may replace it.
    cached: BTreeMap<(Vec<u8>, Kind), (PathBuf, bool)>,
    watch: Watch,
    loader: Loader,
}

impl Collector {
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
            self.shown(compiler)?;
        }
        for path in extra {
            self.extra(path)?;
        }
        self.loader_files();
        Ok(())
    }

    fn compiler(&mut self, compiler: &Compiler) -> Result<(), Cause> {
        let driver = compiler.driver();
        self.prefix = driver
            .parent()
            .and_then(Path::parent)
            .unwrap_or(Path::new("/usr"))
            .to_path_buf();
        self.options.clone_from(&compiler.options);
        self.watch.add(&compiler.asked);
        for path in &compiler.absent {
            self.watch.add(path);
        }
        match compiler.family {
            Family::Gcc => self.gcc(compiler)?,
            Family::Clang => self.clang(compiler)?,
        }
        let assembler = self.tool(driver, "as")?;
        let assembler = assembler.ok_or_else(|| Cause::Tool {
            tool: "as",
            asked: driver.to_path_buf(),
        })?;
        self.file(&assembler, Path::new("/usr/bin/as"))?;
        if let Some(objcopy) = self.tool(driver, "objcopy")? {
            self.file(&objcopy, Path::new("/usr/bin/objcopy"))?;
        }
        Ok(())
    }

    fn gcc(&mut self, compiler: &Compiler) -> Result<(), Cause> {
        let mut any = false;
        for (driver, name, proper) in [
            (&compiler.c, "gcc", "cc1"),
            (&compiler.cxx, "g++", "cc1plus"),
        ] {
            let Some(driver) = driver else { continue };
            self.file(driver, &Path::new("/usr/bin").join(name))?;
            if let Some(path) = self.tool(driver, proper)? {
                self.file(&path, &Path::new("/usr/bin").join(proper))?;
                any = true;
            }
        }
        if !any {
            return Err(Cause::NoCompilerProper {
                asked: compiler.driver().to_path_buf(),
            });
        }
        for name in ["specs", "liblto_plugin.so"] {
            if let Some(path) =
                self.printed(compiler.driver(), &format!("-print-file-name={name}"))?
            {
                // There, the driver is not told where to look.
                let is_by_option = |option: &OsString| {
                    let dir = option.as_bytes().strip_prefix(b"-B");
                    dir.is_some_and(|dir| path.starts_with(Path::new(OsStr::from_bytes(dir))))
                };
                if self.options.iter().any(is_by_option) {
                    return Err(Cause::ByOption { path });
                }
                let target = under_usr(&path, &self.prefix);
                self.file(&path, &target)?;
            }
        }
        Ok(())
    }

    fn clang(&mut self, compiler: &Compiler) -> Result<(), Cause> {
        let driver = compiler.driver();
        self.file(driver, Path::new("/usr/bin/clang"))?;
        // Sanitizers read their default ignore lists from the resource directory.
        if let Some(resources) = self.printed(driver, "-print-resource-dir")? {
            let lists = std::fs::read_dir(resources.join("share"))
                .into_iter()
                .flatten()
                .flatten();
            let mut lists: Vec<_> = lists
                .map(|entry| entry.path())
                .filter(|path| path.is_file())
                .collect();
            lists.sort();
            for path in lists {
                let target = under_usr(&path, &self.prefix);
                self.file(&path, &target)?;
            }
        }
        for path in &compiler.configuration {
            let target = under_usr(path, &self.prefix);
            self.file(path, &target)?;
        }
        // clang complains when it cannot read it, and then does without.
        self.text("proc/cpuinfo", Vec::new());
        Ok(())
    }

    /// Adds what only a compile shows: files and programs that the driver does not name.
    fn shown(&mut self, compiler: &Compiler) -> Result<(), Cause> {
        let has = |name: &str| {
            compiler.family == Family::Clang || self.members.contains_key(Path::new(name))
        };
        let (has_c, has_cxx) = (has("usr/bin/cc1"), has("usr/bin/cc1plus"));
        let shown = trial::compile(compiler, has_c, has_cxx).map_err(|failed| Cause::Trial {
            language: failed.language,
            said: failed.said,
        })?;
        // What appears later under the name of something in use would be used instead of it.
        let used: HashSet<&OsStr> = self
            .members
            .keys()
            .filter_map(|path| path.file_name())
            .chain(shown.files.iter().filter_map(|path| path.file_name()))
            .chain([OsStr::new("specs")])
            .collect();
        for path in &shown.missed {
            let is_shadow = path.file_name().is_some_and(|name| used.contains(name));
            if is_shadow || path.extension() == Some(OsStr::new("cfg")) {
                self.watch.add(first_missing(path));
            }
        }
        let known: HashSet<PathBuf> = self
            .members
            .values()
            .filter_map(|member| match &member.source {
                Source::File(path) => Some(path.clone()),
                Source::Text(_) => None,
            })
            .collect();
        for file in shown.files.iter().filter(|file| trial::belongs(file)) {
            let is_new = file
                .canonicalize()
                .is_ok_and(|source| source.is_file() && !known.contains(&source));
            if is_new {
                let target = under_usr(file, &self.prefix);
                self.file(file, &target)?;
            }
        }
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
    fn file(&mut self, found: &Path, target: &Path) -> Result<(), Cause> {
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
        self.members.entry(PathBuf::from(name)).or_insert(member);
    }

    /// `ld.so.conf` and the cache for it, with only what the toolchain holds.
    fn loader_files(&mut self) {
        let entries: Vec<_> = std::mem::take(&mut self.cached)
            .into_iter()
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

    /// A program that the driver runs: where the driver finds it, else in PATH as it would.
    fn tool(&mut self, driver: &Path, name: &str) -> Result<Option<PathBuf>, Cause> {
        for question in ["-print-prog-name=", "-print-file-name="] {
            if let Some(path) = self.printed(driver, &format!("{question}{name}"))? {
                return Ok(Some(path));
            }
        }
        Ok(find(Path::new(name)))
    }

    /// The path that the driver prints, when it names something that exists. A driver that knows no
    /// path repeats the bare name.
    fn printed(&mut self, driver: &Path, question: &str) -> Result<Option<PathBuf>, Cause> {
        let mut words: Vec<&OsStr> = self.options.iter().map(OsString::as_os_str).collect();
        words.push(OsStr::new(question));
        let said = ask(driver, &words, "").map_err(|source| Cause::Silent {
            path: driver.to_path_buf(),
            source,
        })?;
        let path = Path::new(said.stdout.trim_end_matches('\n'));
        Ok(
            (said.success && path.components().count() > 1 && path.exists())
                .then(|| path.to_path_buf()),
        )
    }
}

/// The part of a path that would have to appear first: loaders look for many files in directories
/// that do not exist.
fn first_missing(path: &Path) -> &Path {
    let missing = |path: &&Path| std::fs::symlink_metadata(path).is_err();
    path.ancestors().take_while(missing).last().unwrap_or(path)
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
