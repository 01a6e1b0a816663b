use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Mutex;

use super::*;
use crate::collect::collect;

const MPFR: &str = "libmpfr.so.6";

fn gcc() -> (Compiler, FileSet) {
    let compiler = Compiler::probe(Path::new("/usr/bin/gcc")).unwrap();
    let set = collect(&compiler, &[]).unwrap();
    (compiler, set)
}

/// Takes the only member of that name away.
fn take(set: &mut FileSet, name: &str) -> PathBuf {
    let is_it = |path: &&PathBuf| path.file_name() == Some(name.as_ref());
    let path = set.members.keys().find(is_it).unwrap().clone();
    set.members.remove(&path);
    path
}

/// In a chroot; the ladder itself is tried by `tests/toolchains`.
fn chroot(root: &Path, trials: &[Trial]) -> Result<Vec<Ran>, String> {
    let run = |trial: &Trial| {
        let mut child = Command::new("chroot")
            .arg(root)
            .args(trial.command)
            .args(["-o", "/tmp/trial.o"])
            .env_clear()
            .env("PATH", "/usr/bin:/usr/sbin:/bin:/sbin")
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // One that does not start reads nothing.
        let mut input = child.stdin.take().unwrap();
        let _ = std::io::Write::write_all(&mut input, trial.source.as_bytes());
        drop(input);
        let said = child.wait_with_output().unwrap();
        match said.status.success() {
            true => Ran::Fine,
            false => Ran::Failed(String::from_utf8_lossy(&said.stderr).into_owned()),
        }
    };
    Ok(trials.iter().map(run).collect())
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn a_library_that_was_taken_from_the_tree_comes_back() {
    if !is_root() {
        return println!("SKIPPED: chroot needs root");
    }
    let (compiler, whole) = gcc();
    let place = tempfile::tempdir().unwrap();
    let mut set = whole.clone();
    take(&mut set, MPFR);
    let proven = prove(&compiler, set, place.path(), &chroot).unwrap();
    assert!(proven.faults.is_empty(), "{:?}", proven.faults);
    assert_eq!(proven.set.members, whole.members);
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
}

#[test]
fn a_program_that_was_taken_from_the_tree_comes_back() {
    if !is_root() {
        return println!("SKIPPED: chroot needs root");
    }
    let (compiler, whole) = gcc();
    let place = tempfile::tempdir().unwrap();
    let mut set = whole.clone();
    take(&mut set, "as");
    // gcc looks for it once it has text to assemble.
    let proven = prove(&compiler, set, place.path(), &chroot).unwrap();
    assert!(proven.faults.is_empty(), "{:?}", proven.faults);
    assert_eq!(proven.set.members, whole.members);
}

#[test]
fn what_is_nowhere_is_named_and_the_other_language_travels() {
    let (compiler, set) = gcc();
    let place = tempfile::tempdir().unwrap();
    let sandbox = |_: &Path, trials: &[Trial]| {
        let run = |trial: &Trial| {
            match trial.is_cxx() {
            true => Ran::Failed("/usr/bin/cc1plus: error while loading shared libraries: libnowhere.so.7: cannot open shared object file: No such file or directory\n".to_owned()),
            false => Ran::Fine,
        }
        };
        Ok(trials.iter().map(run).collect())
    };
    let proven = prove(&compiler, set, place.path(), &sandbox).unwrap();
    let [(trial, cause)] = &proven.faults[..] else {
        panic!("{:?}", proven.faults);
    };
    assert!(trial.is_cxx());
    let text = cause.to_string();
    assert_eq!(text, "lib/libnowhere.so.7 not found (needed by cc1plus)");
}

#[test]
fn what_is_there_and_missed_all_the_same_ends_the_search() {
    let (compiler, set) = gcc();
    let place = tempfile::tempdir().unwrap();
    static ROUNDS: Mutex<u32> = Mutex::new(0);
    let sandbox = |_: &Path, trials: &[Trial]| {
        *ROUNDS.lock().unwrap() += 1;
        let said = format!(
            "/usr/bin/cc1: error while loading shared libraries: {MPFR}: cannot open shared object file: No such file or directory\n"
        );
        Ok(vec![Ran::Failed(said); trials.len()])
    };
    let proven = prove(&compiler, set, place.path(), &sandbox).unwrap();
    assert_eq!(proven.faults.len(), 2);
    assert_eq!(*ROUNDS.lock().unwrap(), 1);
}

#[test]
fn a_language_that_is_not_installed_is_not_tried() {
    let (compiler, mut set) = gcc();
    let place = tempfile::tempdir().unwrap();
    take(&mut set, "cc1plus");
    static NAMES: Mutex<Vec<&str>> = Mutex::new(Vec::new());
    let sandbox = |_: &Path, trials: &[Trial]| {
        NAMES
            .lock()
            .unwrap()
            .extend(trials.iter().map(|trial| trial.name));
        Ok(vec![Ran::Fine; trials.len()])
    };
    let proven = prove(&compiler, set, place.path(), &sandbox).unwrap();
    assert!(proven.faults.is_empty());
    assert_eq!(*NAMES.lock().unwrap(), ["gcc-c"]);
}

#[test]
fn without_a_sandbox_nothing_is_known() {
    let (compiler, set) = gcc();
    let place = tempfile::tempdir().unwrap();
    let sandbox = |_: &Path, _: &[Trial]| Err("no rung works".to_owned());
    let tried = prove(&compiler, set, place.path(), &sandbox);
    assert_eq!(tried.map(drop), Err("no rung works".to_owned()));
}
