//! One source's way through its headers.

mod files;
mod memory;
mod missing;
mod node;
mod prelude;
mod searches;
mod source;
#[cfg(test)]
mod tests;
mod view;

use std::collections::HashMap;
use std::sync::Arc;

use crate::block::{Block, Include, Line, Operand, Test};
use crate::compiler::Question;
use crate::expression::{Doubt, holds};
use crate::facts::Facts;
use crate::lex::{Kind, Token, tokens};
use crate::library::Library;
use crate::macros::{Expander, MacroId, Place, define};
use crate::names::Name;
use crate::search::{DirectoryId, FileId, Found, Origin, Request, Tree};
use crate::words::Word;
pub use memory::Memory;
use memory::{ONCE, SEEN};
pub use source::{Preset, Reached, Source, Unknown};
use view::{Here, View};

/// gcc's and clang's bound on files that include each other.
const MOST_DEPTH: usize = 200;
/// More files than any source reads; Boost.Preprocessor's loops read few files often.
const MOST_ENTERED: usize = 100_000;

/// Follows a source through all its headers.
///
/// # Errors
///
/// Whenever the answer might not be exactly what the compiler would read.
pub fn evaluate(
    source: Source<'_>,
    tree: &mut dyn Tree,
    library: &mut Library,
) -> Result<Reached, Unknown> {
    let mut memory = std::mem::take(&mut library.memory);
    memory.begin(&source, tree.epoch());
    let mut evaluator = Evaluator {
        source,
        tree,
        library,
        memory: &mut memory,
        reached: Reached::default(),
        pushed: HashMap::new(),
        pushes: 0,
        asked: Vec::new(),
        made: Vec::new(),
        entered: 0,
        here: source.file,
    };
    let ended = evaluator.run();
    let Evaluator {
        reached,
        asked,
        here,
        ..
    } = evaluator;
    library.memory = memory;
    match ended {
        // Here the compiler ends as well; what it was told by then may have misled us.
        Err(Doubt::Missing) if reached.missing.is_some() => {}
        ended => ended.map_err(|doubt| Unknown::Doubt(doubt, here))?,
    }
    if asked.is_empty() {
        Ok(reached)
    } else {
        Err(Unknown::Ask(asked))
    }
}

struct Evaluator<'a> {
    source: Source<'a>,
    tree: &'a mut dyn Tree,
    library: &'a mut Library,
    memory: &'a mut Memory,
    reached: Reached,
    /// Values by name, each with how many had been pushed before it.
    pushed: HashMap<Name, Vec<(usize, u32)>>,
    pushes: usize,
    asked: Vec<Question>,
    /// Searches of a condition that are still to be told.
    made: Vec<u32>,
    entered: usize,
    /// Where it is, for whoever asks why it ended.
    here: FileId,
}

