//! What a command line says, option by option, gathered before anything is decided.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use job::Reason;

use crate::assembler;
use crate::plan::{Family, Files};
use crate::precompiled::{Follows, Precompiled};
use crate::preprocessor;
use crate::reader::{Kind, Word};
use crate::table::{self, Fate, Meaning, Spec};
use crate::weight::debug_level;

/// Whether and how a word is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    No,
    AsGiven,
    /// Only when macros are expanded remotely.
    AsMacro,
    /// One of the replacements that the design names: absolute paths of extra files, and `-Wp,`
    /// words without what the preprocessing step did with them.
    As(OsString),
    AsMacroReplaced(OsString),
}

#[derive(Clone, Debug)]
pub(crate) struct Part<'a> {
    pub(crate) word: Word<'a>,
    /// Whether the preprocessing step gets it.
    pub(crate) here: bool,
    pub(crate) sent: Sent,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Input<'a> {
    pub(crate) name: &'a OsStr,
    /// The `-x` in force where it stands.
    pub(crate) language: Option<&'a OsStr>,
}

/// See the fields of [`crate::Remote`] for what these lead to.
pub(crate) struct Reading<'a> {
    pub(crate) family: Family,
    pub(crate) directory: &'a Path,
    pub(crate) files: &'a dyn Files,
    pub(crate) parts: Vec<Part<'a>>,
    /// Why it must stay, in the order of the command line.
    pub(crate) stays: Vec<(Reason, String)>,
    pub(crate) compile: bool,
    pub(crate) assembly: bool,
    pub(crate) syntax_only: bool,
    pub(crate) inputs: Vec<Input<'a>>,
    language: Option<&'a OsStr>,
    pub(crate) output: Option<&'a OsStr>,
    pub(crate) dependencies: Dependencies,
    pub(crate) debug_level: u8,
    pub(crate) split_dwarf: bool,
    /// What would be split off stays in the object.
    pub(crate) split_within: bool,
    /// The option because of which gcc must expand macros here.
    pub(crate) needs_full_text: Option<String>,
    pub(crate) pedantic: bool,
    pub(crate) unused_macros: bool,
    pub(crate) directives_only: bool,
    pub(crate) preprocessed: bool,
    /// A sanitizer that writes source columns into the object.
    pub(crate) columns: Option<String>,
    pub(crate) compilation_directory: Option<OsString>,
    pub(crate) explicit_colour: bool,
    pub(crate) caret: bool,
    pub(crate) target: bool,
    architectures: usize,
    pub(crate) natives: Vec<OsString>,
    pub(crate) extra_files: Vec<PathBuf>,
    /// One of them is a program, which may read what it likes.
    pub(crate) runs_plugin: bool,
    /// `-B` and `-specs=` with absolute paths.
    pub(crate) tool_options: Vec<OsString>,
    pub(crate) lto: Option<&'a OsStr>,
    pub(crate) verbose_assembly: Option<String>,
    pub(crate) emit_llvm: bool,
    /// Which of clang's precompiled headers is read.
    pub(crate) precompiled: Option<Precompiled>,
    /// The word that says so.
    pub(crate) precompiled_by: String,
    pub(crate) includes_header: bool,
    /// `-Xclang -load` waits for its `-Xclang FILE`, and so do others.
    follows: Option<Follows>,
    included_by_front_end: Option<String>,
}

/// What is asked for in the way of dependency files.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Dependencies {
    /// By `-MD` or `-MMD`.
    pub(crate) wanted: bool,
    /// By `-Wp,-MD,FILE`: the preprocessor's own option, which names the file.
    pub(crate) by_preprocessor: bool,
    pub(crate) file_named: bool,
    pub(crate) target_named: bool,
}

