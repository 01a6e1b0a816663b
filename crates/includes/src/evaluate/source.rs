//! What is to be read, and what comes of it.

use std::sync::Arc;

use crate::block::Block;
use crate::compiler::{Compiler, Question};
use crate::expression::Doubt;
use crate::facts::Facts;
use crate::search::{Chain, DirectoryId, FileId, Origin, Probe, Request};

/// A command line's own macros and files, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Preset {
    /// `-D`, as it is written: `NAME`, `NAME=body`, `NAME(x)=body`.
    Define(Vec<u8>),
    /// `-U`.
    Undefine(Vec<u8>),
    /// `-imacros`.
    Macros(Vec<u8>),
    /// `-include`.
    Include(Vec<u8>),
}

/// What is to be read.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    pub file: FileId,
    pub presets: &'a [Preset],
    pub compiler: &'a Compiler,
    pub chain: &'a Chain,
    /// The directory that the compiler runs in.
    pub directory: DirectoryId,
    /// Files that the compiler reads before all others.
    pub preincluded: &'a [FileId],
}

impl Source<'_> {
    pub(super) fn can_follow(&self, request: Request, origin: Origin) -> Result<(), Doubt> {
        if self.compiler.is_clang && request.is_next && origin == Origin::Beside {
            return Err(Doubt::Next);
        }
        Ok(())
    }
}

/// What a compile of the source reads.
#[derive(Debug, Default)]
pub struct Reached {
    /// Every file that is opened, once, in the order of the first time.
    pub files: Vec<FileId>,
    /// Those of them that are read, and not only asked for or passed over as read before.
    pub entered: Vec<FileId>,
    /// Every place that was looked at, found or not, once.
    pub probes: Vec<Probe>,
    pub facts: Facts,
    /// What is in the files of `entered`, each once.
    pub blocks: Vec<(FileId, Arc<Block>)>,
    /// The name of a header that is not there: with it the compile ends, and what is told of above is all
    /// that it reads until then.
    pub missing: Option<Vec<u8>>,
}

/// Why the set is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// The compiler has to be asked first.
    Ask(Vec<Question>),
    /// It cannot be known here; the file that says so.
    Doubt(Doubt, FileId),
}
