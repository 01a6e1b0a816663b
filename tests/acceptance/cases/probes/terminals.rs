//! Compiles at a terminal, where compilers colour what they say, make links of options, and cut source lines to the
//! terminal's width.

use super::{Probe, probe};

/// A warning in a macro, and a line that is longer than most terminals are wide.
const WARNS: &str = "printf '#define DIV(x) ((x) / 0)\nint f(int n) { int unused; return DIV(n); }\nint h(void) { int a%0200d; return 0; }\n' 1 >a.c";
const WRONG: &str = "printf 'int f(void) { return g(h); }\n' >a.c";

/// A line as it is typed: standard input is the terminal, too. What is said of toolchains on their way is for
/// terminals only, and no compiler's.
macro_rules! typed {
    ($first:literal) => {
        concat!(
            "script -qec \"",
            $first,
            "$CC -Wall -c a.c -o out/a.o\" /dev/null </dev/null >said; s=$?; grep -av ^icecc: said; rm said; exit $s"
        )
    };
}

pub(super) fn probes() -> Vec<Probe> {
    let colourful = |name, prepare, line| {
        probe(name, prepare, line)
            .env("TERM", "xterm-256color")
            .env("COLORTERM", "truecolor")
    };
    let quiet = "printf 'int v;\n' >a.c";
    vec![
        colourful("at a terminal", WARNS, typed!("")),
        colourful("at a terminal, nothing to say", quiet, typed!("")),
        colourful(
            "at a terminal of some width",
            WARNS,
            typed!("stty cols 70; "),
        ),
        colourful(
            "at a terminal, COLUMNS",
            WARNS,
            typed!("stty cols 70; export COLUMNS=90; "),
        ),
        colourful(
            "at a terminal, COLUMNS of nothing",
            WARNS,
            typed!("stty cols 70; export COLUMNS=0; "),
        ),
        colourful(
            "at a terminal, input from elsewhere",
            WARNS,
            typed!("stty cols 70; exec </dev/null; "),
        ),
        colourful("at a terminal, errors", WRONG, typed!("stty cols 70; ")),
        colourful(
            "at a terminal, links of another kind",
            WARNS,
            typed!("export TERM_URLS=st; "),
        ),
        colourful(
            "at a terminal, colours of one's own",
            WARNS,
            typed!("export GCC_COLORS=warning=01\\;36 GCC_URLS=no; "),
        ),
        colourful(
            "at a terminal, no colours",
            WARNS,
            typed!("export GCC_COLORS= COLORTERM=xfce4-terminal; "),
        ),
        probe("at a dull terminal", WARNS, typed!("export TERM=dumb; ")),
        probe("at a terminal of no name", WARNS, typed!("unset TERM; ")),
        colourful(
            "at a terminal, other output elsewhere",
            WARNS,
            typed!("exec >out/said; "),
        ),
        colourful(
            "at a terminal, errors elsewhere",
            WARNS,
            typed!("exec 2>out/said; "),
        ),
    ]
}
