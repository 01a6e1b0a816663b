//! What needs a treatment of its own, row by row.

use super::{Here, Probe, Text, probe};

const V: &str =
    "mkdir i; printf '#define V 1\n' >i/v.h; printf '#include <v.h>\nint v = V;\n' >a.c";
const ALONE: &str = "printf '#include <stddef.h>\nint f(int n) { int s = 0; for (int i = 0; i < n; i++) s += i * n; return s; }\n' >a.c";

/// What two compiles within an hour write alike.
const HOUR: &str = "printf '#include <stddef.h>\nconst char *d = __DATE__;\nint n = sizeof __TIME__;\nchar h[] = { __TIME__[0], __TIME__[1] };\n' >a.c";
const MOMENT: &str = "printf '#include <stddef.h>\nconst char *s = __DATE__ __TIME__;\n' >a.c";

/// A list of functions, and a source that has something to say.
const LIST: &str = "echo fun:g >list; printf '#include <stddef.h>\nint f(int *n) { int unused; return n[3] << n[2]; }\nint g(int *n) { return n[3] << f(n); }\n' >a.c";

pub(super) fn probes() -> Vec<Probe> {
    let line = "$CC -c a.c -o out/a.o -MD -MF out/a.d";
    let mut probes = vec![
        // clang 14 has the clock in it whatever it is told.
        probe("__DATE__, __TIME__", HOUR, line).clang(Here("environment_sensitive")),
        probe("__DATE__, __TIME__ of clang 16", HOUR, "$CC-16 -Wdate-time -c a.c -o out/a.o").only_clang(),
        probe("__DATE__, __TIME__ of gcc 11", HOUR, "$CC-11 -Wdate-time -g -c a.c -o out/a.o").only_gcc().env("TZ", "LMT-3:17"),
        probe("__DATE__, far away", HOUR, line).only_gcc().env("TZ", "Pacific/Kiritimati"),
        probe("__DATE__, SOURCE_DATE_EPOCH", MOMENT, line).only_gcc().env("SOURCE_DATE_EPOCH", "86400"),
        probe("__DATE__, SOURCE_DATE_EPOCH of clang 16", MOMENT, "$CC-16 -c a.c -o out/a.o").only_clang().env("SOURCE_DATE_EPOCH", "86400"),
        probe("__DATE__, SOURCE_DATE_EPOCH that is none", MOMENT, line).only_gcc().env("SOURCE_DATE_EPOCH", "now"),
        probe("__DATE__ on the command line", "printf 'char h = WHEN[1];\n' >a.c", "$CC -DWHEN=__TIME__ -c a.c -o out/a.o").clang(Text("time")).env("TZ", "LMT-3:17"),
        probe("__DATE__ defined away", MOMENT, "$CC -Wno-builtin-macro-redefined '-D__DATE__=\"x\"' '-D__TIME__=\"y\"' -c a.c -o out/a.o").clang(Here("environment_sensitive")),
        probe("__TIMESTAMP__", "printf 'const char *s = __TIMESTAMP__;\n' >a.c", line).then("touch -d '2020-02-03 04:05:06' a.c"),
        probe("__TIMESTAMP__ elsewhere", "printf 'const char *s = __TIMESTAMP__;\n' >a.c", line).then("touch -d '2020-07-03 04:05:06' a.c").env("TZ", "Europe/Berlin"),
        probe("__TIMESTAMP__, __DATE__, SOURCE_DATE_EPOCH", "printf 'const char *s = __TIMESTAMP__ __DATE__;\n' >a.c; touch -d '2020-07-03 04:05:06' a.c", "case $CC in *clang) CC=$CC-16;; esac; $CC -c a.c -o out/a.o").env("TZ", "LMT-3:17").env("SOURCE_DATE_EPOCH", "86400"),
        probe("__TIMESTAMP__, __DATE__", "printf 'const char *s = __TIMESTAMP__ __DATE__;\n' >a.c; touch -d '2020-07-03 04:05:06' a.c", "case $CC in *clang) CC=$CC-16;; esac; $CC -c a.c -o out/a.o").env("TZ", "LMT-3:17").clang(Here("environment_sensitive")),
        probe(
            "__has_include_next, __has_embed",
            "mkdir one two; printf '#if __has_include_next(<v.h>)\nint n = 1;\n#endif\n#if __has_include_next(<w.h>)\nint m = 1;\n#endif\n' >one/v.h
             printf '\n' >two/v.h; printf '#include <v.h>\n#if defined __has_embed\n#if __has_embed(\"a.c\")\nint e;\n#endif\n#endif\n' >a.c",
            "$CC -Ione -Itwo -c a.c -o out/a.o -MD -MF out/a.d",
        ).goes(Text("a.c"))
        .then("printf '\n' >two/w.h"),
        probe(
            "#import",
            "printf 'int once = 1;\n' >v.h; printf '#import \"v.h\"\n#import \"./v.h\"\n' >a.c",
            line,
        ),
        probe(
            "hard links",
            "printf '#pragma once\nstatic int once = 1;\nint *p = &once;\n' >v.h; ln v.h w.h; printf '#include \"v.h\"\n#include \"w.h\"\n' >a.c",
            line,
        )
        .then("cp v.h t; rm w.h; sed s/once/twice/g t >w.h; sed -i '/pragma/d;s/\\*p/*q/' w.h; rm t"),
        probe(
            "#pragma once twins",
            "printf '#pragma once\nextern int once;\nextern int n[__COUNTER__ + 1];\n' >v.h; cp -p v.h w.h; printf '#include \"v.h\"\n#include \"w.h\"\nint c = __COUNTER__;\n' >a.c",
            line,
        )
        .then("touch -d 2001-01-01 w.h"),
        probe("-include, -imacros", "printf '#define V 1\n' >v.h; printf 'int w;\n' >w.h; printf 'int v = V;\n' >a.c",
            "$CC -imacros v.h -include w.h -c a.c -o out/a.o -MD -MF out/a.d").then("printf 'long w;\n' >w.h"),
        probe("-x", "printf '#include <cstddef>\nint v;\n' >a.c", "$CC -x c++ -c a.c -o out/a.o -MD -MF out/a.d"),
        probe("@file", V, "echo '-Ii -O1' >out/rsp; $CC @out/rsp -c a.c -o out/a.o -MD -MF out/a.d; rm out/rsp"),
        probe("-iquote, -isystem, -idirafter", "mkdir q s d; printf '#define A 1\n' >q/a.h; printf '#include_next <b.h>\n' >s/b.h; printf '#define B 2\n' >d/b.h; printf '#include \"a.h\"\n#include <b.h>\nint v = A + B;\n' >a.c",
            "$CC -iquote q -isystem s -idirafter d -c a.c -o out/a.o -MD -MF out/a.d"),
        probe("-iprefix, -iwithprefix", V, "$CC -iprefix $PWD/ -iwithprefixbefore i -c a.c -o out/a.o -MD -MF out/a.d").then("sed -i s/1/2/ i/v.h"),
        probe("--sysroot", "mkdir -p r/usr/include; printf '#define V 1\n' >r/usr/include/v.h; printf '#include <v.h>\nint v = V;\n' >a.c",
            "$CC --sysroot=$PWD/r -c a.c -o out/a.o -MD -MF out/a.d"),
        probe("-isysroot", "mkdir -p r/usr/include; printf '#define V 1\n' >r/usr/include/v.h; printf '#include <v.h>\nint v = V;\n' >a.c",
            "$CC -isysroot $PWD/r -c a.c -o out/a.o -MD -MF out/a.d"),
        probe("-I-", V, "$CC -I- -Ii -c a.c -o out/a.o").gcc(Here("diagnostics")).clang(Here("preprocessor_failed")),
        probe("-I =", V, "$CC -I=$PWD/i -c a.c -o out/a.o -MD -MF out/a.d"),
        probe("-nostdinc", V, "$CC -nostdinc -Ii -c a.c -o out/a.o -MD -MF out/a.d"),
        probe("CPATH", V, line).env("CPATH", "i"),
        probe("C_INCLUDE_PATH", V, line).env("C_INCLUDE_PATH", ":$PLACE/i"),
        probe("CPLUS_INCLUDE_PATH", V, "$CXX -x c++ -c a.c -o out/a.o -MD -MF out/a.d").env("CPLUS_INCLUDE_PATH", "$PLACE/i"),
        probe("GCC_EXEC_PREFIX", ALONE, line).goes(Here("tool_search")).env("GCC_EXEC_PREFIX", "/usr/lib/gcc/"),
        probe("COMPILER_PATH", ALONE, line).goes(Here("tool_search")).env("COMPILER_PATH", "$PLACE"),
        probe("DEPENDENCIES_OUTPUT", ALONE, "$CC -c a.c -o out/a.o").goes(Here("side_output")).env("DEPENDENCIES_OUTPUT", "$PLACE/out/deps"),
        probe(".include", "printf '.set x, 1\n' >x.s; printf '__asm__(\".include \\\\\"x.s\\\\\"\");\nint v;\n' >a.c", line).goes(Here("remote_failed")),
        probe("macro-made .incbin", "printf hello >x.bin; printf '#define S(x) #x\n#define I .incbin\n#define T(x) S(x)\n__asm__(\".data; \" T(I) \" \\\\\"x.bin\\\\\"; .text\");\nint v;\n' >a.c", line).goes(Here("remote_failed")).then("printf other >x.bin"),
        probe("pasted .incbin", "printf hello >x.bin; printf '__asm__(\".data; .inc\" \"bin \\\\\"x.bin\\\\\"; .text\");\nint v;\n' >a.c", line).goes(Here("remote_failed")).then("printf other >x.bin"),
        probe(".incbin in a header's branch", "printf hello >x.bin; printf '#if 0\n__asm__(\".incbin \\\\\"x.bin\\\\\"\");\n#endif\n' >a.h; printf '#include \"a.h\"\nint v;\n' >a.c", line).goes(Text("assembler")),
        // clang's own list has this function's name.
        probe("-fsanitize=address of clang's own lists, named", "printf 'int e(int *p) __asm__(\"_Find_elem@x@std\");\nint e(int *p) { return *p; }\n' >a.c", "$CC -O1 -fsanitize=address -c a.c -o out/a.o").only_clang(),
        probe("-fsanitize=address of clang's own lists", LIST, "$CC -g -O1 -fsanitize=address -c a.c -o out/a.o -MD -MF out/a.d"),
        probe("-fsanitize=address of clang's own lists, clang 16", LIST, "$CC-16 -g -O1 -fsanitize=address -c a.c -o out/a.o -MD -MF out/a.d").only_clang(),
        probe("-fsanitize-ignorelist", LIST, "$CC -g -O1 -fsanitize=address,undefined -fsanitize-ignorelist=list -c a.c -o out/a.o -MD -MF out/a.d").only_clang().slow()
            .then("echo fun:f >list")
            .then("sed -i s/unused/other/ a.c"),
        probe("-fsanitize-ignorelist, elsewhere", LIST, "$CC-16 -g -fsanitize=address -fsanitize-ignorelist=$PWD/../$(basename $PWD)/list -c a.c -o out/a.o -MD -MF out/a.d").only_clang().slow(),
        probe("-fprofile-list", LIST, "$CC -g -fprofile-instr-generate -fprofile-list=list -c a.c -o out/a.o -MD -MF out/a.d").only_clang().slow(),
        probe("-fprofile-use, clang's own form", "printf 'main\\n0\\n1\\n1\\n' >p.txt; llvm-profdata merge p.txt -o p.profdata; printf 'int main(void) { return 0; }\n' >a.c", "$CC -g -O2 -fprofile-use=p.profdata -c a.c -o out/a.o -MD -MF out/a.d").only_clang().slow(),
        probe("-fprofile-use", ALONE, "$CC -O2 -fprofile-use=none.profdata -c a.c -o out/a.o").gcc(Here("side_input")).clang(Here("extra_file_missing")),
        probe("-fsanitize list", "printf 'fun:f\n' >list; printf 'int f(int *p) { return *p; }\n' >a.c", "$CC -fsanitize=address -fsanitize-blacklist=list -c a.c -o out/a.o").slow().only_clang().then("printf 'fun:g\n' >list"),
        probe("-fplugin", ALONE, "$CC -fplugin=./none.so -c a.c -o out/a.o").goes(Here("extra_file_missing")),
        probe("-specs", "printf '*cc1:\n+ -DV=3\n\n' >my.specs; printf 'int v = V;\n' >a.c", "$CC -specs=my.specs -c a.c -o out/a.o").goes(Text("not followed")).slow().only_gcc(),
        probe("-fmodule-map-file", "printf 'module m {}\n' >m.map; printf 'int v;\n' >a.c", "$CC -fmodule-map-file=m.map -c a.c -o out/a.o").goes(Here("modules")).only_clang(),
        probe("-fdump", ALONE, "$CC -O1 -fdump-tree-optimized -c a.c -o out/a.o").goes(Here("side_output")).only_gcc(),
        probe("-ftime-trace", ALONE, "$CC -ftime-trace -c a.c -o out/a.o").goes(Here("side_output")).only_clang(),
        probe("--coverage", ALONE, "$CC --coverage -c a.c -o out/a.o").goes(Here("side_output")),
        probe("-save-temps", ALONE, "$CC -save-temps=obj -c a.c -o out/a.o").goes(Here("side_output")),
        probe("-gsplit-dwarf", ALONE, "$CC -g -gsplit-dwarf -c a.c -o out/a.o -MD"),
        probe("-gsplit-dwarf of other compilers", ALONE, "case $CC in *gcc) CC=$CC-11;; *) CC=$CC-16;; esac; $CC -g3 -O2 -gsplit-dwarf -c a.c -o out/.a.c.obj"),
        probe("-gsplit-dwarf of C++", "printf '#include <vector>\nint f(std::vector<int> v) { return v.size() + v[0]; }\n' >a.cc", "$CXX -g -gsplit-dwarf -c $PWD/a.cc -o $PWD/out/a.cc.o -ffile-prefix-map=$PWD=/x"),
        probe("-gsplit-dwarf without names", ALONE, "$CC -g -gsplit-dwarf -c $PWD/a.c; mv a.o a.dwo out"),
        probe("-gsplit-dwarf of nothing", ALONE, "$CC -g0 -gsplit-dwarf -c a.c -o out/a.o").clang(Text("not followed")),
        probe("-gsplit-dwarf -S", ALONE, "$CC -g -gsplit-dwarf -S a.c -o out/b.s; mv a.dwo out || true").clang(Here("not_in_text")),
        probe("-gsplit-dwarf=single", ALONE, "$CC -g -gsplit-dwarf=single -c a.c -o out/a.o").only_clang(),
        probe("-gsplit-dwarf -flto", ALONE, "$CC -g -gsplit-dwarf -flto -c a.c -o out/a.o").gcc(Here("diagnostics")).clang(Here("not_in_text")),
        probe("-fopt-info", ALONE, "$CC -O3 -fopt-info-all=out/info -c a.c -o out/a.o").goes(Here("local_report")).only_gcc(),
        probe("-fopt-info on stderr", ALONE, "$CC -O3 -fopt-info -c a.c -o out/a.o").goes(Here("local_report")).only_gcc(),
        probe("-fsave-optimization-record", ALONE, "$CC -O3 -fsave-optimization-record -c a.c -o out/a.o").goes(Here("side_output")),
        probe("-fstack-usage", ALONE, "$CC -fstack-usage -c a.c -o out/a.o").goes(Here("side_output")),
        probe("__COUNTER__, -Wunused-macros, -pedantic", "printf '#define U 1\nint a = __COUNTER__;\nint b = __COUNTER__;\n__int128 c;\n' >a.c", "$CC -Wunused-macros -pedantic -c a.c -o out/a.o -MD -MF out/a.d"),
        probe("forms of preprocessed text", ALONE, "$CC -g -Wall -P -fpch-preprocess -c a.c -o out/a.o -MD -MF out/a.d"),
        probe("forms of preprocessed text, gcc", ALONE, "$CC -g -C -fno-working-directory -c a.c -o out/a.o").only_gcc(),
        probe("forms of preprocessed text, clang", ALONE, "$CC -g -frewrite-includes -c a.c -o out/a.o").only_clang(),
        probe("making a precompiled header", "printf 'struct s { int a; };\n' >p.h", "$CC -c p.h -o out/p.h.gch").goes(Here("modules")),
        // gcc writes the time into them.
        probe("modules of gcc", "printf 'export module m;\nexport int f() { return 1; }\n' >m.cc", "$CXX -std=c++20 -fmodules-ts -c m.cc -o out/m.o").goes(Here("modules")).only_gcc().env("SOURCE_DATE_EPOCH", "86400"),
        probe("modules of clang", "printf 'int v;\n' >a.c", "$CC -fmodules -fmodules-cache-path=out -c a.c -o out/a.o").goes(Here("modules")).only_clang(),
        probe("modules by their words", "printf 'module;\n#include <cstddef>\nexport module m;\nexport int f() { return 1; }\n' >m.cppm", "$CXX -std=c++20 -x c++ -c m.cppm -o out/m.o"),
        probe("paths in debug information", V, "$CC -g3 -Ii -c a.c -o out/a.o -MD -MF out/a.d"),
        probe("paths in debug information, absolute", V, "$CC -g -I$PWD/i -c $PWD/a.c -o $PWD/out/a.o -MD -MF $PWD/out/a.d"),
        probe("-fdebug-prefix-map", V, "$CC -g -fdebug-prefix-map=$PWD=/x -Ii -c a.c -o out/a.o"),
        probe("`..` behind a link", "mkdir -p real/deep other; ln -s ../real/deep other/link; printf '#define V 1\n' >real/v.h; printf '#define V 2\n' >other/v.h; printf '#include \"other/link/../v.h\"\nint v = V;\n' >a.c", line)
            .then("mkdir -p other/deep; rm other/link; ln -s deep other/link"),
        probe("`..` out of a directory without files", "mkdir -p i/empty; printf '#define V 1\n' >i/v.h; printf '#include \"i/empty/../v.h\"\nint v = V;\n' >a.c", line),
        probe("search directory behind a link", "mkdir -p real/i; ln -s real/i i; printf '#include \"../w.h\"\n' >real/i/v.h; printf 'int w = 1;\n' >real/w.h; printf 'int w = 2;\n' >w.h; printf '#include <v.h>\n' >a.c", "$CC -Ii -c a.c -o out/a.o -MD -MF out/a.d"),
        probe("source is a link", "mkdir s; printf '#include \"v.h\"\nint v = V;\n' >s/a.c; printf '#define V 1\n' >v.h; printf '#define V 2\n' >s/v.h; ln -s s/a.c a.c", line),
        probe("links of links", "printf '#define V 1\n' >v3.h; ln -s v3.h v2.h; ln -s $PWD/v2.h v.h; printf '#include \"v.h\"\nint v = V;\n' >a.c", line).then("rm v2.h; printf '#define V 7\n' >v2.h"),
        probe("names that differ in case", "printf '#define V 1\n' >v.h; printf '#define W 1\n' >V.h; printf '#include \"v.h\"\n#include \"V.h\"\nint v = V + W;\n' >a.c", line),
        probe("generated header", "printf '#define V 1\n' >gen.h; printf '#include \"gen.h\"\nint v = V;\n' >a.c", line).then("printf '#define V 2\n' >gen.h").then("printf '#define V 3\n' >gen.h"),
        probe("-march=native", ALONE, "$CC -O2 -march=native -c a.c -o out/a.o -MD -MF out/a.d"),
        probe("-mtune=native, -g", ALONE, "$CC -O2 -g -mtune=native -c a.c -o out/a.o"),
        probe("from standard input", V, "$CC -Ii -x c -c - -o out/a.o <a.c").goes(Here("input_from_stdin")),
        probe("-o -", V, "$CC -Ii -S a.c -o -").goes(Here("output_not_a_file")),
        probe("two sources", "printf 'int a;\n' >a.c; printf 'int b;\n' >b.c", "$CC -c a.c b.c; mv *.o out").goes(Here("several_inputs")),
        probe("-M", V, "$CC -M -Ii a.c").goes(Here("dependencies_only")),
        probe("-MM -MF", V, "$CC -MM -MF out/d -Ii a.c").goes(Here("dependencies_only")),
        probe("-M -MG", V, "$CC -M -MG a.c").goes(Here("dependencies_only")),
        probe("-MD -MG", V, "$CC -MD -MG -Ii -c a.c -o out/a.o").goes(Here("preprocessor_failed")),
        probe("-Wp,-MMD", V, "$CC -Wp,-MMD,out/a.d -Ii -c a.c -o out/a.o"),
        probe("-Wp,-MD, -g3, and errors", V, "$CC -Wp,-MD,out/.b.o.d -g3 -Ii -c $PWD/a.c -o out/b.o").then("echo '#error no' >>a.c"),
        probe("-Wp,-MD without names", V, "$CC -Wp,-MD,out/a.d -MP -Ii -c a.c; mv a.o out"),
        probe("remarks", ALONE, "$CC -O2 -Rpass=.* -Rpass-missed=.* -c a.c -o out/a.o").only_clang(),
        probe("-fdebug-macro, -gembed-source", V, "$CC -gdwarf-5 -fdebug-macro -gembed-source -Ii -c a.c -o out/a.o").only_clang(),
        probe("-femit-struct-debug-baseonly", V, "$CC -g -femit-struct-debug-baseonly -Ii -c a.c -o out/a.o").only_gcc(),
        probe("coverage of clang", V, "$CC -fprofile-instr-generate -fcoverage-mapping -Ii -c a.c -o out/a.o").only_clang(),
        probe("-fsanitize=undefined", V, "$CC -fsanitize=undefined -Wunused-macros -Ii -c a.c -o out/a.o"),
        probe("-MD without names", V, "$CC -MD -Ii -c a.c; mv a.o a.d out"),
        probe("-MMD -MP -MT -MQ", V, "$CC -MMD -MP -MT 'x y' -MQ 'a$b' -Ii -c a.c -o out/a.o"),
        probe("-E", V, "$CC -E -Ii a.c").goes(Here("preprocess_only")),
        probe("-S", V, "$CC -S -g -Ii a.c -o out/a.s"),
        probe("assembler", "printf '.text\nnop\n' >a.s", "$CC -c a.s -o out/a.o").goes(Here("assembler")),
        probe("assembler with directives", "printf '#define N nop\n.text\nN\n' >a.S", "$CC -c a.S -o out/a.o").goes(Here("assembler")),
        probe("-fsyntax-only", V, "$CC -fsyntax-only -Ii a.c").then("sed -i s/1/x/ i/v.h"),
        probe("-fsyntax-only to nowhere", V, "$CC -fsyntax-only -Ii -x c a.c -o /dev/null"),
        probe("-fsyntax-only with rules", V, "$CC -Wall -fsyntax-only -MD -Ii a.c; mv a.d out").then("echo 'int y = z;' >>a.c"),
        probe("-fsyntax-only with named rules", V, "$CC -fsyntax-only -c -MMD -MP -MF out/d -MT 'x y' -Ii a.c -o out/a.o").then("echo '#include \"none.h\"' >>a.c"),
        probe("-fsyntax-only of text", V, "$CC -fsyntax-only -MD -MG -Ii a.c").goes(Here("syntax_only")),
        probe("-fsyntax-only, twice", V, "$CC -fsyntax-only -Ii a.c a.c").goes(Here("several_inputs")),
    ];
    let warns =
        "printf '#define DIV(x) ((x) / 0)\nint f(int n) { int unused; return DIV(n); }\n' >a.c";
    probes.extend([
        probe("warnings", warns, "$CC -Wall -c a.c -o out/a.o"),
        probe("warnings, UTF-8", warns, "$CC -Wall -c a.c -o out/a.o").env("LC_ALL", "C.UTF-8"),
        probe(
            "warnings, LC_MESSAGES",
            warns,
            "$CC -Wall -c a.c -o out/a.o",
        )
        .env("LC_ALL", "")
        .env("LC_MESSAGES", "de_DE.UTF-8"),
        probe(
            "warnings, GCC_COLORS",
            warns,
            "$CC -Wall -fdiagnostics-color=always -c a.c -o out/a.o",
        )
        .env("GCC_COLORS", "error=01;33:warning=01;36"),
        probe(
            "warnings, TERM",
            warns,
            "$CC -Wall -fdiagnostics-color=always -c a.c -o out/a.o",
        )
        .env("TERM", "dumb"),
        probe(
            "warnings, COLUMNS",
            "printf 'int f(void) { int a%0200d; return 0; }\n' 1 >a.c",
            "$CC -Wall -c a.c -o out/a.o",
        )
        .env("COLUMNS", "60"),
        probe(
            "warnings, TERM_URLS",
            warns,
            "$CC -Wall -fdiagnostics-urls=always -c a.c -o out/a.o",
        )
        .clang(Here("preprocessor_failed")),
        probe(
            "messages as JSON",
            warns,
            "$CC -Wall -fdiagnostics-format=json -c a.c -o out/a.o",
        )
        .only_gcc(),
        probe(
            "errors",
            "printf 'int f(void) { return g(h); }\n' >a.c",
            "$CC -Wall -Werror -c a.c -o out/a.o -MD -MF out/a.d",
        ),
        probe(
            "a header that is not there",
            "printf '#include \"none.h\"\n' >a.c",
            "$CC -c a.c -o out/a.o -MD -MF out/a.d",
        ),
        probe(
            "warnings of lines of another file",
            "printf '\nint y(void) { int unused; return 0; }\n' >p.y; printf '#line 2 \"p.y\"\nint y(void) { int unused; return 0; }\n' >a.c",
            "$CC -Wall -c a.c -o out/a.o",
        ),
        probe(
            "errors of lines of another file",
            "printf '\nint y(void) { return n; }\n' >p.y; printf '#line 2 \"p.y\"\nint y(void) { return n; }\n' >a.c",
            "$CC -Wall -c a.c -o out/a.o",
        ).gcc(Here("remote_failed")),
    ]);
    probes
}
