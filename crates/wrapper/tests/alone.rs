//! The wrapper where no agent can help: everything is as if the compiler had been called.

mod common;

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use common::{ICECC, Place, all, text};
use job::Reason;

fn tool(place: &Place) -> String {
    let script = "#!/bin/sh\necho out \"$@\"; echo err >&2; exit 7\n";
    place
        .program("bin/tool-gcc", script)
        .to_str()
        .expect("temporary paths are text")
        .to_owned()
}

#[test]
fn without_floe_the_compiler_runs_and_the_reason_is_recorded() {
    let place = Place::new();
    fs::remove_file(place.at("bin/floe")).unwrap();
    let tool = tool(&place);
    let output = place.wrapper(&[&tool, "-c", "a.c", ""]).output().unwrap();
    assert_eq!(
        all(&output),
        (Some(7), "out -c a.c \n".into(), "err\n".into())
    );
    let records = place.records();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].reason(), Reason::AgentUnavailable);
    assert!(
        records[0].detail.contains("floe program"),
        "{}",
        records[0].detail
    );
    assert_eq!(records[0].source, b"a.c");
    assert_eq!(records[0].arguments, [&b"-c"[..], b"a.c", b""]);
}

#[test]
fn a_bad_runtime_directory_costs_nothing_but_the_help() {
    let place = Place::new();
    let tool = tool(&place);
    let mut expected = 0;
    let mut check = |why: &str| {
        let output = place.wrapper(&[&tool, "x"]).output().unwrap();
        assert_eq!(
            all(&output),
            (Some(7), "out x\n".into(), "err\n".into()),
            "{why}"
        );
        expected += 1;
        let log = handover::log::read_newest_first(&place.at("state")).unwrap();
        assert_eq!(log.len(), expected);
        assert!(log[0].detail.contains(why), "{:?}", log[0].detail);
    };
    fs::write(place.at("run"), "a file").unwrap();
    check("cannot be made or opened");
    fs::remove_file(place.at("run")).unwrap();
    symlink(place.at("work"), place.at("run")).unwrap();
    check("cannot be made or opened");
    fs::remove_file(place.at("run")).unwrap();
    fs::create_dir(place.at("run")).unwrap();
    if chown(place.at("run"), Some(4242), None).is_ok() {
        check("belongs to user 4242");
        chown(place.at("run"), Some(0), None).unwrap();
    }
    assert_eq!(place.starts(), 0);
}

#[test]
fn an_agent_that_dies_at_once_is_no_obstacle() {
    let place = Place::new();
    let tool = tool(&place);
    for script in [
        "#!/bin/sh\nexit 1\n",
        "#!/bin/sh\nkill -9 $$\n",
        "not a program",
    ] {
        place.program("bin/floe", script);
        let output = place.wrapper(&[&tool]).output().unwrap();
        assert_eq!(
            all(&output),
            (Some(7), "out\n".into(), "err\n".into()),
            "{script}"
        );
    }
    assert_eq!(place.reasons(), [Reason::AgentUnavailable; 3]);
}

