//! Headers that gcc's directives-only text misrepresents: `#pragma pop_macro` brings a macro back,
//! and the text does not say so. Each header is read once and asked again only after a change.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use invocation::EnteredFiles;
use job::Reason;

use super::NoText;

/// Headers remembered; beyond that everything is forgotten and asked anew.
const MAX_KNOWN: usize = 200_000;

/// What changes when a file does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    inode: (u64, u64),
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(meta: &Metadata) -> Self {
        Self {
            inode: (meta.dev(), meta.ino()),
            size: meta.size(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        }
    }
}

/// Refuses a text that was made from headers which it misrepresents.
pub(super) fn check(
    pragmas: Option<&Pragmas>,
    entered: Option<EnteredFiles>,
    directory: &Path,
) -> Result<(), NoText> {
    let (Some(pragmas), Some(entered)) = (pragmas, entered) else {
        return Ok(());
    };
    match pragmas.offender(directory, entered.into_paths()) {
        Ok(None) => Ok(()),
        Ok(Some(header)) => Err(NoText {
            reason: Reason::NotInText,
            detail: format!("{}: #pragma pop_macro", header.display()),
        }),
        Err(error) => Err(NoText {
            reason: Reason::PreprocessorFailed,
            detail: format!("reading a header again: {error}"),
        }),
    }
}

/// What is known of headers. A memo that every preprocessing thread fills: no state that decides.
#[derive(Debug, Default)]
pub(crate) struct Pragmas {
    known: Mutex<HashMap<PathBuf, (Stamp, bool)>>,
}

impl Pragmas {
    /// The first of `files` (relative ones are in `directory`) that brings a macro back.
    pub(crate) fn offender(
        &self,
        directory: &Path,
        files: Vec<PathBuf>,
    ) -> io::Result<Option<PathBuf>> {
        for file in files {
            if self.brings_macros_back(directory.join(&file))? {
                return Ok(Some(file));
            }
        }
        Ok(None)
    }

    fn brings_macros_back(&self, path: PathBuf) -> io::Result<bool> {
        let stamp = Stamp::of(&std::fs::metadata(&path)?);
        let known = self.lock().get(&path).copied();
        if let Some((_, answer)) = known.filter(|(then, _)| *then == stamp) {
            return Ok(answer);
        }
        let mut file = File::open(&path)?;
        // Of the open file: the name may mean another one by now.
        let stamp = Stamp::of(&file.metadata()?);
        let mut content = Vec::new();
        file.read_to_end(&mut content)?;
        let answer = invocation::brings_macros_back(&content);
        let mut known = self.lock();
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        known.insert(path, (stamp, answer));
        Ok(answer)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<PathBuf, (Stamp, bool)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
        std::fs::write(&header, "#pragma pop_macro(\"A\")\n").unwrap();
        assert_eq!(ask(), Some("a.h".into()));
        assert!(pragmas.offender(&dir, vec!["gone.h".into()]).is_err());
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
