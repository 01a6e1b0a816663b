//! Every compile of a real build, from a log of its commands.
//!
//! `FLOE_COMMANDS=log cargo test -p invocation --test equality project -- --ignored --nocapture`
//! where each line of the log is directory, compiler and arguments, separated by tabs.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use invocation::{Call, Execution, Plan, Settings, executor_arguments, plan};

use crate::compare;
use crate::lab::{Disk, messages, run};

#[test]
#[ignore = "needs the log of a build"]
fn objects_of_a_build_are_equal() {
    let log = std::fs::read_to_string(std::env::var_os("FLOE_COMMANDS").unwrap()).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let mut count = BTreeMap::<String, usize>::new();
    for line in log.lines() {
        let verdict = one(line, elsewhere.path());
        if verdict.starts_with("FAILED") {
            println!("{verdict}: {line}");
        }
        *count.entry(verdict).or_default() += 1;
    }
    println!("{count:#?}");
    assert!(!count.keys().any(|verdict| verdict.starts_with("FAILED")));
}

fn one(line: &str, elsewhere: &Path) -> String {
    let mut words = line.split('\t');
    let (directory, compiler) = (
        Path::new(words.next().unwrap()),
        OsStr::new(words.next().unwrap()),
    );
    let arguments: Vec<OsString> = words.map(OsString::from).collect();
    let settings = Settings::default();
    let call = Call {
        called_as: compiler,
        arguments: &arguments,
        directory,
        settings: &settings,
    };
    let remote = match plan(&call, &Disk) {
        Plan::Local(local) => return format!("local: {} {}", local.reason, local.detail),
        Plan::Remote(remote) => remote,
    };
    let command = |arguments: &[OsString]| {
        let mut command = Command::new(compiler);
        command
            .args(arguments)
            .current_dir(directory)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    };
    let dependency_files = || -> Vec<(PathBuf, Vec<u8>)> {
        let beside = directory.join(&remote.output).with_extension("d");
        std::fs::read(&beside)
            .map(|text| (beside, text))
            .into_iter()
            .collect()
    };
    let here = command(&arguments);
    if !here.status.success() {
        return "fails here".to_owned();
    }
    let plain_dependencies = dependency_files();
    let text = command(&remote.preprocess);
    if !text.status.success() {
        return format!("local: preprocessing failed {}", messages(&text));
    }
    if plain_dependencies != dependency_files() {
        return "FAILED dependency file".to_owned();
    }
    let output = elsewhere.join("x.o");
    let arguments = executor_arguments(&Execution {
        family: remote.family,
        language: remote.language,
        arguments: &remote.compile,
        source: remote.source.as_os_str(),
        directory: directory.as_os_str(),
        output: output.as_os_str(),
        garbage_collection: None,
        dwarf_root: None,
    });
    let program = remote.family.program(remote.language);
    let said = match run(program, &arguments, elsewhere, &text.stdout) {
        Ok(said) => said,
        Err(error) => return format!("local: remotely {error}"),
    };
    // Messages that only the remote compiler has make gcc's jobs run here again.
    let louder = if here.stderr.is_empty() && !said.is_empty() {
        ", with messages that are none here"
    } else {
        ""
    };
    let plain = directory.join(&remote.output);
    if compare::objects(&plain, &output, false).is_ok() {
        return format!("equal{louder}");
    }
    let debug = remote
        .compile
        .iter()
        .any(|word| word.to_string_lossy().starts_with("-g"));
    match compare::objects(&plain, &output, debug) {
        Ok(()) => format!("equal but for producer and columns{louder}"),
        Err(error) => format!("FAILED {error}"),
    }
}
