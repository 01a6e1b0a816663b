//! A compile beside what its executor would be told.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use agent::Surveyed;

use super::watch::Seen;
use crate::replay::Noted;

/// How they differ.
#[derive(Debug, Default)]
pub(super) struct Compared {
    /// Files that the compiler opened, and their bytes.
    pub(super) needed: (usize, u64),
    /// Files that would be sent.
    pub(super) sent: (usize, u64),
    /// Opened and not sent, or looked at and absent from the executor's view.
    pub(super) missing: Vec<PathBuf>,
    /// The compiler finds one answer there and the executor's another, or the agent does not know that it was asked.
    pub(super) differing: Vec<PathBuf>,
}

pub(super) fn compare(noted: &Noted, seen: &Seen, surveyed: &Surveyed) -> Compared {
    let sent: HashSet<&Path> = surveyed.files.iter().map(|(path, _)| &**path).collect();
    let unsent: HashSet<&Path> = surveyed.unsent.iter().map(PathBuf::as_path).collect();
    let is_there = |place: &Path| sent.contains(place) || unsent.contains(place);
    let at = |path: &PathBuf| place(&noted.directory.join(path));
    let absent: HashSet<PathBuf> = surveyed.absent.iter().map(at).collect();
    // A directory that is absent is as good as all that would be in it.
    let above = |path: &PathBuf| path.ancestors().map(Path::to_owned).collect::<Vec<_>>();
    let ways: HashSet<PathBuf> = absent.iter().flat_map(above).collect();
    let mut compared = Compared {
        needed: (seen.opened.len(), seen.opened.values().sum()),
        sent: (
            surveyed.files.len(),
            surveyed.files.iter().map(|(_, size)| size).sum(),
        ),
        ..Compared::default()
    };
    for place in seen.opened.keys() {
        if !sent.contains(&**place) {
            compared.missing.push(place.clone());
        }
        if absent.contains(place) {
            compared.differing.push(place.clone());
        }
    }
    for place in &seen.looked_at {
        if !is_there(place) {
            compared.missing.push(place.clone());
        }
    }
    for path in &seen.absent {
        let place = at(path);
        // A directory that the command names and that is not there: the compiler says so once and goes on.
        let is_named = || {
            let path = path.to_string_lossy();
            noted.words.iter().any(|word| word.ends_with(&*path))
        };
        if is_there(&place) || !ways.contains(&place) && !is_named() {
            compared.differing.push(path.clone());
        }
    }
    compared
}

/// Where a path leads that may lead to nothing: links are followed as far as there is anything.
fn place(path: &Path) -> PathBuf {
    for above in path.ancestors() {
        if let Ok(found) = fs::canonicalize(above)
            && let Ok(rest) = path.strip_prefix(above)
        {
            return match rest.as_os_str().is_empty() {
                true => found,
                false => found.join(rest),
            };
        }
    }
    path.to_owned()
}
