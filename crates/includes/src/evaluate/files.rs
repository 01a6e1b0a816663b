//! What is known of files: from the tree, each question asked once for a source, and from sources
//! that were read before.

use std::collections::HashMap;
use std::sync::Arc;

use super::node::Node;
use crate::block::Block;
use crate::library::Library;
use crate::names::Name;
use crate::search::{DirectoryId, FileId, Origin, Tree};

/// So many ways through a file are remembered: with and without what was read before it.
const MOST_NODES: usize = 12;

#[derive(Debug, Default)]
pub(super) struct File {
    /// What follows belongs to these answers.
    asked: u32,
    block: Option<Arc<Block>>,
    once: Option<u32>,
    /// These follow from its path.
    parent: Option<DirectoryId>,
    quoted: Option<Name>,
    reached: u32,
    entered: u32,
    marks: [u32; 2],
    /// The latest first.
    nodes: Vec<(Origin, Arc<Node>)>,
}

#[derive(Debug, Default)]
pub(super) struct Files {
    all: Vec<File>,
    /// Files that are one where each is read once only, by [`Tree::once`].
    same: HashMap<u64, u32>,
    answers: u32,
    round: u32,
    mark: u32,
    entered: Vec<FileId>,
    asked_once: Vec<FileId>,
    pub(super) is_recorded: bool,
    /// How much the nodes weigh.
    weight: usize,
}

/// All nodes together are not larger; beyond that they are made anew.
const MOST_WEIGHT: usize = 3_000_000;

impl Files {
    pub(super) fn begin(&mut self, are_valid: bool) {
        self.entered.clear();
        self.asked_once.clear();
        self.is_recorded = false;
        self.round += 1;
        self.answers += u32::from(!are_valid);
    }

    pub(super) fn is_worn(&self) -> bool {
        self.round.max(self.mark) >= u32::MAX / 2
    }

    fn file(&mut self, file: FileId) -> &mut File {
        let at = file.0 as usize;
        if at >= self.all.len() {
            self.all.resize_with(at + 1, File::default);
        }
        let known = &mut self.all[at];
        if known.asked != self.answers {
            known.asked = self.answers;
            known.block = None;
            known.once = None;
        }
        known
    }

    pub(super) fn block(
        &mut self,
        file: FileId,
        tree: &mut dyn Tree,
        library: &mut Library,
    ) -> Option<Arc<Block>> {
        let known = self.file(file);
        if known.block.is_none() {
            known.block = tree.block(file, library);
        }
        known.block.clone()
    }

    /// Whether a file still has the contents of a block.
    pub(super) fn has(
        &mut self,
        file: FileId,
        block: &Block,
        tree: &mut dyn Tree,
        library: &mut Library,
    ) -> bool {
        let known = self.file(file);
        if known.block.is_none() {
            known.block = tree.block(file, library);
        }
        let now = known.block.as_ref();
        now.is_some_and(|now| now.number == block.number)
    }

    pub(super) fn parent(&mut self, file: FileId, tree: &mut dyn Tree) -> DirectoryId {
        let known = self.file(file);
        *known.parent.get_or_insert_with(|| tree.parent(file))
    }

    /// The number that all files have that are one where each is read once only.
    pub(super) fn once(&mut self, file: FileId, tree: &mut dyn Tree) -> u32 {
        if self.is_recorded {
            self.asked_once.push(file);
        }
        self.once_now(file, tree)
    }

    pub(super) fn once_now(&mut self, file: FileId, tree: &mut dyn Tree) -> u32 {
        if let Some(once) = self.file(file).once {
            return once;
        }
        let next = u32::try_from(self.same.len()).unwrap_or(u32::MAX);
        let once = *self.same.entry(tree.once(file)).or_insert(next);
        self.file(file).once = Some(once);
        once
    }

    /// A file's name with quotes, as `__FILE__` gives it.
    pub(super) fn quoted(
        &mut self,
        file: FileId,
        tree: &mut dyn Tree,
        library: &mut Library,
    ) -> Name {
        if let Some(name) = self.file(file).quoted {
            return name;
        }
        let mut text = vec![b'"'];
        for byte in tree.spelled(file) {
            if matches!(byte, b'"' | b'\\') {
                text.push(b'\\');
            }
            text.push(byte);
        }
        text.push(b'"');
        let name = library.names.name(&text);
        self.file(file).quoted = Some(name);
        name
    }

    /// Notes that a file was found; whether it is the first time in this round.
    pub(super) fn reach(&mut self, file: FileId) -> bool {
        let round = self.round;
        std::mem::replace(&mut self.file(file).reached, round) != round
    }

    /// The same for entering it.
    pub(super) fn enter(&mut self, file: FileId) -> bool {
        if self.is_recorded {
            self.entered.push(file);
        }
        self.enter_again(file)
    }

    /// The same for a file of a stretch that is noted as a whole.
    pub(super) fn enter_again(&mut self, file: FileId) -> bool {
        let round = self.round;
        std::mem::replace(&mut self.file(file).entered, round) != round
    }

    pub(super) fn places(&self) -> (usize, usize) {
        (self.entered.len(), self.asked_once.len())
    }

    /// The files entered since a place with their blocks, and those with the numbers of [`Files::once`];
    /// each once.
    #[expect(clippy::type_complexity, reason = "two lists of two columns")]
    pub(super) fn stretch(
        &mut self,
        places: (usize, usize),
    ) -> (Box<[(FileId, Arc<Block>)]>, Box<[(FileId, u32)]>) {
        self.mark += 1;
        let (mut entered, mut once) = (Vec::new(), Vec::new());
        for file in self.entered.split_off(places.0) {
            let mark = self.mark;
            let known = self.file(file);
            if std::mem::replace(&mut known.marks[0], mark) != mark {
                entered.extend(known.block.clone().map(|block| (file, block)));
            }
        }
        for file in self.asked_once.split_off(places.1) {
            let mark = self.mark;
            let known = self.file(file);
            if std::mem::replace(&mut known.marks[1], mark) != mark {
                once.extend(known.once.map(|once| (file, once)));
            }
        }
        self.entered.extend(entered.iter().map(|(file, _)| *file));
        self.asked_once.extend(once.iter().map(|(file, _)| *file));
        (entered.into(), once.into())
    }

    /// Notes files of a stretch that is repeated.
    pub(super) fn note(&mut self, node: &Node) {
        if self.is_recorded {
            let entered = node.entered.iter().map(|(file, _)| *file);
            self.entered.extend(entered);
            let once = node.same.iter().map(|(file, _)| *file);
            self.asked_once.extend(once);
        }
    }

    /// The ways through a file that are remembered, by number.
    pub(super) fn node(&self, file: FileId, origin: Origin, at: usize) -> Option<Arc<Node>> {
        let mut nodes = self.all.get(file.0 as usize)?.nodes.iter();
        let found = nodes.by_ref().filter(|(from, _)| *from == origin).nth(at)?;
        Some(Arc::clone(&found.1))
    }

    pub(super) fn remember(&mut self, file: FileId, origin: Origin, node: Node) {
        self.weight += node.weight();
        if self.weight > MOST_WEIGHT {
            self.weight = 0;
            for known in &mut self.all {
                known.nodes.clear();
            }
        }
        let nodes = &mut self.file(file).nodes;
        nodes.insert(0, (origin, Arc::new(node)));
        if nodes.len() > MOST_NODES
            && let Some((_, oldest)) = nodes.pop()
        {
            self.weight = self.weight.saturating_sub(oldest.weight());
        }
    }
}
