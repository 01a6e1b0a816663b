//! Where headers are looked for, and what the tree of files answers.

use crate::block::Block;
use crate::library::Library;
use crate::names::Name;
use std::sync::Arc;

/// A directory of the tree that is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DirectoryId(pub u32);

/// A file at one path. The same file at another path has another number. Numbers are taken one after
/// the other: something is kept for each below the highest.
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

    /// A number that changes whenever an answer may have changed. Without one each source asks anew, but
    /// for what follows from a path: [`Tree::parent`] and [`Tree::spelled`].
    fn epoch(&mut self) -> Option<u64> {
        None
    }
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
