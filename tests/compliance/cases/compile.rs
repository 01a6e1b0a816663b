//! Command lines that compile: what travels, what stays, and that the results are equal.

use compliance::bed::BedSpec;
use compliance::block::{self, ROW, Row};
use compliance::Theme;

pub(crate) fn theme() -> Theme {
    Theme { name: "compile", bed: BedSpec::Cluster, cases: block::cases(ROWS) }
}

const ROWS: &[Row] = &[
    Row { id: "T03", title: "a C++ file", command: "CXX -Wall -Werror -c plain.cpp -o plain.o", outputs: &["plain.o"], ..ROW },
    Row { id: "T05", title: "a C file", command: "CC -Wall -Werror -c plain.c -o plain.o", outputs: &["plain.o"], ..ROW },
];
