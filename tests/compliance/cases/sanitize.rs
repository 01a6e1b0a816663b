//! Sanitizers, whose reports name files and lines, and whose lists the remote compiler reads.

use anyhow::{Result, ensure};
use compliance::Case;
use compliance::bed::{Bed, COMMAND, succeeded};
use compliance::block::{self, Exit, Place, ROW, Row, Runs, With};
use compliance::need::Need;
use lab::Output;

pub(crate) fn cases() -> Vec<Case> {
    block::cases(ROWS)
}

const CLANG_RUNTIME: Need = Need::File(
    "/usr/lib/llvm-14/lib/clang/14.0.6/lib/linux/libclang_rt.asan-x86_64.a",
    "libclang-rt-14-dev",
);

const ROWS: &[Row] = &[
    Row {
        id: "T54",
        title: "-fsanitize=address",
        with: With::Gcc,
        command: "CC -c -fsanitize=address -g sanitized.c -o sanitized.o",
        outputs: &["sanitized.o"],
        also: Some(|bed, runs| reports(bed, runs, "gcc", true)),
        ..ROW
    },
    Row {
        id: "T54",
        title: "-fsanitize=address",
        with: With::Clang,
        command: "CC -c -fsanitize=address -g sanitized.c -o sanitized.o",
        outputs: &["sanitized.o"],
        needs: Some(CLANG_RUNTIME),
        also: Some(|bed, runs| reports(bed, runs, "clang", true)),
        ..ROW
    },
    Row {
        id: "T55",
        title: "-fsanitize-blacklist=FILE",
        with: With::Clang,
        command: "CC -c -fsanitize=address -fsanitize-blacklist=ignored_functions.txt -g sanitized.c -o sanitized.o",
        outputs: &["sanitized.o"],
        needs: Some(CLANG_RUNTIME),
        also: Some(|bed, runs| reports(bed, runs, "clang", false)),
        ..ROW
    },
    Row {
        id: "T56",
        title: "-fsanitize-blacklist= of a file that does not exist",
        with: With::Clang,
        command: "CC -c -fsanitize=address -fsanitize-blacklist=nonexistent -g sanitized.c -o sanitized.o",
        outputs: &["sanitized.o"],
        place: Place::Local,
        exit: Exit::Any,
        ..ROW
    },
    Row {
        id: "T57",
        title: "-fsanitize-blacklist= through another directory",
        with: With::Clang,
        command: "CC -c -fsanitize=address -fsanitize-blacklist=../work/ignored_functions.txt -g sanitized.c -o sanitized.o",
        outputs: &["sanitized.o"],
        needs: Some(CLANG_RUNTIME),
        also: Some(|bed, runs| reports(bed, runs, "clang", false)),
        ..ROW
    },
];

/// Links the object of the remote run and looks at what the program reports.
fn reports(bed: &mut Bed, runs: &Runs, compiler: &str, wanted: bool) -> Result<()> {
    let linked = bed
        .plain(compiler)?
        .arg("-fsanitize=address")
        .arg(runs.remote_file("sanitized.o"))
        .args(["-o", "sanitized"])
        .run(COMMAND)?;
    succeeded(&linked)?;
    let program = bed.work()?.join("sanitized");
    let ran = bed
        .plain(program)?
        .env("ASAN_OPTIONS", "detect_leaks=0")
        .run(COMMAND)?;
    let said = text(&ran);
    let reported =
        said.contains("AddressSanitizer: heap-buffer-overflow") && said.contains("sanitized.c:");
    ensure!(reported == wanted, "the program said:\n{said}");
    Ok(())
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
