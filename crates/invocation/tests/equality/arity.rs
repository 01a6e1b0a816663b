//! Every option that takes its value from the next word must be known, by the compilers' own lists.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Command;

use invocation::{Call, Plan, Settings, plan};
use job::Reason;

use crate::lab::Disk;

fn help(compiler: &str, option: &str) -> Vec<String> {
    let output = Command::new(compiler)
        .arg(option)
        .env("LC_ALL", "C")
        .env("COLUMNS", "400")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines()
        .filter(|line| line.starts_with("  -"))
        .map(|line| line.trim().to_owned())
        .collect()
}

/// Whether the word behind `option` is taken for a source: then there are two.
fn takes_no_value(compiler: &str, option: &str) -> bool {
    let line: Vec<OsString> = [option, "value.c", "-c", "source.c"]
        .map(OsString::from)
        .to_vec();
    let settings = Settings::default();
    let call = Call {
        called_as: OsStr::new(compiler),
        arguments: &line,
        directory: Path::new("/nowhere"),
        settings: &settings,
    };
    matches!(plan(&call, &Disk), Plan::Local(local) if local.reason == Reason::SeveralInputs)
}

#[test]
fn values_of_gcc_are_known() {
    // For the D, Ada and Fortran front ends, which never see what we send; and two that the
    // driver takes without a value although its own list says otherwise.
    const OTHERS: [&str; 9] = [
        "-Hd",
        "-Hf",
        "-Xf",
        "-J",
        "-gnatO",
        "-fintrinsic-modules-path",
        "--write-dependencies",
        "--write-user-dependencies",
        "-MD",
    ];
    let listed = help("gcc", "--help=separate");
    assert!(listed.len() > 40, "{listed:?}");
    let mut missing = Vec::new();
    for line in listed {
        let word = line.split_whitespace().next().unwrap_or_default();
        let option = word
            .split(['<', '['])
            .next()
            .unwrap_or_default()
            .trim_end_matches('=');
        if !OTHERS.contains(&option) && option != "-MMD" && takes_no_value("gcc", option) {
            missing.push(option.to_owned());
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn values_of_clang_are_known() {
    let listed = help("clang", "--help-hidden");
    assert!(listed.len() > 500);
    let mut missing = Vec::new();
    for line in listed {
        let mut words = line.split_whitespace();
        let (Some(option), Some(value)) = (words.next(), words.next()) else {
            continue;
        };
        if value.starts_with('<')
            && !option.contains(['=', '<', ','])
            && takes_no_value("clang", option)
        {
            missing.push(option.to_owned());
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
}
