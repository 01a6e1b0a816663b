//! What C++ icecream gets wrong, asked of both: the original's failures are gaps of the list, and
//! floe must have none. The ids are those of `docs/undocumented-icecream.md`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use compliance::Case;
use compliance::bed::{Bed, COMMAND, ONE, succeeded};
use compliance::need::Need;
use lab::Suite::Debian;
use lab::{Host, Launch, Output, Signal};

pub(crate) fn cases() -> Vec<Case> {
    let clang = Need::Program("clang", "clang");
    vec![
        Case::new("F02", "a dependency file names the object", |bed| {
            let command = [
                "gcc",
                "-c",
                "includes.cpp",
                "-MMD",
                "-o",
                "below/includes.o",
            ];
            same(bed, &command, &["below/includes.o", "below/includes.d"])
        })
        .gap(
            Debian,
            "below/includes.d differs",
            "the preprocessing step is not told the object's name",
        ),
        Case::new("F03_su", "-fstack-usage leaves its file", |bed| {
            same(
                bed,
                &["gcc", "-c", "plain.c", "-fstack-usage", "-o", "plain.o"],
                &["plain.o", "plain.su"],
            )
        })
        .gap(
            Debian,
            "plain.su is missing",
            "the file stays on the other host",
        ),
        Case::new("F03_temps", "-save-temps=obj leaves its files", |bed| {
            same(
                bed,
                &["gcc", "-c", "plain.c", "-save-temps=obj", "-o", "plain.o"],
                &["plain.o", "plain.s", "plain.i"],
            )
        })
        .gap(
            Debian,
            "plain.s is missing",
            "only the word without `=` is known",
        ),
        Case::new("F04", "the clock is the user's", |bed| {
            bed.variables = vec![("SOURCE_DATE_EPOCH", "86400"), ("TZ", "Asia/Kathmandu")];
            let result = same(
                bed,
                &["gcc", "-c", "dated.c", "-o", "dated.o"],
                &["dated.o"],
            );
            bed.variables.clear();
            result
        })
        .gap(
            Debian,
            "dated.o differs",
            "__DATE__ is expanded on the other host",
        ),
        Case::new("F05", "every piece of -Wa counts", |bed| {
            same(
                bed,
                &[
                    "gcc",
                    "-c",
                    "plain.c",
                    "-Wa,-al=listing.lst,-W",
                    "-o",
                    "plain.o",
                ],
                &["listing.lst"],
            )
            .or_else(|e| {
                // The listing names the assembler's temporary input: only its being there counts.
                if e.to_string().contains("differs") {
                    Ok(())
                } else {
                    Err(e)
                }
            })
        })
        .gap(
            Debian,
            "listing.lst is missing",
            "only the last piece decides",
        ),
        Case::new(
            "F06",
            "a compiler that is killed elsewhere is no failure of the build",
            killed,
        )
        .gap(
            Debian,
            "exit status: 105",
            "what a signal ended is not tried again",
        ),
        Case::new("F07", "an output that is a link stays one", linked_output).gap(
            Debian,
            "was replaced",
            "the new object is renamed over the link",
        ),
        Case::new("F10", "-fsanitize-ignorelist=", |bed| {
            let list = "-fsanitize-ignorelist=ignored_functions.txt";
            same(
                bed,
                &[
                    "clang",
                    "-c",
                    "-fsanitize=address",
                    list,
                    "plain.c",
                    "-o",
                    "plain.o",
                ],
                &["plain.o"],
            )
        })
        .needs(clang)
        .gap(
            Debian,
            "exit code 1, plainly 0",
            "only the option's former name is known",
        ),
        Case::new("F11_mf", "-MF at the end", |bed| {
            same(bed, &["gcc", "-c", "plain.c", "-MD", "-MF"], &["plain.o"])
        })
        .gap(
            Debian,
            "signal: 6",
            "the next word is taken without looking whether there is one",
        ),
        Case::new("F11_empty", "an empty word", |bed| {
            same(bed, &["gcc", "-c", "plain.c", ""], &["plain.o"])
        })
        .gap(
            Debian,
            "signal: 6",
            "the word's first letter is taken without looking whether there is one",
        ),
        Case::new(
            "F12",
            "icerun around a link needs no second slot to go on",
            nested_links,
        )
        .gap(
            Debian,
            "still runs",
            "each icerun keeps a slot while its own link waits for another",
        ),
        Case::new("F15", "a bare name in ICECC_CC", |bed| {
            bed.variables = vec![("ICECC_CC", "gcc")];
            let result = same(bed, &["cc", "-c", "plain.c", "-o", "plain.o"], &["plain.o"]);
            bed.variables.clear();
            result
        })
        .gap(
            Debian,
            "exit code 127, plainly 0",
            "the name is not looked up in PATH",
        ),
        Case::new("F16", "a link to icerun under another name", link_to_icerun).gap(
            Debian,
            "exit status: 111",
            "only a link whose text ends in icecc is skipped",
        ),
        Case::new("F42", "ICECC_DEBUG=error is quiet", quiet_errors).gap(
            Debian,
            "it said",
            "any other word than info and warning means everything",
        ),
        Case::new("F44", "--help is an answer, not an error", |bed| {
            for program in [bed.programs.daemon.clone(), bed.programs.scheduler.clone()] {
                let output = bed.plain(&program)?.arg("--help").run(COMMAND)?;
                succeeded(&output)?;
                ensure!(
                    !output.stdout.is_empty(),
                    "{} helps on standard error",
                    program.display()
                );
            }
            Ok(())
        })
        .gap(
            Debian,
            "exit status: 1",
            "help is printed as after a mistake",
        ),
        Case::new("F51", "a port that is none is refused", impossible_port).gap(
            Debian,
            "still runs",
            "the number is cut to 16 bits",
        ),
        Case::new(
            "F52",
            "what goes wrong with the distribution is not said to the build",
            silent_fallback,
        )
        .gap(Debian, "it said", "errors go to standard error by default"),
        Case::new("F53", "icerun hands every word on", |bed| {
            fs::write(bed.work()?.join("words.txt"), "one two")?;
            let words = ["echo", "@words.txt", "-fdirectives-only"];
            let (output, _) = bed.observe(bed.client(&bed.programs.icerun)?.args(words))?;
            succeeded(&output)?;
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            ensure!(
                said == "@words.txt -fdirectives-only\n",
                "it ran with {said:?}"
            );
            Ok(())
        })
        .gap(
            Debian,
            "it ran with",
            "response files are expanded before anything else",
        ),
    ]
}

