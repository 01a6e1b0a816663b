//! Which files a job reads, found without running its preprocessor, so that they travel instead of text.
//!
//! What [`includes`] finds becomes a [`Listing`] of entries of the agent's one [`catalogue`]; executors are told
//! entries once, and named to by number from then on ([`crate::cluster`]). Whatever is not certain is text. With
//! `FLOE_INPUTS=shadow`, and for the first jobs of each compiler, the files that a text was made from are compared
//! with those that are found here; a compiler that reads others is not followed again ([`trust`]).

mod catalogue;
mod clock;
mod compiler;
mod disk;
mod kind;
mod listing;
#[cfg(test)]
mod listing_tests;
mod locale;
mod looks;
mod names;
mod numbered;
mod own;
mod places;
mod precompiled;
mod reading;
mod recorded;
mod scanner;
mod shadow;
mod trust;
mod zone;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use invocation::Remote;
use job::Input;
use toolchain::Stamp;

pub(crate) use catalogue::{Catalogue, NotTold, push};
pub(crate) use listing::Listing;
use listing::NotListed;
pub(crate) use shadow::{Shadow, Watched};

use crate::job::Outline;
use compiler::Asked;
pub(crate) use locale::Locale;
use scanner::{Beside, Level, NotKnown, Scanner};
use trust::{Standing, Trust};

/// Variables that name directories or tools. No other changes which files are read.
const VARIABLES: &[&str] = &[
    "PATH",
    "CPATH",
    "C_INCLUDE_PATH",
    "CPLUS_INCLUDE_PATH",
    "OBJC_INCLUDE_PATH",
    "OBJCPLUS_INCLUDE_PATH",
    "COMPILER_PATH",
    "GCC_EXEC_PREFIX",
    "LD_LIBRARY_PATH",
    "SDKROOT",
];

/// What the user wants to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Auto,
    Text,
    Headers,
    Shadow,
}

/// What is known of this user's files. There is one.
#[derive(Debug)]
pub(crate) struct Inputs {
    scanner: Arc<Mutex<Scanner>>,
    catalogue: Arc<Mutex<Catalogue>>,
    trust: Arc<Trust>,
    shadow: Arc<Shadow>,
}

impl Default for Inputs {
    fn default() -> Self {
        let (scanner, trust) = <(Arc<Mutex<Scanner>>, Arc<Trust>)>::default();
        Self {
            shadow: Arc::new(Shadow::new(&scanner, &trust)),
            scanner,
            catalogue: Arc::default(),
            trust,
        }
    }
}

impl Inputs {
    /// The comparison of a job that travels as text, where it is wanted and the command is followed at all.
    pub(crate) fn watched(&self, outline: &Outline, plan: &Remote) -> Option<Box<Watched>> {
        let inputs = plan.inputs.clone()?;
        let asked = asked(outline, plan)?;
        let watched = match wanted(outline) {
            Wanted::Shadow => true,
            Wanted::Auto => self.trust.standing(&asked) == Standing::New,
            Wanted::Text | Wanted::Headers => false,
        };
        watched.then(|| {
            Box::new(Watched {
                shadow: Arc::clone(&self.shadow),
                asked,
                inputs,
                source: plan.source.clone(),
            })
        })
    }

    /// The files of a job that may travel without text, as they have been at some moment since it arrived.
    ///
    /// # Errors
    ///
    /// Why it has to be something else.
    pub(crate) async fn listing(
        &self,
        outline: &Outline,
        plan: &Remote,
        arrived: Instant,
    ) -> Result<Found, Not> {
        let wanted = wanted(outline);
        if matches!(wanted, Wanted::Text | Wanted::Shadow) {
            return Err(Not::Files(String::new()));
        }
        let text = |why: &str| Not::Files(why.to_owned());
        let followed = plan.with_files.as_ref().and(plan.inputs.clone());
        let inputs = followed.ok_or_else(|| text("options of the command are not followed"))?;
        let asked = asked(outline, plan);
        let asked = asked.ok_or_else(|| text("options of the command are not followed"))?;
        match self.trust.standing(&asked) {
            _ if wanted == Wanted::Headers => {}
            Standing::Trusted => {}
            Standing::New => return Err(text("the compiler is new here and compared first")),
            Standing::Fallen => {
                return Err(text(
                    "the compiler was seen to read other files than were found",
                ));
            }
        }
        let (beside, speaks_alike) = beside(outline);
        let (scanner, catalogue) = (Arc::clone(&self.scanner), Arc::clone(&self.catalogue));
        let source = plan.source.clone();
        let clock = Clock::of(outline);
        let listing = tokio::task::spawn_blocking(move || {
            let list = |beside: &Beside| {
                let mut scanner = scanner.lock().unwrap_or_else(PoisonError::into_inner);
                scanner.listing(&asked, &inputs, &source, &catalogue, beside, arrived)
            };
            let (mut listing, mut level) = list(&beside)?;
            if listing.time.of_source {
                let mut beside = beside;
                beside.files.extend(clock.zone()?);
                (listing, level) = list(&beside)?;
            }
            let epoch = clock.epoch(&listing, &asked, &scanner)?;
            Ok((listing, level, epoch))
        });
        let listing: Result<(Listing, Level, Option<u64>), NotKnown> =
            listing.await.map_err(|error| text(&error.to_string()))?;
        let (listing, level, epoch) = listing.map_err(|why| match &why {
            NotKnown::NotListed(NotListed::Precompiled(unfit)) => Not::Text(unfit.to_string()),
            _ => text(&why.to_string()),
        })?;
        let input = match level {
            Level::Recorded => Input::Recorded,
            Level::SameDirectives => Input::SameDirectives,
            Level::Evaluated => Input::Evaluated,
        };
        Ok(Found {
            listing,
            input,
            epoch,
            directory: working_directory(outline),
            locale: match speaks_alike {
                true => locale(outline),
                false => Locale::default(),
            },
            speaks_alike,
        })
    }

