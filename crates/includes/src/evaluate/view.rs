//! What a condition may ask.

use super::searches::Searches;
use super::source::Source;
use crate::compiler::Question;
use crate::expression::{Doubt, World};
use crate::library::Library;
use crate::macros::Place;
use crate::names::Name;
use crate::search::{DirectoryId, Found, Origin, Request, Tree};
use crate::words::Word;

/// The file that is read.
pub(super) struct Here {
    pub(super) origin: Origin,
    pub(super) directory: DirectoryId,
    pub(super) place: Place,
}

/// What a condition may ask.
pub(super) struct View<'v, 'a> {
    pub(super) tree: &'v mut (dyn Tree + 'a),
    pub(super) source: Source<'v>,
    pub(super) searches: &'v mut Searches,
    /// Searches that have been made, to be told.
    pub(super) made: &'v mut Vec<u32>,
    pub(super) asked: &'v mut Vec<Question>,
    pub(super) here: &'v Here,
}

impl World for View<'_, '_> {
    fn has(
        &mut self,
        name: Name,
        is_angled: bool,
        is_next: bool,
        library: &Library,
    ) -> Result<bool, Doubt> {
        let request = Request {
            name,
            is_angled,
            is_next,
        };
        self.source.can_follow(request, self.here.origin)?;
        let from = (Some(self.here.directory), self.here.origin);
        let chain = self.source.chain;
        let number = self
            .searches
            .search(chain, request, from, self.tree, library);
        // The compiler opens what it only tests, too.
        self.made.push(number);
        match self.searches.answer(number, self.tree, library).found {
            Found::File(_) => Ok(true),
            Found::Strange => Err(Doubt::Unreadable),
            Found::Nothing => Ok(false),
        }
    }

    fn looks_in_vain(&self) -> bool {
        self.source.compiler.is_clang
    }

    fn answer(&mut self, word: Word, operand: &[u8]) -> i64 {
        let question = Question {
            word,
            operand: operand.into(),
        };
        if let Some(value) = self.source.compiler.answers.get(&question) {
            return *value;
        }
        if !self.asked.contains(&question) {
            self.asked.push(question);
        }
        0
    }

    fn is_predefined(&self, word: Word) -> bool {
        self.source.compiler.predefined.contains(word.spelling())
    }
}
