//! The secrets of the files that came ([`toolchain::possession`]), so that a member can prove that it
//! has one: by its digest, in memory and in a file that only the daemon may read. One that is lost costs a
//! transfer.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use job::Digest;
use store::Store;
use toolchain::possession::Secret;

const FILE: &str = "secrets";
const NEW: &str = "secrets.new";
/// Digest and secret.
const RECORD: usize = 64;
/// More files than the largest toolchains have together: 16 MiB on the disk.
const MOST: usize = 1 << 18;

#[derive(Debug)]
pub(super) struct Secrets(Mutex<State>);

#[derive(Debug)]
struct State {
    path: PathBuf,
    known: HashMap<Digest, Secret>,
    file: Option<File>,
}

impl Secrets {
    /// Those of files that are still there. Blocks.
    pub(super) fn load(store: &Store) -> Self {
        let path = store.root().join(FILE);
        let mut state = State {
            known: read(&path).unwrap_or_default(),
            path,
            file: None,
        };
        state.renew(store);
        Self(Mutex::new(state))
    }

    /// Whether a file is here and that member has proved to have it. For one that is not here the same is
    /// computed, and in vain: the time of the answer tells nothing of what is.
    pub(super) fn are_known_to(&self, member: &[u8; 16], file: &Digest, proof: &[u8; 32]) -> bool {
        let known = self.get(file);
        let secret = known.unwrap_or_else(|| Secret::from_bytes(*file.as_bytes()));
        secret.is_proved_by(member, proof) && known.is_some()
    }

    fn get(&self, file: &Digest) -> Option<Secret> {
        self.state().known.get(file).copied()
    }

    /// Blocks.
    pub(super) fn add(&self, store: &Store, file: Digest, secret: Secret) {
        let mut state = self.state();
        if state.known.insert(file, secret).is_some() {
            return;
        }
        if state.known.len() > MOST {
            return state.renew(store);
        }
        let record = [*file.as_bytes(), *secret.as_bytes()].concat();
        if let Some(file) = &mut state.file
            && file.write_all(&record).is_err()
        {
            // What stands there is cut at a record when it is read.
            state.file = None;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Forgets the files that are gone and writes the rest.
    fn renew(&mut self, store: &Store) {
        let all: Vec<Digest> = self.known.keys().copied().collect();
        for gone in store.missing(&all) {
            self.known.remove(&gone);
        }
        if self.known.len() > MOST {
            self.known.clear();
        }
        self.file = self.write().ok();
    }

    fn write(&self) -> io::Result<File> {
        let new = self.path.with_file_name(NEW);
        let _left_behind = fs::remove_file(&new);
        let mut file = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&new)?;
        let records = self.known.iter();
        let bytes: Vec<u8> = records
            .flat_map(|(file, secret)| [*file.as_bytes(), *secret.as_bytes()].concat())
            .collect();
        file.write_all(&bytes)?;
        fs::rename(&new, &self.path)?;
        Ok(file)
    }
}

fn read(path: &Path) -> io::Result<HashMap<Digest, Secret>> {
    let mut bytes = Vec::new();
    let most = ((MOST + 1) * RECORD) as u64;
    File::open(path)?.take(most).read_to_end(&mut bytes)?;
    let half = |bytes: &[u8]| <[u8; 32]>::try_from(bytes).unwrap_or_default();
    let records = bytes.chunks_exact(RECORD);
    Ok(records
        .map(|record| {
            let (file, secret) = record.split_at(RECORD / 2);
            (
                Digest::from_bytes(half(file)),
                Secret::from_bytes(half(secret)),
            )
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::Options;
    use toolchain::possession::Fingerprints;

    #[test]
    fn secrets_live_as_long_as_their_files() {
        let place = tempfile::tempdir().unwrap();
        let options = Options {
            headroom: 0,
            ..Options::new(1 << 20)
        };
        let (store, _) = Store::open(place.path(), options).unwrap();
        let kept = store.put(b"kept", false).unwrap();
        let prints = Fingerprints::of(&b"kept"[..]).unwrap();
        let secrets = Secrets::load(&store);
        secrets.add(&store, kept.digest(), prints.secret());
        secrets.add(&store, Digest::from_bytes([3; 32]), prints.secret());
        let again = Secrets::load(&store);
        assert_eq!(again.get(&prints.digest()), Some(prints.secret()));
        assert_eq!(again.get(&Digest::from_bytes([3; 32])), None);
        let proves = |secret: Secret, digest| {
            let proof = *secret.proof(&[1; 16]).as_bytes();
            again.are_known_to(&[1; 16], &digest, &proof)
        };
        assert!(proves(prints.secret(), prints.digest()));
        // What is computed for a file that is not here is no secret.
        assert!(!proves(
            Secret::from_bytes([3; 32]),
            Digest::from_bytes([3; 32])
        ));
        let path = store.root().join(FILE);
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
}
