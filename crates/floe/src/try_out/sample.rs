//! The project that `floe try` builds when no command is named: C and C++, carried in the program.

use std::ffi::OsString;
use std::path::Path;
use std::{fs, thread};

use anyhow::Result;

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
pub(super) fn build(stage: &Stage) -> Result<i32> {
    let directory = stage.workplace()?.join("sample");
    fs::create_dir_all(&directory)?;
    for (name, text) in FILES {
        fs::write(directory.join(name), text)?;
    }
    let all_compiled = thread::scope(|scope| {
        let compiles = FILES
            .iter()
            .filter_map(|(name, _)| Some((compiler_for(name)?, *name)));
        let running: Vec<_> = compiles
            .filter(|(compiler, _)| stage.finds(compiler))
            .map(|(compiler, name)| scope.spawn(|| compile(stage, &directory, compiler, name)))
            .collect();
        let ended: Vec<_> = running.into_iter().map(|thread| thread.join()).collect();
        ended
            .iter()
            .all(|compiled| matches!(compiled, Ok(Ok(true))))
    });
    let link = ["list.o", "sort.o", "primes.o", "-lm", "-o", "primes"].map(OsString::from);
    let linked = stage.run("gcc".as_ref(), &link, &directory)?;
    Ok(i32::from(!all_compiled || !linked.success()))
}

fn compiler_for(name: &str) -> Option<&'static str> {
    match Path::new(name).extension()?.to_str()? {
        "c" => Some("gcc"),
        "cpp" => Some("g++"),
        _ => None,
    }
}

fn compile(stage: &Stage, directory: &Path, compiler: &str, name: &str) -> Result<bool> {
    let object = Path::new(name).with_extension("o");
    let files = [
        OsString::from("-c"),
        name.into(),
        "-o".into(),
        object.into(),
    ];
    let arguments: Vec<OsString> = OPTIONS.iter().map(OsString::from).chain(files).collect();
    let ended = stage.run(compiler.as_ref(), &arguments, directory)?;
    Ok(ended.success())
}
