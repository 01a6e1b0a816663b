//! By which names peers call which toolchain, kept in one small file: a line for each, `platform name
//! identity`, the oldest first.

use std::fs;
use std::io;
use std::path::Path;

use job::{Digest, EnvironmentName, Platform};

use super::Key;
use crate::manifest::Identity;

const FILE: &str = "toolchains";
const NEW: &str = "toolchains.new";

/// A peer can give one toolchain many names; these many are remembered.
const MOST: usize = 500;

#[derive(Debug, Default)]
pub(super) struct Names(Vec<(Key, Identity)>);

impl Names {
    /// Reads what [`write`] wrote into `dir`, as far as `is_here`. A line that is damaged is left out:
    /// the toolchain is sent again.
    pub(super) fn load(dir: &Path, is_here: impl Fn(&Identity) -> bool) -> Self {
        let text = fs::read_to_string(dir.join(FILE)).unwrap_or_default();
        let known = text.lines().filter_map(parse).filter(|(_, id)| is_here(id));
        let mut names = Self::default();
        for (key, id) in known {
            names.insert(key, id);
        }
        names
    }

    pub(super) fn get(&self, key: &Key) -> Option<Identity> {
        let known = self.0.iter().find(|(known, _)| known == key);
        known.map(|(_, id)| *id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &(Key, Identity)> {
        self.0.iter()
    }

    pub(super) fn insert(&mut self, key: Key, id: Identity) {
        self.0.retain(|(known, _)| *known != key);
        if self.0.len() == MOST {
            self.0.remove(0);
        }
        self.0.push((key, id));
    }

    /// Forgets all names of a toolchain.
    pub(super) fn forget(&mut self, id: &Identity) {
        self.0.retain(|(_, known)| known != id);
    }

    pub(super) fn text(&self) -> String {
        let line = |((platform, name), id): &(Key, Identity)| format!("{platform} {name} {id}\n");
        self.0.iter().map(line).collect()
    }
}

/// Replaces the file: whoever is killed meanwhile leaves the old one.
pub(super) fn write(dir: &Path, text: &str) -> io::Result<()> {
    fs::write(dir.join(NEW), text)?;
    fs::rename(dir.join(NEW), dir.join(FILE))
}

fn parse(line: &str) -> Option<(Key, Identity)> {
    let mut words = line.split(' ');
    let platform = Platform::parse(words.next()?).ok()?;
    let name = EnvironmentName::parse(words.next()?).ok()?;
    let id = Identity(Digest::parse(words.next()?).ok()?);
    words.next().is_none().then_some(((platform, name), id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        (
            Platform::parse("x86_64").unwrap(),
            EnvironmentName::parse(name).unwrap(),
        )
    }

    #[test]
    fn names_are_remembered_and_damage_costs_only_its_line() {
        let dir = tempfile::tempdir().unwrap();
        let id = |number| Identity(Digest::from_bytes([number; 32]));
        let mut names = Names::default();
        for number in 0..=MOST {
            names.insert(key(&format!("n{number}")), id(number as u8));
        }
        assert_eq!(names.get(&key("n0")), None, "the oldest");
        names.insert(key("n1"), id(77));
        let damaged = names.text().replacen("n3 ", "n3 x", 1) + "x86_64 cut 01";
        write(dir.path(), &damaged).unwrap();
        let read = Names::load(dir.path(), |known| *known != id(4));
        assert_eq!(read.get(&key("n1")), Some(id(77)));
        assert_eq!(read.get(&key("n2")), Some(id(2)));
        assert_eq!(read.get(&key("n3")), None);
        assert_eq!(read.get(&key("n4")), None, "its files are gone");
        names.forget(&id(77));
        assert_eq!(names.get(&key("n1")), None);
    }
}
