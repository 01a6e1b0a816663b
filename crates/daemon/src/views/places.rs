//! What is where in a tree, and what has to be made there for a job. Pure: nothing on disk is asked,
//! so nothing on disk can lead anywhere else.

use std::collections::HashMap;
use std::sync::Arc;

use job::Digest;

use super::index::{Index, Known, Slot, Thing};
use super::tools::{Tool, Tools};
use crate::executor::{SCRATCH, SPLIT_SPECS};

/// A path that leads through more links leads nowhere, as in the kernel.
const MOST_LINKS: usize = 40;

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum At {
    Directory,
    /// Of the toolchain.
    File,
    ToolLink(Arc<[u8]>),
    /// A file, a link or a file that was not sent.
    Entry(Slot),
    /// Nothing may be there or below.
    Scratch,
}

/// Something to be made, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The toolchain's file must have this digest.
    Compare(Arc<[u8]>, Digest),
    Directory(Arc<[u8]>),
    Link(Arc<[u8]>, Box<[u8]>),
    /// A file from the pool.
    File(Arc<[u8]>, Slot),
    Stub(Arc<[u8]>),
    /// A file from the pool, where a stub is.
    Replace(Arc<[u8]>, Slot),
}

/// What a tree has, path by path and entry by entry.
#[derive(Debug, Default)]
pub(super) struct Places {
    at: HashMap<Arc<[u8]>, At>,
    has: Bits,
}

/// How a tree becomes one that has a job's entries.
#[derive(Debug, Default)]
pub(super) struct Growth {
    pub(super) steps: Vec<Step>,
    at: HashMap<Arc<[u8]>, At>,
    has: Vec<Slot>,
}

/// Why a tree cannot have an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) path: Arc<[u8]>,
}

impl Places {
    /// Of a tree that has nothing but its toolchain.
    pub(super) fn of(tools: &Tools) -> Self {
        let at = |tool: &Tool| match tool {
            Tool::Directory => At::Directory,
            Tool::File => At::File,
            Tool::Link(target) => At::ToolLink(Arc::clone(target)),
        };
        let tools = tools.all().iter();
        let mut places: HashMap<Arc<[u8]>, At> = tools
            .map(|(path, tool)| (Arc::clone(path), at(tool)))
            .collect();
        for own in [SCRATCH, SPLIT_SPECS] {
            places.insert(own.as_bytes().into(), At::Scratch);
        }
        Self {
            at: places,
            has: Bits::default(),
        }
    }

    /// Whether all are here. What costs a job that comes again.
    pub(super) fn has_all(&self, slots: &[Slot]) -> bool {
        slots.iter().all(|slot| self.has.contains(*slot))
    }

    /// Whether the entry itself is here, and not something that will do for it.
    pub(super) fn shows(&self, index: &Index, slot: Slot) -> bool {
        let known = index.get(slot);
        let at = self.at.get(&known.path);
        match known.what {
            Thing::Directory => at == Some(&At::Directory),
            Thing::Unsent => at == Some(&At::Entry(slot)),
            _ => self.has.contains(slot),
        }
    }

    /// What is missing of a job's entries; an error if this tree cannot have them. `since`: nothing that is
    /// fresh and younger may come.
    pub(super) fn plan(
        &self,
        index: &Index,
        slots: &[Slot],
        since: Option<u32>,
    ) -> Result<Growth, Taken> {
        let mut growth = Growth::default();
        for slot in slots {
            if self.has.contains(*slot) {
                continue;
            }
            let known = index.get(*slot);
            let taken = || Taken {
                path: Arc::clone(&known.path),
            };
            let before = growth.steps.len();
            self.grow(&mut growth, index, *slot, known)
                .ok_or_else(taken)?;
            let grew = growth.steps.len() > before;
            if grew && known.is_fresh && since.is_some_and(|since| known.came > since) {
                return Err(taken());
            }
            growth.has.push(*slot);
        }
        // What may fail goes before what changes anything.
        growth
            .steps
            .sort_by_key(|step| !matches!(step, Step::Compare(..)));
        Ok(growth)
    }

