//! What stays from source to source, and the record of how the present one goes.

use std::sync::Arc;

use super::files::Files;
use super::node::{Extent, Node};
use super::searches::Searches;
use super::source::{Reached, Source};
use crate::facts::Facts;
use crate::library::Library;
use crate::search::{Chain, FileId, Origin, Tree};
use crate::variables::Variables;

/// Belongs to one library and one tree.
#[derive(Debug, Default)]
pub struct Memory {
    /// Definitions by name: 0 is undefined.
    pub(super) macros: Variables,
    /// [`SEEN`] and [`ONCE`] by [`Files::once`].
    pub(super) once: Variables,
    pub(super) searches: Searches,
    pub(super) files: Files,
    stretches: Vec<Stretch>,
    /// The compiler and the chain that the above is true of.
    compiler: Option<u32>,
    chain: Chain,
    epoch: Option<u64>,
    /// Nothing is repeated: to compare with.
    pub(crate) is_forgetful: bool,
    /// How often it was of use.
    pub(crate) repeated: usize,
}

/// The file was included.
pub(super) const SEEN: u32 = 1;
/// It is not to be read again.
pub(super) const ONCE: u32 = 2;

/// A file that is read, as far as it is recorded.
#[derive(Debug)]
struct Stretch {
    macros: usize,
    once: usize,
    searches: usize,
    files: (usize, usize),
    /// How many values were pushed before.
    pushed: usize,
    facts: Facts,
    extent: Extent,
    is_lost: bool,
}

impl Memory {
    pub(super) fn begin(&mut self, source: &Source<'_>, epoch: Option<u64>) {
        let compiler = source.compiler.number;
        let is_known = compiler.is_some() && self.compiler == compiler;
        let is_worn = self.searches.is_worn() || self.files.is_worn();
        if !is_known || self.chain != *source.chain || is_worn {
            *self = Self {
                compiler,
                chain: source.chain.clone(),
                is_forgetful: self.is_forgetful,
                ..Self::default()
            };
        }
        let are_valid = epoch.is_some() && self.epoch == epoch;
        self.epoch = epoch;
        self.stretches.clear();
        self.macros.begin(source.compiler.table.values(), is_known);
        self.once.begin(&[], true);
        self.searches.begin(are_valid);
        self.files.begin(are_valid);
    }

    /// Begins to record a file. Sources themselves are not recorded: they are read once.
    pub(super) fn open(&mut self, pushed: usize) {
        self.stretches.push(Stretch {
            macros: self.macros.place(),
            once: self.once.place(),
            searches: self.searches.place(),
            files: self.files.places(),
            pushed,
            facts: Facts::default(),
            extent: Extent::default(),
            is_lost: false,
        });
        self.record(true);
    }

    fn record(&mut self, is_recorded: bool) {
        self.macros.is_recorded = is_recorded;
        self.once.is_recorded = is_recorded;
        self.searches.is_recorded = is_recorded;
        self.files.is_recorded = is_recorded;
    }

    /// A file is entered whose text has these facts.
    pub(super) fn enter(&mut self, facts: Facts) {
        if let Some(stretch) = self.stretches.last_mut() {
            stretch.facts = stretch.facts.or(facts);
            stretch.extent.entered += 1;
        }
    }

    /// Something happens that a stretch that began after so many values were pushed cannot repeat.
    pub(super) fn lose(&mut self, pushed: usize) {
        for stretch in &mut self.stretches {
            stretch.is_lost |= stretch.pushed > pushed;
        }
    }

    /// The same for the present stretch, or for all.
    pub(super) fn lose_present(&mut self) {
        if let Some(stretch) = self.stretches.last_mut() {
            stretch.is_lost = true;
        }
    }

    pub(super) fn lose_all(&mut self) {
        for stretch in &mut self.stretches {
            stretch.is_lost = true;
        }
    }

    /// How many values had been pushed when the present stretch began.
    pub(super) fn pushed(&self) -> usize {
        self.stretches.last().map_or(0, |stretch| stretch.pushed)
    }

    /// The file that was opened last has been read to its end.
    pub(super) fn close(&mut self, file: FileId, origin: Origin) {
        let Some(stretch) = self.stretches.pop() else {
            return;
        };
        let is_lost = stretch.is_lost || std::mem::take(&mut self.macros.has_lost);
        self.include(stretch.facts, stretch.extent, is_lost);
        if self.stretches.is_empty() {
            self.record(false);
        }
        if is_lost || self.is_forgetful {
            return;
        }
        let (macros_read, macros_changed) = self.macros.stretch(stretch.macros);
        let (once_read, once_changed) = self.once.stretch(stretch.once);
        let (entered, same) = self.files.stretch(stretch.files);
        let node = Node {
            macros_read,
            macros_changed,
            once_read,
            once_changed,
            same,
            searches: self.searches.stretch(stretch.searches),
            entered,
            facts: stretch.facts,
            extent: stretch.extent,
        };
        self.files.remember(file, origin, node);
    }

    fn include(&mut self, facts: Facts, extent: Extent, is_lost: bool) {
        if let Some(outer) = self.stretches.last_mut() {
            outer.facts = outer.facts.or(facts);
            outer.extent.entered += extent.entered;
            outer.extent.depth = outer.extent.depth.max(extent.depth + 1);
            outer.is_lost |= is_lost;
        }
    }

    /// A way through a file that would be gone now, if one is known.
    pub(super) fn find(
        &mut self,
        file: FileId,
        origin: Origin,
        tree: &mut dyn Tree,
        library: &mut Library,
    ) -> Option<Arc<Node>> {
        if self.is_forgetful {
            return None;
        }
        let mut at = 0;
        while let Some(node) = self.files.node(file, origin, at) {
            if self.fits(&node, tree, library) {
                return Some(node);
            }
            at += 1;
        }
        None
    }

    fn fits(&mut self, node: &Node, tree: &mut dyn Tree, library: &mut Library) -> bool {
        self.macros.reads(&node.macros_read)
            && self.once.reads(&node.once_read)
            && node
                .searches
                .iter()
                .all(|(number, answer)| self.searches.answer(*number, tree, library) == *answer)
            && node
                .entered
                .iter()
                .all(|(file, block)| self.files.has(*file, block, tree, library))
            && node
                .same
                .iter()
                .all(|(file, once)| self.files.once_now(*file, tree) == *once)
    }

    /// Does what going that way would do.
    pub(super) fn repeat(&mut self, node: &Node, reached: &mut Reached) {
        self.macros.repeat(&node.macros_read, &node.macros_changed);
        self.once.repeat(&node.once_read, &node.once_changed);
        self.searches.note(&node.searches);
        for (number, _) in &node.searches {
            self.tell(*number, reached);
        }
        self.files.note(node);
        for (file, block) in &node.entered {
            if self.files.enter_again(*file) {
                reached.entered.push(*file);
                reached.blocks.push((*file, Arc::clone(block)));
            }
        }
        reached.facts = reached.facts.or(node.facts);
        self.include(node.facts, node.extent, false);
        self.repeated += 1;
    }

    /// Tells what a search has looked at and found.
    pub(super) fn tell(&mut self, number: u32, reached: &mut Reached) {
        use crate::search::Found;
        let answer = self.searches.tell(number, |probe| {
            reached.probes.push(probe);
        });
        if let Found::File(file) = answer.found
            && self.files.reach(file)
        {
            reached.files.push(file);
        }
    }
}
