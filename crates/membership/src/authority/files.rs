//! How the authority's files are read and changed.

use std::fs::File;

use super::issue::Issuer;
use super::state::State;
use super::{Authority, AuthorityError, STATE};
use crate::audit;
use crate::certificate::Ca;
use crate::disk::{Directory, Lock};
use crate::key::Key;
use crate::sealed;

const KIND: &str = "floe-authority";
/// 20,000 members take about 8 MB.
pub(super) const CAP: u64 = 64 << 20;

impl Authority {
    /// Reads what another process changed.
    pub(super) fn refresh(&mut self) -> Result<(), AuthorityError> {
        if !self.directory.is_current(&self.file, STATE) {
            (self.file, self.state, self.key) = read(&self.directory)?;
            self.is_audited = false;
        }
        Ok(())
    }

    pub(super) fn change<T>(
        &mut self,
        apply: impl FnOnce(&mut State, &Issuer<'_>) -> Result<T, AuthorityError>,
    ) -> Result<T, AuthorityError> {
        self.change_with(None, apply)
    }

    /// Changes the state, or fails and leaves it as it was. With a `key`, that is the next authority's.
    pub(super) fn change_with<T>(
        &mut self,
        key: Option<Key>,
        apply: impl FnOnce(&mut State, &Issuer<'_>) -> Result<T, AuthorityError>,
    ) -> Result<T, AuthorityError> {
        let lock = self.directory.lock()?;
        self.refresh()?;
        self.finish(&lock)?;
        let mut state = self.state.clone();
        state.untold.clear();
        let done = apply(&mut state, &self.issuer())?;
        if state.untold.is_empty() {
            return Ok(done);
        }
        let sealed = sealed(&state)?;
        if let Some(key) = &key {
            self.directory
                .replace(&lock, &key_name(state.generation), key.pkcs8())?;
        }
        self.directory.replace(&lock, STATE, &sealed)?;
        // From here on the change is made, whatever happens; what is left to do can wait.
        match (self.directory.open_file(STATE, CAP), key) {
            (Ok(Some(file)), None) => {
                (self.file, self.state) = (file, state);
                let lines = &self.state.untold;
                self.is_audited = audit::write(&self.directory, &lock, lines).is_ok();
            }
            _ => {
                let reread = self.refresh();
                let _later = reread.and_then(|()| self.finish(&lock));
            }
        }
        Ok(done)
    }

    /// Does what a killed process, or a full disk, left undone after a change.
    fn finish(&mut self, lock: &Lock) -> Result<(), AuthorityError> {
        if self.is_audited {
            return Ok(());
        }
        audit::catch_up(&self.directory, lock, &self.state.untold)?;
        let current = key_name(self.state.generation);
        for name in self.directory.names()? {
            let is_key = name.starts_with("ca-");
            if (is_key && name != current) || name.ends_with(".new") {
                self.directory.remove(lock, &name)?;
            }
        }
        self.is_audited = true;
        Ok(())
    }

    pub(super) fn settle(&mut self) -> Result<(), AuthorityError> {
        let lock = self.directory.lock()?;
        self.refresh()?;
        self.finish(&lock)
    }
}

pub(super) fn key_name(generation: u32) -> String {
    format!("ca-{generation}.key")
}

pub(super) fn read(directory: &Directory) -> Result<(File, State, Key), AuthorityError> {
    // Between the two files a rotation may come: then the state is another one too.
    let mut tries = 0;
    loop {
        let Some(file) = directory.open_file(STATE, CAP)? else {
            let path = directory.path().to_owned();
            return Err(AuthorityError::Missing { path });
        };
        let damaged = |name: String, why: String| AuthorityError::Damaged {
            path: directory.path().join(name),
            why,
        };
        let bytes = directory.read_from(&file, STATE, CAP)?;
        let opened = sealed::open(KIND, &bytes);
        let state: State = opened.map_err(|why| damaged(STATE.to_owned(), why.to_string()))?;
        let root = Ca::read(&state.root.0);
        let Some(root) = root.filter(|_| Issuer::is_readable(&state)) else {
            return Err(damaged(
                STATE.to_owned(),
                "its certificate is none".to_owned(),
            ));
        };
        let name = key_name(state.generation);
        let document = directory.read(&name, 4096)?;
        if document.is_none() && tries < 3 && !directory.is_current(&file, STATE) {
            tries += 1;
            continue;
        }
        let Some(document) = document else {
            return Err(damaged(name, "it is missing".to_owned()));
        };
        return match Key::from_pkcs8(&document) {
            Ok(key) if key.public() == root.key => Ok((file, state, key)),
            Ok(_) => Err(damaged(
                name,
                "it is the key of another authority".to_owned(),
            )),
            Err(why) => Err(damaged(name, why.to_string())),
        };
    }
}

pub(super) fn sealed(state: &State) -> Result<Vec<u8>, AuthorityError> {
    let sealed = sealed::seal(KIND, state);
    sealed.map_err(|error| AuthorityError::Failed(error.to_string()))
}
