//! What a directive's tokens become by macros.
//!
//! As gcc and clang do it: each expansion is a context on a stack, a macro whose context is not
//! read to its end is not expanded, and its name is painted when it is met there.

use std::sync::Arc;

use thiserror::Error;

use super::substitute::Body;
use super::{Macro, MacroId};
use crate::lex::{Kind, Token};
use crate::library::Library;
use crate::names::Name;
use crate::variables::Variables;
use crate::words::Word;

/// More tokens than any directive needs; Boost's largest stay below a hundredth of it.
const MOST_TOKENS: usize = 1_000_000;
/// Deeper than any expansion that ends.
const MOST_CONTEXTS: usize = 4_000;

/// Why what a line becomes is not known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Lack {
    #[error("__COUNTER__ decides, and text that is not read here may have counted")]
    Counter,
    #[error("__LINE__ decides")]
    Line,
    #[error("__FILE__ decides, and #line has changed it")]
    File,
    #[error("the time decides")]
    Time,
    #[error("a macro's arguments are not what it wants")]
    Arguments,
    #[error("a macro expands beyond all bounds")]
    Endless,
}

/// What macros without definition say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// The name of the file with quotes, as `__FILE__` gives it.
    pub(crate) file: Name,
    pub(crate) base_file: Name,
    /// `#line` may have changed the name.
    pub(crate) is_renamed: bool,
    /// 0 in the source itself.
    pub(crate) depth: usize,
}

/// What is read.
enum Tokens<'a> {
    Line(&'a [Token]),
    Body(Arc<Macro>),
    Own(Vec<Token>),
}

struct Context<'a> {
    tokens: Tokens<'a>,
    at: usize,
    /// Of an expansion: whether the macro's name had a blank before it, which its first token gets.
    is_spaced: bool,
    /// The macro that is expanded here.
    of: Option<Name>,
    /// What is below is not read on from here.
    is_bottom: bool,
}

impl Context<'_> {
    fn next(&mut self) -> Option<Token> {
        let tokens = match &self.tokens {
            Tokens::Line(line) => *line,
            Tokens::Body(made) => made.body.as_ref(),
            Tokens::Own(tokens) => tokens.as_slice(),
        };
        let mut token = *tokens.get(self.at)?;
        if self.at == 0 && self.of.is_some() {
            token.is_spaced = self.is_spaced;
        }
        self.at += 1;
        Some(token)
    }
}

pub(crate) struct Expander<'a> {
    pub(super) library: &'a mut Library,
    macros: &'a mut Variables,
    place: Place,
    stack: Vec<Context<'a>>,
    read: usize,
}

impl<'a> Expander<'a> {
    pub(crate) fn new(
        library: &'a mut Library,
        macros: &'a mut Variables,
        place: Place,
        line: &'a [Token],
    ) -> Self {
        let line = Context {
            tokens: Tokens::Line(line),
            at: 0,
            is_spaced: false,
            of: None,
            is_bottom: true,
        };
        let mut stack = Vec::with_capacity(8);
        stack.push(line);
        Self {
            library,
            macros,
            place,
            stack,
            read: 0,
        }
    }

    pub(crate) fn library(&mut self) -> &mut Library {
        self.library
    }

    pub(crate) fn is_defined(&mut self, name: Name) -> bool {
        self.definition(name).is_some()
    }

    fn definition(&mut self, name: Name) -> Option<MacroId> {
        MacroId::told(self.macros.read(name.index()))
    }

    /// The next token as it stands there.
    pub(crate) fn raw(&mut self) -> Result<Option<Token>, Lack> {
        self.read += 1;
        if self.read > MOST_TOKENS {
            return Err(Lack::Endless);
        }
        while let Some(top) = self.stack.last_mut() {
            if let Some(mut token) = top.next() {
                if token.kind == Kind::Identifier && self.is_disabled(token.spelling) {
                    token.is_painted = true;
                }
                return Ok(Some(token));
            }
            if top.is_bottom {
                return Ok(None);
            }
            self.stack.pop();
        }
        Ok(None)
    }

    /// The next token of what the line becomes.
    pub(crate) fn next(&mut self) -> Result<Option<Token>, Lack> {
        loop {
            let Some(token) = self.raw()? else {
                return Ok(None);
            };
            if token.kind != Kind::Identifier || token.is_painted {
                return Ok(Some(token));
            }
            let Some(id) = self.definition(token.spelling) else {
                return self.dynamic(token).map(Some);
            };
            let made = self.library.definition(id);
            if made.parameters.is_some() {
                if !self.takes(Word::Open)? {
                    return Ok(Some(token));
                }
                let arguments = self.arguments(&made)?;
                let body = self.substitute(made, &arguments)?;
                self.push(body, token)?;
            } else {
                let body = self.substitute(made, &[])?;
                self.push(body, token)?;
            }
        }
    }

