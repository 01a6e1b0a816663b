//! One way through a file and all that it includes: what it depended on, and what it did.
//!
//! Where all that it depended on is as it was, going that way again would do the same.

use std::sync::Arc;

use super::searches::Answer;
use crate::block::Block;
use crate::facts::Facts;
use crate::search::FileId;
use crate::variables::Value;

#[derive(Debug)]
pub(super) struct Node {
    /// Macros by the number of their name: what the definition was, and what it is left as.
    pub(super) macros_read: Box<[Value]>,
    pub(super) macros_changed: Box<[Value]>,
    /// The same of files, whether they were read and are to be read once only.
    pub(super) once_read: Box<[Value]>,
    pub(super) once_changed: Box<[Value]>,
    /// Files that were asked whether they are to be read once only, with their numbers for that.
    pub(super) same: Box<[(FileId, u32)]>,
    /// All searches in their order, with what they found.
    pub(super) searches: Box<[(u32, Answer)]>,
    /// All files that were entered, in their order.
    pub(super) entered: Box<[(FileId, Arc<Block>)]>,
    pub(super) facts: Facts,
    pub(super) extent: Extent,
}

/// How far a way leads, for the bounds on that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Extent {
    /// Levels below the file itself.
    pub(super) depth: usize,
    /// How often a file is entered, the file itself counted.
    pub(super) entered: usize,
}

impl Node {
    /// In about so many words of memory.
    pub(super) fn weight(&self) -> usize {
        let macros = self.macros_read.len() + self.macros_changed.len();
        let once = self.once_read.len() + self.once_changed.len() + self.same.len();
        macros + once + 2 * (self.searches.len() + self.entered.len()) + 24
    }
}
