//! The project that `floe try` builds when no command is named: C and C++, carried in the program.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitStatus;
use std::{fs, io, thread};

use super::stage::Stage;

const FILES: &[(&str, &str)] = &[
    ("list.h", include_str!("../../sample/list.h")),
    ("list.c", include_str!("../../sample/list.c")),
    ("sort.c", include_str!("../../sample/sort.c")),
    ("primes.c", include_str!("../../sample/primes.c")),
    ("graph.hpp", include_str!("../../sample/graph.hpp")),
    ("graph.cpp", include_str!("../../sample/graph.cpp")),
    ("words.cpp", include_str!("../../sample/words.cpp")),
    ("roads.cpp", include_str!("../../sample/roads.cpp")),
];

const OPTIONS: &[&str] = &["-O2", "-Wall", "-MD"];

/// Compiles every source at once, then links the C program. Gives the exit code of the build.
pub(super) fn build(stage: &Stage) -> io::Result<i32> {
    let directory = stage.directory().join("sample");
    fs::create_dir_all(&directory)?;
    for (name, text) in FILES {
        fs::write(directory.join(name), text)?;
    }
    let compiles = FILES
        .iter()
        .filter_map(|(name, _)| Some((compiler_for(name)?, *name)));
    let failed = thread::scope(|scope| {
        let running: Vec<_> = compiles
            .filter(|(compiler, _)| stage.finds(compiler))
            .map(|(compiler, name)| scope.spawn(|| compile(stage, &directory, compiler, name)))
            .collect();
        let ended = running.into_iter().map(|thread| {
            thread
                .join()
                .map_err(|_| io::Error::other("a compile was lost"))?
        });
        ended
            .filter(|status| !matches!(status, Ok(status) if status.success()))
            .count()
    });
    let linked = stage
        .command("gcc")
        .current_dir(&directory)
        .args(["list.o", "sort.o", "primes.o", "-lm", "-o", "primes"])
        .status()?;
    Ok(i32::from(failed > 0 || !linked.success()))
}

fn compiler_for(name: &str) -> Option<&'static str> {
    match Path::new(name).extension()?.to_str()? {
        "c" => Some("gcc"),
        "cpp" => Some("g++"),
        _ => None,
    }
}

fn compile(stage: &Stage, directory: &Path, compiler: &str, name: &str) -> io::Result<ExitStatus> {
    let object = Path::new(name).with_extension("o");
    let arguments = [
        OsString::from("-c"),
        name.into(),
        "-o".into(),
        object.into(),
    ];
    stage
        .command(compiler)
        .current_dir(directory)
        .args(OPTIONS)
        .args(arguments)
        .status()
}
