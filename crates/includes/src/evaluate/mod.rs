//! One source's way through its headers.

mod source;
mod view;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::block::{Block, Include, Library, Line, Operand, Test};
use crate::compiler::Question;
use crate::expression::{Doubt, World, holds};
use crate::lex::{Kind, Token, tokens};
use crate::macros::{Expander, MacroId, Place, Table, define};
use crate::names::Name;
use crate::search::{DirectoryId, FileId, Found, Origin, Request, Tree};
use crate::words::Word;
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
    let mut evaluator = Evaluator {
        table: source.compiler.table.clone(),
        source,
        tree,
        library,
        reached: Reached::default(),
        known: HashSet::new(),
        seen: HashSet::new(),
        once: HashSet::new(),
        pushed: HashMap::new(),
        asked: Vec::new(),
        spelled: HashMap::new(),
        entered: 0,
        here: source.file,
    };
    evaluator
        .run()
        .map_err(|doubt| Unknown::Doubt(doubt, evaluator.here))?;
    if evaluator.asked.is_empty() {
        Ok(evaluator.reached)
    } else {
        Err(Unknown::Ask(evaluator.asked))
    }
}

struct Evaluator<'a> {
    source: Source<'a>,
    tree: &'a mut dyn Tree,
    library: &'a mut Library,
    table: Table,
    reached: Reached,
    known: HashSet<FileId>,
    /// Files that were entered, as [`Tree::once`] has them.
    seen: HashSet<u64>,
    /// Those of them that are never entered again.
    once: HashSet<u64>,
    pushed: HashMap<Name, Vec<Option<MacroId>>>,
    asked: Vec<Question>,
    spelled: HashMap<FileId, Name>,
    entered: usize,
    /// Where it is, for whoever asks why it ended.
    here: FileId,
}

impl Evaluator<'_> {
    fn run(&mut self) -> Result<(), Doubt> {
        for file in self.source.preincluded {
            self.reach(*file);
            self.read(*file)?;
        }
        for preset in self.source.presets {
            match preset {
                Preset::Define(text) => self.define(text)?,
                Preset::Undefine(name) => {
                    let name = self.library.names.name(name);
                    self.table.set(name, None);
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
        let tokens = tokens(&line, dialect, &mut self.library.names);
        let (name, made) = define(&tokens, &mut self.library.names).ok_or(Doubt::Condition)?;
        let id = self.library.keep(made);
        self.table.set(name, Some(id));
        Ok(())
    }

    fn reach(&mut self, file: FileId) {
        if self.known.insert(file) {
            self.reached.files.push(file);
        }
    }

    fn read(&mut self, file: FileId) -> Result<Arc<Block>, Doubt> {
        let block = self
            .tree
            .block(file, self.library)
            .ok_or(Doubt::Unreadable)?;
        self.reached.facts = self.reached.facts.or(block.facts);
        if self.reached.entered.insert(file) {
            self.reached.blocks.push((file, Arc::clone(&block)));
        }
        Ok(block)
    }

    fn place(&mut self, file: FileId, depth: usize) -> Place {
        Place {
            file: self.quoted(file),
            base_file: self.quoted(self.source.file),
            is_renamed: false,
            depth,
        }
    }

    fn quoted(&mut self, file: FileId) -> Name {
        if let Some(name) = self.spelled.get(&file) {
            return *name;
        }
        let mut text = vec![b'"'];
        for byte in self.tree.spelled(file) {
            if matches!(byte, b'"' | b'\\') {
                text.push(b'\\');
            }
            text.push(byte);
        }
        text.push(b'"');
        let name = self.library.names.name(&text);
        self.spelled.insert(file, name);
        name
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
            directory: self.tree.parent(file),
            place: self.place(file, depth),
        };
        let mut at = 0;
        while let Some(line) = block.lines.get(at) {
            at += 1;
            match line {
                Line::Define(name, id) => self.table.set(*name, Some(*id)),
                Line::Undefine(name) => self.table.set(*name, None),
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
                Line::PragmaOnce => {
                    self.once.insert(self.tree.once(file));
                }
                Line::PushMacro(name) => {
                    let now = self.table.get(*name);
                    self.pushed.entry(*name).or_default().push(now);
                }
                Line::PopMacro(name) => {
                    if let Some(before) = self.pushed.get_mut(name).and_then(Vec::pop) {
                        self.table.set(*name, before);
                    }
                }
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
        let mut view = View {
            tree: self.tree,
            source: self.source,
            reached: &mut self.reached,
            known: &mut self.known,
            asked: &mut self.asked,
            here,
        };
        let is_defined = |name: Name| {
            self.table.get(name).is_some()
                || Word::of(name).is_some_and(|word| view.is_predefined(word))
        };
        match test {
            Test::Defined(name) => Ok(is_defined(*name)),
            Test::Undefined(name) => Ok(!is_defined(*name)),
            Test::Expression(line) => {
                let expander = Expander::new(self.library, &self.table, here.place, line);
                holds(expander, &mut view)
            }
        }
    }

    fn operand(&mut self, operand: &Operand, here: &Here) -> Result<(Name, bool), Doubt> {
        let line = match operand {
            Operand::Quoted(name) => return Ok((*name, false)),
            Operand::Angled(name) => return Ok((*name, true)),
            Operand::Computed(line) => line,
        };
        let found = Expander::new(self.library, &self.table, here.place, line).rest()?;
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
        let probes = &mut self.reached.probes;
        let mut tell = |probe| {
            probes.insert(probe);
        };
        let chain = self.source.chain;
        let found = chain.search(self.tree, self.library, request, from, &mut tell);
        let (file, origin) = match found {
            Some((Found::File(file), origin)) => (file, origin),
            Some(_) => return Err(Doubt::Unreadable),
            None => return Err(Doubt::Missing),
        };
        self.reach(file);
        let once = self.tree.once(file);
        let was_seen = !self.seen.insert(once);
        if is_import {
            self.once.insert(once);
        }
        if was_seen && self.once.contains(&once) {
            return Ok(());
        }
        self.enter(file, origin, depth)
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
