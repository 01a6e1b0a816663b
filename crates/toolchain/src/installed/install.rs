//! One toolchain on its way into the store.

use std::io::{self, Read};
use std::path::PathBuf;

use super::{Entry, Installed, Key, disk};
use crate::root::has_program;
use crate::unpack::{Limits, UnpackError, Unpacked, Why, add_mount_points, unpack};

/// Why a toolchain was not installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// Nothing to do.
    #[error("toolchain {0} is installed already")]
    Present(String),
    /// Another peer is sending it, or jobs still use one that was removed.
    #[error("toolchain {0} is being installed or removed at this moment; try again")]
    Busy(String),
    /// This host's owner must decide.
    #[error(
        "{path} is in the way: floe did not make it and leaves it alone; move it away or choose another directory with -b"
    )]
    Foreign { path: PathBuf },
    /// This host's disk.
    #[error("{path} cannot be written: {source}; check rights and free space")]
    Disk { path: PathBuf, source: io::Error },
    /// The sender's archive.
    #[error(transparent)]
    Archive(#[from] UnpackError),
    /// The sender's archive.
    #[error("toolchain {0} is unusable: usr/bin/as is not an executable file in it")]
    Unusable(String),
}

/// A toolchain that is being received. Blocking: to be used from a thread that may wait.
#[derive(Debug)]
pub struct Installing {
    installed: Installed,
    key: Key,
    scratch: PathBuf,
    limits: Limits,
    unpacked: Option<Unpacked>,
}

impl Installing {
    pub(super) fn begin(
        installed: Installed,
        key: Key,
        limits: Limits,
    ) -> Result<Self, InstallError> {
        let mut state = installed.store.state();
        match state.entries.get(&key) {
            // A removed one is in the way until its last user is done.
            Some(entry) if entry.doomed => return Err(InstallError::Busy(key.1.to_string())),
            Some(_) => return Err(InstallError::Present(key.1.to_string())),
            None if state.installing.contains(&key) => {
                return Err(InstallError::Busy(key.1.to_string()));
            }
            None => {}
        }
        let base = &installed.store.base;
        if disk::is_taken(base, &key) {
            return Err(InstallError::Foreign {
                path: disk::tree(base, &key),
            });
        }
        state.clock += 1;
        let scratch =
            disk::scratch(base, &key, state.clock).map_err(|source| InstallError::Disk {
                path: disk::tree(base, &key),
                source,
            })?;
        state.installing.insert(key.clone());
        drop(state);
        Ok(Self {
            installed,
            key,
            scratch,
            limits,
            unpacked: None,
        })
    }

    /// Unpacks the archive that `reader` yields to its end. Once only.
    pub fn unpack(&mut self, reader: impl Read) -> Result<Unpacked, InstallError> {
        let done = unpack(reader, self.key.1.as_str(), &self.scratch, self.limits)?;
        self.unpacked = Some(done);
        Ok(done)
    }

    /// Makes the toolchain visible and drops what no longer fits; gives the names of what was
    /// dropped, for those who announce them.
    pub fn commit(self) -> Result<Vec<(job::Platform, job::EnvironmentName)>, InstallError> {
        let name = self.key.1.to_string();
        let base = &self.installed.store.base;
        let unwritable = |source| InstallError::Disk {
            path: disk::tree(base, &self.key),
            source,
        };
        let Some(unpacked) = self
            .unpacked
            .filter(|_| has_program(&self.scratch, "usr/bin/as"))
        else {
            return Err(InstallError::Unusable(name));
        };
        add_mount_points(&self.scratch).map_err(|why| match why {
            Why::Disk(source) => unwritable(source),
            why => InstallError::Archive(UnpackError {
                archive: name,
                member: None,
                why,
            }),
        })?;
        let mut state = self.installed.store.state();
        disk::publish(base, &self.key, &self.scratch, unpacked.bytes).map_err(unwritable)?;
        state.clock += 1;
        let entry = Entry {
            bytes: unpacked.bytes,
            used: state.clock,
            touched: None,
            leases: 0,
            doomed: false,
        };
        state.entries.insert(self.key.clone(), entry);
        drop(state);
        Ok(self.installed.evict(Some(&self.key)))
    }
}

impl Drop for Installing {
    fn drop(&mut self) {
        // After a commit there is nothing at this path any more.
        let _ = std::fs::remove_dir_all(&self.scratch);
        self.installed.store.state().installing.remove(&self.key);
    }
}
