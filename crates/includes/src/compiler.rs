//! What a compiler knows before it reads anything: its macros, its directories, its operators.
//!
//! Asked with `-E -v -dD` and [`question`] as the source, once for each set of options that decide
//! about it; the answer's forms are those of gcc 12 and clang 14, measured.

use std::collections::{HashMap, HashSet};

use crate::block::{Line, Strange};
use crate::library::Library;
use crate::macros::Table;
use crate::words::Word;

/// How lines of the answer begin that answer [`question`].
const KNOWS: &str = "floe_knows";
const ANSWERS: &str = "floe_answers";

/// What gcc reads before everything else, if it finds it in a directory of its search.
pub const PRELUDE: &[u8] = b"stdc-predef.h";

/// An operator of `#if` with its operand.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Question {
    pub(crate) word: Word,
    pub(crate) operand: Box<[u8]>,
}

/// What a compiler has said.
#[derive(Debug, Default)]
pub struct Compiler {
    /// Which of the compilers of its library this is.
    pub(crate) number: Option<u32>,
    pub(crate) table: Table,
    pub(crate) predefined: HashSet<&'static str>,
    pub(crate) answers: HashMap<Question, i64>,
    /// Files that it reads before the source, as it names them.
    pub preincluded: Vec<Vec<u8>>,
    /// The directories of its search as it prints them, those for quoted names only first.
    pub directories: Vec<Vec<u8>>,
    /// How many of them are for quoted names only.
    pub quoted_only: usize,
    pub is_clang: bool,
    /// `__GNUC__`, if it is a number.
    pub gnuc: Option<u32>,
}

/// The answer cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    #[error("the compiler names no directories that it searches")]
    NoDirectories,
    #[error("the compiler defines a macro that is not one")]
    Macro,
}

/// The source to ask with. Names that the compiler knows and operators' values come back as text.
pub fn question(asked: &[Question]) -> Vec<u8> {
    let mut text = String::new();
    for word in Word::predefined() {
        let spelling = word.spelling();
        text += &format!("#ifdef {spelling}\n{KNOWS} {}\n#endif\n", word as usize);
    }
    let mut text = text.into_bytes();
    for (index, Question { word, operand }) in asked.iter().enumerate() {
        text.extend_from_slice(format!("{ANSWERS} {index} {}(", word.spelling()).as_bytes());
        text.extend_from_slice(operand);
        text.extend_from_slice(b")\n");
    }
    text
}

impl Compiler {
    /// Reads what `compiler -E -v -dD` wrote.
    ///
    /// # Errors
    ///
    /// If it says less than a gcc or clang does.
    pub fn read(
        stdout: &[u8],
        stderr: &[u8],
        asked: &[Question],
        library: &mut Library,
    ) -> Result<Self, Unanswered> {
        let mut compiler = Self {
            number: Some(library.next_compiler()),
            ..Self::default()
        };
        compiler.read_directories(stderr)?;
        let block = library.block(stdout);
        for line in block.lines {
            match line {
                Line::Define(name, id) => compiler.table.set(name, Some(id)),
                Line::Undefine(name) => compiler.table.set(name, None),
                // It is a preprocessor's text.
                Line::Rename | Line::Strange(Strange::Marker) => {}
                _ => return Err(Unanswered::Macro),
            }
        }
        let clang = library.names.name(b"__clang__");
        compiler.is_clang = compiler.table.get(clang).is_some();
        compiler.learn(stdout, asked);
        Ok(compiler)
    }

    /// Takes answers to further questions.
    pub fn learn(&mut self, stdout: &[u8], asked: &[Question]) {
        for line in stdout.split(|byte| *byte == b'\n') {
            self.read_line(line, asked);
        }
    }

    fn read_line(&mut self, line: &[u8], asked: &[Question]) {
        let text = String::from_utf8_lossy(line);
        let mut words = text.split_ascii_whitespace();
        match words.next() {
            Some("#define") if words.next() == Some("__GNUC__") => {
                self.gnuc = words.next().and_then(|number| number.parse().ok());
            }
            Some(KNOWS) => {
                let number = words.next().and_then(|number| number.parse::<usize>().ok());
                let known = Word::predefined().find(|word| Some(*word as usize) == number);
                self.predefined.extend(known.map(Word::spelling));
            }
            Some(ANSWERS) => {
                let index = words.next().and_then(|index| index.parse::<usize>().ok());
                let value = words.next().and_then(|value| {
                    let digits = value.trim_end_matches(|c: char| !c.is_ascii_digit());
                    digits.parse().ok()
                });
                if let (Some(question), Some(value)) = (index.and_then(|at| asked.get(at)), value) {
                    // What was evaluated with an answer stays true.
                    self.answers.entry(question.clone()).or_insert(value);
                }
            }
            // A file begins: `# 1 "/usr/include/stdc-predef.h" 1 3 4`.
            Some("#") => {
                let path = line.split(|byte| *byte == b'"').nth(1);
                let is_entered = text
                    .rsplit('"')
                    .next()
                    .is_some_and(|flags| flags.split_ascii_whitespace().next() == Some("1"));
                if let Some(path) = path
                    && is_entered
                    && !path.starts_with(b"<")
                {
                    self.preincluded.push(path.to_vec());
                }
            }
            _ => {}
        }
    }

    fn read_directories(&mut self, stderr: &[u8]) -> Result<(), Unanswered> {
        let mut is_list = false;
        for line in stderr.split(|byte| *byte == b'\n') {
            if line.starts_with(b"#include \"...\"") {
                is_list = true;
            } else if line.starts_with(b"#include <...>") {
                is_list = true;
                self.quoted_only = self.directories.len();
            } else if line.starts_with(b"End of search list") {
                return Ok(());
            } else if is_list && let Some(path) = line.strip_prefix(b" ") {
                self.directories.push(path.to_vec());
            }
        }
        Err(Unanswered::NoDirectories)
    }
}
