//! What the store holds and who needs it: numbers only. Every byte on the disk is in exactly one of
//! `held` (things), `overhead` (the store's own directories) and `reserved` (about to be written);
//! their sum never exceeds the limit.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use job::Digest;

use crate::entry::Key;

/// Never given away: the store's directories grow when names come in, before anybody measures them.
const MARGIN: u64 = 32 << 10;

/// Something that can be dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Item {
    Object(Key),
    Tree(Digest),
}

#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) bytes: u64,
    /// Trees that are built from it.
    trees: u32,
    leases: u32,
    used: u64,
    /// Whole, as far as this boot of the machine can tell.
    pub(crate) trusted: bool,
}

#[derive(Debug)]
pub(crate) struct Tree {
    /// Of its own: directories, long links, its record.
    pub(crate) bytes: u64,
    /// Each once.
    pub(crate) keys: Vec<Key>,
    leases: u32,
    used: u64,
    /// In this process.
    last: Option<Instant>,
    pub(crate) trusted: bool,
    /// Damaged and still in use: nobody else gets it.
    pub(crate) doomed: bool,
}

impl Tree {
    /// When it was used last, in this process.
    pub(crate) fn last(&self) -> Option<Instant> {
        self.last
    }
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    limit: u64,
    /// A tree that was used within this time counts as in use.
    grace: Duration,
    held: u64,
    overhead: u64,
    reserved: u64,
    objects: HashMap<Key, Object>,
    trees: HashMap<Digest, Tree>,
    /// Nobody needs these, in the order of their use.
    idle: BTreeSet<(u64, Item)>,
    clock: u64,
}