    /// Where the compiler of a job looks in vain.
    ///
    /// # Errors
    ///
    /// Why that is not known.
    pub(crate) fn absent(&self, outline: &Outline, plan: &Remote) -> Result<Vec<PathBuf>, String> {
        let not_followed = || "options of the command are not followed".to_owned();
        let inputs = plan.inputs.as_ref().ok_or_else(not_followed)?;
        let asked = asked(outline, plan).ok_or_else(not_followed)?;
        let mut scanner = self.scanner.lock().unwrap_or_else(PoisonError::into_inner);
        let absent = scanner.absent(&asked, inputs, &plan.source);
        absent.map_err(|why| why.to_string())
    }

    pub(crate) fn catalogue(&self) -> Arc<Mutex<Catalogue>> {
        Arc::clone(&self.catalogue)
    }
}

/// The files of a job.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) listing: Listing,
    pub(crate) input: Input,
    /// SOURCE_DATE_EPOCH for an executor's compiler, where the user has none and the source names the time.
    pub(crate) epoch: Option<u64>,
    /// As the compiler would call it.
    pub(crate) directory: PathBuf,
    pub(crate) locale: Locale,
    /// What the compiler says there is what it would say here.
    pub(crate) speaks_alike: bool,
}

/// Why a job does not travel as files.
#[derive(Debug)]
pub(crate) enum Not {
    /// It travels as text; empty where nobody wanted anything else.
    Files(String),
    /// Nor as text: the compiler would read a precompiled header, of which text knows nothing. Which, and why.
    Text(String),
}

/// What is told of files, for a moment.
pub(crate) fn open(catalogue: &Mutex<Catalogue>) -> MutexGuard<'_, Catalogue> {
    catalogue.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the environment says of the time.
struct Clock {
    has_epoch: bool,
    /// With all that may have a say in it.
    environment: Vec<(OsString, OsString)>,
    zone: Option<Vec<PathBuf>>,
}

impl Clock {
    fn of(outline: &Outline) -> Self {
        Self {
            has_epoch: outline.environment.get("SOURCE_DATE_EPOCH").is_some(),
            environment: outline.environment.for_compiler(),
            zone: zone::files(|name| outline.environment.get(name)),
        }
    }

    fn zone(&self) -> Result<Vec<PathBuf>, NotKnown> {
        let zone = self.zone.clone();
        zone.ok_or(NotKnown::Time("the zone is not known"))
    }

    /// What the executor's compiler is told of the time, if the source names it.
    fn epoch(
        &self,
        listing: &Listing,
        asked: &Asked,
        scanner: &Mutex<Scanner>,
    ) -> Result<Option<u64>, NotKnown> {
        if !listing.time.of_compile {
            return Ok(None);
        }
        let mut scanner = scanner.lock().unwrap_or_else(PoisonError::into_inner);
        if !scanner.heeds_epoch(asked)? {
            return Err(NotKnown::Time("the compiler has a clock of its own"));
        }
        if self.has_epoch {
            return Ok(None);
        }
        // What gcc says of its source's time is the file's all the same; clang's is the epoch.
        if listing.time.of_source && listing.gcc.is_none() {
            return Err(NotKnown::Time("it names that of the source, too"));
        }
        drop(scanner);
        let asked = Asked {
            environment: self.environment.clone(),
            ..asked.clone()
        };
        Ok(Some(asked.clock()?))
    }
}

/// What the compile reads besides its source and headers, and whether that is all that decides how it speaks.
fn beside(outline: &Outline) -> (Beside, bool) {
    let files = locale(outline).files();
    let directory = working_directory(outline);
    let beside = Beside {
        directory: (directory != outline.directory).then_some(directory),
        files: files.clone().unwrap_or_default(),
    };
    (beside, files.is_some())
}

fn locale(outline: &Outline) -> Locale {
    Locale::of(|name| outline.environment.get(name))
}

/// What compilers write into debug information: `PWD` as long as it leads to where they are.
fn working_directory(outline: &Outline) -> PathBuf {
    let said = outline.environment.get("PWD").map(PathBuf::from);
    let said = said.filter(|said| {
        let same = |said: &Path| {
            Stamp::at(said)
                .zip(Stamp::at(&outline.directory))
                .is_some_and(|(one, other)| !one.is_of_another(&other))
        };
        said.is_absolute() && same(said)
    });
    said.unwrap_or_else(|| outline.directory.clone())
}

fn wanted(outline: &Outline) -> Wanted {
    match outline
        .environment
        .get(job::variable::FLOE_INPUTS)
        .and_then(OsStr::to_str)
    {
        Some("headers") => Wanted::Headers,
        Some("shadow") => Wanted::Shadow,
        Some("text") => Wanted::Text,
        _ => Wanted::Auto,
    }
}

fn asked(outline: &Outline, plan: &Remote) -> Option<Asked> {
    let inputs = plan.inputs.as_ref()?;
    let mut environment = outline.environment.for_compiler();
    environment.retain(|(name, _)| VARIABLES.iter().any(|known| name == known));
    // A compiler prints each directory that it searches on a line, and so one with an end of line in its name as two.
    let mut words = inputs.question.iter();
    let mut values = environment.iter().map(|(_, value)| value);
    let is_torn = |word: &OsString| word.as_bytes().contains(&b'\n');
    if words.any(is_torn) || values.any(is_torn) {
        return None;
    }
    Some(Asked {
        program: PathBuf::clone(&outline.program),
        language: plan.language,
        options: inputs.question.clone(),
        directory: outline.directory.clone(),
        environment,
    })
}
