//! Where headers are looked for, and what the tree of files answers.

use crate::block::{Block, Library};
use crate::names::Name;
use std::sync::Arc;

/// A directory of the tree that is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DirectoryId(pub u32);

/// A file at one path. The same file at another path has another number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub u32);

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    File(FileId),
    /// Nothing, or a directory: the search goes on.
    Nothing,
    /// What the compiler would stumble over: unreadable, or no ordinary file.
    Strange,
}

/// The files as the compiler would see them.
pub trait Tree {
    /// What is at `name` in a directory; an absolute name is at its own place.
    fn find(&mut self, directory: DirectoryId, name: Name, library: &Library) -> Found;

    /// The directory that a file's own quoted includes are looked for in first: its path without
    /// the last component.
    fn parent(&mut self, file: FileId) -> DirectoryId;

    /// What is in a file, read in the library's dialect; `None` if it cannot be read.
    fn block(&mut self, file: FileId, library: &mut Library) -> Option<Arc<Block>>;

    /// Files that the compiler takes for one where each is read once only: with gcc those of the
    /// same contents and time, with clang those of the same inode.
    fn once(&mut self, file: FileId) -> u64;

    /// A file's path as `__FILE__` spells it, without quotes.
    fn spelled(&mut self, file: FileId) -> Vec<u8>;
}

/// The directories that are searched, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    /// Those for `#include "…"` only, then those for both.
    pub directories: Vec<DirectoryId>,
    /// Where those for both begin.
    pub angled: usize,
    /// `-I-`: the directory of the file that includes is not searched.
    pub ignores_source_directory: bool,
}

/// Where a file was found: what `#include_next` goes on from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Not by a search: the source itself, or an absolute name.
    Named,
    /// Beside the file that included it, or in the directory of the compile.
    Beside,
    /// At this place of the chain.
    Chain(usize),
}

/// How a header is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) name: Name,
    pub(crate) is_angled: bool,
    pub(crate) is_next: bool,
}

/// One question to the tree and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Probe {
    pub directory: DirectoryId,
    pub name: Name,
}

impl Chain {
    /// Looks for a header from a file; every place that was looked at is told.
    pub(crate) fn search(
        &self,
        tree: &mut dyn Tree,
        library: &Library,
        request: Request,
        from: (Option<DirectoryId>, Origin),
        tell: &mut dyn FnMut(Probe),
    ) -> Option<(Found, Origin)> {
        let Request { name, .. } = request;
        let mut look = |directory| {
            tell(Probe { directory, name });
            tree.find(directory, name, library)
        };
        if library.names.spelling(name).starts_with(b"/") {
            let found = look(from.0.or(self.directories.first().copied())?);
            return (found != Found::Nothing).then_some((found, Origin::Named));
        }
        let (beside, start) = match (request.is_next, from.1) {
            (true, Origin::Chain(place)) => (None, place + 1),
            (true, Origin::Beside) => (None, 0),
            _ if request.is_angled => (None, self.angled),
            _ if self.ignores_source_directory => (None, 0),
            _ => (from.0, 0),
        };
        if let Some(directory) = beside {
            let found = look(directory);
            if found != Found::Nothing {
                return Some((found, Origin::Beside));
            }
        }
        let places = self.directories.iter().enumerate().skip(start);
        for (place, directory) in places {
            let found = look(*directory);
            if found != Found::Nothing {
                return Some((found, Origin::Chain(place)));
            }
        }
        None
    }
}
