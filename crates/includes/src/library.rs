//! What is known of all files together that were read in one dialect.

use std::collections::HashMap;
use std::sync::Arc;

use crate::dialect::Dialect;
use crate::evaluate::Memory;
use crate::macros::{Macro, MacroId};
use crate::names::{Name, Names};
use crate::words;

/// The names and definitions of all files that were read in one dialect from one tree, and how sources
/// went through them.
#[derive(Debug)]
pub struct Library {
    pub(crate) names: Names,
    pub(crate) definitions: Vec<Arc<Macro>>,
    /// Equal definitions have one number: what has read one stays true with the other.
    pub(crate) numbers: HashMap<Arc<Macro>, MacroId>,
    pub(crate) dialect: Dialect,
    pub(crate) blocks: u32,
    pub(crate) compilers: u32,
    pub(crate) memory: Memory,
}

impl Library {
    pub fn new(dialect: Dialect) -> Self {
        Self {
            names: words::names(),
            definitions: Vec::new(),
            numbers: HashMap::new(),
            dialect,
            blocks: 0,
            compilers: 0,
            memory: Memory::default(),
        }
    }

    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The bytes of a name.
    pub fn spelling(&self, name: Name) -> &[u8] {
        self.names.spelling(name)
    }

    /// How many names and definitions are kept: they are never forgotten one by one.
    pub fn size(&self) -> usize {
        self.names.len() + self.definitions.len()
    }

    pub(crate) fn definition(&self, id: MacroId) -> Arc<Macro> {
        Arc::clone(&self.definitions[id.index()])
    }

    pub(crate) fn keep(&mut self, definition: Macro) -> MacroId {
        if let Some(id) = self.numbers.get(&definition) {
            return *id;
        }
        let id = MacroId::new(self.definitions.len());
        let definition = Arc::new(definition);
        self.definitions.push(Arc::clone(&definition));
        self.numbers.insert(definition, id);
        id
    }

    pub(crate) fn next_compiler(&mut self) -> u32 {
        self.compilers = self.compilers.wrapping_add(1);
        self.compilers
    }

    /// Goes on with what another chain or compiler left, and leaves what there is. Whoever changes between
    /// several keeps one of these for each.
    pub fn exchange(&mut self, memory: &mut Memory) {
        std::mem::swap(&mut self.memory, memory);
    }

    /// Evaluates every file anew from now on, to compare with.
    pub fn forget(&mut self) {
        self.memory = Memory::default();
        self.memory.is_forgetful = true;
    }
}
