//! Which compilers' headers are followed without looking at their own preprocessor: those for which both found
//! the same some times, and never anything else.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use invocation::Language;

use super::compiler::Asked;

/// Comparisons that must have come out alike.
const ENOUGH: u32 = 3;

/// What comparisons have shown.
#[derive(Debug, Default)]
pub(crate) struct Trust(Mutex<HashMap<(PathBuf, Language), Shown>>);

#[derive(Clone, Copy, Debug, Default)]
struct Shown {
    alike: u32,
    differs: bool,
}

/// What is to be done with a compiler's jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// To be compared first.
    New,
    Trusted,
    /// It reads other files than were found here.
    Fallen,
}

impl Trust {
    pub(crate) fn standing(&self, asked: &Asked) -> Standing {
        let shown = self.lock().get(&key(asked)).copied().unwrap_or_default();
        match shown {
            Shown { differs: true, .. } => Standing::Fallen,
            Shown { alike, .. } if alike >= ENOUGH => Standing::Trusted,
            _ => Standing::New,
        }
    }

    pub(crate) fn learn(&self, asked: &Asked, is_alike: bool) {
        let mut known = self.lock();
        let shown = known.entry(key(asked)).or_default();
        match is_alike {
            true => shown.alike = shown.alike.saturating_add(1),
            false => shown.differs = true,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(PathBuf, Language), Shown>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(asked: &Asked) -> (PathBuf, Language) {
    (asked.program.clone(), asked.language)
}
