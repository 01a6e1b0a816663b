//! Wrappers and their agent: one comes into being, serves, dies, leaves.

mod common;

use std::fs;
use std::io::Read;
use std::os::unix::net::UnixListener;
use std::process::Stdio;

use common::{Place, all, wait_until};
use handover::{RuntimeDir, meet};
use job::Reason;

#[test]
fn sixty_four_wrappers_at_once_start_one_agent() {
    let place = Place::new();
    let spawn = |number: usize| {
        place
            .wrapper(&["sh", "-c", &format!("echo {number}")])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let wrappers: Vec<_> = (0..64).map(spawn).collect();
    for (number, wrapper) in wrappers.into_iter().enumerate() {
        let output = wrapper.wait_with_output().unwrap();
        assert_eq!(
            all(&output),
            (Some(0), format!("{number}\n"), String::new())
        );
    }
    assert_eq!(place.starts(), 1);
    assert_eq!(place.reasons(), [Reason::NotCompiler; 64]);
}

#[test]
fn the_agent_keeps_nothing_of_the_build_that_started_it() {
    let place = Place::new();
    // What the shell's descriptor 9 leads to must end when the build does.
    let (mut pipe, end) = std::io::pipe().unwrap();
    let script = "\"$0\" true 9>&1 1>&2";
    let mut command = place.command("/bin/sh".as_ref(), &["-c", script, common::ICECC]);
    let output = command.stdout(end).spawn().unwrap();
    drop(command);
    assert!(output.wait_with_output().unwrap().status.success());
    let mut rest = Vec::new();
    pipe.read_to_end(&mut rest).unwrap();
    let status = place.status().expect("the agent lives on");
    let seen = |name: &str| fs::read_link(format!("/proc/{}/{name}", status.pid)).unwrap();
    assert_eq!(seen("cwd"), std::path::Path::new("/"));
    let variables = fs::read(format!("/proc/{}/environ", status.pid)).unwrap();
    assert!(
        !variables
            .windows(17)
            .any(|part| part == b"ICECC_TEST_SOCKET")
    );
}

/// A daemon that takes requests and never answers them.
fn silent_daemon(place: &Place) -> UnixListener {
    UnixListener::bind(place.at("daemon")).expect("a new directory")
}

#[test]
fn when_the_agent_is_killed_the_wrapper_compiles() {
    let place = Place::new();
    let _daemon = silent_daemon(&place);
    fs::write(place.at("work/a.c"), "int f(void) { return 1; }\n").unwrap();
    let mut wrapper = place.wrapper(&["gcc", "-c", "a.c", "-o", "a.o"]);
    wrapper.env("ICECC_TEST_SOCKET", place.at("daemon"));
    let waiting = wrapper.stderr(Stdio::piped()).spawn().unwrap();
    wait_until("the job waits", || {
        place
            .status()
            .is_some_and(|status| !status.running.is_empty())
    });
    place.kill_agent();
    let output = waiting.wait_with_output().unwrap();
    assert_eq!(all(&output), (Some(0), String::new(), String::new()));
    assert!(place.at("work/a.o").exists());
    assert_eq!(place.reasons(), [Reason::AgentUnavailable]);
    // The next one starts a new agent.
    assert!(place.wrapper(&["true"]).status().unwrap().success());
    assert_eq!(place.starts(), 2);
}

#[test]
fn a_wrapper_that_goes_away_takes_its_job_along() {
    let place = Place::new();
    let _daemon = silent_daemon(&place);
    let mut wrapper = place.wrapper(&["true"]);
    let mut waiting = wrapper
        .env("ICECC_TEST_SOCKET", place.at("daemon"))
        .spawn()
        .unwrap();
    wait_until("the job waits", || {
        place
            .status()
            .is_some_and(|status| !status.running.is_empty())
    });
    waiting.kill().unwrap();
    waiting.wait().unwrap();
    wait_until("the job is gone", || {
        place
            .status()
            .is_some_and(|status| status.running.is_empty())
    });
    assert_eq!(place.reasons(), [Reason::Cancelled]);
}

#[test]
fn without_a_daemon_it_compiles_here_and_says_why() {
    let place = Place::new();
    fs::write(place.at("work/a.c"), "int f(void) { return 1; }\n").unwrap();
    let output = place
        .wrapper(&["gcc", "-c", "a.c", "-o", "a.o"])
        .output()
        .unwrap();
    assert_eq!(all(&output), (Some(0), String::new(), String::new()));
    let broken = place.wrapper(&["gcc", "-c", "none.c"]).output().unwrap();
    let plain = place
        .command("/usr/bin/gcc".as_ref(), &["-c", "none.c"])
        .output()
        .unwrap();
    assert_eq!(all(&broken), all(&plain));
    let linked = place
        .wrapper(&["gcc", "a.o", "-shared", "-o", "a.so"])
        .output()
        .unwrap();
    assert_eq!(all(&linked), (Some(0), String::new(), String::new()));
    let reasons = place.reasons();
    assert_eq!(
        reasons,
        [
            Reason::DaemonUnavailable,
            Reason::DaemonUnavailable,
            Reason::NoCompileStep
        ]
    );
    let records = place.records();
    assert_eq!(records[0].source, b"a.c");
    assert_eq!(records[0].output, b"a.o");
}

#[test]
fn an_idle_agent_leaves_and_leaves_nobody_behind() {
    let place = Place::new();
    let run = || {
        let output = place
            .wrapper(&["echo", "x"])
            .env("FLOE_AGENT_IDLE", "0")
            .output()
            .unwrap();
        assert_eq!(all(&output), (Some(0), "x\n".into(), String::new()));
    };
    // Agents come and go all the time; every wrapper is served, by an agent or by itself.
    for _ in 0..50 {
        run();
    }
    let dir = RuntimeDir::at(place.at("run")).unwrap();
    wait_until("the agent left", || meet::connect(&dir).is_err());
    assert!(place.starts() >= 2, "{}", place.starts());
    assert_eq!(place.records().len(), 50);
}

#[test]
fn garbage_at_the_agents_door_disturbs_nobody() {
    use std::io::Write;
    let place = Place::new();
    assert!(place.wrapper(&["true"]).status().unwrap().success());
    let dir = RuntimeDir::at(place.at("run")).unwrap();
    let connect = || meet::connect(&dir).unwrap();
    let mut silent = connect();
    connect().write_all(&[0xff; 100]).unwrap();
    connect()
        .write_all(&[4, 0, 0, 0, 0xff, 0xff, 0xff, 0xff])
        .unwrap();
    connect().write_all(&[0, 0, 0, 0]).unwrap();
    connect().write_all(&[200, 0, 0, 0, 1, 2]).unwrap();
    silent.write_all(&[1]).unwrap();
    assert!(place.wrapper(&["true"]).status().unwrap().success());
    assert_eq!(place.reasons(), [Reason::NotCompiler; 2]);
    assert_eq!(place.starts(), 1);
}

#[test]
fn an_agent_started_by_a_niced_and_limited_build_does_not_stay_so() {
    let place = Place::new();
    let script = format!("ulimit -f 100; exec nice -n 5 {} true", common::ICECC);
    let mut build = place.command("/bin/sh".as_ref(), &["-c", &script]);
    build.env("FLOE_AGENT_IDLE", "600");
    assert!(build.status().unwrap().success());
    let pid = place.status().expect("an agent is running").pid;
    let pid = rustix::process::Pid::from_raw(pid.cast_signed());
    let nice = rustix::process::getpriority_process(pid).unwrap();
    let limits = fs::read_to_string(format!("/proc/{}/limits", pid.unwrap())).unwrap();
    let files = limits
        .lines()
        .find(|line| line.starts_with("Max file size"));
    if nice > 0 || !files.unwrap().contains("unlimited") {
        // It may not: then the next build gets another one.
        let socket = place.at("run/agent.sock");
        wait_until("the burdened agent leaves", || !socket.exists());
    }
}

#[test]
fn at_most_one_compiler_per_core_runs_where_no_daemon_counts() {
    let place = Place::new();
    let cores = std::thread::available_parallelism().unwrap().get();
    // Each marks its time; the sleep is work, not a means of ordering.
    let script = "mkdir $0.on; ls -d *.on | wc -l >> seen; sleep 0.05; rmdir $0.on";
    let spawn = |number: usize| {
        place
            .wrapper(&["sh", "-c", script, &number.to_string()])
            .spawn()
            .unwrap()
    };
    let wrappers: Vec<_> = (0..4 * cores).map(spawn).collect();
    for mut wrapper in wrappers {
        assert!(wrapper.wait().unwrap().success());
    }
    let seen = fs::read_to_string(place.at("work/seen")).unwrap();
    let most = seen
        .split_whitespace()
        .map(|count| count.parse::<usize>().unwrap())
        .max();
    assert!(most.unwrap() <= cores, "{seen}");
}
