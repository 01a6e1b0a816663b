//! Where the cluster's schedulers were when the authority was last asked.

use super::{CAP, Identity, IdentityError};
use crate::schedulers::SchedulerAt;
use crate::sealed;

const FILE: &str = "schedulers";
const KIND: &str = "floe-schedulers";

impl Identity {
    /// Where the schedulers were; nowhere if that was never heard or cannot be read.
    pub fn schedulers(&self) -> Vec<SchedulerAt> {
        let file = self.directory.read(FILE, CAP).ok().flatten();
        file.and_then(|file| sealed::open(KIND, &file).ok())
            .unwrap_or_default()
    }

    /// For a start while the authority is away.
    pub fn keep_schedulers(&self, schedulers: &[SchedulerAt]) -> Result<(), IdentityError> {
        let sealed = sealed::seal(KIND, &schedulers)
            .map_err(|_| IdentityError::Answer("schedulers that cannot be kept"))?;
        let lock = self.directory.lock()?;
        Ok(self.directory.replace(&lock, FILE, &sealed)?)
    }
}
