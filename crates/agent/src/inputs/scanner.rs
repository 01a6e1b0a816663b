//! Follows sources through their headers. What compilers know and what files say is kept between jobs.

use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use toolchain::Stamp;

use includes::{
    Chain, Compiler, Dialect, Found, Library, Memory, PRELUDE, Preset, Probe, Reached, Source,
    Spellings, Tree, Unknown, evaluate,
};
use invocation::{Inputs, Language};

use super::catalogue::Catalogue;
use super::compiler::Asked;
use super::disk::Disk;
use super::listing::{Listed, Listing, NotListed};
use super::looks::Looks;
use super::own::Own;
use super::recorded::{Holds, Recorded};

/// Names, definitions and paths of one kind of compile; beyond that everything is read anew.
const MAX_SIZE: usize = 4_000_000;
/// Kinds of compiles that are remembered.
const MAX_KINDS: usize = 1000;
/// Of those, how many remember how sources went through their headers: up to some 24 MB each.
const MAX_MEMORIES: usize = 12;
/// How often a compiler is asked for one source before it is given up.
const MAX_ROUNDS: usize = 8;

#[derive(Debug, Default)]
pub(crate) struct Scanner {
    grounds: HashMap<(PathBuf, Language, Dialect), Ground>,
    kinds: HashMap<Asked, Kind>,
    turn: u64,
}

/// What compiles have in common that read files in the same way, whatever directories they search.
#[derive(Debug)]
struct Ground {
    library: Library,
    disk: Disk,
}

/// Compiles that a compiler answers alike.
#[derive(Debug)]
struct Kind {
    ground: (PathBuf, Language, Dialect),
    compiler: Compiler,
    chain: Chain,
    /// While another kind is on the ground.
    memory: Memory,
    used: u64,
    spellings: Spellings,
    recorded: HashMap<(Vec<invocation::Preset>, PathBuf, Beside), Recorded>,
    own: Own,
    program: Option<Stamp>,
    /// What was not there when the compiler was asked, and would have changed its answer: directories to be searched,
    /// and what it reads first.
    passed_over: Vec<PathBuf>,
    /// Where options name directories, and whether a file is there: gcc says so of each.
    named: Vec<(PathBuf, bool)>,
    /// It takes the time from SOURCE_DATE_EPOCH, if somebody wanted to know.
    heeds_epoch: Option<bool>,
}

/// What a compile reads besides the source and what that includes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Beside {
    pub(crate) files: Vec<PathBuf>,
    /// Another name of the directory that it runs in.
    pub(crate) directory: Option<PathBuf>,
}

/// How a source's files came to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// As the last time: nothing of it has changed.
    Recorded,
    /// As the last time: in files that have changed the directives are the same.
    SameDirectives,
    /// By evaluating directives.
    Evaluated,
}

