//! What a member has told of its files: each entry by its number, and what becomes of it. Pure.

use std::collections::HashMap;
use std::sync::Arc;

use job::Digest;
use wire::message::JobInputs;
use wire::view::{Entry, EntryId, Ids, What, digest};

/// An entry's place in the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Slot(pub(super) u32);

impl Slot {
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

/// An entry as it is kept.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) path: Arc<[u8]>,
    pub(super) what: Thing,
    key: Digest,
    pub(super) is_fresh: bool,
    /// The message that brought it.
    pub(super) came: u32,
    pub(super) is_gone: bool,
}

/// What is at its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Thing {
    Directory,
    File(Digest),
    /// The file of another entry.
    Same(Slot),
    Link(Box<[u8]>),
    Unsent,
}

/// What is wrong with what a member says. Always its fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Bad {
    #[error("entry {0} was told before")]
    Again(u32),
    #[error("entry {0} is the same file as entry {1}, which is none")]
    NoFile(u32, u32),
    #[error("more than {MOST_ENTRIES} entries, or too many words in them")]
    TooMany,
    #[error("entry {0} was never told")]
    Unknown(u32),
    #[error("its entries are not those that were told: their digest is another one")]
    OtherEntries,
    #[error("of {path}, what came is not what was said: its digest is another one")]
    OtherBytes { path: String },
}

/// On one view, those that are gone included.
const MOST_ENTRIES: usize = 400_000;
/// Bytes of paths and targets: ten times what a large build has.
const MOST_WORDS: usize = 64 << 20;

#[derive(Debug, Default)]
pub(super) struct Index {
    slots: HashMap<EntryId, Slot>,
    known: Vec<Known>,
    words: usize,
    /// Messages that were applied.
    messages: u32,
}

/// Entries that may be added, once their files are there.
#[derive(Debug)]
pub(super) struct Newcomers {
    first: Slot,
    ids: Vec<EntryId>,
    known: Vec<Known>,
    words: usize,
}

impl Newcomers {
    /// The slot that each will have, in their order.
    pub(super) fn slots(&self) -> impl Iterator<Item = Slot> {
        (self.first.0..).take(self.ids.len()).map(Slot)
    }
}

impl Index {
    pub(super) fn messages(&self) -> u32 {
        self.messages
    }

    pub(super) fn get(&self, slot: Slot) -> &Known {
        &self.known[slot.index()]
    }

    /// Looks whether these entries may be added. Only one caller does that at a time.
    pub(super) fn judge<'a>(
        &self,
        told: impl Iterator<Item = (EntryId, &'a Entry)>,
    ) -> Result<Newcomers, Bad> {
        let first = Slot(u32::try_from(self.known.len()).map_err(|_| Bad::TooMany)?);
        let mut new = Newcomers {
            first,
            ids: Vec::new(),
            known: Vec::new(),
            words: self.words,
        };
        let mut slots = HashMap::new();
        for (id, entry) in told {
            if self.slots.contains_key(&id) || slots.contains_key(&id) {
                return Err(Bad::Again(id.0));
            }
            let known = |slot: Slot| match slot.index().checked_sub(self.known.len()) {
                None => &self.known[slot.index()],
                Some(at) => &new.known[at],
            };
            let mut same = None;
            let what = match &entry.what {
                What::Directory => Thing::Directory,
                What::File(body) => Thing::File(body.digest),
                What::Link(target) => Thing::Link(target.clone()),
                What::Unsent => Thing::Unsent,
                What::Same(other) => {
                    let bad = || Bad::NoFile(id.0, other.0);
                    let slot = self.slots.get(other).or_else(|| slots.get(other));
                    let slot = *slot.ok_or_else(bad)?;
                    same = Some(known(slot).key);
                    match known(slot).what {
                        Thing::File(_) => Thing::Same(slot),
                        Thing::Same(file) => Thing::Same(file),
                        _ => return Err(bad()),
                    }
                }
            };
            let target = match &what {
                Thing::Link(target) => target.len(),
                _ => 0,
            };
            new.words += entry.path.as_bytes().len() + target;
            let at = first.index() + new.known.len();
            if at >= MOST_ENTRIES || new.words > MOST_WORDS {
                return Err(Bad::TooMany);
            }
            slots.insert(id, Slot(at as u32));
            new.ids.push(id);
            new.known.push(Known {
                path: entry.path.as_bytes().into(),
                what,
                key: entry.key(same.as_ref()),
                is_fresh: entry.is_fresh,
                came: self.messages + 1,
                is_gone: false,
            });
        }
        Ok(new)
    }

    /// Adds what was found good, and nothing came in between.
    pub(super) fn add(&mut self, new: Newcomers) {
        debug_assert_eq!(new.first.index(), self.known.len());
        let slots: Vec<Slot> = new.slots().collect();
        self.slots.extend(new.ids.into_iter().zip(slots));
        self.known.extend(new.known);
        self.words = new.words;
        self.messages += 1;
    }

    /// Those that are gone now.
    pub(super) fn remove(&mut self, gone: &Ids) -> Result<Vec<Slot>, Bad> {
        let slots: Result<Vec<Slot>, Bad> = gone.iter().map(|id| self.slot(id)).collect();
        let slots = slots?;
        for slot in &slots {
            self.known[slot.index()].is_gone = true;
        }
        self.messages += 1;
        Ok(slots)
    }

