//! Which files a job reads, found without running its preprocessor, so that they travel instead of text.
//!
//! What [`includes`] finds becomes a [`Listing`] of entries of the agent's one [`catalogue`]; executors are told
//! entries once, and named to by number from then on ([`crate::cluster`]). Whatever is not certain is text. With
//! `FLOE_INPUTS=shadow`, and for the first jobs of each compiler, the files that a text was made from are compared
//! with those that are found here; a compiler that reads others is not followed again ([`trust`]).

mod catalogue;
mod compiler;
mod disk;
mod listing;
#[cfg(test)]
mod listing_tests;
mod locale;
mod looks;
mod names;
mod own;
mod places;
mod recorded;
mod scanner;
mod shadow;
mod trust;

use std::ffi::OsStr;
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
        let listing = tokio::task::spawn_blocking(move || {
            let mut scanner = scanner.lock().unwrap_or_else(PoisonError::into_inner);
            scanner.listing(&asked, &inputs, &source, &catalogue, &beside, arrived)
        });
        let listing: Result<(Listing, Level), NotKnown> =
            listing.await.map_err(|error| text(&error.to_string()))?;
        let (listing, level) = listing.map_err(|why| match &why {
            NotKnown::NotListed(NotListed::Precompiled(header)) => Not::Text(header.clone()),
            _ => text(&why.to_string()),
        })?;
        let input = match level {
            Level::Recorded => Input::Recorded,
            Level::Evaluated => Input::Evaluated,
        };
        Ok(Found {
            listing,
            input,
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
    /// Nor as text: the compiler would read this precompiled header, of which text knows nothing.
    Text(PathBuf),
}

/// What is told of files, for a moment.
pub(crate) fn open(catalogue: &Mutex<Catalogue>) -> MutexGuard<'_, Catalogue> {
    catalogue.lock().unwrap_or_else(PoisonError::into_inner)
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
    Some(Asked {
        program: PathBuf::clone(&outline.program),
        language: plan.language,
        options: inputs.question.clone(),
        directory: outline.directory.clone(),
        environment,
    })
}
