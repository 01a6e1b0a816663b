//! Spellings as small numbers: identifiers, the texts of tokens and the names of headers.

use std::collections::HashMap;
use std::sync::Arc;

/// A spelling. Two are equal exactly if their bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(u32);

impl Name {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// All spellings that were met so far. It only grows: whoever keeps one for long starts anew now and then.
#[derive(Debug, Default)]
pub struct Names {
    numbers: HashMap<Arc<[u8]>, Name>,
    spellings: Vec<Arc<[u8]>>,
}

impl Names {
    pub fn name(&mut self, spelling: &[u8]) -> Name {
        if let Some(name) = self.numbers.get(spelling) {
            return *name;
        }
        // Four thousand million different spellings do not fit into any memory.
        let name = Name(u32::try_from(self.spellings.len()).unwrap_or(u32::MAX));
        let spelling: Arc<[u8]> = spelling.into();
        self.spellings.push(Arc::clone(&spelling));
        self.numbers.insert(spelling, name);
        name
    }

    /// The bytes of a spelling.
    ///
    /// A name belongs to the collection that made it; another's has no bytes here.
    pub fn spelling(&self, name: Name) -> &[u8] {
        self.spellings
            .get(name.index())
            .map_or(&[], |spelling| spelling)
    }

    pub fn len(&self) -> usize {
        self.spellings.len()
    }

    pub fn is_empty(&self) -> bool {
        self.spellings.is_empty()
    }
}