impl Evaluator<'_> {
    fn run(&mut self) -> Result<(), Doubt> {
        self.find_prelude()?;
        for file in self.source.preincluded {
            self.reach(*file);
            self.read(*file)?;
        }
        for preset in self.source.presets {
            match preset {
                Preset::Define(text) => self.define(text)?,
                Preset::Undefine(name) => {
                    let name = self.library.names.name(name);
                    self.set(name, 0);
                }
                Preset::Macros(_) | Preset::Include(_) => {}
            }
        }
        for wanted in [true, false] {
            for preset in self.source.presets {
                let path = match preset {
                    Preset::Macros(path) if wanted => path,
                    Preset::Include(path) if !wanted => path,
                    _ => continue,
                };
                let request = Request {
                    name: self.library.names.name(path),
                    is_angled: false,
                    is_next: false,
                };
                let from = (Some(self.source.directory), Origin::Named);
                self.include(request, from, false, 1)?;
                self.here = self.source.file;
            }
        }
        self.reach(self.source.file);
        self.enter(self.source.file, Origin::Named, 0)
    }

    fn define(&mut self, text: &[u8]) -> Result<(), Doubt> {
        let mut line = text.to_vec();
        match line.iter().position(|byte| *byte == b'=') {
            Some(at) => line[at] = b' ',
            None => line.extend_from_slice(b" 1"),
        }
        let dialect = self.library.dialect();
        self.reached.facts = self.reached.facts.or(Facts::of(&line, dialect));
        let tokens = tokens(&line, dialect, &mut self.library.names);
        let (name, made) = define(&tokens, &mut self.library.names).ok_or(Doubt::Condition)?;
        let id = self.library.keep(made);
        self.set(name, MacroId::number(Some(id)));
        Ok(())
    }

    fn set(&mut self, name: Name, definition: u32) {
        self.memory.macros.set(name.index(), definition);
    }

    fn reach(&mut self, file: FileId) {
        if self.memory.files.reach(file) {
            self.reached.files.push(file);
        }
    }

    fn read(&mut self, file: FileId) -> Result<Arc<Block>, Doubt> {
        let files = &mut self.memory.files;
        let block = files.block(file, self.tree, self.library);
        let block = block.ok_or(Doubt::Unreadable)?;
        self.reached.facts = self.reached.facts.or(block.facts);
        if self.memory.files.enter(file) {
            self.reached.entered.push(file);
            self.reached.blocks.push((file, Arc::clone(&block)));
        }
        self.memory.enter(block.facts);
        Ok(block)
    }

    fn place(&mut self, file: FileId, depth: usize) -> Place {
        let files = &mut self.memory.files;
        Place {
            file: files.quoted(file, self.tree, self.library),
            base_file: files.quoted(self.source.file, self.tree, self.library),
            is_renamed: false,
            depth,
        }
    }

    /// Goes through a file that was included, or does what doing so has done before.
    fn pass(&mut self, file: FileId, origin: Origin, depth: usize) -> Result<(), Doubt> {
        if let Some(node) = self.memory.find(file, origin, self.tree, self.library) {
            let entered = self.entered + node.extent.entered;
            if depth + node.extent.depth < MOST_DEPTH && entered <= MOST_ENTERED {
                self.entered = entered;
                self.memory.repeat(&node, &mut self.reached);
                return Ok(());
            }
        }
        self.memory.open(self.pushes);
        let asked = self.asked.len();
        self.enter(file, origin, depth)?;
        let began = self.memory.pushed();
        let is_left = |(before, _): &(usize, u32)| *before >= began;
        if self.asked.len() > asked
            || self.pushes > began && self.pushed.values().flatten().any(is_left)
        {
            self.memory.lose_present();
        }
        self.memory.close(file, origin);
        Ok(())
    }

    /// Reads a file that was found.
    fn enter(&mut self, file: FileId, origin: Origin, depth: usize) -> Result<(), Doubt> {
        self.here = file;
        self.entered += 1;
        if depth >= MOST_DEPTH || self.entered > MOST_ENTERED {
            return Err(Doubt::TooDeep);
        }
        let block = self.read(file)?;
        if block.facts.changes_macros {
            return Err(Doubt::Pragma);
        }
        let mut here = Here {
            origin,
            directory: self.memory.files.parent(file, self.tree),
            place: self.place(file, depth),
        };
        let mut at = 0;
        while let Some(line) = block.lines.get(at) {
            at += 1;
            match line {
                Line::Define(name, id) => self.set(*name, MacroId::number(Some(*id))),
                Line::Undefine(name) => self.set(*name, 0),
                Line::If { test, next } => at = self.branch(&block, test, at, *next, &here)?,
                // The end of a branch that was read.
                Line::Elif { end, .. } | Line::Else { end } => at = *end,
                Line::Endif => {}
                Line::Include(kind, operand) => {
                    let (name, is_angled) = self.operand(operand, &here)?;
                    let request = Request {
                        name,
                        is_angled,
                        is_next: *kind == Include::Next,
                    };
                    let from = (Some(here.directory), here.origin);
                    self.include(request, from, *kind == Include::Import, depth + 1)?;
                    self.here = file;
                }
                Line::PragmaOnce => self.mark(file, ONCE),
                Line::PushMacro(name) => {
                    let now = self.memory.macros.read(name.index());
                    let values = self.pushed.entry(*name).or_default();
                    values.push((self.pushes, now));
                    self.pushes += 1;
                }
                Line::PopMacro(name) => match self.pushed.get_mut(name).and_then(Vec::pop) {
                    Some((before, value)) => {
                        self.memory.lose(before);
                        self.set(*name, value);
                    }
                    // Elsewhere there may be one to pop.
                    None => self.memory.lose_all(),
                },
                Line::Rename => here.place.is_renamed = true,
                Line::Strange(strange) => return Err((*strange).into()),
            }
        }
        Ok(())
    }

    /// Where to go on at a condition: behind the first branch whose test holds, or behind the end.
    fn branch(
        &mut self,
        block: &Block,
        test: &Test,
        inside: usize,
        next: usize,
        here: &Here,
    ) -> Result<usize, Doubt> {
        if self.holds(test, here)? {
            return Ok(inside);
        }
        let mut at = next;
        loop {
            match block.lines.get(at) {
                Some(Line::Elif { test, next, .. }) => {
                    if self.holds(test, here)? {
                        return Ok(at + 1);
                    }
                    at = *next;
                }
                _ => return Ok(at + 1),
            }
        }
    }

    fn holds(&mut self, test: &Test, here: &Here) -> Result<bool, Doubt> {
        let compiler = self.source.compiler;
        let mut is_defined = |name: Name| {
            let is_told = |word: Word| compiler.predefined.contains(word.spelling());
            self.memory.macros.read(name.index()) != 0 || Word::of(name).is_some_and(is_told)
        };
        match test {
            Test::Defined(name) => Ok(is_defined(*name)),
            Test::Undefined(name) => Ok(!is_defined(*name)),
            Test::Expression(line) => {
                let mut view = View {
                    tree: self.tree,
                    source: self.source,
                    searches: &mut self.memory.searches,
                    made: &mut self.made,
                    asked: &mut self.asked,
                    here,
                };
                let macros = &mut self.memory.macros;
                let expander = Expander::new(self.library, macros, here.place, line);
                let holds = holds(expander, &mut view)?;
                for number in self.made.drain(..) {
                    self.memory.tell(number, &mut self.reached);
                }
                Ok(holds)
            }
        }
    }

    fn operand(&mut self, operand: &Operand, here: &Here) -> Result<(Name, bool), Doubt> {
        let line = match operand {
            Operand::Quoted(name) => return Ok((*name, false)),
            Operand::Angled(name) => return Ok((*name, true)),
            Operand::Computed(line) => line,
        };
        let found =
            Expander::new(self.library, &mut self.memory.macros, here.place, line).rest()?;
        let (spelling, is_angled) = header_of(&found, self.library).ok_or(Doubt::Condition)?;
        Ok((self.library.names.name(&spelling), is_angled))
    }

    fn include(
        &mut self,
        request: Request,
        from: (Option<DirectoryId>, Origin),
        is_import: bool,
        depth: usize,
    ) -> Result<(), Doubt> {
        self.source.can_follow(request, from.1)?;
        let (searches, chain) = (&mut self.memory.searches, self.source.chain);
        let number = searches.search(chain, request, from, self.tree, self.library);
        let file = match searches.answer(number, self.tree, self.library).found {
            Found::File(file) => file,
            Found::Strange => return Err(Doubt::Unreadable),
            Found::Nothing => {
                self.memory.tell(number, &mut self.reached);
                return self.lack(request, from);
            }
        };
        // Nothing is found at no place: a chain may be empty.
        let origin = self.memory.searches.origin(number);
        self.memory.tell(number, &mut self.reached);
        let once = self.memory.files.once(file, self.tree) as usize;
        let before = self.memory.once.read(once);
        let now = before | if is_import { ONCE } else { 0 };
        self.memory.once.set(once, now | SEEN);
        if before & SEEN != 0 && now & ONCE != 0 {
            return Ok(());
        }
        self.pass(file, origin, depth)
    }

    /// The same file is not read again.
    fn mark(&mut self, file: FileId, bit: u32) {
        let once = self.memory.files.once(file, self.tree) as usize;
        let before = self.memory.once.read(once);
        self.memory.once.set(once, before | bit);
    }
}

/// The name in `"…"` or `<…>` that a line has become.
fn header_of(found: &[Token], library: &Library) -> Option<(Vec<u8>, bool)> {
    let (first, rest) = found.split_first()?;
    let spelling = library.names.spelling(first.spelling);
    if first.kind == Kind::Text {
        let inner = spelling.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        return Some((inner.to_vec(), false));
    }
    if spelling != b"<" {
        return None;
    }
    let mut name = Vec::new();
    for token in rest {
        let spelling = library.names.spelling(token.spelling);
        if spelling == b">" {
            return Some((name, true));
        }
        if token.is_spaced {
            // gcc keeps such blanks and clang does not always.
            return None;
        }
        name.extend_from_slice(spelling);
    }
    None
}
