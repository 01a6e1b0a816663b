//! A file on its way into the store.

use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use job::Digest;
use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;

use crate::entry::Key;
use crate::error::StoreError;
use crate::lease::ObjectLease;
use crate::place::{blocks, estimate};
use crate::room::Reservation;
use crate::store::{Changing, Inner};

/// Room is put aside in steps, as the bytes come: an announcement alone makes nothing give way.
const STEP: u64 = 4 << 20;
/// From this length on the disk is asked for the blocks at once.
const LARGE: u64 = 256 << 10;

/// Dropping it before [`Incoming::commit`] leaves nothing.
#[derive(Debug)]
pub struct Incoming {
    inner: Arc<Inner>,
    /// Closed before the draft is removed: an open file keeps its blocks.
    file: File,
    draft: Draft,
    hasher: blake3::Hasher,
    size: u64,
    left: u64,
    /// Bytes for which there is room.
    covered: u64,
}

/// A file without a name as yet.
#[derive(Debug)]
pub(crate) struct Draft {
    /// Gone before its room is given back: the fields are dropped in this order.
    pub(crate) temporary: Temporary,
    pub(crate) reservation: Reservation,
}

impl Incoming {
    pub(crate) fn begin(inner: &Arc<Inner>, size: u64) -> Result<Self, StoreError> {
        inner.check_fits(estimate(size))?;
        let reservation = inner.reserve(estimate(0))?;
        let temporary = Temporary(inner.place.temporary());
        let failed = |error| inner.noted(StoreError::disk(&temporary.0, error));
        let file = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary.0)
            .map_err(failed)?;
        let mut incoming = Self {
            inner: Arc::clone(inner),
            file,
            draft: Draft {
                temporary,
                reservation,
            },
            hasher: blake3::Hasher::new(),
            size,
            left: size,
            covered: 0,
        };
        incoming.cover(size.min(STEP))?;
        Ok(incoming)
    }

    /// Puts room aside for the first `length` bytes.
    fn cover(&mut self, length: u64) -> Result<(), StoreError> {
        let more = estimate(length) - estimate(self.covered);
        self.draft.reservation.add(self.inner.reserve(more)?);
        let step = length - self.covered;
        if step >= LARGE {
            // What the file system cannot do now it does while writing.
            let asked = fallocate(&self.file, FallocateFlags::empty(), self.covered, step);
            if let Err(error @ (Errno::NOSPC | Errno::DQUOT)) = asked {
                let error = StoreError::disk(&self.draft.temporary.0, error);
                return Err(self.inner.noted(error));
            }
        }
        self.covered = length;
        Ok(())
    }

    /// The next bytes, after making room for them. More than were announced are refused.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let length = StoreError::Length { wanted: self.size };
        self.left = self.left.checked_sub(bytes.len() as u64).ok_or(length)?;
        let end = self.size - self.left;
        if end > self.covered {
            self.cover(end.saturating_add(STEP).min(self.size))?;
        }
        self.hasher.update(bytes);
        self.file.write_all(bytes).map_err(|error| {
            self.inner
                .noted(StoreError::disk(&self.draft.temporary.0, error))
        })
    }

    /// Makes it a file of the store, under its digest.
    pub fn commit(self, executable: bool) -> Result<ObjectLease, StoreError> {
        if self.left > 0 {
            return Err(StoreError::Length { wanted: self.size });
        }
        let digest = Digest::from_bytes(*self.hasher.finalize().as_bytes());
        let key = Key { digest, executable };
        let inner = Arc::clone(&self.inner);
        let changing = inner.changing();
        drop(self.file);
        if !inner.usable(&changing, &key) {
            publish(&changing, &inner, self.draft, key)?;
        }
        Ok(inner.hold_object(key))
    }

    /// The same for content that was announced by its digest.
    pub fn commit_as(self, wanted: Digest, executable: bool) -> Result<ObjectLease, StoreError> {
        let found = Digest::from_bytes(*self.hasher.finalize().as_bytes());
        if self.left == 0 && found != wanted {
            return Err(StoreError::Mismatch { wanted, found });
        }
        self.commit(executable)
    }
}

/// A file in `tmp`, gone when dropped unless it got a name.
#[derive(Debug)]
pub(crate) struct Temporary(pub(crate) PathBuf);

impl Temporary {
    pub(crate) fn name(mut self, place: &Path) -> io::Result<()> {
        fs::rename(&self.0, place)?;
        self.0 = PathBuf::new();
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.0.as_os_str().is_empty() {
            // What remains goes when the store is opened.
            let _gone = fs::remove_file(&self.0);
        }
    }
}

/// Gives a finished file its name.
pub(crate) fn publish(
    changing: &Changing<'_>,
    inner: &Arc<Inner>,
    mut draft: Draft,
    key: Key,
) -> Result<(), StoreError> {
    let path = draft.temporary.0.clone();
    let failed = |error| inner.noted(StoreError::disk(&path, error));
    fs::set_permissions(&path, Permissions::from_mode(key.mode())).map_err(failed)?;
    let bytes = blocks(&path.symlink_metadata().map_err(failed)?);
    draft.reservation.cover(changing, bytes)?;
    let place = inner.place.object(&key, true);
    draft.temporary.name(&place).map_err(failed)?;
    draft
        .reservation
        .spend(|ledger| ledger.add_object(key, bytes, true));
    inner.settle(changing);
    Ok(())
}
