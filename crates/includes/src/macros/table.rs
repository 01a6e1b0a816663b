//! Which macros are defined, and as what.

use crate::names::Name;

/// A definition among all that were ever read; [`crate::block::Library`] has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MacroId(u32);

impl MacroId {
    pub(crate) fn new(index: usize) -> Self {
        // More definitions than this do not fit into any memory.
        Self(u32::try_from(index).unwrap_or(u32::MAX - 1))
    }

    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// Definitions by name. Cloning one costs four bytes for each name ever met: that is how a compile
/// starts from the compiler's own macros.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    /// By the name's number; 0 is undefined, else the definition's number and one.
    defined: Vec<u32>,
}

impl Table {
    pub(crate) fn get(&self, name: Name) -> Option<MacroId> {
        let number = *self.defined.get(name.index())?;
        number.checked_sub(1).map(MacroId)
    }

    /// Defines or undefines.
    pub(crate) fn set(&mut self, name: Name, definition: Option<MacroId>) {
        let index = name.index();
        if index >= self.defined.len() {
            if definition.is_none() {
                return;
            }
            self.defined.resize(index + 1, 0);
        }
        self.defined[index] = definition.map_or(0, |id| id.0 + 1);
    }
}
