//! The file that gcc reads before all others.

use super::Evaluator;
use crate::compiler::PRELUDE;
use crate::expression::Doubt;
use crate::search::{Found, Origin, Request};

impl Evaluator<'_> {
    /// gcc looks for its prelude as for any header; what is found now must be what it has read when it was asked.
    pub(super) fn find_prelude(&mut self) -> Result<(), Doubt> {
        // clang has none, and gcc looks for none where its standard library is left out.
        if self.source.compiler.is_clang || self.source.preincluded.is_empty() {
            return Ok(());
        }
        let request = Request {
            name: self.library.names.name(PRELUDE),
            is_angled: true,
            is_next: false,
        };
        let (searches, chain) = (&mut self.memory.searches, self.source.chain);
        let from = (Some(self.source.directory), Origin::Named);
        let number = searches.search(chain, request, from, self.tree, self.library);
        match searches.answer(number, self.tree, self.library).found {
            Found::File(file) if !self.source.preincluded.contains(&file) => Err(Doubt::Prelude),
            Found::Strange => Err(Doubt::Unreadable),
            Found::File(_) | Found::Nothing => {
                self.memory.tell(number, &mut self.reached);
                Ok(())
            }
        }
    }
}