/// Why a source's files are not known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotKnown {
    #[error("the compiler cannot be asked: {0}")]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Unanswered(#[from] includes::Unanswered),
    #[error("{}: {why}", at.display())]
    Doubt { why: includes::Doubt, at: PathBuf },
    #[error("{} is not there", .0.display())]
    NoFile(PathBuf),
    #[error("{} is not found", String::from_utf8_lossy(.0))]
    Missing(Vec<u8>),
    #[error(transparent)]
    NotListed(#[from] NotListed),
    #[error("a file names the time: {0}")]
    Time(&'static str),
    #[error("the compiler is asked for ever more")]
    Endless,
}

impl Scanner {
    /// The files that a source enters, as the compiler would name them.
    pub(crate) fn entered(
        &mut self,
        asked: &Asked,
        inputs: &Inputs,
        source: &Path,
    ) -> Result<Vec<PathBuf>, NotKnown> {
        let (kind, ground) = self.kind(asked)?;
        let reached = kind.reached(ground, asked, inputs, source, Looks::default())?;
        if let Some(name) = reached.missing {
            return Err(NotKnown::Missing(name));
        }
        let files = reached.entered.iter();
        Ok(files
            .map(|file| ground.disk.path(*file).to_owned())
            .collect())
    }

    /// Where it looks in vain, as the compiler would name these places.
    pub(crate) fn absent(
        &mut self,
        asked: &Asked,
        inputs: &Inputs,
        source: &Path,
    ) -> Result<Vec<PathBuf>, NotKnown> {
        let (kind, ground) = self.kind(asked)?;
        let reached = kind.reached(ground, asked, inputs, source, Looks::default())?;
        let Ground { library, disk } = ground;
        let mut absent = Vec::new();
        for probe in &reached.probes {
            if disk.find(probe.directory, probe.name, library) == Found::Nothing {
                let directory = disk.directory_path(probe.directory);
                absent.push(directory.join(as_path(library.spelling(probe.name))));
            }
        }
        Ok(absent)
    }

    /// Whether the compiler takes the time from SOURCE_DATE_EPOCH.
    pub(crate) fn heeds_epoch(&mut self, asked: &Asked) -> Result<bool, NotKnown> {
        let (kind, _) = self.kind(asked)?;
        let heeds = match kind.heeds_epoch {
            Some(heeds) => heeds,
            None => asked.heeds_epoch()?,
        };
        kind.heeds_epoch = Some(heeds);
        Ok(heeds)
    }

    /// What an executor must be told for a source.
    pub(crate) fn listing(
        &mut self,
        asked: &Asked,
        inputs: &Inputs,
        source: &Path,
        catalogue: &Mutex<Catalogue>,
        beside: &Beside,
        arrived: Instant,
    ) -> Result<(Listing, Level), NotKnown> {
        let (kind, ground) = self.kind(asked)?;
        let looks = Looks::of(arrived);
        ground.disk.begin(&asked.directory, looks);
        let key = (inputs.presets.clone(), source.to_owned(), beside.clone());
        let mut level = Level::Evaluated;
        if let Some(recorded) = kind.recorded.get(&key) {
            let Ground { library, disk } = &mut *ground;
            let catalogue = catalogue.lock().unwrap_or_else(PoisonError::into_inner);
            match recorded.holds(disk, library, &catalogue) {
                Holds::All => return Ok((recorded.listing.clone(), Level::Recorded)),
                // What follows goes the same way, by what the evaluator remembers.
                Holds::Directives => level = Level::SameDirectives,
                Holds::Nothing => {}
            }
        }
        let mut reached = kind.reached(ground, asked, inputs, source, looks)?;
        let Ground { library, disk } = ground;
        for path in &beside.files {
            let file = disk.file(path);
            reached
                .files
                .push(file.ok_or_else(|| NotKnown::NoFile(path.clone()))?);
        }
        let searched = kind.compiler.directories.iter();
        let searched = searched.map(|path| as_path(path).to_owned());
        let searched: Vec<PathBuf> = searched.chain(beside.directory.clone()).collect();
        let marks = kind.own.marks.iter().filter(|mark| mark.is_file());
        let spellings = &mut kind.spellings;
        let spelled = spellings.of(&reached, &kind.chain, disk, library);
        let places = spelled.into_iter().filter_map(|at| spellings.place(at));
        let listed = Listed {
            start: &asked.directory,
            reached: &reached,
            spelled: &places.collect::<Vec<Probe>>(),
            searched: &searched,
            marks: &marks.cloned().collect::<Vec<_>>(),
            arguments: &kind.own.arguments,
            source,
            gcc: kind.compiler.gnuc.filter(|_| !kind.compiler.is_clang),
        };
        let mut catalogue = catalogue.lock().unwrap_or_else(PoisonError::into_inner);
        let (listing, way) = listed.list(disk, library, &mut catalogue)?;
        match Recorded::of(&reached, &way, &listing, disk, library) {
            Some(recorded) => kind.recorded.insert(key, recorded),
            None => kind.recorded.remove(&key),
        };
        Ok((listing, level))
    }

    fn kind(&mut self, asked: &Asked) -> Result<(&mut Kind, &mut Ground), NotKnown> {
        let is_full = |ground: &Ground| ground.library.size() + ground.disk.size() > MAX_SIZE;
        if self.grounds.values().any(is_full) || self.kinds.len() > MAX_KINDS {
            self.grounds.clear();
            self.kinds.clear();
        }
        if self.kinds.get(asked).is_none_or(|kind| !kind.holds(asked)) {
            let kind = Kind::of(asked, &mut self.grounds)?;
            self.kinds.insert(asked.clone(), kind);
        }
        self.turn += 1;
        let mut remembering: Vec<u64> = self.kinds.values().map(|kind| kind.used).collect();
        if remembering.len() > MAX_MEMORIES {
            let place = remembering.len() - MAX_MEMORIES;
            let (_, oldest, _) = remembering.select_nth_unstable(place);
            let forgotten = self.kinds.values_mut().filter(|kind| kind.used < *oldest);
            forgotten.for_each(|kind| kind.memory = Memory::default());
        }
        let kind = self.kinds.get_mut(asked).ok_or(NotKnown::Endless)?;
        kind.used = self.turn;
        let ground = self
            .grounds
            .get_mut(&kind.ground)
            .ok_or(NotKnown::Endless)?;
        Ok((kind, ground))
    }
}

impl Kind {
    /// Whether the compiler would still answer as it did.
    fn holds(&self, asked: &Asked) -> bool {
        let path = |path: &PathBuf| asked.directory.join(path).exists();
        Stamp::at(&asked.program) == self.program
            && !self.passed_over.iter().any(path)
            && self
                .named
                .iter()
                .all(|(path, is_file)| path.is_file() == *is_file)
    }

    fn of(
        asked: &Asked,
        grounds: &mut HashMap<(PathBuf, Language, Dialect), Ground>,
    ) -> Result<Self, NotKnown> {
        let program = Stamp::at(&asked.program);
        let said = asked.ask(&[])?;
        let dialect = Dialect::told(&said.stdout);
        let key = (asked.program.clone(), asked.language, dialect);
        let ground = grounds.entry(key.clone()).or_insert_with(|| Ground {
            library: Library::new(dialect),
            disk: Disk::default(),
        });
        let compiler = Compiler::read(&said.stdout, &said.stderr, &[], &mut ground.library)?;
        ground.disk.goes_by_inode(compiler.is_clang);
        ground.disk.begin(&asked.directory, Looks::default());
        let mut own = Own::of(&compiler);
        let named = asked.named_directories();
        let files = named.iter().filter(|(_, is_file)| *is_file);
        own.marks.extend(files.map(|(path, _)| path.clone()));
        let mut passed_over = passed_over(&said.stderr);
        passed_over.extend(preludes(&compiler, &asked.directory));
        let directories = compiler.directories.iter();
        let directories = directories.map(|path| ground.disk.directory(as_path(path)));
        let chain = Chain {
            directories: directories.collect(),
            angled: compiler.quoted_only,
            ignores_source_directory: false,
        };
        Ok(Self {
            ground: key,
            compiler,
            chain,
            memory: Memory::default(),
            used: 0,
            spellings: Spellings::default(),
            recorded: HashMap::new(),
            own,
            program,
            passed_over,
            heeds_epoch: None,
            named,
        })
    }

    fn reached(
        &mut self,
        ground: &mut Ground,
        asked: &Asked,
        inputs: &Inputs,
        source: &Path,
        looks: Looks,
    ) -> Result<Reached, NotKnown> {
        let Ground { library, disk } = ground;
        disk.begin(&asked.directory, looks);
        let presets: Vec<Preset> = inputs.presets.iter().map(preset).collect();
        let missing = |path: &Path| NotKnown::NoFile(path.to_owned());
        let file = disk.file(source).ok_or_else(|| missing(source))?;
        let directory = disk.directory(Path::new(""));
        let mut preincluded = Vec::new();
        for path in &self.compiler.preincluded {
            let path = as_path(path);
            preincluded.push(disk.file(path).ok_or_else(|| missing(path))?);
        }
        for _ in 0..MAX_ROUNDS {
            let wanted = Source {
                file,
                presets: &presets,
                compiler: &self.compiler,
                chain: &self.chain,
                directory,
                preincluded: &preincluded,
            };
            library.exchange(&mut self.memory);
            let found = evaluate(wanted, disk, library);
            library.exchange(&mut self.memory);
            match found {
                Ok(reached) => return Ok(reached),
                Err(Unknown::Ask(questions)) => {
                    let said = asked.ask(&questions)?;
                    self.compiler.learn(&said.stdout, &questions);
                }
                Err(Unknown::Doubt(why, at)) => {
                    let at = disk.path(at).to_owned();
                    return Err(NotKnown::Doubt { why, at });
                }
            }
        }
        Err(NotKnown::Endless)
    }
}

/// Directories of the command line that the compiler says it does not search.
fn passed_over(said: &[u8]) -> Vec<PathBuf> {
    let lines = said.split(|byte| *byte == b'\n');
    let named = lines.filter_map(|line| {
        let name = line.strip_prefix(b"ignoring nonexistent directory \"")?;
        name.strip_suffix(b"\"")
    });
    named.map(|name| as_path(name).to_owned()).collect()
}

/// Where gcc has looked in vain for what it reads first.
fn preludes(compiler: &Compiler, start: &Path) -> Vec<PathBuf> {
    if compiler.is_clang {
        return Vec::new();
    }
    let searched = compiler.directories.iter().skip(compiler.quoted_only);
    let places = searched.map(|path| as_path(path).join(as_path(PRELUDE)));
    places
        .take_while(|place| !start.join(place).exists())
        .collect()
}

fn as_path(bytes: &[u8]) -> &Path {
    Path::new(std::ffi::OsStr::from_bytes(bytes))
}

fn preset(preset: &invocation::Preset) -> Preset {
    match preset {
        invocation::Preset::Define(text) => Preset::Define(text.as_bytes().to_vec()),
        invocation::Preset::Undefine(text) => Preset::Undefine(text.as_bytes().to_vec()),
        invocation::Preset::Macros(path) => Preset::Macros(path.as_bytes().to_vec()),
        invocation::Preset::Include(path) => Preset::Include(path.as_bytes().to_vec()),
    }
}