    /// All that is left.
    pub(crate) fn rest(&mut self) -> Result<Vec<Token>, Lack> {
        let mut all = Vec::new();
        while let Some(token) = self.next()? {
            all.push(token);
        }
        Ok(all)
    }

    fn is_disabled(&self, name: Name) -> bool {
        self.stack.iter().any(|context| context.of == Some(name))
    }

    fn push(&mut self, tokens: Tokens<'a>, name: Token) -> Result<(), Lack> {
        if self.stack.len() >= MOST_CONTEXTS {
            return Err(Lack::Endless);
        }
        self.stack.push(Context {
            tokens,
            at: 0,
            is_spaced: name.is_spaced,
            of: Some(name.spelling),
            is_bottom: false,
        });
        Ok(())
    }

    /// Names that the compiler defines anew at each place.
    fn dynamic(&mut self, token: Token) -> Result<Token, Lack> {
        let word = Word::of(token.spelling);
        // Another way to the same file has another answer.
        self.macros.has_lost |= matches!(word, Some(Word::BaseFile | Word::IncludeLevel));
        let (kind, spelling) = match word {
            Some(Word::File) if self.place.is_renamed => return Err(Lack::File),
            Some(Word::File) => (Kind::Text, self.place.file),
            Some(Word::BaseFile) => (Kind::Text, self.place.base_file),
            Some(Word::IncludeLevel) => {
                let depth = self.place.depth.to_string();
                (Kind::Number, self.library.names.name(depth.as_bytes()))
            }
            Some(Word::Line) => return Err(Lack::Line),
            Some(Word::Counter) => return Err(Lack::Counter),
            Some(Word::Date | Word::Time | Word::Timestamp) => return Err(Lack::Time),
            _ => return Ok(token),
        };
        Ok(Token {
            kind,
            spelling,
            ..token
        })
    }

    /// Takes the next token if it is this one.
    fn takes(&mut self, wanted: Word) -> Result<bool, Lack> {
        let Some(token) = self.raw()? else {
            return Ok(false);
        };
        if Word::of(token.spelling) == Some(wanted) && token.kind == Kind::Punctuator {
            return Ok(true);
        }
        // It was read from the topmost context that has any, which is on top now.
        if let Some(top) = self.stack.last_mut() {
            top.at -= 1;
        }
        Ok(false)
    }

    /// The arguments behind an opening parenthesis.
    fn arguments(&mut self, made: &Macro) -> Result<Vec<Vec<Token>>, Lack> {
        let wanted = made.parameters.as_ref().map_or(0, |names| names.len());
        let mut arguments = vec![Vec::new()];
        let mut depth = 0_usize;
        loop {
            let token = self.raw()?.ok_or(Lack::Arguments)?;
            let spelling = match token.kind {
                Kind::Punctuator => self.library.names.spelling(token.spelling),
                _ => b"",
            };
            match spelling {
                b"(" => depth += 1,
                b")" if depth == 0 => break,
                b")" => depth -= 1,
                b"," if depth == 0 && !(made.is_variadic && arguments.len() == wanted) => {
                    arguments.push(Vec::new());
                    continue;
                }
                _ => {}
            }
            if let Some(last) = arguments.last_mut() {
                last.push(token);
            }
        }
        if wanted == 0 && arguments.len() == 1 && arguments[0].is_empty() {
            arguments.clear();
        }
        // Nothing need be given for the arguments that may be many.
        if made.is_variadic && arguments.len() + 1 == wanted {
            arguments.push(Vec::new());
        }
        if arguments.len() == wanted {
            Ok(arguments)
        } else {
            Err(Lack::Arguments)
        }
    }

    /// An argument by itself, fully expanded.
    pub(super) fn expanded(&mut self, argument: &[Token]) -> Result<Vec<Token>, Lack> {
        if self.stack.len() >= MOST_CONTEXTS {
            return Err(Lack::Endless);
        }
        self.stack.push(Context {
            tokens: Tokens::Own(argument.to_vec()),
            at: 0,
            is_spaced: false,
            of: None,
            is_bottom: true,
        });
        let all = self.rest();
        self.stack.pop();
        all
    }

    /// A macro's body with its arguments in their places.
    fn substitute(
        &mut self,
        made: Arc<Macro>,
        arguments: &[Vec<Token>],
    ) -> Result<Tokens<'a>, Lack> {
        if arguments.is_empty() && made.is_plain {
            return Ok(Tokens::Body(made));
        }
        let mut body = Body {
            made: &made,
            arguments,
            out: Vec::new(),
            pastes: false,
        };
        body.fill(&made.body, self)?;
        Ok(Tokens::Own(body.out))
    }
}