impl Ledger {
    pub(crate) fn new(limit: u64, grace: Duration) -> Self {
        Self {
            limit,
            grace,
            ..Self::default()
        }
    }

    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }

    pub(crate) fn used(&self) -> u64 {
        self.held + self.overhead
    }

    pub(crate) fn reserved(&self) -> u64 {
        self.reserved
    }

    pub(crate) fn set_overhead(&mut self, bytes: u64) {
        self.overhead = bytes;
    }

    /// Puts `bytes` aside if they fit.
    pub(crate) fn reserve(&mut self, bytes: u64) -> bool {
        let fits = self.sum(bytes) <= self.limit;
        if fits {
            self.reserved += bytes;
        }
        fits
    }

    /// Not even when everything else is gone.
    pub(crate) fn never_fits(&self, bytes: u64) -> bool {
        bytes.saturating_add(self.overhead + MARGIN) > self.limit
    }

    pub(crate) fn release(&mut self, bytes: u64) {
        self.reserved = self.reserved.saturating_sub(bytes);
    }

    /// Whether everything together is within the limit.
    pub(crate) fn fits(&self) -> bool {
        self.sum(0) <= self.limit
    }

    fn sum(&self, more: u64) -> u64 {
        (self.used() + self.reserved + MARGIN).saturating_add(more)
    }

    pub(crate) fn object(&self, key: &Key) -> Option<&Object> {
        self.objects.get(key)
    }

    pub(crate) fn tree(&self, id: &Digest) -> Option<&Tree> {
        self.trees.get(id)
    }

    pub(crate) fn objects(&self) -> impl Iterator<Item = &Key> {
        self.objects.keys()
    }

    pub(crate) fn trees(&self) -> impl Iterator<Item = (&Digest, &Tree)> {
        self.trees.iter()
    }

    pub(crate) fn add_object(&mut self, key: Key, bytes: u64, trusted: bool) {
        let used = self.tick();
        let object = Object {
            bytes,
            trees: 0,
            leases: 0,
            used,
            trusted,
        };
        self.held += bytes;
        self.objects.insert(key, object);
        self.idle.insert((used, Item::Object(key)));
    }

    /// All of `keys` must be here.
    pub(crate) fn add_tree(&mut self, id: Digest, bytes: u64, keys: Vec<Key>, trusted: bool) {
        for key in &keys {
            self.change_object(key, |object| object.trees += 1);
        }
        let used = self.tick();
        let tree = Tree {
            bytes,
            keys,
            leases: 0,
            used,
            last: None,
            trusted,
            doomed: false,
        };
        self.held += bytes;
        self.trees.insert(id, tree);
        self.idle.insert((used, Item::Tree(id)));
    }

    /// Counts a further user.
    pub(crate) fn hold(&mut self, item: Item, now: Instant) {
        let used = self.tick();
        match item {
            Item::Object(key) => self.change_object(&key, |object| {
                object.leases += 1;
                object.used = used;
            }),
            Item::Tree(id) => self.change_tree(&id, |tree| {
                tree.leases += 1;
                tree.used = used;
                tree.last = Some(now);
            }),
        }
    }

    /// One user less.
    pub(crate) fn let_go(&mut self, item: Item, now: Instant) {
        match item {
            Item::Object(key) => self.change_object(&key, |object| {
                object.leases = object.leases.saturating_sub(1);
            }),
            Item::Tree(id) => self.change_tree(&id, |tree| {
                tree.leases = tree.leases.saturating_sub(1);
                tree.last = Some(now);
                if tree.doomed {
                    // First to go.
                    (tree.used, tree.last) = (0, None);
                }
            }),
        }
    }

    pub(crate) fn set_trusted(&mut self, item: Item, trusted: bool) {
        match item {
            Item::Object(key) => self.change_object(&key, |object| object.trusted = trusted),
            Item::Tree(id) => self.change_tree(&id, |tree| tree.trusted = trusted),
        }
    }

    pub(crate) fn doom(&mut self, id: &Digest) {
        self.change_tree(id, |tree| tree.doomed = true);
    }

    /// A part of a tree is gone.
    pub(crate) fn shrink(&mut self, id: &Digest, bytes: u64) {
        if let Some(tree) = self.trees.get_mut(id) {
            let bytes = bytes.min(tree.bytes);
            tree.bytes -= bytes;
            self.held -= bytes;
        }
    }

    /// A tree's own link to a file is all that keeps its bytes on the disk from now on.
    pub(crate) fn detach(&mut self, id: &Digest, key: &Key) {
        let Some(bytes) = self.objects.get(key).map(|object| object.bytes) else {
            return;
        };
        self.change_tree(id, |tree| {
            tree.keys.retain(|kept| kept != key);
            tree.bytes += bytes;
        });
        self.held += bytes;
        self.change_object(key, |object| object.trees = object.trees.saturating_sub(1));
    }

    pub(crate) fn is_held(&self, item: Item) -> bool {
        match item {
            Item::Object(key) => self
                .objects
                .get(&key)
                .is_some_and(|object| object.leases > 0),
            Item::Tree(id) => self.trees.get(&id).is_some_and(|tree| tree.leases > 0),
        }
    }

    /// Here, and nobody needs it.
    pub(crate) fn is_idle(&self, item: Item) -> bool {
        let used = match item {
            Item::Object(key) => self.objects.get(&key).map(|object| object.used),
            Item::Tree(id) => self.trees.get(&id).map(|tree| tree.used),
        };
        used.is_some_and(|used| self.idle.contains(&(used, item)))
    }

    /// What was not used for longest and may go.
    pub(crate) fn oldest(&self, now: Instant) -> Option<Item> {
        let recent = |item: &Item| match item {
            Item::Object(_) => false,
            Item::Tree(id) => self
                .trees
                .get(id)
                .and_then(|tree| tree.last)
                .is_some_and(|last| now.saturating_duration_since(last) < self.grace),
        };
        self.idle
            .iter()
            .map(|(_, item)| *item)
            .find(|item| !recent(item))
    }

    /// Takes something out of sight. Its bytes count until [`Self::freed`].
    pub(crate) fn remove(&mut self, item: Item) -> u64 {
        match item {
            Item::Object(key) => match self.objects.remove(&key) {
                Some(object) => {
                    self.idle.remove(&(object.used, item));
                    object.bytes
                }
                None => 0,
            },
            Item::Tree(id) => match self.trees.remove(&id) {
                Some(tree) => {
                    self.idle.remove(&(tree.used, item));
                    for key in &tree.keys {
                        self.change_object(key, |object| {
                            object.trees = object.trees.saturating_sub(1);
                            object.used = object.used.min(tree.used);
                        });
                    }
                    tree.bytes
                }
                None => 0,
            },
        }
    }

    pub(crate) fn freed(&mut self, bytes: u64) {
        self.held = self.held.saturating_sub(bytes);
    }

    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    fn change_object(&mut self, key: &Key, change: impl FnOnce(&mut Object)) {
        let Some(object) = self.objects.get_mut(key) else {
            return;
        };
        self.idle.remove(&(object.used, Item::Object(*key)));
        change(object);
        if object.trees == 0 && object.leases == 0 {
            self.idle.insert((object.used, Item::Object(*key)));
        }
    }

    fn change_tree(&mut self, id: &Digest, change: impl FnOnce(&mut Tree)) {
        let Some(tree) = self.trees.get_mut(id) else {
            return;
        };
        self.idle.remove(&(tree.used, Item::Tree(*id)));
        change(tree);
        if tree.leases == 0 {
            self.idle.insert((tree.used, Item::Tree(*id)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(number: u8) -> Digest {
        Digest::from_bytes([number; 32])
    }

    fn key(number: u8) -> Key {
        Key {
            digest: digest(number),
            executable: false,
        }
    }

    #[test]
    fn trees_go_in_the_order_of_use_and_their_files_after_them() {
        let now = Instant::now();
        let mut ledger = Ledger::new(1000, Duration::ZERO);
        for number in 1..=3 {
            ledger.add_object(key(number), 10, true);
        }
        ledger.add_tree(digest(10), 1, vec![key(1), key(2)], true);
        ledger.add_tree(digest(11), 1, vec![key(2), key(3)], true);
        ledger.hold(Item::Tree(digest(10)), now);
        assert_eq!(ledger.oldest(now), Some(Item::Tree(digest(11))));
        ledger.let_go(Item::Tree(digest(10)), now);
        let mut order = Vec::new();
        while let Some(item) = ledger.oldest(now) {
            let bytes = ledger.remove(item);
            ledger.freed(bytes);
            order.push(item);
        }
        // Of the tree that goes first, file 2 is still needed by the other.
        let files = [3, 1, 2].map(|number| Item::Object(key(number)));
        assert_eq!(order[..2], [Item::Tree(digest(11)), files[0]]);
        assert_eq!(order[2], Item::Tree(digest(10)));
        assert_eq!(order.len(), 5);
        assert_eq!(ledger.used(), 0);
    }

    #[test]
    fn what_was_used_a_moment_ago_stays() {
        let now = Instant::now();
        let mut ledger = Ledger::new(1000, Duration::from_secs(200));
        ledger.add_tree(digest(1), 1, Vec::new(), true);
        ledger.add_tree(digest(2), 1, Vec::new(), true);
        ledger.hold(Item::Tree(digest(1)), now);
        ledger.let_go(Item::Tree(digest(1)), now);
        assert_eq!(ledger.oldest(now), Some(Item::Tree(digest(2))));
        ledger.remove(Item::Tree(digest(2)));
        assert_eq!(ledger.oldest(now + Duration::from_secs(199)), None);
        let later = now + Duration::from_secs(200);
        assert_eq!(ledger.oldest(later), Some(Item::Tree(digest(1))));
    }
}