fn remote(bed: &Bed, words: &[&str]) -> Result<Launch> {
    Ok(bed.wrapped(words)?.env("ICECC_PREFERRED_HOST", ONE))
}

/// Runs a command plainly and through the wrapper: same exit code, same files with the same bytes.
fn same(bed: &mut Bed, command: &[&str], files: &[&str]) -> Result<()> {
    let work = bed.work()?.to_owned();
    fs::create_dir_all(work.join("below"))?;
    let clean = || {
        files
            .iter()
            .for_each(|file| drop(fs::remove_file(work.join(file))));
    };
    let variables = bed.variables.clone();
    clean();
    let plain = bed
        .plain(command[0])?
        .args(&command[1..])
        .envs(variables.iter().copied())
        .run(COMMAND)?;
    let expected: Vec<Option<Vec<u8>>> = files
        .iter()
        .map(|file| fs::read(work.join(file)).ok())
        .collect();
    clean();
    let launch = remote(bed, command)?.envs(variables.iter().copied());
    let (output, seen) = bed.observe(launch)?;
    let found: Vec<Option<Vec<u8>>> = files
        .iter()
        .map(|file| fs::read(work.join(file)).ok())
        .collect();
    clean();
    same_end(&plain, &output)?;
    for ((file, expected), found) in files.iter().zip(&expected).zip(&found) {
        match (expected, found) {
            (Some(_), None) => bail!("{file} is missing; {seen:?}"),
            (None, Some(_)) => bail!("{file} is there, plainly it is not; {seen:?}"),
            (one, other) if one != other => bail!("{file} differs; {seen:?}"),
            _ => {}
        }
    }
    Ok(())
}

fn same_end(plain: &Output, output: &Output) -> Result<()> {
    match (output.status.code(), plain.status.code()) {
        (one, other) if one == other => Ok(()),
        (Some(one), Some(other)) => {
            bail!(
                "exit code {one}, plainly {other}\n{}",
                String::from_utf8_lossy(&output.stderr)
            )
        }
        _ => bail!("{}, plainly {}", output.status, plain.status),
    }
}

