//! Trials of the cache's toolchains: beside the first compiles, which do not wait for them.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

use super::{
    Contents, Gathered, Key, NativeCache, NativeError, Proof, Proven, Record, Request, Sandbox,
    Slot, Watch, make,
};
use crate::proof::prove;

impl NativeCache {
    /// Tries the toolchain of `request` in a sandbox if nobody has yet, and corrects what is known of
    /// it. `None`: there was nothing to do. To be called beside everything else, after
    /// [`NativeCache::find`]: it takes as long as a few compiles.
    pub fn prove(&self, request: &Request<'_>) -> Option<Proof> {
        let sandbox = self.sandbox.as_ref()?;
        let key = Key::of(request);
        let slot = self.slot(&key);
        let (record, gathered) = {
            let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
            let Slot::Made {
                record, gathered, ..
            } = &mut *slot
            else {
                return None;
            };
            if record.proof != Proof::Pending {
                return None;
            }
            (record.clone(), gathered.take())
        };
        let gathered = match gathered {
            Some(gathered) => *gathered,
            // Of an earlier process, which did not get so far.
            None => {
                let (made, gathered) = make(request, Watch::default()).ok()?;
                let is_same = made.contents.manifest() == record.contents.manifest();
                is_same.then_some(gathered)?
            }
        };
        let identity = record.contents.manifest().identity();
        let tried = self.tried(record, gathered, &**sandbox);
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        let Slot::Made { record, .. } = &mut *slot else {
            return None;
        };
        // It may have changed meanwhile, and what was tried is of no interest then.
        if record.contents.manifest().identity() != identity || record.proof != Proof::Pending {
            return None;
        }
        *record = tried;
        // The next process tries again.
        let _ = self.shelf.store(&key, record);
        Some(record.proof.clone())
    }

    /// The record after trials.
    pub(super) fn tried(&self, record: Record, gathered: Gathered, sandbox: &Sandbox) -> Record {
        let Gathered { compiler, set } = gathered;
        let asked = set.compiler.clone();
        let proven = prove(&compiler, set, &self.workplace(), sandbox);
        let Proven { set, faults } = match proven {
            Ok(proven) => proven,
            Err(why) => {
                let proof = Proof::Impossible(why);
                return Record { proof, ..record };
            }
        };
        let Ok(contents) = Contents::of(&set) else {
            // Somebody is changing it: it is made anew at the next compile.
            return record;
        };
        let fails = |is_cxx| faults.iter().any(|(trial, _)| trial.is_cxx() == is_cxx);
        let (has_c, has_cxx) = (
            record.has_c && !fails(false),
            record.has_cxx && !fails(true),
        );
        let proof = match faults.into_iter().next() {
            None => Proof::Whole,
            Some((_, cause)) => {
                let why = NativeError::unpackable(&asked, &cause);
                Proof::Faulty(why.to_string())
            }
        };
        Record {
            contents: Arc::new(contents),
            has_c,
            has_cxx,
            proof,
            watch: set.watch,
            ..record
        }
    }

    /// Where trees are made. The sandbox's account has to get there, and gets into no home of root's.
    fn workplace(&self) -> PathBuf {
        if rustix::process::geteuid().is_root() {
            return std::env::temp_dir();
        }
        self.shelf.dir().to_path_buf()
    }
}
