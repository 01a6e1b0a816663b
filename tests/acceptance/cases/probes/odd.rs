//! Much of something, and things that are no headers.

use super::{Files, Here, Probe, Text, probe};

pub(super) fn probes() -> Vec<Probe> {
    let line = "$CC -c a.c -o out/a.o -MD -MF out/a.d";
    vec![
        probe(
            "10,000 headers in one directory",
            "mkdir i; n=0; while [ $n -lt 10000 ]; do echo \"#define V$n $n\" >i/h$n.h; n=$((n+1)); done
             n=0; while [ $n -lt 10000 ]; do echo \"#include <h$n.h>\"; n=$((n+50)); done >a.c; echo 'int v = V50 + V9950;' >>a.c",
            "$CC -Ii -c a.c -o out/a.o -MD -MF out/a.d",
        )
        .then("echo '#define V50 7' >i/h50.h"),
        probe(
            "iteration by the preprocessor",
            "cat >iterate.h <<'E'
#ifndef NEXT
# define STR_(x) #x
# define STR(x) STR_(x)
# define CAT_(a, b) a##b
# define CAT(a, b) CAT_(a, b)
# define NEXT 0
# define D 0
#endif
#if D < 100
# include BODY
# define VALUE D + 1
# include \"assign.h\"
# include __FILE__
#endif
E
             cat >assign.h <<'E'
#if (VALUE) / 10 % 10 == 0
# define T_NEW 0
#elif (VALUE) / 10 % 10 == 1
# define T_NEW 1
#elif (VALUE) / 10 % 10 == 2
# define T_NEW 2
#elif (VALUE) / 10 % 10 == 3
# define T_NEW 3
#elif (VALUE) / 10 % 10 == 4
# define T_NEW 4
#elif (VALUE) / 10 % 10 == 5
# define T_NEW 5
#elif (VALUE) / 10 % 10 == 6
# define T_NEW 6
#elif (VALUE) / 10 % 10 == 7
# define T_NEW 7
#elif (VALUE) / 10 % 10 == 8
# define T_NEW 8
#else
# define T_NEW 9
#endif
#if (VALUE) % 10 == 0
# define U_NEW 0
#elif (VALUE) % 10 == 1
# define U_NEW 1
#elif (VALUE) % 10 == 2
# define U_NEW 2
#elif (VALUE) % 10 == 3
# define U_NEW 3
#elif (VALUE) % 10 == 4
# define U_NEW 4
#elif (VALUE) % 10 == 5
# define U_NEW 5
#elif (VALUE) % 10 == 6
# define U_NEW 6
#elif (VALUE) % 10 == 7
# define U_NEW 7
#elif (VALUE) % 10 == 8
# define U_NEW 8
#else
# define U_NEW 9
#endif
#undef VALUE
#if T_NEW == 0
# define PICK(u) u
#endif
#if U_NEW == 9 && T_NEW == 9
# undef D
# define D 100
#else
# include STR(CAT(tens, T_NEW).h)
#endif
#undef T_NEW
#undef U_NEW
#undef PICK
E
             for t in 0 1 2 3 4 5 6 7 8 9; do for u in 0 1 2 3 4 5 6 7 8 9; do
                echo \"#if U_NEW == $u\"; echo '# undef D'; echo \"# define D $(echo $t$u | sed 's/^0//')\"; echo '#endif'; done >tens$t.h; done
             printf 'int CAT(v, D) = D;\n' >body.h
             printf '#define BODY \"body.h\"\n#include \"iterate.h\"\n' >a.c",
            line,
        ),
        probe(
            "a generated header of 30 MB",
            "{ echo '/*'; yes 'nothing but words' | head -c 26000000; echo; echo '*/'
               n=0; while [ $n -lt 100 ]; do echo \"#define V$n $n\"; n=$((n+1)); done; yes '#define W 1' | head -n 300000; } >big.h
             printf '#include \"big.h\"\nint w = V7;\n' >a.c",
            line,
        ),
        probe("recursion to the limit", "printf '#if __INCLUDE_LEVEL__ < 199\n#include \"r.h\"\n#endif\n' >r.h; printf '#include \"r.h\"\nint v;\n' >a.c", line),
        probe("recursion beyond the limit", "printf '#include \"r.h\"\nint v;\n' >r.h; printf '#include \"r.h\"\n' >a.c", line).goes(Here("preprocessor_failed")),
        probe("-fmax-include-depth", "printf '#if __INCLUDE_LEVEL__ < 9\n#include \"r.h\"\n#endif\n' >r.h; printf '#include \"r.h\"\nint v;\n' >a.c", "$CC -fmax-include-depth=5 -c a.c -o out/a.o").only_gcc(),
        probe("a directory", "mkdir d.h; printf '#include \"d.h\"\n' >a.c", line),
        probe("a directory in front of a file", "mkdir -p one/d.h two; printf '#define V 1\n' >two/d.h; printf '#include <d.h>\nint v = V;\n' >a.c", "$CC -Ione -Itwo -c a.c -o out/a.o -MD -MF out/a.d"),
        probe("a FIFO", "mkfifo p.h; printf '#include \"p.h\"\nint v = V;\n' >a.c",
            "(trap '' PIPE; while :; do printf '#define V 3\n' >p.h; done) 2>out/feeder & feeder=$!; timeout 20 $CC -c a.c -o out/a.o; code=$?; kill $feeder; rm out/feeder; exit $code").goes(Text("cannot be read")),
        probe("a device", "printf '#include \"/dev/null\"\nint v;\n' >a.c", line).goes(Text("cannot be read")),
        probe("a file of the kernel", "printf '#include \"/proc/sys/kernel/ngroups_max\"\n;int v;\n' >a.c", line).goes(Text("cannot be read")),
        probe("a link into nothing", "mkdir one two; ln -s nowhere one/v.h; printf '#define V 1\n' >two/v.h; printf '#include <v.h>\nint v = V;\n' >a.c", "$CC -Ione -Itwo -c a.c -o out/a.o -MD -MF out/a.d")
            .then("printf '#define V 3\n' >one/nowhere"),
        probe("a link to itself", "mkdir one two; ln -s v.h one/v.h; printf '#define V 1\n' >two/v.h; printf '#include <v.h>\nint v = V;\n' >a.c", "$CC -Ione -Itwo -c a.c -o out/a.o -MD -MF out/a.d").goes(Here("preprocessor_failed")),
        probe("a file as a directory", "printf '' >one; mkdir two; printf '#define V 1\n' >two/v.h; printf '#include <v.h>\nint v = V;\n' >a.c", "$CC -Ione -Inone -Itwo -isystem one -c a.c -o out/a.o -MD -MF out/a.d")
            .then("rm one; mkdir one; printf '#define V 2\n' >one/v.h").then("rm -r one; printf x >one"),
        probe("a directory whose name has two lines", "n=$(printf 'i\nj'); mkdir -p \"$n\" two; printf '#define V 1\n' >\"$n/v.h\"; printf '#define V 2\n' >two/v.h; printf '#include <v.h>\nint v = V;\n' >a.c",
            "$CC -I\"$(printf 'i\nj')\" -Itwo -c a.c -o out/a.o").gcc(Here("preprocessor_failed")).clang(Text("not followed")),
        probe("an empty header and one without an end of line", "printf '' >e.h; printf '#define V 1' >v.h; printf '#include \"e.h\"\n#include \"v.h\"\nint v = V;' >a.c", line),
        probe("ends of line of other systems", "printf '#define V 1 \\\\\r\n + 2\r\n#if V\r\n#define W\r\n#endif\r\n' >v.h; printf '#include \"v.h\"\r\n#ifdef W\r\nint v = V;\r\n#endif\r\n' >a.c", line),
        probe("a byte order mark, NUL, and letters", "printf '\\357\\273\\277#include \"v.h\"\nint v = V; // \\000 \\344\n' >a.c; printf '#define V 1\n#define \\303\\244 2\nint \\303\\244x;\n' >v.h", line),
        probe("trigraphs and digraphs", "printf '#define V 1\n' >v.h; printf '??=include \"v.h\"\n%%:define W 2\nint v = V + W;\n' >a.c", "$CC -std=c99 -c a.c -o out/a.o"),
        probe("raw strings", "printf '#define V 1\n' >v.h; printf 'const char *s = R\"x(\n#include \"none.h\"\n)x\";\n#include \"v.h\"\nint v = V;\n' >a.cc", "$CXX -c a.cc -o out/a.o -MD -MF out/a.d"),
        probe("push_macro and _Pragma", "printf '#define V 1\n_Pragma(\"push_macro(\\\\\"V\\\\\")\")\n#undef V\n#define V 2\n#pragma pop_macro(\"V\")\n' >p.h; printf '#define H \"none.h\"\n#include \"p.h\"\n#if V == 1\n#include \"w.h\"\n#else\n#include \"x.h\"\n#endif\n' >a.c; printf 'int w;\n' >w.h; printf 'int x;\n' >x.h", line).gcc(Text("change macros")).clang(Here("diagnostics")),
        probe("#line and __FILE__", "printf '#line 7 \"other/file.h\"\nconst char *f = __FILE__;\nint l = __LINE__;\n#include \"v.h\"\n' >a.c; printf 'const char *g = __FILE__;\n' >v.h", "$CC -g -c a.c -o out/a.o -MD -MF out/a.d"),
        probe("unknown directives and builtins", "printf '#ident \"x\"\n#pragma unknown thing\n#warning here\n#if __has_attribute(packed) && __has_builtin(__builtin_expect)\n#include \"v.h\"\n#endif\n' >a.c; printf 'int v;\n' >v.h", line),
        probe("#pragma GCC system_header, poison, dependency", "printf '#pragma GCC system_header\nint f(void) { int unused; }\n' >s.h; printf '#include \"s.h\"\n#pragma GCC poison bad\n#pragma GCC dependency \"s.h\"\nint v;\n' >a.c", "$CC -Wall -c a.c -o out/a.o -MD -MF out/a.d").gcc(Text("dependency")).clang(Here("remote_failed"))
            .then_goes("touch -d 2099-01-01 s.h", Here("diagnostics")),
        probe("an absolute name", "printf 'int v;\n' >v.h; printf '#include \"%s/v.h\"\n' $PWD >a.c", "$CC -g -c a.c -o out/a.o -MD -MF out/a.d"),
        probe("a name with a slash at its end, and doubled ones", "mkdir i; printf 'int v;\n' >i/v.h; printf '#include \"i//v.h\"\n#include \".//i/./v.h\"\n' >a.c", "$CC -fcommon -g -c a.c -o out/a.o -MD -MF out/a.d"),
        probe("names with spaces and odd letters", "mkdir 'a b'; printf 'int v;\n' >'a b/v w.h'; printf '#include \"v w.h\"\n' >'a c.c'", "$CC -g '-Ia b' -c 'a c.c' -o 'out/a c.o' -MD -MF out/d"),
        probe("a source of another name", "printf '#include \"v.h\"\nint v;\n' >./-a.c; printf '\n' >v.h", "$CC -g -c ./-a.c -o out/a.o"),
        probe("assertions", "printf '#if #machine(x86_64)\nint v = 1;\n#else\nint v = 2;\n#endif\n' >a.c", "$CC -Wno-deprecated -c a.c -o out/a.o").gcc(Text("condition")).only_gcc(),
        probe("a header of the toolchain replaced", "mkdir i; printf '#define NULL 7\n#define MINE\n' >i/stddef.h; printf '#include <stddef.h>\nint v = (int)NULL;\n' >a.c", "$CC -Ii -c a.c -o out/a.o -MD -MF out/a.d").goes(Files),
        probe("many system headers", "printf '#include <vector>\n#include <map>\n#include <string>\n#include <iostream>\n#include <algorithm>\nstd::map<std::string, std::vector<int>> m;\n' >a.cc", "$CXX -g -O1 -c a.cc -o out/a.o -MD -MF out/a.d").goes(Files),
        probe("the limit of one name", "n=$(printf '%0250d' 7); printf 'int v;\n' >$n.h; printf '#include \"%s.h\"\n' $n >a.c", line).goes(Files),
        probe("a name that is too long", "n=$(printf '%0300d' 7); printf '#include \"%s.h\"\n' $n >a.c", line).goes(Here("preprocessor_failed")),
    ]
}
