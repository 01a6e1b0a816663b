//! Small sources, each with something that preprocessing in two places could change.

pub(crate) const FILES: &[(&str, &str)] = &[
    ("inc/h.h", H),
    ("inc/sys.h", SYS),
    (
        "inc/level.h",
        "static const int level = __INCLUDE_LEVEL__; const char *included = __FILE__;\n",
    ),
    ("a.c", A),
    ("b.c", B),
    (
        "level.c",
        "#include \"h.h\"\n#include \"level.h\"\nint l = level, m = __INCLUDE_LEVEL__;\n",
    ),
    ("p.cc", P),
    (
        "undef.c",
        "#undef linux\nint linux = 4;\n#undef unix\nint f(int unix) { return unix + linux; }\n",
    ),
    ("macros.h", "#define FROM_FILE 3\n"),
    ("imacros.c", "int a = FROM_FILE;\n"),
    (
        "trigraphs.c",
        "const char *a = \"x??=y\";\nint f(int x) ??< return x; ??>\n",
    ),
    (
        "traditional.c",
        "#define foo 3\nint a = foo; int\\\n b = 4\\\n + __LINE__;\n",
    ),
    ("plain", "int plain(int x) { return x * 3; }\n"),
    (
        "dir/sub.x/s.c",
        "#include \"h.h\"\nint s(void) { return LINE; }\n",
    ),
    ("weird name#1$.c", "const char *name = __FILE__;\n"),
    (
        "crlf.c",
        "#define M 3\r\nint a = M;\r\nint l = __LINE__;\r\n/* x\r\n y */ int m = __LINE__;\r\n",
    ),
    (
        "bom.c",
        "\u{feff}#define M 3\nint a = M;\n#include \"h.h\"\nint b = LINE;",
    ),
    (
        "utf.c",
        "const char *s = \"caf\u{e9}\"; int \u{e9}t\u{e9} = 4;\nint w = L'\u{e9}'; const char *u = u8\"\u{e9}\";\n",
    ),
    ("column.cc", COLUMN),
    ("objc.m", "int o(int x) { return x + 1; }\n"),
    ("dollar.c", "int a$b = 3; int f(void) { return a$b; }\n"),
    ("d.c", "#include \"x y.h\"\nint a;\n"),
    ("x y.h", "\n"),
    ("list", "fun:ignored\n"),
    ("asm.s", ".macro nothing\n.endm\n"),
];

/// Latin 1, which is no Rust string.
pub(crate) const LATIN: (&str, &[u8]) = (
    "latin.c",
    b"const char *s = \"caf\xe9\"; int wide = L'\xe9';\n",
);

const H: &str = r"#ifndef H_H
#define H_H
#include <stdio.h>
#define ADD(a,b) ((a)+(b))
#define LINE __LINE__
static inline int sq(int x) { return x*x; }
#endif
";

const SYS: &str = r"#pragma GCC system_header
#define SYS(x) ((x) << 2)
static int sys_unused(void) { return SYS(3); }
";

const A: &str = r#"#include "h.h"
#include "sys.h"
#include <string.h>
#include <assert.h>
#define MUL(a,b) ((a)*(b))
#define STR2(x) #x
#define STR(x) STR2(x)
#define DECL(n) int var_##n = __COUNTER__; const char *name_##n = #n;
DECL(one) DECL(two)
const char *file = __FILE__;
const char *s = STR(MUL(1,	2)) "a\
b" "tab	x" ;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused"
_Pragma("GCC diagnostic pop")
/* several
lines */ int after; // continued \
comment
int f(int a) { int v = ADD(a, MUL(a, sq(a)));	printf("%s %d\n", __FILE__, LINE); assert(v > 2); return v + sys_unused(); }
struct s { int a; char *b; };
int g(struct s *s) { switch (s->a) { case 1: s->a++; /* fallthrough */ case 2: return (int)strlen(s->b); } return 0; }
static int arr[10];
int h(int i) { return arr[i] + i / (i - ADD(1,
   2)); }
#line 77 "other.y"
int yy(int a) { assert(a); return a/f(a); }
"#;

const B: &str = r#"#include "h.h"
int b = ADD(1,2);
#pragma pack(push,1)
struct p { char c; int i; } pp;
#pragma pack(pop)
#ident "hello"
#pragma weak wk
int wk(void) { return 1; }
#if __has_include("h.h") && __has_include(<stdio.h>) && __has_attribute(unused) && __has_builtin(__builtin_expect)
int has = 1;
#else
int has = 0;
#endif
#define E(...) x##__VA_OPT__(y)
int E(1) = 4;
#define HDR "sys.h"
#include HDR
#pragma GCC poison strdup
#if defined(__x86_64__)
int d1 = SYS(2);
#endif
int omp(int n) { int s = 0;
#define PR _Pragma("omp parallel for reduction(+:s)")
PR
for (int i = 0; i < n; i++) s += i; return s; }
#pragma GCC optimize("O3")
int opt(int *x, int n) { int s = 0; for (int i = 0; i < n; i++) s += x[i]; return s; }
double fp(double a, double b, double c) { return a*b+c; }
__asm__(".pushsection .note.foo,\"a\"; .asciz \"bar\"; .popsection");
int cnt = __COUNTER__, cnt2 = __COUNTER__;
#ifdef GIVEN
int given = GIVEN;
#endif
const char *fn = __FILE__ "x";
int nested(void) { return ({ int z = ADD(1, ADD(2, __LINE__)); z; }); }
"#;

const P: &str = r#"#include "h.h"
#include "sys.h"
#include <string>
#define MUL(a,b) ((a)*(b))
namespace { struct T { T(); int x = 1; } t; T::T() { x = sys_unused(); } }
template<class T> T id(T x) { return MUL(x, x); }
const char *raw = R"x(a\
"b" ??= #define Z
  )x";
int f(int a) { auto l = [&]{ return id(a); }; try { if (l() > 3) throw std::string(__PRETTY_FUNCTION__); } catch (std::string &s) { return s.size(); } return ADD(l(), __LINE__); }
struct V { virtual ~V(); virtual int m() = 0; }; struct W : V { int m() override { return 3; } };
V *mk() { return new W; }
inline int unused_inline() { static int k = f(1); return k; }
int use() { return unused_inline(); }
"#;

const COLUMN: &str = r"#define WRAP(x,  y) ( x + y )
#define HERE   __builtin_LINE()
int l = WRAP(1, HERE); 	const char *n = __builtin_FILE();
";
