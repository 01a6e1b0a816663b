//! Compiles that a compiler answers alike: what it said, and what is remembered of the sources that it read.

use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use includes::{
    Chain, Compiler, Dialect, Library, Memory, PRELUDE, Preset, Reached, Source, Spellings,
    Unknown, evaluate,
};
use invocation::{Inputs, Language};
use toolchain::Stamp;

use super::compiler::Asked;
use super::disk::Disk;
use super::looks::Looks;
use super::own::Own;
use super::recorded::Recorded;
use super::scanner::{Beside, NotKnown};

/// How often a compiler is asked for one source before it is given up.
const MAX_ROUNDS: usize = 8;

/// What compiles have in common that read files in the same way, whatever directories they search.
#[derive(Debug)]
pub(super) struct Ground {
    pub(super) library: Library,
    pub(super) disk: Disk,
}

/// Compiles that a compiler answers alike.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) ground: (PathBuf, Language, Dialect),
    pub(super) compiler: Compiler,
    pub(super) chain: Chain,
    /// While another kind is on the ground.
    pub(super) memory: Memory,
    pub(super) used: u64,
    pub(super) spellings: Spellings,
    pub(super) recorded: HashMap<(Inputs, PathBuf, Beside), Recorded>,
    pub(super) own: Own,
    pub(super) program: Option<Stamp>,
    /// What was not there when the compiler was asked, and would have changed its answer: directories to be searched,
    /// and what it reads first.
    pub(super) passed_over: Vec<PathBuf>,
    /// Where options name directories, and whether a file is there: gcc says so of each.
    pub(super) named: Vec<(PathBuf, bool)>,
    /// It takes the time from SOURCE_DATE_EPOCH, if somebody wanted to know.
    pub(super) heeds_epoch: Option<bool>,
}

impl Kind {
    /// Whether the compiler would still answer as it did.
    pub(super) fn holds(&self, asked: &Asked) -> bool {
        let path = |path: &PathBuf| asked.directory.join(path).exists();
        Stamp::at(&asked.program) == self.program
            && !self.passed_over.iter().any(path)
            && self
                .named
                .iter()
                .all(|(path, is_file)| path.is_file() == *is_file)
    }

    pub(super) fn of(
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
        let mut own = Own::of(&compiler, asked.sanitizes());
        let named = asked.named_directories();
        let files = named.iter().filter(|(_, is_file)| *is_file);
        own.marks.extend(files.map(|(path, _)| path.clone()));
        let mut passed_over = passed_over(&said.stderr);
        passed_over.extend(preludes(&compiler, &asked.directory));
        passed_over.extend(own.no_lists.iter().cloned());
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

    pub(super) fn reached(
        &mut self,
        ground: &mut Ground,
        asked: &Asked,
        inputs: &Inputs,
        source: &Path,
        looks: Looks,
    ) -> Result<Reached, NotKnown> {
        ground.disk.begin(&asked.directory, looks);
        self.evaluated(ground, asked, &inputs.presets, source)
    }

    /// The same without a new look at what was found for another source.
    pub(super) fn evaluated(
        &mut self,
        ground: &mut Ground,
        asked: &Asked,
        presets: &[invocation::Preset],
        source: &Path,
    ) -> Result<Reached, NotKnown> {
        let Ground { library, disk } = ground;
        let presets: Vec<Preset> = presets.iter().map(preset).collect();
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

    /// Which gcc it is, if it is one.
    pub(super) fn gcc(&self) -> Option<u32> {
        self.compiler.gnuc.filter(|_| !self.compiler.is_clang)
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

pub(super) fn as_path(bytes: &[u8]) -> &Path {
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
