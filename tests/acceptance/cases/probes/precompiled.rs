//! Precompiled headers, and who takes them.

use super::{Here, Probe, probe};

/// A header that includes others and is read once, and a source that goes by what it defines.
const HEADERS: &str = "printf '#ifndef P\n#define P\n#include <stddef.h>\n#include \"q.h\"\n#define V 1\nstruct s { int a; };\nstatic inline int f(int n) { int unused; return n + V; }\n#endif\n' >p.h
    printf '#pragma once\nextern int q;\n' >q.h; printf 'extern int r;\n' >r.h
    printf '#include \"p.h\"\n#ifdef V\n#include \"r.h\"\n#endif\nstruct s s = { V };\nint main(void) { int here; return f(__COUNTER__) + q + r + sizeof(size_t); }\n' >a.c;";
const MADE: &str = "$CC -g -Wall p.h -o p.h.gch";
const ERROR: &str =
    "printf '#include \"p.h\"\nint g(void) { struct s *t = 1.5; return f(t); }\n' >a.c;";
const CXX: &str = "printf '#pragma once\n#include <vector>\n#include <string>\ntemplate<class T> T twice(T t) { return t + t; }\n' >p.h
    printf '#include <algorithm>\nint f(std::vector<std::string> &v) { std::sort(v.begin(), v.end()); return twice(v.size()); }\n' >a.cc;";

/// After all of them, in a shell's word.
fn after(files: &str, command: &str) -> &'static str {
    format!("{files} {command}").leak()
}

pub(super) fn probes() -> Vec<Probe> {
    let line = "$CC -g -Wall -c a.c -o out/a.o -MD -MF out/a.d";
    let mut probes = vec![
        // clang takes those only that it is told of.
        probe("precompiled header", after(HEADERS, MADE), line)
            .then("sed -i s/here/there/ a.c")
            .then("printf 'extern int r, t;\n' >r.h"),
        probe("precompiled header that comes later", HEADERS, line)
            .then(MADE)
            .then("rm p.h.gch"),
        probe("-MMD -MP -fpch-deps", after(HEADERS, MADE), "$CC -g -Wall -fpch-deps -Winvalid-pch -c a.c -o out/a.o -MMD -MP -MF out/a.d").only_gcc(),
        probe("-fpch-preprocess", after(HEADERS, MADE), "$CC -g -Wall -fpch-preprocess -c a.c -o out/a.o -MD").only_gcc(),
        probe("-Winvalid-pch of other options", after(HEADERS, MADE), "$CC -O2 -DX -Winvalid-pch -c a.c -o out/a.o -MD -MF out/a.d"),
        probe("-Werror=invalid-pch of other options", after(HEADERS, MADE), "$CC -g3 -DP -Winvalid-pch -Werror -c a.c -o out/a.o -MD -MF out/a.d"),
        probe("-H", after(HEADERS, MADE), "$CC -H -g -Wall -c a.c -o out/a.o").goes(Here("local_report")),
        probe("-include of a precompiled header", after(HEADERS, MADE), "$CC -Winvalid-pch -include p.h -g -Wall -c a.c -o out/a.o -MD -MF out/a.d").only_gcc()
            .then_goes("touch q.h", Here("modules")),
        probe("-include of a precompiled header, absolute", after(HEADERS, MADE), "$CC -Winvalid-pch -include $PWD/p.h -g -Wall -c $PWD/a.c -o out/a.o -MD -MF out/a.d").only_gcc(),
        probe("-include and an error", after(HEADERS, "$CC p.h -o p.h.gch; printf 'struct s s = { V, 1, 2 };\nint n = f();\n' >a.c"), "$CC -Winvalid-pch -include p.h -c a.c -o out/a.o -MD -MF out/a.d").only_gcc(),
        probe("errors about a precompiled header", after(HEADERS, after(ERROR, MADE)), line),
        probe("precompiled header that is not the first", after(HEADERS, after("printf '#include \"r.h\"\n#include \"p.h\"\nstruct s s;\n' >a.c;", MADE)), line),
        probe("precompiled header in a directory behind", after("mkdir one two;", after(HEADERS, "mv p.h q.h two; sed -i 's/\"p.h\"/<p.h>/' a.c; $CC -g -Wall two/p.h -o two/p.h.gch")), "$CC -Ione -Itwo -g -Wall -c a.c -o out/a.o -MD -MF out/a.d")
            .then("cp two/p.h one; cp two/q.h one"),
        probe("precompiled header of gcc 11", after(HEADERS, "$CC-11 -g -O2 p.h -o p.h.gch"), "$CC-11 -g -O2 -c a.c -o out/a.o -MD -MF out/a.d").only_gcc(),
        probe("precompiled header of another gcc", after(HEADERS, "$CC-11 -g -Wall p.h -o p.h.gch"), "$CC -Winvalid-pch -g -Wall -c a.c -o out/a.o -MD -MF out/a.d").only_gcc(),
        probe("no precompiled header", after(HEADERS, "echo none >p.h.gch; sleep 0.02; touch p.h.gch"), "$CC -Winvalid-pch -g -Wall -c a.c -o out/a.o -MD -MF out/a.d"),
        probe("precompiled headers of C++", after(CXX, "$CXX -O2 -g -x c++-header p.h -o p.h.gch"), "$CXX -Winvalid-pch -O2 -g -include p.h -c a.cc -o out/a.o -MD -MF out/a.d").only_gcc()
            .then("sed -i s/twice/1+twice/ a.cc"),
    ];
    // gcc takes what is made from something else, too; and a form without a text.
    probes.extend([
        probe(
            "precompiled header, edited",
            after(
                HEADERS,
                after(MADE, "; sleep 0.02; sed -i 's/int a/int a, b/' p.h"),
            ),
            line,
        )
        .gcc(Here("modules")),
        probe(
            "precompiled header without a text",
            after(HEADERS, after(MADE, "; rm p.h")),
            line,
        )
        .gcc(Here("modules")),
        probe(
            "precompiled headers in a directory",
            after(HEADERS, "mkdir p.h.gch; $CC -g p.h -o p.h.gch/one"),
            line,
        )
        .gcc(Here("modules")),
    ]);
    probes.extend(of_clang());
    probes
}

