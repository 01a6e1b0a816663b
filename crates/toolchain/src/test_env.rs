//! The command line of `icecc-test-env`: unpacks an archive and tries what
//! is in it, each program in a chroot.

use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::root::has_program;
use crate::unpack::{Limits, add_mount_points, unpack};

const USAGE: &str = "\
Tests whether an archive of a compiler works.

Usage: icecc-test-env [-q|--quiet] [-h|--help] ARCHIVE

Needs root, because it uses chroot. Exit code: 0 it works, 2 it does not.";

const BAD_OPTION: u8 = 1;
/// Not 1, which is what a failing `sudo` says.
const FAILED: u8 = 2;

/// A program and how to see that it works.
type Trial = (&'static str, &'static [&'static str]);

const GCC: &[Trial] = &[
    (
        "usr/bin/gcc",
        &["-x", "c", "-fpreprocessed", "-c", "-", "-o", "/tmp/trial.o"],
    ),
    (
        "usr/bin/g++",
        &[
            "-x",
            "c++",
            "-fpreprocessed",
            "-c",
            "-",
            "-o",
            "/tmp/trial.o",
        ],
    ),
    (
        "usr/bin/cc1",
        &["-quiet", "-fpreprocessed", "-", "-o", "/tmp/trial.s"],
    ),
    (
        "usr/bin/cc1plus",
        &["-quiet", "-fpreprocessed", "-", "-o", "/tmp/trial.s"],
    ),
];
const CLANG: &[Trial] = &[(
    "usr/bin/clang",
    &["-x", "c", "-c", "-", "-o", "/tmp/trial.o"],
)];
const ASSEMBLER: Trial = ("usr/bin/as", &["-", "-o", "/tmp/trial.o"]);
const TRUE: Trial = ("bin/true", &[]);

/// Runs `icecc-test-env` with the arguments after the program's name; the result is its exit code.
pub fn main(args: &[OsString], out: &mut dyn Write) -> u8 {
    let mut archive = None;
    let mut is_quiet = false;
    for arg in args {
        match arg.to_str() {
            Some("-h" | "--help") => {
                let _ = writeln!(out, "{USAGE}");
                return 0;
            }
            Some("-q" | "--quiet") => is_quiet = true,
            Some(option) if option.starts_with('-') => {
                let _ = writeln!(out, "unknown option {option}\n{USAGE}");
                return BAD_OPTION;
            }
            _ => archive = Some(PathBuf::from(arg)),
        }
    }
    let Some(archive) = archive else {
        let _ = writeln!(out, "{USAGE}");
        return FAILED;
    };
    let tried = Scratch::new().and_then(|scratch| attempt(&archive, &scratch.0, is_quiet, out));
    match tried {
        Ok(()) => 0,
        Err(why) => {
            let _ = writeln!(out, "{}: {why}", archive.display());
            FAILED
        }
    }
}

fn attempt(archive: &Path, root: &Path, is_quiet: bool, out: &mut dyn Write) -> Result<(), String> {
    let file = File::open(archive).map_err(|error| error.to_string())?;
    unpack(
        file,
        &archive.display().to_string(),
        root,
        Limits::default(),
    )
    .map_err(|error| error.to_string())?;
    add_mount_points(root).map_err(|why| why.to_string())?;
    let has = |trial: &&Trial| has_program(root, trial.0);
    let mut trials = vec![&TRUE];
    trials.extend(CLANG.iter().filter(has));
    // An archive of icecream's for clang has a helper program under gcc's name and no cc1.
    if ["usr/bin/cc1", "usr/bin/cc1plus"]
        .iter()
        .any(|program| has_program(root, program))
    {
        trials.extend(GCC.iter().filter(has));
    }
    if trials.len() == 1 {
        return Err("it holds neither gcc nor clang".to_owned());
    }
    trials.push(&ASSEMBLER);
    for (program, args) in trials {
        if !has_program(root, program) {
            return Err(format!(
                "{program} is missing, not executable, or leads out of it"
            ));
        }
        if !is_quiet {
            let _ = writeln!(out, "trying {program}");
        }
        let said = Command::new("chroot")
            .arg(root)
            .arg(format!("/{program}"))
            .args(*args)
            .env_clear()
            .env("PATH", "/usr/bin:/usr/sbin:/bin:/sbin")
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("chroot cannot be run: {error}"))?;
        if !said.status.success() {
            let text = String::from_utf8_lossy(&said.stderr);
            return Err(format!(
                "{program} does not work: {} ({})",
                text.trim(),
                said.status
            ));
        }
    }
    Ok(())
}

/// A directory of our own that goes away with us.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self, String> {
        let path = std::env::temp_dir().join(format!("floe-test-env-{}", std::process::id()));
        std::fs::create_dir(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
