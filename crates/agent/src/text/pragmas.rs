//! Headers that gcc's directives-only text misrepresents: it says nothing of some pragmas. Each
//! header is read once and asked again only after a change.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use toolchain::Stamp;

/// Headers remembered; beyond that everything is forgotten and asked anew.
const MAX_KNOWN: usize = 200_000;

/// The same for directories with such sources.
const MAX_KINDS: usize = 10_000;

/// What is known of headers. A memo that every preprocessing thread fills: no state that decides.
#[derive(Debug, Default)]
pub(crate) struct Pragmas {
    known: Mutex<HashMap<PathBuf, (Stamp, bool)>>,
    /// Compilers, and directories whose sources include such headers with them.
    expanding: Mutex<HashSet<(PathBuf, PathBuf)>>,
}

impl Pragmas {
    /// The first of `files` (relative ones are in `directory`) that is misrepresented.
    pub(crate) fn offender(
        &self,
        directory: &Path,
        files: Vec<PathBuf>,
    ) -> io::Result<Option<PathBuf>> {
        for file in files {
            if self.is_misrepresented(directory.join(&file))? {
                return Ok(Some(file));
            }
        }
        Ok(None)
    }

    /// Whether a text of a source beside this one was found to lose something, with this compiler. It only
    /// spares a vain preprocessor: what a text loses is looked for in each.
    pub(crate) fn were_lost(&self, program: &Path, source: &Path) -> bool {
        self.expanding().contains(&kind(program, source))
    }

    /// Remembers it.
    pub(crate) fn lost(&self, program: &Path, source: &Path) {
        let mut expanding = self.expanding();
        if expanding.len() >= MAX_KINDS {
            expanding.clear();
        }
        expanding.insert(kind(program, source));
    }

    fn expanding(&self) -> MutexGuard<'_, HashSet<(PathBuf, PathBuf)>> {
        self.expanding
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn is_misrepresented(&self, path: PathBuf) -> io::Result<bool> {
        // Before anything is read: what is written from now on must not be taken for known.
        let now = SystemTime::now();
        let meta = std::fs::metadata(&path)?;
        // What a pipe gave is gone, and reading it would wait for more.
        if !meta.is_file() {
            return Ok(false);
        }
        let stamp = Stamp::of(&meta);
        let known = self.lock().get(&path).copied();
        if let Some((_, answer)) = known.filter(|(then, _)| *then == stamp) {
            return Ok(answer);
        }
        let mut file = File::open(&path)?;
        // Of the open file: the name may mean another one by now.
        let stamp = Stamp::of(&file.metadata()?);
        let mut content = Vec::new();
        file.read_to_end(&mut content)?;
        let answer = invocation::is_lost_in_directives(&content);
        if !stamp.is_racy(now) {
            let mut known = self.lock();
            if known.len() >= MAX_KNOWN {
                known.clear();
            }
            known.insert(path, (stamp, answer));
        }
        Ok(answer)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PathBuf, (Stamp, bool)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn kind(program: &Path, source: &Path) -> (PathBuf, PathBuf) {
    let directory = source.parent().unwrap_or(Path::new(""));
    (program.to_owned(), directory.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_asked_again_after_a_change() {
        let dir = std::env::temp_dir().join(format!("floe-pragmas-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let header = dir.join("a.h");
        std::fs::write(&header, "#define A 1\n").unwrap();
        let pragmas = Pragmas::default();
        let ask = || pragmas.offender(&dir, vec!["a.h".into()]).unwrap();
        assert_eq!(ask(), None);
        // As long as before, and perhaps within the same tick of the clock.
        std::fs::write(&header, "pop_macro  \n").unwrap();
        assert_eq!(ask(), Some("a.h".into()));
        assert!(pragmas.offender(&dir, vec!["gone.h".into()]).is_err());
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
