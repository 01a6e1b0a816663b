//! The static client: takes the compiler's place on a command line.
//!
//! It finds the real program, hands the invocation to the user's agent and waits; whatever goes
//! wrong on the way, it becomes the compiler itself with the user's own arguments. It prints
//! nothing of its own while that is possible: configure scripts look at standard error.

mod ask;
mod guard;
mod mode;
mod name;
mod own;
mod run;
mod say;
mod search;
mod substitute;

use std::env;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use mode::{Mode, Wrapped};
use say::say;

/// Exit codes of icecream's client that scripts know.
mod code {
    pub(crate) const FAILED: u8 = 1;
    pub(crate) const RECURSION: u8 = 111;
    pub(crate) const NOT_FOUND: u8 = 115;
    pub(crate) const NOT_EXECUTABLE: u8 = 126;
    pub(crate) const NO_SUCH_FILE: u8 = 127;
}

const HELP: &str = "\
Usage: icecc COMPILER [ARGUMENT...]      compile, on another host if one is free
       icerun COMMAND [ARGUMENT...]      run COMMAND here, within this host's slots
       icecc --build-native [COMPILER [FILE...]]
       icecc --version | --help

Linked under a compiler's name (gcc, g++, clang, ...) it takes that compiler's place.
If no daemon or no other host is there, COMPILER runs here, exactly as given.

Variables: ICECC=no (compile here, within the slots), ICECC=disable (compile here at once),
ICECC_VERSION, ICECC_CC, ICECC_CXX, ICECC_PREFERRED_HOST, ICECC_REMOTE_CPP, ICECC_EXTRAFILES,
ICECC_CARET_WORKAROUND, ICECC_COLOR_DIAGNOSTICS, ICECC_COMPRESSION, ICECC_ENV_COMPRESSION.
`floe explain FILE` tells where FILE was compiled last and why.
";

/// Runs the wrapper with the process's own arguments and environment.
pub fn main() -> ExitCode {
    let mut arguments = env::args_os();
    let called = arguments.next().unwrap_or_else(|| "icecc".into());
    match mode::decide(&called, arguments.collect()) {
        Mode::Help => {
            run::print(rustix::stdio::stdout(), HELP.as_bytes());
            ExitCode::SUCCESS
        }
        Mode::Version(program) => {
            // Build systems read the number after the name and want at least 1.1.
            let line = format!("{program} 1.4.90 (floe {})\n", env!("CARGO_PKG_VERSION"));
            run::print(rustix::stdio::stdout(), line.as_bytes());
            ExitCode::SUCCESS
        }
        Mode::BuildNative(rest) => build_native(rest),
        Mode::NothingToRun { program, exit } => {
            say(&format!(
                "{program}: name a program to run, for example `{program} gcc -c a.c`"
            ));
            ExitCode::from(exit)
        }
        Mode::Wrap(wrapped) => wrap(wrapped),
    }
}

fn build_native(rest: Vec<OsString>) -> ExitCode {
    let Some(floe) = handover::program::floe() else {
        say("icecc: --build-native needs the floe program; install it beside icecc or in PATH");
        return ExitCode::from(code::FAILED);
    };
    let error = Command::new(&floe)
        .args(["create-env", "--build-native"])
        .args(rest)
        .exec();
    say(&format!(
        "icecc: {}: cannot be executed: {error}",
        floe.display()
    ));
    ExitCode::from(code::FAILED)
}

fn wrap(wrapped: Wrapped) -> ExitCode {
    let depth = guard::depth();
    if depth >= guard::ENDLESS {
        say("icecc: icecream seems to have invoked itself recursively!");
        return ExitCode::from(code::RECURSION);
    }
    let Some(program) = search::resolve(&wrapped, depth >= guard::INSIDE) else {
        say(&format!(
            "icecc: could not find {} in PATH.",
            wrapped.name.display()
        ));
        return ExitCode::from(code::NOT_FOUND);
    };
    run::run(&run::Invocation {
        wrapped,
        program,
        depth,
    })
}
