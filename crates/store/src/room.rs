//! Room: put aside before anything is written, made by dropping what nobody needs.

use std::fs;
use std::sync::Arc;
use std::time::Instant;

use job::Digest;

use crate::clear::clear;
use crate::error::StoreError;
use crate::ledger::{Item, Ledger};
use crate::place::blocks;
use crate::store::{Changing, Inner};

impl Inner {
    /// Puts room aside, after dropping what nobody needs.
    pub(crate) fn reserve(self: &Arc<Self>, bytes: u64) -> Result<Reservation, StoreError> {
        let mut reservation = Reservation {
            inner: Arc::clone(self),
            bytes: 0,
        };
        if self.disk_allows(bytes) && self.ledger().reserve(bytes) {
            reservation.bytes = bytes;
            return Ok(reservation);
        }
        let changing = self.changing();
        reservation.extend(&changing, bytes)?;
        Ok(reservation)
    }

    /// Refuses what can never be kept, before anything gives way for it.
    pub(crate) fn check_fits(&self, needed: u64) -> Result<(), StoreError> {
        let ledger = self.ledger();
        let limit = ledger.limit();
        if ledger.never_fits(needed) {
            return Err(StoreError::TooLarge { needed, limit });
        }
        Ok(())
    }

    fn make_room(&self, changing: &Changing<'_>, bytes: u64) -> Result<(), StoreError> {
        loop {
            let disk_allows = self.disk_allows(bytes);
            let (limit, oldest) = {
                let mut ledger = self.ledger();
                let fits = ledger.reserve(bytes);
                if fits && disk_allows {
                    return Ok(());
                }
                if fits {
                    ledger.release(bytes);
                }
                let limit = ledger.limit();
                if ledger.never_fits(bytes) {
                    return Err(StoreError::TooLarge {
                        needed: bytes,
                        limit,
                    });
                }
                // Giving up everything would not be enough: somebody else fills the disk.
                let is_hopeless = !disk_allows && !self.disk_would_allow(bytes, ledger.used());
                let oldest = ledger.oldest(Instant::now()).filter(|_| !is_hopeless);
                (limit, oldest)
            };
            match oldest {
                Some(item) => self.remove(changing, item),
                None if disk_allows => {
                    return Err(StoreError::NoRoom {
                        needed: bytes,
                        limit,
                    });
                }
                None => {
                    let path = self.place.root().to_path_buf();
                    return Err(self.noted(StoreError::DiskFull {
                        path,
                        needed: bytes,
                    }));
                }
            }
        }
    }

    /// Drops what no longer fits: the limit may have been lowered.
    pub(crate) fn fit(&self, changing: &Changing<'_>) {
        loop {
            let oldest = {
                let ledger = self.ledger();
                if ledger.fits() {
                    return;
                }
                ledger.oldest(Instant::now())
            };
            match oldest {
                Some(item) => self.remove(changing, item),
                None => return,
            }
        }
    }

    /// Removes something that nobody needs, from sight and from the disk.
    pub(crate) fn remove(&self, _changing: &Changing<'_>, item: Item) {
        let (bytes, trusted) = {
            let mut ledger = self.ledger();
            let trusted = match item {
                Item::Object(key) => ledger.object(&key).is_some_and(|object| object.trusted),
                Item::Tree(_) => false,
            };
            (ledger.remove(item), trusted)
        };
        let gone = match item {
            Item::Object(key) => fs::remove_file(self.place.object(&key, trusted)),
            Item::Tree(id) => {
                self.remove_record(&id);
                let temporary = self.place.temporary();
                fs::rename(self.place.tree(&id), &temporary).and_then(|()| clear(&temporary))
            }
        };
        // What could not be removed takes its room until the next start, which tries again.
        let is_gone = match gone {
            Ok(()) => true,
            Err(error) => error.kind() == std::io::ErrorKind::NotFound,
        };
        if is_gone {
            self.ledger().freed(bytes);
        }
    }

    /// Removes what says of what a tree consists; gives its bytes.
    pub(crate) fn remove_record(&self, id: &Digest) -> u64 {
        let mut freed = 0;
        for trusted in [true, false] {
            // It is in one of two places. A record without its tree means nothing.
            let path = self.place.record(id, trusted);
            let bytes = path.symlink_metadata().map_or(0, |meta| blocks(&meta));
            if fs::remove_file(path).is_ok() {
                freed += bytes;
            }
        }
        freed
    }

    pub(crate) fn disk_allows(&self, bytes: u64) -> bool {
        self.disk_would_allow(bytes, 0)
    }

    fn disk_would_allow(&self, bytes: u64, freed: u64) -> bool {
        rustix::fs::statvfs(self.place.root()).map_or(true, |disk| {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            free.saturating_add(freed) >= bytes.saturating_add(self.headroom)
        })
    }
}

/// Room for something that is being written.
#[derive(Debug)]
pub(crate) struct Reservation {
    inner: Arc<Inner>,
    bytes: u64,
}

impl Reservation {
    pub(crate) fn none(inner: &Arc<Inner>) -> Self {
        Self {
            inner: Arc::clone(inner),
            bytes: 0,
        }
    }

    /// Takes `more` bytes.
    pub(crate) fn extend(&mut self, changing: &Changing<'_>, more: u64) -> Result<(), StoreError> {
        self.inner.make_room(changing, more)?;
        self.bytes += more;
        Ok(())
    }

    /// Takes another one over.
    pub(crate) fn add(&mut self, mut other: Self) {
        self.bytes += std::mem::take(&mut other.bytes);
    }

    /// Makes sure that `bytes` are covered: a file system may take more than anybody would think.
    pub(crate) fn cover(&mut self, changing: &Changing<'_>, bytes: u64) -> Result<(), StoreError> {
        match bytes.checked_sub(self.bytes) {
            None | Some(0) => Ok(()),
            Some(more) => self.extend(changing, more),
        }
    }

    /// What was reserved is now held by something that `add` puts into the books.
    pub(crate) fn spend(mut self, add: impl FnOnce(&mut Ledger)) {
        let mut ledger = self.inner.ledger();
        ledger.release(std::mem::take(&mut self.bytes));
        add(&mut ledger);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.inner.ledger().release(self.bytes);
    }
}