#[test]
fn codes_are_those_that_scripts_know() {
    let place = Place::new();
    let code = |arguments: &[&str]| {
        let output = place.wrapper(arguments).output().unwrap();
        (output.status.code().unwrap(), text(&output.stderr))
    };
    assert_eq!(code(&["no-such-tool"]).0, 115);
    assert!(
        code(&["no-such-tool"])
            .1
            .contains("could not find no-such-tool in PATH.")
    );
    assert_eq!(code(&["--foo"]).0, 115);
    assert_eq!(code(&["/no/such/tool"]).0, 127);
    let plain = place.at("work/plain");
    fs::write(&plain, "").unwrap();
    fs::set_permissions(&plain, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(code(&[plain.to_str().unwrap()]).0, 126);
    assert_eq!(code(&[]).0, 111);
    assert_eq!(code(&[""]).0, 111);
    let version = place.wrapper(&["--version"]).output().unwrap();
    assert!(text(&version.stdout).starts_with("ICECC 1."), "{version:?}");
    assert_eq!(version.status.code(), Some(0));
    let help = place.wrapper(&["--help"]).output().unwrap();
    assert!(help.status.success() && !help.stdout.is_empty() && help.stderr.is_empty());
}

#[test]
fn a_wrapper_in_a_compiler_makes_way_and_an_endless_loop_is_stopped() {
    let place = Place::new();
    symlink(ICECC, place.at("bin/icerun")).unwrap();
    let inner = place.program(
        "bin/inner-gcc",
        &format!("#!/bin/sh\nexec {ICECC} /bin/echo $*\n"),
    );
    let inner = inner.to_str().unwrap();
    for wrapper in [ICECC.into(), place.at("bin/icerun")] {
        let nested = place.command(&wrapper, &[inner, "x"]).output().unwrap();
        assert_eq!(all(&nested), (Some(0), "x\n".into(), String::new()));
    }
    // A compile is one job, however many wrappers are in it; icerun is one around it.
    assert_eq!(place.records().len(), 3);

    let snake = place.program(
        "bin/snake-gcc",
        &format!("#!/bin/sh\nexec {ICECC} \"$0\"\n"),
    );
    let endless = place.wrapper(&[snake.to_str().unwrap()]).output().unwrap();
    assert_eq!(endless.status.code(), Some(111));
    assert!(text(&endless.stderr).contains("icecream seems to have invoked itself recursively!"));
}

#[test]
fn a_script_that_calls_a_link_reaches_the_compiler_behind_it() {
    let place = Place::new();
    let links = place.at("links");
    fs::create_dir(&links).unwrap();
    for name in ["gcc", "c99-gcc"] {
        symlink(ICECC, links.join(name)).unwrap();
    }
    // As Debian's /usr/bin/c99-gcc.
    fs::create_dir(place.at("real")).unwrap();
    place.program("real/c99-gcc", "#!/bin/sh\nexec gcc -std=c99 ${1+\"$@\"}\n");
    place.program("real/gcc", "#!/bin/sh\necho real gcc \"$@\"\n");
    let path = std::env::join_paths([links, place.at("real"), "/usr/bin".into()]).unwrap();
    let run = |program: &Path, arguments: &[&str], substitute: &str| {
        let mut command = place.command(program, arguments);
        command.env("PATH", &path).env("ICECC_CC", substitute);
        all(&command.output().unwrap())
    };
    let expected = (
        Some(0),
        "real gcc -std=c99 -c a.c\n".to_owned(),
        String::new(),
    );
    let icecc = Path::new(ICECC);
    assert_eq!(run(icecc, &["c99-gcc", "-c", "a.c"], ""), expected);
    let link = place.at("links/c99-gcc");
    assert_eq!(run(&link, &["-c", "a.c"], ""), expected);
    // A substitute that calls what it stands in for.
    assert_eq!(run(icecc, &["gcc", "-c", "a.c"], "c99-gcc"), expected);
}

#[test]
fn links_of_every_kind_find_what_is_behind_them() {
    let place = Place::new();
    let real = place.at("real");
    let links = place.at("links");
    fs::create_dir(&real).unwrap();
    fs::create_dir(&links).unwrap();
    for name in ["gcc", "foo", "hard-gcc"] {
        place.program(
            &format!("real/{name}"),
            &format!("#!/bin/sh\necho real {name} \"$@\"\n"),
        );
    }
    symlink(ICECC, links.join("gcc")).unwrap();
    symlink(ICECC, links.join("icerun")).unwrap();
    symlink("icerun", links.join("foo")).unwrap();
    if fs::hard_link(ICECC, links.join("hard-gcc")).is_err() {
        fs::copy(ICECC, links.join("hard-gcc")).unwrap();
    }
    let path = std::env::join_paths([links.as_path(), &real, "/usr/bin".as_ref()]).unwrap();
    for name in ["gcc", "foo", "hard-gcc"] {
        let output = place
            .command(&links.join(name), &["-v"])
            .env("PATH", &path)
            .output()
            .unwrap();
        assert_eq!(
            all(&output),
            (Some(0), format!("real {name} -v\n"), String::new())
        );
        // The same by its path, as a build system remembers it.
        let link = links.join(name);
        let output = place
            .wrapper(&[link.to_str().unwrap(), "-v"])
            .env("PATH", &path)
            .output()
            .unwrap();
        assert_eq!(
            all(&output),
            (Some(0), format!("real {name} -v\n"), String::new())
        );
    }
}

#[test]
fn other_compilers_can_be_named_bare_or_by_path() {
    let place = Place::new();
    let mine = place.program("bin/my-c++", "#!/bin/sh\necho mine\n");
    for name in ["my-c++", mine.to_str().unwrap()] {
        let mut command = place.wrapper(&["g++", "-c", "a.cc"]);
        command.env("ICECC_CXX", name).env("PATH", place.at("bin"));
        assert_eq!(all(&command.output().unwrap()).1, "mine\n", "{name}");
    }
}

#[test]
fn without_path_the_usual_places_are_searched() {
    let place = Place::new();
    let output = place
        .wrapper(&["true"])
        .env_remove("PATH")
        .output()
        .unwrap();
    assert_eq!(all(&output), (Some(0), String::new(), String::new()));
}

#[test]
fn disabled_means_that_nobody_is_asked() {
    let place = Place::new();
    let output = place
        .wrapper(&["true"])
        .env("ICECC", "DISABLE")
        .output()
        .unwrap();
    assert_eq!(all(&output), (Some(0), String::new(), String::new()));
    assert_eq!(place.starts(), 0);
    assert!(place.records().is_empty());
}

#[test]
fn a_signal_that_ends_the_compiler_ends_the_wrapper() {
    let place = Place::new();
    fs::remove_file(place.at("bin/floe")).unwrap();
    let status = place
        .wrapper(&["sh", "-c", "kill -TERM $$"])
        .status()
        .unwrap();
    assert_eq!(status.signal(), Some(15));
}