    /// None: the place is taken.
    fn grow(&self, growth: &mut Growth, index: &Index, slot: Slot, known: &Known) -> Option<()> {
        let path = &known.path;
        let step = match (&known.what, self.look(growth, path)) {
            (_, None) => {
                self.raise(growth, path)?;
                let path = Arc::clone(path);
                match &known.what {
                    Thing::Directory => Step::Directory(path),
                    Thing::File(_) => Step::File(path, slot),
                    Thing::Same(file) => Step::File(path, *file),
                    Thing::Link(target) => Step::Link(path, target.clone()),
                    Thing::Unsent => Step::Stub(path),
                }
            }
            (Thing::Directory, Some(At::Directory)) => return Some(()),
            (Thing::File(digest), Some(At::File)) => {
                growth.steps.push(Step::Compare(Arc::clone(path), *digest));
                return Some(());
            }
            (Thing::Unsent, Some(At::File)) => return Some(()),
            (Thing::Link(target), Some(At::ToolLink(there))) if **there == **target => {
                return Some(());
            }
            (what, Some(At::Entry(other))) => {
                match (what, &index.get(*other).what) {
                    // It is there for another job, with its bytes.
                    (Thing::Unsent, Thing::File(_) | Thing::Same(_) | Thing::Unsent) => {
                        return Some(());
                    }
                    (Thing::File(_), Thing::Unsent) => Step::Replace(Arc::clone(path), slot),
                    (Thing::Same(file), Thing::Unsent) => Step::Replace(Arc::clone(path), *file),
                    _ => return None,
                }
            }
            _ => return None,
        };
        // A stub of the same job is not made first.
        let stub = Step::Stub(Arc::clone(path));
        match step {
            Step::Replace(_, file) if growth.at.contains_key(path) => {
                let stub = growth.steps.iter_mut().find(|made| **made == stub)?;
                *stub = Step::File(Arc::clone(path), file);
            }
            step => growth.steps.push(step),
        }
        let at = match known.what {
            Thing::Directory => At::Directory,
            _ => At::Entry(slot),
        };
        growth.at.insert(Arc::clone(path), at);
        Some(())
    }

    /// Makes the directories above a path. None: something else is there.
    fn raise(&self, growth: &mut Growth, path: &[u8]) -> Option<()> {
        let mut missing: Vec<Arc<[u8]>> = Vec::new();
        let mut above = path;
        while let Some(end) = above.iter().rposition(|byte| *byte == b'/') {
            above = &above[..end];
            if above.is_empty() {
                break;
            }
            match self.look(growth, above) {
                None => missing.push(above.into()),
                // Its own parents are directories.
                Some(At::Directory) => break,
                Some(_) => return None,
            }
        }
        for directory in missing.into_iter().rev() {
            growth.steps.push(Step::Directory(Arc::clone(&directory)));
            growth.at.insert(directory, At::Directory);
        }
        Some(())
    }

    fn look<'a>(&'a self, growth: &'a Growth, path: &[u8]) -> Option<&'a At> {
        growth.at.get(path).or_else(|| self.at.get(path))
    }

    /// It was made.
    pub(super) fn grown(&mut self, growth: Growth) {
        self.at.extend(growth.at);
        for slot in growth.has {
            self.has.insert(slot);
        }
    }

    /// Whether an absolute path leads to a directory here.
    pub(super) fn is_directory(&self, index: &Index, path: &[u8]) -> bool {
        let mut links = 0;
        // What is still to be walked, the next component last.
        let mut left: Vec<Vec<u8>> = parts(path);
        let mut here: Vec<u8> = Vec::new();
        while let Some(part) = left.pop() {
            if part == b".." {
                let end = here.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
                here.truncate(end);
                continue;
            }
            let parent = here.len();
            here.push(b'/');
            here.extend_from_slice(&part);
            let target: &[u8] = match self.at.get(&here[..]) {
                Some(At::Directory) => continue,
                Some(At::ToolLink(target)) => target,
                Some(At::Entry(slot)) => match &index.get(*slot).what {
                    Thing::Link(target) => target,
                    _ => return false,
                },
                _ => return false,
            };
            links += 1;
            if links > MOST_LINKS {
                return false;
            }
            match target.starts_with(b"/") {
                true => here.clear(),
                false => here.truncate(parent),
            }
            left.extend(parts(target));
        }
        true
    }
}

/// The components of a path that mean anything, the first one last.
fn parts(path: &[u8]) -> Vec<Vec<u8>> {
    let parts = path.split(|byte| *byte == b'/');
    let parts = parts.filter(|part| !part.is_empty() && *part != b".");
    let mut parts: Vec<Vec<u8>> = parts.map(<[u8]>::to_vec).collect();
    parts.reverse();
    parts
}

/// A set of slots.
#[derive(Debug, Default)]
struct Bits(Vec<u64>);

impl Bits {
    fn contains(&self, slot: Slot) -> bool {
        let word = self.0.get(slot.index() / 64);
        word.is_some_and(|word| word >> (slot.index() % 64) & 1 == 1)
    }

    fn insert(&mut self, slot: Slot) {
        let word = slot.index() / 64;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (slot.index() % 64);
    }
}

#[cfg(test)]
#[path = "places_tests.rs"]
mod tests;
