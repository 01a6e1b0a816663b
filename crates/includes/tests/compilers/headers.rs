//! Every header of the compilers and of the system, included by itself.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::run::Setting;

/// Headers right below some directories, as they are included.
fn headers(directories: &[&str]) -> Vec<PathBuf> {
    let mut found = BTreeSet::new();
    for directory in directories {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        let files = entries.filter(|entry| entry.path().is_file());
        found.extend(files.map(|entry| entry.path()));
    }
    // All of them, with INCLUDES_ALL in the environment, take minutes.
    let every = if std::env::var_os("INCLUDES_ALL").is_some() {
        1
    } else {
        10
    };
    found.into_iter().step_by(every).collect()
}

fn compare(program: &'static str, language: &'static str, from: &[&str]) {
    let mut setting = Setting::new(program, language, Path::new("/"), &[]);
    let (mut same, mut unknown, mut wrong) = (0, Vec::new(), Vec::new());
    for header in headers(from) {
        let Some(listed) = setting.listed(&header, &[]) else {
            continue;
        };
        match setting.evaluated(&header, &[]) {
            Ok(reached) => {
                let missed: Vec<_> = listed.difference(&reached).collect();
                let more: Vec<_> = reached.difference(&listed).collect();
                if missed.is_empty() && more.is_empty() {
                    same += 1;
                } else {
                    wrong.push(format!(
                        "{}: missed {missed:?}, too many {more:?}",
                        header.display()
                    ));
                }
            }
            Err(why) => unknown.push(format!("{}: {why}", header.display())),
        }
    }
    println!(
        "{program} {language}: {same} same, {} unknown",
        unknown.len()
    );
    for line in &unknown {
        println!("unknown: {line}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(same > 30 && unknown.len() * 50 < same, "{same} same");
}

const C: &[&str] = &[
    "/usr/include",
    "/usr/include/linux",
    "/usr/include/x86_64-linux-gnu/sys",
];
const CPLUSPLUS: &[&str] = &[
    "/usr/include/c++/12",
    "/usr/include/c++/12/bits",
    "/usr/include",
];

#[test]
fn gcc_reads_the_same_files() {
    compare("gcc", "c", C);
}

#[test]
fn gplusplus_reads_the_same_files() {
    compare("g++", "c++", CPLUSPLUS);
}

#[test]
fn clang_reads_the_same_files() {
    compare("clang", "c", C);
}

#[test]
fn clangplusplus_reads_the_same_files() {
    compare("clang++", "c++", CPLUSPLUS);
}
