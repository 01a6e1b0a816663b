//! Projects that a test writes for itself.

use crate::compare::Rule;
use crate::project::Project;

/// A few C files with debug information, for tests that need no more.
pub const SMALL: Project = Project {
    name: "small",
    source: "",
    prepare: r##"
        for n in 1 2 3 4 5 6 7 8 9 10 11 12; do
            echo "#include <stdio.h>
#include <string.h>
#define TWICE(x) ((x) + (x))
struct point { int x, y; } points$n[4];
static int sum(const struct point *p) { return TWICE(p->x) + p->y; }
int part$n(const char *text) { return printf(\"%s %s %zu\", __FILE__, text, strlen(text)) + sum(points$n); }" >part$n.c
        done
        echo 'all: $(patsubst %.c,%.o,$(wildcard *.c))
%.o: %.c
	$(CC) -O2 -g -Wall -MMD -c -o $@ $<' >Makefile"##,
    build: "make -j$JOBS CC=\"$CC\"",
    rule: Rule::Program,
    objects: 12,
};

/// C and C++ by gcc and clang, with debug information, rules for make and warnings.
pub const COMPILERS: Project = Project {
    name: "compilers",
    source: "",
    prepare: r##"
        mkdir -p inc
        echo '#pragma once
#define TWICE(x) ((x) + (x))' >inc/twice.h
        for n in 1 2 3; do
            echo "#include <stdio.h>
#include \"twice.h\"
int part$n(unsigned u) { int unused; return printf(\"%s\", __FILE__) + TWICE(1) + (u < -1); }" >part$n.c
            echo "#include <string>
#include <vector>
#include \"twice.h\"
std::vector<std::string> part$n(int x) { int unused; return {TWICE(2), std::to_string(x)}; }" >whole$n.cc
        done
        echo 'CLANG = $(patsubst %gcc,%clang,$(CC))
CLANGXX = $(patsubst %g++,%clang++,$(CXX))
FLAGS = -O1 -g -Wall -Wextra -Iinc -MMD
all: $(foreach n,1 2 3,gcc$n.o clang$n.o gxx$n.o clangxx$n.o)
gcc%.o: part%.c; $(CC) $(FLAGS) -c -o $@ $<
clang%.o: part%.c; $(CLANG) $(FLAGS) -c -o $@ $<
gxx%.o: whole%.cc; $(CXX) $(FLAGS) -c -o $@ $<
clangxx%.o: whole%.cc; $(CLANGXX) $(FLAGS) -c -o $@ $<' >Makefile"##,
    build: "make -j$JOBS CC=\"$CC\" CXX=\"$CXX\"",
    rule: Rule::Bytes,
    objects: 12,
};

/// C++ files that are short to send and long to compile.
macro_rules! slow {
    ($name:literal, $files:literal, $rounds:literal) => {
        Project {
            name: $name,
            source: "",
            prepare: concat!(
                "
        n=0
        while [ $n -lt ", $files, " ]; do
            echo \"constexpr long work(long n) { long s = 0; for (long i = 0; i < n; i++) s += i % 7; return s; }
static_assert(work(", $rounds, ") > 0);
int part$n() { return $n; }\" >part$n.cc
            n=$((n+1))
        done
        echo 'all: $(patsubst %.cc,%.o,$(wildcard *.cc))
%.o: %.cc
	$(CXX) -std=c++14 -fconstexpr-ops-limit=100000000000 -fconstexpr-loop-limit=2000000000 -c -o $@ $<' >Makefile"
            ),
            build: "make -j$JOBS CXX=\"$CXX\"",
            rule: Rule::Bytes,
            objects: $files,
        }
    };
}

/// Long enough to be interrupted. Its plain build is never needed.
pub const ENDLESS: Project = slow!("endless", 8, 10000000);

/// Long enough for every executor to have installed its toolchain before the last job.
pub const PARTS: Project = slow!("parts", 16, 250000);

/// One compile, long enough to be stopped and to go on.
pub const LONG: Project = slow!("long", 1, 2500000);

/// More jobs than a cluster has slots for.
pub const MANY: Project = slow!("many", 240, 20000);

/// Sources of which gcc's or clang's includes-only text keeps less than the compiler needs. What
/// `-fopenacc` makes has random names in it and is not compared by its bytes.
pub const ODD: Project = Project {
    name: "odd",
    source: "",
    prepare: r##"
        cat >omp.c <<'END'
void g(int);
void f(int n) {
#pragma omp parallel for
  for (int i = 0; i < n; i++) g(i);
}
END
        cat >simd.c <<'END'
#pragma omp declare simd
int twice(int x) { return x + x; }
END
        cat >acc.c <<'END'
void f(float *a, int n) {
#pragma acc parallel loop copy(a[0:n])
  for (int i = 0; i < n; i++) a[i] *= 2;
}
END
        cat >renamed.h <<'END'
#pragma redefine_extname foo bar
END
        cat >renamed.c <<'END'
#include "renamed.h"
extern int foo(void);
int call(void) { return foo(); }
END
        cat >popped.h <<'END'
#define LIMIT 3
#pragma push_macro("LIMIT")
#undef LIMIT
#define LIMIT 4
#pragma pop_macro("LIMIT")
END
        cat >popped.c <<'END'
#include "popped.h"
int limit = LIMIT;
END
        cat >counter.c <<'END'
#define NEXT __COUNTER__
#if NEXT == 0
#endif
int a = __COUNTER__;
END
        cat >Makefile <<'END'
all: omp.o simd.o acc.obj renamed.o popped.o counter-gcc.o counter-clang.o
omp.o: omp.c; $(CC) -fopenmp -c -o $@ $<
simd.o: simd.c; $(CC) -O2 -fopenmp-simd -c -o $@ $<
acc.obj: acc.c; $(CC) -fopenacc -c -o $@ $< && nm $@ | grep -q GOACC_parallel
renamed.o: renamed.c; $(CC) -c -o $@ $<
popped.o: popped.c; $(CC) -c -o $@ $<
counter-gcc.o: counter.c; $(CC) -c -o $@ $<
counter-clang.o: counter.c; $(patsubst %gcc,%clang,$(CC)) -c -o $@ $<
END"##,
    build: "make -j$JOBS CC=\"$CC\"",
    rule: Rule::Bytes,
    objects: 6,
};
