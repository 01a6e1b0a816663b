//! One toolchain that one member brings here, file by file: what is there, what is asked for, who may
//! fetch of it. It stays for a while after its end: what was cut off goes on, and other executors fetch.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use job::Digest;
use membership::MemberId;
use store::ObjectLease;
use tokio::sync::Notify;
use tokio::time::Instant;
use toolchain::Manifest;

use super::landing::Landing;

/// Files that were cut off and wait for their rest: each has room put aside.
const MOST_PARTS: usize = 16;
/// Below this it is not worth the trouble.
const WORTH_KEEPING: u64 = 256 << 10;
/// Who may fetch.
const MOST_FELLOWS: usize = 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct File {
    pub(super) size: u64,
    pub(super) executable: bool,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Assembly {
    pub(super) owner: MemberId,
    pub(super) manifest: Digest,
    files: HashMap<Digest, File>,
    /// Of all files, each content once.
    pub(super) total: u64,
    state: Mutex<State>,
    /// Told whenever the state has changed.
    pub(super) changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    wanted: HashSet<Digest>,
    coming: HashSet<Digest>,
    /// To be fetched from other executors.
    elsewhere: HashSet<Digest>,
    parts: HashMap<Digest, Landing>,
    /// Keeps the files until there is a tree of them.
    leases: Vec<ObjectLease>,
    arrived: Vec<Digest>,
    again: Vec<Digest>,
    fellows: HashSet<MemberId>,
    have: u64,
    used: Option<Instant>,
    /// This host's own failure: nothing more makes sense.
    failure: Option<String>,
    settled: bool,
}

/// Why a file is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotWanted {
    /// No file of this toolchain, or another length.
    Foreign,
    /// It is there, or comes from elsewhere.
    There,
}

/// What is to be told on the offer's stream.
#[derive(Debug, Default)]
pub(super) struct News {
    pub(super) arrived: Vec<Digest>,
    pub(super) again: Vec<Digest>,
    pub(super) have: u64,
    pub(super) is_whole: bool,
    pub(super) failure: Option<String>,
}

/// The right to bring one file; dropping it makes the file wanted again.
pub(super) struct Coming<'a> {
    assembly: &'a Assembly,
    pub(super) digest: Digest,
    pub(super) file: File,
    pub(super) part: Option<Landing>,
    counted: u64,
    over: bool,
}

impl Assembly {
    /// One of which nothing is known to be there.
    pub(super) fn new(owner: MemberId, id: Digest, manifest: &Manifest) -> Self {
        let mut files = HashMap::new();
        for (_, executable, size, digest) in manifest.files() {
            // The same bytes with other rights are copied here.
            let file = files.entry(digest).or_insert(File { size, executable });
            file.executable |= executable;
        }
        let total = files.values().map(|file| file.size).sum();
        let state = State {
            wanted: files.keys().copied().collect(),
            used: Some(Instant::now()),
            ..State::default()
        };
        Self {
            owner,
            manifest: id,
            files,
            total,
            state: Mutex::new(state),
            changed: Notify::new(),
        }
    }

    pub(super) fn files(&self) -> impl Iterator<Item = (&Digest, &File)> {
        self.files.iter()
    }

    pub(super) fn file(&self, digest: &Digest) -> Option<File> {
        self.files.get(digest).copied()
    }

    /// A file that was there and that its owner has proved to have.
    pub(super) fn proved(&self, digest: Digest, lease: ObjectLease) {
        let mut state = self.state();
        if state.wanted.remove(&digest) {
            state.have += self.files.get(&digest).map_or(0, |file| file.size);
            state.leases.push(lease);
        }
    }

    /// What is to be asked for at the beginning, the largest first, with what is there of each.
    pub(super) fn missing(&self) -> Vec<(Digest, u64)> {
        let state = self.state();
        let size = |digest: &Digest| self.files.get(digest).map_or(0, |file| file.size);
        let mut missing: Vec<Digest> = state.wanted.iter().copied().collect();
        missing.sort_unstable_by_key(|digest| (std::cmp::Reverse(size(digest)), *digest));
        missing
            .into_iter()
            .map(|digest| (digest, state.parts.get(&digest).map_or(0, Landing::came)))
            .collect()
    }