impl<'a> Reading<'a> {
    /// Reads all words.
    pub(crate) fn of(
        words: &[Word<'a>],
        family: Family,
        directory: &'a Path,
        files: &'a dyn Files,
    ) -> Self {
        let mut reading = Self {
            family,
            directory,
            files,
            parts: Vec::with_capacity(words.len()),
            stays: Vec::new(),
            compile: false,
            assembly: false,
            syntax_only: false,
            inputs: Vec::new(),
            language: None,
            output: None,
            dependencies: Dependencies::default(),
            debug_level: 0,
            split_dwarf: false,
            split_within: false,
            needs_full_text: None,
            pedantic: false,
            unused_macros: false,
            directives_only: false,
            preprocessed: false,
            columns: None,
            compilation_directory: None,
            explicit_colour: false,
            caret: true,
            target: false,
            architectures: 0,
            natives: Vec::new(),
            extra_files: Vec::new(),
            runs_plugin: false,
            tool_options: Vec::new(),
            lto: None,
            verbose_assembly: None,
            emit_llvm: false,
            precompiled: None,
            precompiled_by: String::new(),
            includes_header: false,
            follows: None,
            included_by_front_end: None,
        };
        for word in words {
            let (here, sent) = reading.word(word);
            reading.parts.push(Part {
                word: *word,
                here,
                sent,
            });
        }
        if reading.follows.is_some() {
            reading.stay(Reason::UnreadableOption, "-Xclang without its value");
        }
        if let (None, Some(word)) = (&reading.precompiled, reading.included_by_front_end.take()) {
            reading.stay(Reason::SideInput, word);
        }
        preprocessor::read_words(&mut reading);
        assembler::read_words(&mut reading);
        reading
    }

    pub(crate) fn stay(&mut self, reason: Reason, detail: impl Into<String>) {
        self.stays.push((reason, detail.into()));
    }

    fn word(&mut self, word: &Word<'a>) -> (bool, Sent) {
        match word.kind {
            Kind::Input => {
                self.inputs.push(Input {
                    name: &word.arguments[0],
                    language: self.language,
                });
                (true, Sent::No)
            }
            Kind::Unlisted => (true, Sent::AsGiven),
            Kind::Listed { spec, value } => match spec.fate {
                Fate::Sent => (true, Sent::AsGiven),
                Fate::Here => (true, Sent::No),
                Fate::Macro => (true, Sent::AsMacro),
                Fate::Nowhere => (false, Sent::No),
                Fate::Stays(reason) => {
                    self.stay(reason, word.shown());
                    (true, Sent::No)
                }
                Fate::Means(meaning) => self.meaning(meaning, word, spec, value),
            },
        }
    }

    fn meaning(
        &mut self,
        meaning: Meaning,
        word: &Word<'a>,
        spec: &Spec,
        value: &'a OsStr,
    ) -> (bool, Sent) {
        match meaning {
            Meaning::Compile => {
                self.compile = true;
                return (false, Sent::No);
            }
            Meaning::Assembly => {
                self.assembly = true;
                return (false, Sent::No);
            }
            Meaning::SyntaxOnly => self.syntax_only = true,
            Meaning::Output => {
                self.output = Some(value);
                return (false, Sent::No);
            }
            Meaning::Language => {
                self.language = (value != "none").then_some(value);
                // The executor is told the language; behind the source it would mean another one.
                return (true, Sent::No);
            }
            Meaning::Dependencies => {
                self.dependencies.wanted = true;
                return (true, Sent::No);
            }
            Meaning::DependencyFile => {
                self.dependencies.file_named = true;
                if value == "-" || value == "/dev/stdout" {
                    self.stay(Reason::SideOutput, word.shown());
                }
                return (true, Sent::No);
            }
            Meaning::DependencyTarget => {
                self.dependencies.target_named = true;
                return (true, Sent::No);
            }
            Meaning::ImacrosFile => {
                // clang's rewritten text keeps no macros of such a file; gcc's does.
                if self.family == Family::Clang {
                    self.needs_full_text = Some(word.shown());
                }
                return (true, Sent::No);
            }
            Meaning::IncludedHeader => {
                self.included_header(value, word);
                return (true, Sent::No);
            }
            Meaning::Precompiled => {
                self.precompiled(value, word);
                return (true, Sent::No);
            }
            // Read together with their neighbours, when all are known.
            Meaning::PreprocessorWords | Meaning::AssemblerWords => return (true, Sent::AsGiven),
            Meaning::Xclang => return (true, self.xclang(word, value)),
            Meaning::ExtraFile => {
                self.runs_plugin |= spec.spelling.ends_with("plugin=");
                return (true, self.extra_file(spec.spelling, value, word));
            }
            Meaning::ToolPrefix => {
                let mut option = OsString::from("-B");
                option.push(self.directory.join(value));
                self.tool_options.push(option);
                return (true, Sent::No);
            }
            Meaning::Specs => return (true, self.specs(value, word)),
            Meaning::NativeCpu => self.natives.push(word.arguments[0].clone()),
            Meaning::SplitDwarf => {
                self.split_within = value == "single";
                if self.split_within {
                    self.stay(Reason::NotInText, word.shown());
                }
                self.split_dwarf = !spec.spelling.starts_with("-gno-");
            }
            Meaning::DebugLevel => {
                self.debug_level = debug_level(self.debug_level, word.arguments[0].as_bytes());
            }
            Meaning::Sanitizer => {
                let kept = |name: &[u8]| matches!(name, b"thread" | b"leak" | b"kernel-thread");
                if !value.as_bytes().split(|&byte| byte == b',').all(kept) {
                    self.columns = Some(word.shown());
                }
            }
            Meaning::CompilationDirectory => self.compilation_directory = Some(value.to_owned()),
            Meaning::Colour => self.explicit_colour = true,
            Meaning::ColourAuto => return (false, Sent::No),
            Meaning::Caret(on) => self.caret = on,
            Meaning::Target => self.target = true,
            Meaning::Architecture => {
                self.architectures += 1;
                if self.architectures == 2 {
                    self.stay(Reason::SeveralTargets, word.shown());
                }
            }
            Meaning::NeedsFullText => self.needs_full_text = Some(word.shown()),
            Meaning::Pedantic => self.pedantic = true,
            Meaning::UnusedMacros(on) => self.unused_macros = on,
            Meaning::DirectivesOnly(on) => {
                self.directives_only = on;
                return (false, Sent::No);
            }
            Meaning::Preprocessed => {
                self.preprocessed = true;
                return (false, Sent::No);
            }
            Meaning::ExecutionCharset => {
                // Other conversion tables are files of the C library, outside every toolchain.
                let name = value.to_string_lossy().to_ascii_uppercase();
                if !name.starts_with("UTF") && !name.starts_with("UCS") {
                    self.stay(Reason::SideInput, word.shown());
                }
            }
            Meaning::Lto(on) => self.lto = on.then_some(value),
            Meaning::VerboseAssembly => self.verbose_assembly = Some(word.shown()),
            Meaning::EmitLlvm => self.emit_llvm = true,
        }
        (true, Sent::AsGiven)
    }

    /// `-Xclang WORD`: what clang's own front end reads, judged as the same word without `-Xclang`.
    fn xclang(&mut self, word: &Word<'a>, value: &'a OsStr) -> Sent {
        match self.follows.take() {
            Some(Follows::Plugin) => {
                self.runs_plugin = true;
                return self.extra_file("", value, word);
            }
            Some(Follows::Precompiled) => {
                self.precompiled(value, word);
                return Sent::AsGiven;
            }
            Some(Follows::Header) => return Sent::AsGiven,
            None => {}
        }
        let bytes = value.as_bytes();
        match bytes {
            b"-load" => {
                self.follows = Some(Follows::Plugin);
                return Sent::AsGiven;
            }
            b"-include-pch" => self.follows = Some(Follows::Precompiled),
            b"-include" => {
                self.follows = Some(Follows::Header);
                self.included_by_front_end = Some(word.shown());
            }
            b"-building-pch-with-obj" | b"-emit-pch" => self.stay(Reason::Modules, word.shown()),
            b"-dump-coverage-mapping" | b"-analyze" => self.stay(Reason::SyntaxOnly, word.shown()),
            _ if bytes.starts_with(b"-ast")
                || bytes.starts_with(b"-emit-")
                || bytes.starts_with(b"-verify") =>
            {
                self.stay(Reason::SyntaxOnly, word.shown());
            }
            [b'-', ..] => match table::find(bytes, self.family).map(|spec| (spec, spec.fate)) {
                Some((spec, Fate::Means(Meaning::ExtraFile))) => {
                    let file = OsStr::from_bytes(&bytes[spec.spelling.len()..]);
                    return self.extra_file(spec.spelling, file, word);
                }
                Some((_, Fate::Stays(reason))) => self.stay(reason, word.shown()),
                Some((
                    _,
                    Fate::Here
                    | Fate::Macro
                    | Fate::Means(Meaning::ImacrosFile | Meaning::IncludedHeader),
                )) => {
                    self.stay(Reason::SideInput, word.shown());
                }
                _ => {}
            },
            _ => {}
        }
        Sent::AsGiven
    }

    /// The text in this part for the preprocessor or the assembler alone, with the prefix that it
    /// had: `-Wp,` or `-Wa,`, or none when it stands in a word of its own.
    pub(crate) fn handed_on(&self, at: usize, to: Meaning) -> Option<(&'static str, &'a OsStr)> {
        let Kind::Listed { spec, value } = self.parts[at].word.kind else {
            return None;
        };
        let apart = spec.spelling.starts_with("-X");
        let prefix = if apart { "" } else { spec.spelling };
        (spec.fate == Fate::Means(to)).then_some((prefix, value))
    }
}
