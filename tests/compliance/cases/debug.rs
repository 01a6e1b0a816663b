//! A debugger shows the same of what was compiled elsewhere.

use std::fs;

use anyhow::{Context, Result, ensure};
use compliance::Case;
use compliance::bed::{Bed, COMMAND, ONE, succeeded};
use compliance::need::Need;

pub(crate) fn cases() -> Vec<Case> {
    let variants: [(&str, &'static str, &'static [&'static str], bool); 6] = [
        ("T48", "-g", &["-g"], false),
        ("T49", "-g and an absolute path", &["-g"], true),
        ("T50", "-g0", &["-g0"], false),
        ("T51", "-g -gsplit-dwarf", &["-g", "-gsplit-dwarf"], false),
        (
            "T52",
            "-g -gsplit-dwarf and an absolute path",
            &["-g", "-gsplit-dwarf"],
            true,
        ),
        ("T53", "-gsplit-dwarf -g0", &["-gsplit-dwarf", "-g0"], false),
    ];
    let mut cases = Vec::new();
    for (id, title, options, absolute) in variants {
        for compiler in ["g++", "clang++"] {
            let family = if compiler == "g++" { "gcc" } else { "clang" };
            let case = Case::new(&format!("{id}_{family}"), title, move |bed| {
                debugged(bed, compiler, options, absolute)
            })
            .needs(Need::Program("gdb", "gdb"))
            .needs(Need::Program(compiler, "clang"));
            cases.push(case);
        }
    }
    cases
}

fn debugged(bed: &mut Bed, compiler: &str, options: &[&str], absolute: bool) -> Result<()> {
    let work = bed.work()?.to_owned();
    let source = if absolute {
        work.join("debugged.cpp")
    } else {
        "debugged.cpp".into()
    };
    let source = source.to_str().context("the directory's name")?;
    let mut command = vec![compiler, "-c", source, "-o", "debugged.o"];
    command.extend(options);
    let clean = || {
        for name in ["debugged.o", "debugged.dwo", "debugged"] {
            let _ = fs::remove_file(work.join(name));
        }
    };

    clean();
    succeeded(&bed.plain(compiler)?.args(&command[1..]).run(COMMAND)?)?;
    let described = options.contains(&"-g");
    let plain = session(bed, compiler, described)?;
    clean();
    let launch = bed.wrapped(&command)?.env("ICECC_PREFERRED_HOST", ONE);
    let (output, seen) = bed.observe(launch)?;
    succeeded(&output)?;
    ensure!(
        seen.remote == [ONE] && seen.local == 0,
        "it ran so: {seen:?}"
    );
    let remote = session(bed, compiler, described)?;
    clean();

    if described {
        ensure!(
            plain.contains("{value = 6}"),
            "gdb shows no variable:\n{plain}"
        );
    }
    ensure!(
        plain == remote,
        "gdb says of the plain program:\n{plain}\nof the other:\n{remote}"
    );
    Ok(())
}

/// Links the object and looks into the program with gdb.
fn session(bed: &mut Bed, compiler: &str, described: bool) -> Result<String> {
    succeeded(
        &bed.plain(compiler)?
            .args(["debugged.o", "-o", "debugged"])
            .run(COMMAND)?,
    )?;
    let steps: &[&str] = if described {
        &[
            "break stop_here",
            "run",
            "next",
            "next",
            "info locals",
            "backtrace",
            "info source",
            "info line",
        ]
    } else {
        &["break stop_here", "run", "backtrace"]
    };
    let words = steps.iter().copied().flat_map(|step| ["-ex", step]);
    let output = bed
        .plain("gdb")?
        .args(["-nx", "-batch", "-iex", "set debuginfod enabled off"])
        .args(words)
        .arg("debugged")
        .run(COMMAND)?;
    let text = String::from_utf8_lossy(&output.stdout);
    // What a session says of itself, and the compiler's own list of options.
    let own = ["process ", "Producer", "libthread_db", "Using host"];
    Ok(text
        .lines()
        .filter(|line| !own.iter().any(|word| line.contains(word)))
        .map(|line| format!("{line}\n"))
        .collect())
}