    /// Somebody is about to bring a file, from an offset on.
    pub(super) fn bring(
        &self,
        digest: Digest,
        offset: u64,
        size: Option<u64>,
    ) -> Result<Coming<'_>, NotWanted> {
        let file = self.file(&digest).ok_or(NotWanted::Foreign)?;
        if size.is_some_and(|size| size != file.size) || offset > file.size {
            return Err(NotWanted::Foreign);
        }
        let mut state = self.state();
        if !state.wanted.contains(&digest) || !state.coming.insert(digest) {
            return Err(NotWanted::There);
        }
        let part = state.parts.remove(&digest);
        let part = part.filter(|part| part.came() == offset);
        if part.is_none() && offset > 0 {
            state.coming.remove(&digest);
            return Err(NotWanted::Foreign);
        }
        state.used = Some(Instant::now());
        drop(state);
        Ok(Coming {
            assembly: self,
            digest,
            file,
            counted: 0,
            part,
            over: false,
        })
    }

    /// How much is there of a file.
    pub(super) fn offset(&self, digest: &Digest) -> u64 {
        self.state().parts.get(digest).map_or(0, Landing::came)
    }

    /// These are to be fetched from another executor: of them those that are wanted and that nobody brings
    /// or fetches, so that however often one is named, one waits.
    pub(super) fn elsewhere(&self, files: &[Digest]) -> Result<Vec<Digest>, NotWanted> {
        if files.iter().any(|digest| !self.files.contains_key(digest)) {
            return Err(NotWanted::Foreign);
        }
        let mut guard = self.state();
        let state = &mut *guard;
        let mut files: Vec<Digest> = files.to_vec();
        files.retain(|digest| {
            state.wanted.contains(digest)
                && !state.coming.contains(digest)
                && state.elsewhere.insert(*digest)
        });
        Ok(files)
    }

    /// It came, or somebody else brings it.
    pub(super) fn fetched(&self, digest: &Digest) {
        self.state().elsewhere.remove(digest);
    }

    /// Whoever fetched for an earlier conversation does so no more.
    pub(super) fn fetches_nothing(&self) {
        self.state().elsewhere.clear();
    }

    /// Somebody who was to bring it cannot.
    pub(super) fn ask_again(&self, digest: Digest) {
        let mut state = self.state();
        state.elsewhere.remove(&digest);
        if state.wanted.contains(&digest) && !state.coming.contains(&digest) {
            state.again.push(digest);
            drop(state);
            self.changed.notify_one();
        }
    }

    pub(super) fn fail(&self, why: String) {
        self.state().failure.get_or_insert(why);
        self.changed.notify_one();
    }

    pub(super) fn news(&self) -> News {
        let mut state = self.state();
        state.used = Some(Instant::now());
        News {
            arrived: std::mem::take(&mut state.arrived),
            again: std::mem::take(&mut state.again),
            have: state.have,
            is_whole: state.wanted.is_empty(),
            failure: state.failure.take(),
        }
    }

    pub(super) fn have(&self) -> u64 {
        self.state().have
    }

    /// There is a tree of them now.
    pub(super) fn settled(&self) {
        let mut state = self.state();
        state.wanted.clear();
        state.settled = true;
        state.have = self.total;
        let leases = std::mem::take(&mut state.leases);
        drop(state);
        drop(leases);
    }

    pub(super) fn is_settled(&self) -> bool {
        self.state().settled
    }

    /// These may fetch what is there.
    pub(super) fn share(&self, members: impl IntoIterator<Item = MemberId>) {
        let mut state = self.state();
        state.used = Some(Instant::now());
        for member in members {
            if state.fellows.len() < MOST_FELLOWS {
                state.fellows.insert(member);
            }
        }
    }

    /// Whether this member may fetch this file, and it is there as far as its owner knows.
    pub(super) fn may_fetch(&self, member: MemberId, digest: &Digest) -> Option<File> {
        let file = self.file(digest)?;
        let mut state = self.state();
        if !state.fellows.contains(&member) || state.wanted.contains(digest) {
            return None;
        }
        state.used = Some(Instant::now());
        Some(file)
    }

    /// How long nobody has had to do with it.
    pub(super) fn idle(&self) -> std::time::Duration {
        self.state().used.map(|at| at.elapsed()).unwrap_or_default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Coming<'_> {
    /// So many bytes more.
    pub(super) fn came(&mut self, bytes: u64) {
        self.counted += bytes;
        self.assembly.state().have += bytes;
        self.assembly.changed.notify_one();
    }

    /// It is there.
    pub(super) fn landed(mut self, lease: ObjectLease) {
        self.over = true;
        let mut state = self.assembly.state();
        state.coming.remove(&self.digest);
        if state.wanted.remove(&self.digest) {
            state.arrived.push(self.digest);
            state.leases.push(lease);
        }
        drop(state);
        self.assembly.changed.notify_one();
    }

    /// It broke off; the part may go on.
    pub(super) fn broke(mut self, part: Option<Landing>) {
        let part = part.filter(|part| part.came() >= WORTH_KEEPING);
        let mut state = self.assembly.state();
        match part {
            Some(part) if state.parts.len() < MOST_PARTS => {
                self.counted = 0;
                state.parts.insert(self.digest, part);
            }
            _ => {}
        }
    }
}

impl Drop for Coming<'_> {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        let mut state = self.assembly.state();
        state.coming.remove(&self.digest);
        state.have = state.have.saturating_sub(self.counted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use toolchain::manifest::{Entry, Kind, MemberPath};

    fn digest(number: u8) -> Digest {
        Digest::from_bytes([number; 32])
    }

    #[test]
    fn a_file_is_fetched_once_at_a_time_and_only_if_it_is_wanted() {
        let entry = |number: u8| Entry {
            path: MemberPath::parse(format!("usr/{number}").as_bytes()).unwrap(),
            kind: Kind::File {
                executable: false,
                size: 1,
                digest: digest(number),
            },
        };
        let manifest = Manifest::new([entry(1), entry(2), entry(3)]).unwrap();
        let owner = MemberId::from_bytes([7; 16]);
        let assembly = Assembly::new(owner, digest(9), &manifest);
        let all = [digest(1), digest(1), digest(2), digest(3)];
        let coming = assembly.bring(digest(2), 0, None).unwrap();
        assert_eq!(assembly.elsewhere(&all), Ok(vec![digest(1), digest(3)]));
        assert_eq!(assembly.elsewhere(&all), Ok(Vec::new()));
        assert_eq!(
            assembly.elsewhere(&[digest(1), digest(4)]),
            Err(NotWanted::Foreign)
        );
        // What was not to be had there may be elsewhere.
        assembly.ask_again(digest(1));
        drop(coming);
        assert_eq!(assembly.elsewhere(&all), Ok(vec![digest(1), digest(2)]));
        assembly.fetches_nothing();
        assert_eq!(assembly.elsewhere(&all[3..]), Ok(vec![digest(3)]));
    }
}