    /// The entries of a job, if they are those that its member means.
    pub(super) fn job(&self, inputs: &JobInputs) -> Result<Vec<Slot>, Bad> {
        let mut slots = Vec::with_capacity(inputs.entries.iter().len());
        for id in inputs.entries.iter() {
            slots.push(self.slot(id)?);
        }
        let mut next = slots.iter();
        let found = digest(&inputs.entries, |_| {
            next.next().map(|slot| self.get(*slot).key)
        });
        match found == Some(inputs.digest) {
            true => Ok(slots),
            false => Err(Bad::OtherEntries),
        }
    }

    fn slot(&self, id: EntryId) -> Result<Slot, Bad> {
        self.slots.get(&id).copied().ok_or(Bad::Unknown(id.0))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use wire::view::{Body, EntryPath, Modified};

    use super::*;

    pub(crate) fn entry(path: &str, what: What) -> Entry {
        Entry {
            path: EntryPath::new(path.as_bytes()).unwrap(),
            what,
            is_fresh: false,
        }
    }

    pub(crate) fn file(contents: &[u8]) -> What {
        What::File(Body {
            digest: Digest::from_bytes(*blake3::hash(contents).as_bytes()),
            size: contents.len() as u64,
            modified: Modified {
                seconds: 1_600_000_000,
                nanoseconds: 5,
            },
            executable: false,
        })
    }

    pub(crate) fn tell(index: &mut Index, entries: &[(u32, Entry)]) -> Result<Vec<Slot>, Bad> {
        let told = entries.iter().map(|(id, entry)| (EntryId(*id), entry));
        let new = index.judge(told)?;
        let slots = new.slots().collect();
        index.add(new);
        Ok(slots)
    }

    fn ids(ids: &[u32]) -> Ids {
        Ids::new(ids.iter().copied().map(EntryId).collect()).unwrap()
    }

    fn inputs(entries: &[u32], digest: Digest) -> JobInputs {
        JobInputs {
            terminal: false,
            view: wire::name::ViewNumber::new(1).unwrap(),
            after: wire::name::Count::new(0).unwrap(),
            entries: ids(entries),
            digest,
            environment: wire::field::List::default(),
        }
    }

    #[test]
    fn a_number_is_used_once_and_names_a_file_before_others_are_the_same() {
        let mut index = Index::default();
        let a = entry("/a", file(b"x"));
        tell(
            &mut index,
            &[(7, a.clone()), (9, entry("/d", What::Directory))],
        )
        .unwrap();
        assert_eq!(tell(&mut index, &[(7, a.clone())]), Err(Bad::Again(7)));
        let same = |of| entry("/b", What::Same(EntryId(of)));
        assert_eq!(tell(&mut index, &[(10, same(3))]), Err(Bad::NoFile(10, 3)));
        assert_eq!(tell(&mut index, &[(10, same(9))]), Err(Bad::NoFile(10, 9)));
        // Numbers of later messages may be lower: each host is told what it lacks.
        let slots = tell(&mut index, &[(2, entry("/e", What::Unsent)), (10, same(7))]).unwrap();
        let chain = entry("/c", What::Same(EntryId(10)));
        let chained = tell(&mut index, &[(11, chain)]).unwrap();
        let first = Slot(0);
        assert_eq!(index.get(slots[1]).what, Thing::Same(first));
        assert_eq!(index.get(chained[0]).what, Thing::Same(first));
        assert_eq!(index.messages(), 3);
    }

    #[test]
    fn a_job_has_the_entries_that_its_member_means_or_none() {
        let mut index = Index::default();
        let (a, b) = (entry("/a", file(b"x")), entry("/b", What::Unsent));
        tell(&mut index, &[(7, a.clone()), (9, b.clone())]).unwrap();
        let key = |id: EntryId| match id.0 {
            7 => Some(a.key(None)),
            _ => Some(b.key(None)),
        };
        let right = digest(&ids(&[7, 9]), key).unwrap();
        assert_eq!(
            index.job(&inputs(&[7, 9], right)),
            Ok(vec![Slot(0), Slot(1)])
        );
        assert_eq!(index.job(&inputs(&[7], right)), Err(Bad::OtherEntries));
        assert_eq!(index.job(&inputs(&[7, 8], right)), Err(Bad::Unknown(8)));
        // What is gone can still be named by who prepared a job before.
        assert_eq!(index.remove(&ids(&[7])), Ok(vec![Slot(0)]));
        assert!(index.job(&inputs(&[7, 9], right)).is_ok());
        assert!(index.get(Slot(0)).is_gone);
        assert_eq!(index.remove(&ids(&[8])), Err(Bad::Unknown(8)));
    }

    #[test]
    fn there_is_an_end_to_what_may_be_told() {
        let mut index = Index::default();
        let long = format!("/{}", "x/".repeat(2000) + "y");
        let many: Vec<_> = (0..20_000)
            .map(|id| (id, entry(&long, What::Directory)))
            .collect();
        assert_eq!(tell(&mut index, &many), Err(Bad::TooMany));
        assert_eq!(index.messages(), 0);
    }
}
