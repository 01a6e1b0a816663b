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

    /// What a name's number says of its definition: 0 is undefined.
    pub(crate) fn told(number: u32) -> Option<Self> {
        number.checked_sub(1).map(Self)
    }

    pub(crate) fn number(definition: Option<Self>) -> u32 {
        definition.map_or(0, |id| id.0 + 1)
    }
}

/// Definitions by name: what a compiler knows before it reads anything.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    /// By the name's number.
    defined: Vec<u32>,
}

impl Table {
    pub(crate) fn get(&self, name: Name) -> Option<MacroId> {
        MacroId::told(*self.defined.get(name.index())?)
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
        self.defined[index] = MacroId::number(definition);
    }

    /// The definitions' numbers by the names'.
    pub(crate) fn values(&self) -> &[u32] {
        &self.defined
    }
}
