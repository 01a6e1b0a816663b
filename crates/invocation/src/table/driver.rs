//! What the driver itself does: steps, inputs and outputs, reports.

use super::{Fate, Meaning, Spec, either, equals, exact, joined, separate};
use job::Reason;

const REPORT: Fate = Fate::Stays(Reason::LocalReport);
const NO_COMPILE: Fate = Fate::Stays(Reason::NoCompileStep);
const NO_OBJECT: Fate = Fate::Stays(Reason::SyntaxOnly);
const UNREADABLE: Fate = Fate::Stays(Reason::UnreadableOption);

pub(super) const TABLE: &[Spec] = &[
    exact("-c", Fate::Means(Meaning::Compile)),
    exact("--compile", Fate::Means(Meaning::Compile)),
    exact("-S", Fate::Means(Meaning::Assembly)),
    exact("--assemble", Fate::Means(Meaning::Assembly)),
    exact("-E", Fate::Stays(Reason::PreprocessOnly)),
    exact("--preprocess", Fate::Stays(Reason::PreprocessOnly)),
    either("-o", Fate::Means(Meaning::Output)),
    equals("--output", Fate::Means(Meaning::Output)),
    either("-x", Fate::Means(Meaning::Language)),
    equals("--language", Fate::Means(Meaning::Language)),
    joined("-objcmt-", Fate::Sent).clang(),
    joined("-object", Fate::Sent).clang(),
    exact("-combine", Fate::Stays(Reason::SeveralInputs)),
    // Stops before the object.
    exact("-fsyntax-only", Fate::Means(Meaning::SyntaxOnly)),
    exact("-emit-ast", NO_OBJECT).clang(),
    exact("-emit-interface-stubs", NO_OBJECT).clang(),
    exact("-extract-api", NO_OBJECT).clang(),
    exact("--analyze", NO_OBJECT).clang(),
    exact("-rewrite-objc", NO_OBJECT).clang(),
    exact("-rewrite-legacy-objc", NO_OBJECT).clang(),
    exact("--migrate", NO_OBJECT).clang(),
    exact("-verify-pch", NO_OBJECT).clang(),
    exact("-module-file-info", NO_OBJECT).clang(),
    exact("-print-ivar-layout", NO_OBJECT).clang(),
    exact("--precompile", Fate::Stays(Reason::Modules)).clang(),
    exact("-emit-llvm", Fate::Means(Meaning::EmitLlvm)).clang(),
    // Prints and ends.
    exact("-###", NO_COMPILE),
    joined("--help", NO_COMPILE),
    exact("-help", NO_COMPILE).clang(),
    exact("--target-help", NO_COMPILE),
    exact("--version", NO_COMPILE),
    exact("-dumpversion", NO_COMPILE),
    exact("-dumpfullversion", NO_COMPILE),
    exact("-dumpmachine", NO_COMPILE),
    exact("-dumpspecs", NO_COMPILE),
    joined("-print-", NO_COMPILE),
    joined("--print-", NO_COMPILE),
    joined("--autocomplete=", NO_COMPILE).clang(),
    joined("-ccc-print-", NO_COMPILE).clang(),
    // Reports about the compile, as it runs here.
    exact("-v", REPORT),
    exact("--verbose", REPORT),
    exact("-Q", REPORT).gcc(),
    exact("-H", REPORT),
    exact("--trace-includes", REPORT),
    exact("-time", REPORT),
    joined("-time=", Fate::Stays(Reason::SideOutput)),
    joined("-ftime-report", REPORT),
    exact("-fmem-report", REPORT).gcc(),
    exact("-fpre-ipa-mem-report", REPORT).gcc(),
    exact("-fpost-ipa-mem-report", REPORT).gcc(),
    exact("-fmem-report-wpa", REPORT).gcc(),
    joined("-fproc-stat-report", REPORT).clang(),
    exact("-fshow-skipped-includes", REPORT).clang(),
    exact("-print-stats", REPORT).clang(),
    joined("-fopt-info", REPORT).gcc(),
    // Whatever follows is an input for clang and an error for gcc.
    exact("--", UNREADABLE),
    equals("--config", UNREADABLE).clang(),
    either("-working-directory", UNREADABLE).clang(),
    // What is shown, and how.
    exact("-fdiagnostics-color", Fate::Means(Meaning::Colour)),
    joined("-fdiagnostics-color=", Fate::Means(Meaning::Colour)),
    exact("-fdiagnostics-color=auto", Fate::Means(Meaning::ColourAuto)),
    exact("-fno-diagnostics-color", Fate::Means(Meaning::Colour)),
    exact("-fcolor-diagnostics", Fate::Means(Meaning::Colour)),
    exact("-fno-color-diagnostics", Fate::Means(Meaning::Colour)),
    exact(
        "-fdiagnostics-show-caret",
        Fate::Means(Meaning::Caret(true)),
    ),
    exact(
        "-fno-diagnostics-show-caret",
        Fate::Means(Meaning::Caret(false)),
    ),
    separate("-fcrash-diagnostics-dir", Fate::Here).clang(),
    joined("-fcrash-diagnostics-dir=", Fate::Here).clang(),
    // More than one kind of code in one command.
    separate("-arch", Fate::Means(Meaning::Architecture)),
    joined("-foffload", Fate::Stays(Reason::SeveralTargets)).gcc(),
    joined("-fopenmp-targets=", Fate::Stays(Reason::SeveralTargets)).clang(),
    joined("--offload-arch=", Fate::Stays(Reason::SeveralTargets)).clang(),
    joined("--cuda-", Fate::Stays(Reason::SeveralTargets)).clang(),
    joined("--hip-", Fate::Stays(Reason::SeveralTargets)).clang(),
];
