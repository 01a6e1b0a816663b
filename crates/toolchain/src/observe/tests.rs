use super::*;

fn os(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}

fn trial<'a>(program: &'a Path, arguments: &'a [OsString], directory: &'a Path) -> Trial<'a> {
    Trial {
        program,
        arguments,
        directory,
        environment: None,
        search: None,
        until: None,
    }
}

/// `None` where nothing may be watched.
fn watched(trial: &Trial<'_>) -> Option<Seen> {
    match observe(trial) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            println!("SKIPPED: ptrace is forbidden here");
            None
        }
        seen => Some(seen.unwrap()),
    }
}

#[test]
fn every_file_of_a_compile_is_seen_and_every_program() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("x.c"), "int x;\n").unwrap();
    let arguments = os(&["-c", "x.c", "-o", "x.o"]);
    let Some(seen) = watched(&trial(Path::new("/usr/bin/gcc"), &arguments, dir.path())) else {
        return;
    };
    assert!(seen.success, "{}", seen.stderr);
    assert!(dir.path().join("x.o").is_file());
    let names = |start: &str| {
        let is_it = |path: &&PathBuf| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with(start))
        };
        seen.files.iter().filter(is_it).count()
    };
    assert_eq!(names("x.c"), 1, "{seen:?}");
    assert!(
        seen.files
            .contains(&dir.path().canonicalize().unwrap().join("x.c"))
    );
    for wanted in ["cc1", "as", "libc.so", "libmpfr.so"] {
        assert!(names(wanted) > 0, "{wanted}: {:?}", seen.files);
    }
    let specs = |path: &PathBuf| path.ends_with("specs");
    assert!(seen.missed.iter().any(specs), "{:?}", seen.missed);
    assert_eq!(names("x.o"), 0, "outputs are no inputs");
    assert_eq!(seen.runs.len(), 3, "{:?}", seen.runs);
    assert_eq!(seen.runs[0].arguments[1..], arguments);
}

#[test]
fn a_script_is_followed_to_what_it_runs_and_stopped_there() {
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("wrapped cc");
    std::fs::write(
        &script,
        "#!/bin/sh\nexport ADDED='a b'\nexec /usr/bin/touch -c \"$@\" ./never\n",
    )
    .unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let touch = Path::new("/usr/bin/touch").canonicalize().unwrap();
    let until = |started: &Started| started.image == touch;
    let arguments = os(&["x y", ""]);
    let trial = Trial {
        until: Some(&until),
        ..trial(&script, &arguments, dir.path())
    };
    let Some(seen) = watched(&trial) else {
        return;
    };
    let last = seen.runs.last().unwrap();
    assert_eq!(last.arguments[1..], os(&["-c", "x y", "", "./never"]));
    assert!(last.environment.contains(&("ADDED".into(), "a b".into())));
    assert!(seen.files.contains(&script), "{:?}", seen.files);
    assert!(!seen.success && !dir.path().join("never").exists());
}

#[test]
fn a_failure_is_told_in_the_programs_words() {
    let arguments = os(&["/nowhere/x.c"]);
    let Some(seen) = watched(&trial(
        Path::new("/usr/bin/gcc"),
        &arguments,
        Path::new("/tmp"),
    )) else {
        return;
    };
    assert!(
        !seen.success && seen.stderr.contains("/nowhere/x.c"),
        "{seen:?}"
    );
}

#[test]
fn what_a_script_leaves_behind_is_ended_and_not_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("starts-server");
    let text = "#!/bin/sh\nsetsid sleep 1000 >/dev/null 2>&1 &\necho $! >server\n";
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let Some(seen) = watched(&trial(&script, &[], dir.path())) else {
        return;
    };
    assert!(seen.success, "{seen:?}");
    let server = std::fs::read_to_string(dir.path().join("server")).unwrap();
    let line = std::fs::read(format!("/proc/{}/cmdline", server.trim())).unwrap_or_default();
    assert!(!line.starts_with(b"sleep"), "it still runs");
}
