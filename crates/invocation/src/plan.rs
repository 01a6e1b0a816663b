//! The plan: what a command line reads and writes, and whether it may travel.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use job::Reason;

use crate::inputs::Inputs;

/// An invocation as it arrived.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The name the compiler was called by, with or without directories.
    pub called_as: &'a OsStr,
    /// Arguments after the compiler.
    pub arguments: &'a [OsString],
    /// Absolute working directory.
    pub directory: &'a Path,
    /// What the environment and the terminal say.
    pub settings: &'a Settings,
}

/// What of the environment changes the plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// ICECC_REMOTE_CPP and ICECC_CLANG_REMOTE_CPP, decided; `None` is the default for the compiler.
    pub remote_cpp: Option<bool>,
    /// ICECC_CARET_WORKAROUND=0 makes this false.
    pub repeat_on_diagnostics: bool,
    /// Standard error is a terminal that can show colours (TERM is set and not `dumb`).
    pub colour_terminal: bool,
    /// ICECC_COLOR_DIAGNOSTICS, if set.
    pub colour_diagnostics: Option<bool>,
    /// GCC_COLORS is set and not empty.
    pub gcc_colors: bool,
    /// SOURCE_DATE_EPOCH is set.
    pub source_date_epoch: bool,
}

/// What the pure room may ask of the file system. All paths are absolute.
pub trait Files {
    /// The content of a response file; `None` when it cannot be read (the word is then kept).
    fn response_file(&self, path: &Path) -> Option<Vec<u8>>;
    /// Whether a regular, readable file is there.
    fn is_readable_file(&self, path: &Path) -> bool;
    /// Whether something is there that is not a regular file (a device, a pipe, a directory, a symlink).
    fn is_not_regular(&self, path: &Path) -> bool;
    /// Whether what a compiler would read there is no regular file: it may give its content only once.
    fn is_special(&self, path: &Path) -> bool;
    /// Whether both names mean one existing file.
    fn is_same(&self, one: &Path, other: &Path) -> bool;
}

/// Whether and how an invocation travels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    Local(Local),
    Remote(Box<Remote>),
}

/// It stays on this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Local {
    pub reason: Reason,
    /// The option or file that decided, for `floe explain`.
    pub detail: String,
    /// A parallel link-time optimisation: takes all local slots.
    pub all_slots: bool,
    /// The output for display, if the command line names one.
    pub output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    Gcc,
    Clang,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Language {
    C,
    Cxx,
    ObjectiveC,
    ObjectiveCxx,
}

/// It may travel as preprocessed text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    pub family: Family,
    pub language: Language,
    /// The source as given.
    pub source: PathBuf,
    /// The output as given or derived (`x.o`, `x.s`), relative to the working directory or absolute.
    pub output: PathBuf,
    /// It is made; else only what the compiler says counts, and rules for make.
    pub has_object: bool,
    /// The `.dwo` file beside the output, when `-gsplit-dwarf` asks for one.
    pub dwo: Option<PathBuf>,
    /// The source needs no preprocessing (`.i`, `.ii`): it is sent as it is.
    pub preprocessed: bool,
    /// Only includes are resolved before sending (`-fdirectives-only`, `-frewrite-includes`).
    /// Macros are then expanded by the executor, which has another clock: look through the text
    /// with [`crate::ClockScan`], for clang with [`crate::CounterScan`], and for gcc at its files
    /// with [`crate::is_lost_in_directives`].
    pub includes_only: bool,
    /// Full argument list of the local preprocessing step, source included, text on stdout.
    /// Dependency files are written by it; their target is added when the user named none.
    /// Empty for a preprocessed source: its text goes through [`crate::preprocessed_text`].
    pub preprocess: Vec<OsString>,
    /// What decides about the files that it reads, where that is followed; a preprocessed source reads
    /// no others.
    pub inputs: Option<Inputs>,
    /// Arguments for the remote compiler in the user's order and spelling, without source, `-o`
    /// and what the preprocessor consumed; ends with `-c` or `-S` (and `-fdirectives-only`).
    pub compile: Vec<OsString>,
    /// Files outside the toolchain that the remote compiler reads at their absolute path.
    pub extra_files: Vec<PathBuf>,
    /// Options by which the compiler chooses its tools and specs, with absolute paths: what the
    /// toolchain must be collected with. They are not sent, but for specs.
    pub tool_options: Vec<OsString>,
    /// The command names no `-target`; clang needs this host's added.
    pub add_target: bool,
    /// Native CPU options that must be replaced before sending, with [`Remote::replace_native`];
    /// empty when there are none.
    pub native_options: Vec<OsString>,
    /// Diagnostics of the remote compiler would lack source lines: repeat locally if there are any.
    pub repeat_on_diagnostics: bool,
    /// Full argument list of a run that writes nothing and says what the front end has to say of
    /// the source; `None` where that is not known to be the same as in a compile.
    pub front_end: Option<Vec<OsString>>,
    /// The compile for an executor that sees the source and all that it includes as files; `None` where
    /// only text will do.
    pub with_files: Option<WithFiles>,
    /// It travels as files or not at all; then this is why.
    pub else_stays: Option<Local>,
    /// icecream's `arg_flags` (debug and optimisation level).
    pub weight_flags: u32,
}

/// A compile that reads files instead of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WithFiles {
    /// All of the user's options in order and spelling, without source, `-o`, `-x` and the names of dependency files;
    /// ends with `-c` or `-S`, and names the target of the dependency rules if the user did not.
    pub arguments: Vec<OsString>,
    /// Where the dependency rules go, if some are wanted.
    pub dependencies: Option<PathBuf>,
    /// Older versions of gcc understand some argument in another way.
    pub least_gcc: u32,
    /// An error in the source takes away an object that was there before. gcc leaves it unless the assembler has
    /// been started beside the compiler (`-pipe`), or is not used (`-S`); measured with gcc 11 and 12, clang 14 and 16.
    pub error_removes_output: bool,
}
