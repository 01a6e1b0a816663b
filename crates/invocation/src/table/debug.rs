//! Debug information, and other things about the compile that an object may record.

use super::{Fate, Meaning, Spec, either, exact, joined, separate};
use job::Reason;

const LEVEL: Fate = Fate::Means(Meaning::DebugLevel);
const DIRECTORY: Fate = Fate::Means(Meaning::CompilationDirectory);
const LOST: Fate = Fate::Stays(Reason::NotInText);
const RECORDED: Fate = Fate::Stays(Reason::CommandLineRecorded);

pub(super) const TABLE: &[Spec] = &[
    exact("-g", LEVEL),
    joined("--debug", LEVEL).gcc(),
    exact("-g0", LEVEL),
    exact("-g1", LEVEL),
    exact("-g2", LEVEL),
    exact("-g3", LEVEL),
    joined("-ggdb", LEVEL),
    joined("-gdwarf", LEVEL),
    joined("-gstabs", LEVEL),
    joined("-gxcoff", LEVEL),
    joined("-gvms", LEVEL),
    joined("-gcoff", Fate::Stays(Reason::SideOutput)),
    exact("-gmlt", LEVEL).clang(),
    exact("-gline-tables-only", LEVEL).clang(),
    exact("-gline-directives-only", LEVEL).clang(),
    // Column rows, -gz, -gno-…: they change the form of debug information, not whether there is any.
    joined("-gno-", Fate::Sent),
    exact("-gsplit-dwarf", Fate::Means(Meaning::SplitDwarf)),
    exact("-gno-split-dwarf", Fate::Means(Meaning::SplitDwarf)).clang(),
    exact("-fdebug-macro", LOST).clang(),
    joined("-gsplit-dwarf=", Fate::Means(Meaning::SplitDwarf)).clang(),
    // Measured: the .debug_macro of preprocessed text differs, see Meaning::DebugLevel for -g3.
    joined("-femit-struct-debug-", LOST).gcc(),
    exact("-gembed-source", LOST).clang(),
    exact("-fcoverage-mapping", LOST).clang(),
    exact("-fverbose-asm", Fate::Means(Meaning::VerboseAssembly)).gcc(),
    exact("-dA", Fate::Means(Meaning::VerboseAssembly)).gcc(),
    exact("-frecord-gcc-switches", RECORDED),
    exact("-frecord-command-line", RECORDED).clang(),
    exact("-grecord-gcc-switches", RECORDED).clang(),
    exact("-grecord-command-line", RECORDED).clang(),
    separate("-fdebug-compilation-dir", DIRECTORY).clang(),
    joined("-fdebug-compilation-dir=", DIRECTORY).clang(),
    joined("-ffile-compilation-dir=", DIRECTORY).clang(),
    separate("-fcoverage-compilation-dir", Fate::Sent).clang(),
    joined("-fsanitize=", Fate::Means(Meaning::Sanitizer)),
    // Sections of the object that name this command's other outputs.
    either("-dsym-dir", Fate::Sent).clang(),
];
