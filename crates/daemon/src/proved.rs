//! Which member has shown that it has which toolchain, kept in one small file: a line for each,
//! `member manifest`, the oldest first. Others are told nothing of it.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use job::Digest;
use membership::MemberId;

const FILE: &str = "proved";
const NEW: &str = "proved.new";
/// One that is forgotten proves it again.
const MOST: usize = 4096;
/// No member pushes out what the others have.
const MOST_OF_ONE: usize = 256;

type Pair = (MemberId, Digest);

#[derive(Debug)]
pub(crate) struct Proved {
    directory: PathBuf,
    pairs: Mutex<VecDeque<Pair>>,
    /// Whoever writes the file holds this.
    saving: Mutex<()>,
}

impl Proved {
    /// What is damaged is left out.
    pub(crate) fn load(directory: &Path) -> Self {
        let text = fs::read_to_string(directory.join(FILE)).unwrap_or_default();
        let mut pairs: VecDeque<Pair> = text.lines().filter_map(parse).collect();
        pairs.drain(..pairs.len().saturating_sub(MOST));
        Self {
            directory: directory.to_owned(),
            pairs: Mutex::new(pairs),
            saving: Mutex::default(),
        }
    }

    pub(crate) fn has(&self, member: MemberId, manifest: &Digest) -> bool {
        self.pairs().contains(&(member, *manifest))
    }

    /// Blocks, as files do.
    pub(crate) fn add(&self, member: MemberId, manifest: Digest) {
        let _one_by_one = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        let text = {
            let mut pairs = self.pairs();
            if pairs.contains(&(member, manifest)) {
                return;
            }
            let of_one = pairs.iter().filter(|(other, _)| *other == member).count();
            let oldest = match of_one >= MOST_OF_ONE {
                true => pairs.iter().position(|(other, _)| *other == member),
                false => (pairs.len() >= MOST).then_some(0),
            };
            oldest.and_then(|at| pairs.remove(at));
            pairs.push_back((member, manifest));
            let line = |(member, manifest): &Pair| format!("{member} {manifest}\n");
            pairs.iter().map(line).collect::<String>()
        };
        let new = self.directory.join(NEW);
        // What is lost is proved again.
        let _unsaved =
            fs::write(&new, text).and_then(|()| fs::rename(&new, self.directory.join(FILE)));
    }

    fn pairs(&self) -> MutexGuard<'_, VecDeque<Pair>> {
        self.pairs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn parse(line: &str) -> Option<Pair> {
    let (member, manifest) = line.split_once(' ')?;
    Some((member.parse().ok()?, Digest::parse(manifest).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_proved_outlives_a_restart_and_no_member_fills_the_list() {
        let place = tempfile::tempdir().unwrap();
        let member = |number| MemberId::from_bytes([number; 16]);
        let digest = |number: usize| {
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&number.to_le_bytes());
            Digest::from_bytes(bytes)
        };
        let proved = Proved::load(place.path());
        proved.add(member(1), digest(7));
        for number in 0..=MOST_OF_ONE {
            proved.add(member(2), digest(number));
        }
        let text = fs::read_to_string(place.path().join(FILE)).unwrap();
        fs::write(place.path().join(FILE), text + "damaged line\n").unwrap();
        let again = Proved::load(place.path());
        assert!(again.has(member(1), &digest(7)));
        assert!(!again.has(member(1), &digest(8)), "another member's");
        assert!(!again.has(member(2), &digest(0)), "the oldest");
        assert!(again.has(member(2), &digest(MOST_OF_ONE)));
    }
}
