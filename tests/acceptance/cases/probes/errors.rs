//! Compiles that fail: what they say and leave, old outputs included, is what a local compile says and leaves.

use super::{Files, Here, Probe, probe};

/// A wrong source that includes a right header.
const WRONG: &str = "printf '#define CALL(f) f(undeclared)\nint g(int);\n' >v.h; printf '#include \"v.h\"\nint f(void) { return CALL(g); }\nint h(void) { return 1 }\n' >a.c";
const LACKS: &str = "printf '#pragma once\n#include <stddef.h>\n' >v.h; printf '#include \"v.h\"\nint before = wrong;\n#include \"not/there.h\"\nint v;\n' >a.c";

/// A compile where an earlier one's outputs are.
macro_rules! old {
    ($options:literal) => {
        concat!(
            "echo old >out/a.o; echo old >out/a.d; $CC ",
            $options,
            " a.c -o out/a.o -MD -MF out/a.d"
        )
    };
}

pub(super) fn probes() -> Vec<Probe> {
    let line = "$CC -c a.c -o out/a.o -MD -MF out/a.d";
    vec![
        probe("errors", WRONG, line).then("printf 'int g(int);\nint undeclared;\n#define CALL(f) f(1)\n' >v.h"),
        probe("errors beside old outputs", WRONG, old!("-c")),
        probe("errors beside old outputs, -pipe", WRONG, old!("-c -pipe")),
        probe("errors beside old outputs, -S", WRONG, old!("-S")),
        probe("errors beside old outputs, -fsyntax-only", WRONG, old!("-S -pipe -fsyntax-only")),
        probe("errors beside old outputs, -gsplit-dwarf", WRONG, concat!("echo old >out/a.dwo; ", old!("-g -gsplit-dwarf -c"))),
        probe("errors beside old outputs, no rules", WRONG, "echo old >out/a.o; echo old >out/a.d; $CC -c a.c -o out/a.o"),
        probe("the first error is the last", WRONG, old!("-c -Wfatal-errors")),
        probe("errors in colours", WRONG, "$CC -fdiagnostics-color=always -c a.c -o out/a.o"),
        probe("errors beside an empty output", WRONG, ": >out/a.o; $CC -c a.c -o out/a.o"),
        probe("warnings as errors", "printf 'int f(void) { int unused; return 0; }\n' >a.c", old!("-Wall -Werror -c")),
        probe("#error", "printf '#ifndef V\n#error \"no V\"\n#endif\n' >v.h; printf '#include \"v.h\"\n' >a.c", line)
            .then("printf '#define V\n' >v.h"),
        probe("#error that sounds of the host", "printf '#error Permission denied\n' >a.c", line).goes(Here("remote_failed")),
        probe("errors of a template", "printf '#include <vector>\nstruct no {};\nint f() { std::vector<no> v; return v[0] == v[1]; }\n' >a.cc", "$CXX -c a.cc -o out/a.o -MD -MF out/a.d"),
        probe("errors of the assembler", "printf 'void f(void) { __asm__(\"bogus\"); }\n' >a.c", old!("-c")).goes(Here("remote_failed")),
        probe("errors behind the front end", "printf 'int g(void) { return 1; }\nvoid f(int x) { __asm__(\"nop\" :: \"i\"(x)); }\n' >a.c", old!("-c")),
        probe("a missing header", LACKS, line).then("mkdir not; printf 'int wrong;\n' >not/there.h").then("printf 'int before;\n' >a.c"),
        probe("a missing header beside old outputs", LACKS, old!("-c")),
        probe("a missing header beside old outputs, -pipe", LACKS, old!("-c -pipe")),
        probe("a missing header beside old outputs, -S", LACKS, old!("-S")),
        probe("a missing header behind the last error", LACKS, old!("-c -Wfatal-errors")),
        probe("a missing header in a branch", "printf '#if __has_include(\"w.h\")\n#include \"no.h\"\n#endif\nint v;\n' >a.c", line)
            .then("touch w.h").then("touch no.h"),
        probe("a missing header of a computed name", "printf '#define N <no/thing.h>\n#include N\n' >a.c", line),
        probe("a missing header behind -include", "printf 'int v;\n' >a.c", "$CC -include none.h -c a.c -o out/a.o").then("touch none.h"),
        probe("a missing header of an absolute name", "printf '#include \"/none/at/all.h\"\n' >a.c", line),
        probe("a missing header, next of its name", "mkdir one two; printf '#include_next <v.h>\n' >one/v.h; printf '#include <v.h>\n' >a.c", "$CC -Ione -Itwo -c a.c -o out/a.o -MD -MF out/a.d")
            .then("touch two/v.h"),
        probe("a missing header before others", "printf '#include <none.h>\n#include \"w.h\"\n#include <stdio.h>\n#error more\n' >a.c; printf 'int w = wrong;\n' >w.h", line),
        // clang takes what it finds in quotes, and without the dot, and says so.
        probe("a missing header that is there in quotes", "printf '#include <v.h>\nint v;\n' >a.c; touch v.h", line).clang(Here("preprocessor_failed")),
        probe("a missing header of a name like another", "printf '#include \".v.h\"\nint v;\n' >a.c; touch v.h", line).clang(Here("preprocessor_failed"))
            .then_goes("rm v.h", Files),
        probe("errors that cannot be written beside", WRONG, "$CC -c a.c -o none/a.o").goes(Here("output_write")),
    ]
}