fn of_clang() -> Vec<Probe> {
    let made = after(HEADERS, "$CC -g -Wall -x c-header p.h -o p.h.pch");
    let cmake = "$CC -g -Wall -Winvalid-pch -Xclang -include-pch -Xclang $PWD/p.h.pch -Xclang -include -Xclang $PWD/p.h -o out/a.o -c $PWD/a.c -MD -MF out/a.d";
    let cxx = after(CXX, "clang++-16 -O2 -g -x c++-header p.h -o p.h.pch");
    let probes = vec![
        probe(
            "precompiled header of clang",
            made,
            "$CC -g -Wall -include p.h -c a.c -o out/a.o -MD -MF out/a.d",
        )
        .then("sed -i s/here/there/ a.c")
        .then("rm p.h.pch"),
        probe(
            "precompiled header of clang that comes later",
            HEADERS,
            "$CC -g -Wall -include p.h -c a.c -o out/a.o -MD -MF out/a.d",
        )
        .then("clang -g -Wall -x c-header p.h -o p.h.gch")
        .then_goes("sleep 1; touch q.h", Here("modules")),
        probe(
            "-include-pch",
            made,
            "$CC -g -Wall -include-pch p.h.pch -c a.c -o out/a.o -MMD -MP -MF out/a.d",
        ),
        probe(
            "-Xclang -include-pch",
            made,
            "$CC -g -Wall -Xclang -include-pch -Xclang p.h.pch -c a.c -o out/a.o",
        ),
        probe("-Xclang -include-pch -Xclang -include", made, cmake)
            .then_goes("sleep 1; touch q.h", Here("modules")),
        probe(
            "-include-pch and an error",
            after(
                made,
                "; printf 'struct s s = { V, 1, 2 };\nint n = f();\n' >a.c",
            ),
            cmake,
        ),
        probe(
            "-include-pch of clang 16, C++",
            cxx,
            "clang=$CXX-16; $clang -O2 -g -include p.h -c a.cc -o out/a.o -MD -MF out/a.d",
        )
        .then("sed -i s/twice/1+twice/ a.cc"),
        probe(
            "-include-pch with other options",
            made,
            "$CC -g -Wall -O2 -DX -std=c99 -include-pch p.h.pch -c a.c -o out/a.o",
        )
        .goes(Here("remote_failed")),
        probe(
            "-include-pch of what is none",
            after(HEADERS, "echo none >p.h.pch; sleep 0.02; touch p.h.pch"),
            "$CC -include-pch p.h.pch -c a.c -o out/a.o",
        )
        .goes(Here("remote_failed")),
        probe(
            "-include-pch without a header",
            after(HEADERS, "$CC -g -x c-header p.h -o p.pch"),
            "$CC -g -include-pch p.pch -c a.c -o out/a.o",
        )
        .goes(Here("modules")),
        probe(
            "-include-pch without a header that is told",
            after(HEADERS, "$CC -g -x c-header p.h -o p.pch"),
            "$CC -g -Xclang -include-pch -Xclang p.pch -c a.c -o out/a.o",
        )
        .goes(Here("modules")),
        probe(
            "-include of a second precompiled header",
            after(made, "; $CC -g -x c-header r.h -o r.h.pch"),
            "$CC -g -include p.h -include r.h -c a.c -o out/a.o",
        )
        .goes(Here("modules")),
    ];
    probes.into_iter().map(Probe::only_clang).collect()
}
