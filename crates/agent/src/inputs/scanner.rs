//! Follows sources through their headers. What compilers know and what files say is kept between jobs.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use includes::{Dialect, Found, Memory, Probe, Tree};
use invocation::{Inputs, Language};

use super::catalogue::Catalogue;
use super::compiler::Asked;
use super::kind::{Ground, Kind, as_path};
use super::listing::{Listed, Listing, NotListed};
use super::looks::Looks;
use super::precompiled::{Precompiled, Unfit};
use super::recorded::{Holds, Recorded};

/// Names, definitions and paths of one kind of compile; beyond that everything is read anew.
const MAX_SIZE: usize = 4_000_000;
/// Kinds of compiles that are remembered.
const MAX_KINDS: usize = 1000;
/// Of those, how many remember how sources went through their headers: up to some 24 MB each.
const MAX_MEMORIES: usize = 12;

#[derive(Debug, Default)]
pub(crate) struct Scanner {
    grounds: HashMap<(PathBuf, Language, Dialect), Ground>,
    kinds: HashMap<Asked, Kind>,
    turn: u64,
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
        let key = (inputs.clone(), source.to_owned(), beside.clone());
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
        let precompiled = kind.precompiled(ground, asked, inputs, source, &mut reached)?;
        let Ground { library, disk } = ground;
        for path in beside.files.iter().chain(&kind.own.lists) {
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
            gcc: kind.gcc(),
            is_precompiled: !precompiled.found.is_empty(),
            absent: &precompiled.absent,
        };
        let mut catalogue = catalogue.lock().unwrap_or_else(PoisonError::into_inner);
        let listed = listed.list(disk, library, &mut catalogue);
        for Precompiled { file, .. } in &precompiled.found {
            disk.forget_text(*file);
        }
        let (listing, way) = listed.map_err(|why| match precompiled.found.first() {
            // Nor may it be text.
            Some(Precompiled { file, .. }) => {
                Unfit::new(disk.path(*file).to_owned(), why.to_string()).into()
            }
            None => why,
        })?;
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
