//! The compiler that runs elsewhere is the one that was called.

use anyhow::{Context, Result, ensure};
use compliance::Case;
use compliance::block::{self, ROW, Row, Runs, With};
use compliance::need::Need;

pub(crate) fn cases() -> Vec<Case> {
    block::cases(ROWS)
}

const GCC_11: Option<Need> = Some(Need::File("/usr/bin/g++-11", "g++-11"));
const CLANG_13: Option<Need> = Some(Need::File("/usr/bin/clang-13", "clang-13"));

const ROWS: &[Row] = &[
    Row {
        id: "T64",
        title: "the usual compiler's version is in the assembly",
        with: With::Gcc,
        command: "CC -S plain.c -o plain.s",
        outputs: &["plain.s"],
        also: Some(|_, runs| version(runs, "GCC: (Debian 12")),
        ..ROW
    },
    Row {
        id: "T64",
        title: "the usual compiler's version is in the assembly",
        with: With::Clang,
        command: "CC -S plain.c -o plain.s",
        outputs: &["plain.s"],
        also: Some(|_, runs| version(runs, "clang version 14")),
        ..ROW
    },
    Row {
        id: "T65_gcc",
        title: "another version of the compiler",
        with: With::Neither,
        command: "/usr/bin/gcc-11 -c plain.c -o plain.o",
        outputs: &["plain.o"],
        needs: GCC_11,
        ..ROW
    },
    Row {
        id: "T65_clang",
        title: "another version of the compiler",
        with: With::Neither,
        command: "/usr/bin/clang-13 -c plain.c -o plain.o",
        outputs: &["plain.o"],
        needs: CLANG_13,
        ..ROW
    },
    Row {
        id: "T66_gcc",
        title: "the other compiler's version is in the assembly",
        with: With::Neither,
        command: "/usr/bin/gcc-11 -S plain.c -o plain.s",
        outputs: &["plain.s"],
        needs: GCC_11,
        also: Some(|_, runs| version(runs, "GCC: (Debian 11")),
        ..ROW
    },
    Row {
        id: "T66_clang",
        title: "the other compiler's version is in the assembly",
        with: With::Neither,
        command: "/usr/bin/clang-13 -S plain.c -o plain.s",
        outputs: &["plain.s"],
        needs: CLANG_13,
        also: Some(|_, runs| version(runs, "clang version 13")),
        ..ROW
    },
];

fn version(runs: &Runs, wanted: &str) -> Result<()> {
    let path = runs.remote_file("plain.s");
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    ensure!(text.contains(wanted), "no {wanted:?} in {}", path.display());
    Ok(())
}