/// Catches the compiler on the other host and kills it.
fn killed(bed: &mut Bed) -> Result<()> {
    let work = bed.work()?.to_owned();
    let _ = fs::remove_file(work.join("slow.o"));
    let options = [
        "-fconstexpr-ops-limit=1000000000",
        "-fconstexpr-loop-limit=1000000000",
    ];
    let launch = remote(
        bed,
        &[
            "g++", "-c", "slow.cpp", options[0], options[1], "-o", "slow.o",
        ],
    )?;
    let process = launch.start()?;
    let executor = bed.cluster()?.host(ONE)?.clone();
    let end = Instant::now() + COMMAND;
    loop {
        // The driver first, which would report its child's death as an error of the source.
        let drivers = running(&executor, &["g++", "gcc", "x86_64-linux-gnu-g++-12"]);
        let compilers = running(&executor, &["cc1plus"]);
        if !drivers.is_empty() && !compilers.is_empty() {
            drivers
                .iter()
                .chain(&compilers)
                .for_each(|pid| executor.kill(*pid, Signal::KILL));
            break;
        }
        if Instant::now() > end {
            bail!("no compiler was seen on {ONE}");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let output = process.output(COMMAND)?;
    succeeded(&output)?;
    ensure!(work.join("slow.o").exists(), "no object");
    Ok(())
}

/// Processes of a host that run one of these programs.
fn running(host: &Host, names: &[&str]) -> Vec<i32> {
    let runs = |pid: &i32| {
        let program = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
        program
            .file_name()
            .is_some_and(|name| names.iter().any(|one| name == *one))
    };
    host.processes().into_iter().filter(runs).collect()
}

fn linked_output(bed: &mut Bed) -> Result<()> {
    let work = bed.work()?.to_owned();
    let (link, target) = (work.join("link.o"), work.join("target.o"));
    let _ = fs::remove_file(&link);
    fs::write(&target, "")?;
    symlink("target.o", &link)?;
    let (output, _) = bed.observe(remote(bed, &["gcc", "-c", "plain.c", "-o", "link.o"])?)?;
    succeeded(&output)?;
    ensure!(
        link.symlink_metadata()?.is_symlink(),
        "the link was replaced"
    );
    ensure!(fs::metadata(&target)?.len() > 0, "its target is empty");
    Ok(())
}

fn link_to_icerun(bed: &mut Bed) -> Result<()> {
    let directory = bed.work()?.join("tools");
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir(&directory)?;
    symlink(&bed.programs.icerun, directory.join("true"))?;
    let path = format!("{}:/usr/bin:/bin", directory.display());
    let (output, _) = bed.observe(bed.client(directory.join("true"))?.env("PATH", path))?;
    succeeded(&output)
}

fn quiet_errors(bed: &mut Bed) -> Result<()> {
    let launch = remote(bed, &["gcc", "-c", "plain.c", "-o", "plain.o"])?;
    let (output, _) = bed.observe(
        launch
            .env_remove("ICECC_LOGFILE")
            .env("ICECC_DEBUG", "error"),
    )?;
    succeeded(&output)?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(said.is_empty(), "it said {} lines", said.lines().count());
    Ok(())
}

/// As many at once as there are slots, each with a link inside.
fn nested_links(bed: &mut Bed) -> Result<()> {
    succeeded(
        &bed.plain("gcc")?
            .args(["-Dpart=main", "-c", "part.c", "-o", "part.o"])
            .run(COMMAND)?,
    )?;
    let script = "for n in 1 2 3 4; do \
                  \"$ICERUN\" sh -c 'sleep 0.5; exec \"$ICECC\" gcc part.o -o nested'$n & done; wait";
    let launch = bed
        .client("sh")?
        .args(["-c", script])
        .env("ICERUN", &bed.programs.icerun)
        .env("ICECC", &bed.programs.client);
    let mut process = launch.start()?;
    let ended = process.wait(Duration::from_secs(15));
    process.kill_group(Signal::KILL);
    ensure!(ended?.success(), "a link failed");
    for number in 1..=4 {
        let program = bed.work()?.join(format!("nested{number}"));
        ensure!(program.exists(), "{} is missing", program.display());
    }
    Ok(())
}

fn silent_fallback(bed: &mut Bed) -> Result<()> {
    let launch = bed
        .plain(&bed.programs.client)?
        .args(["gcc", "-c", "plain.c", "-o", "plain.o"])
        .env("ICECC_VERSION", "/nowhere.tar.gz");
    let (output, _) = bed.observe(launch)?;
    succeeded(&output)?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(said.is_empty(), "it said {said}");
    Ok(())
}

fn impossible_port(bed: &mut Bed) -> Result<()> {
    let scheduler: &Path = &bed.programs.scheduler.clone();
    let mut process = bed.plain(scheduler)?.args(["-p", "70000"]).start()?;
    let status = process
        .wait(Duration::from_secs(3))
        .context("with port 70000")?;
    ensure!(!status.success(), "it ended with 0");
    Ok(())
}
