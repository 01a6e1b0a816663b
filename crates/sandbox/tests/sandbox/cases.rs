//! One function per promise.

use std::io::Read as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use sandbox::{Ended, Limits, Lost, Scratch, Step, View, Zygote};

use crate::fixture::{Fixture, finish};
use crate::limits::{
    dies_when_dropped, is_killed_and_accounted, leaves_no_orphan, obeys_the_file_limit,
    obeys_the_memory_limit, obeys_the_process_limit, obeys_the_processor_limit,
    runs_when_nobody_else_does, says_when_memory_was_the_reason, stops_and_goes_on,
};
use crate::tree::PROBE;

type Case = fn(&Fixture);

pub(crate) const ALL: &[(&str, Case)] = &[
    (
        "compiles_c_and_cxx_like_the_host",
        compiles_c_and_cxx_like_the_host,
    ),
    (
        "reports_exit_codes_and_signals",
        reports_exit_codes_and_signals,
    ),
    ("gives_a_plain_environment", gives_a_plain_environment),
    ("has_no_network", has_no_network),
    (
        "sees_and_writes_only_its_own_files",
        sees_and_writes_only_its_own_files,
    ),
    ("cannot_signal_the_host", cannot_signal_the_host),
    ("has_no_rights", has_no_rights),
    ("dies_when_dropped", dies_when_dropped),
    ("is_killed_and_accounted", is_killed_and_accounted),
    ("leaves_no_orphan", leaves_no_orphan),
    ("obeys_the_processor_limit", obeys_the_processor_limit),
    ("obeys_the_memory_limit", obeys_the_memory_limit),
    ("obeys_the_file_limit", obeys_the_file_limit),
    ("obeys_the_process_limit", obeys_the_process_limit),
    ("says_why_it_did_not_start", says_why_it_did_not_start),
    ("takes_long_command_lines", takes_long_command_lines),
    ("runs_fifty_at_once", runs_fifty_at_once),
    (
        "survives_the_death_of_the_zygote",
        survives_the_death_of_the_zygote,
    ),
    ("keeps_its_files_in_memory", keeps_its_files_in_memory),
    ("stops_and_goes_on", stops_and_goes_on),
    (
        "says_when_memory_was_the_reason",
        says_when_memory_was_the_reason,
    ),
    ("runs_when_nobody_else_does", runs_when_nobody_else_does),
];

pub(crate) fn exited(status: i32) -> Ended {
    Ended::Exited(status)
}

fn compiles_c_and_cxx_like_the_host(fixture: &Fixture) {
    let source = b"int twice(int x) { return x + x; }\n";
    for compiler in ["/usr/bin/gcc", "/usr/bin/g++"] {
        let language = if compiler.ends_with("++") { "c++" } else { "c" };
        let arguments = [
            compiler,
            "-x",
            language,
            "-O2",
            "-fpreprocessed",
            "-c",
            "-",
            "-o",
        ];
        let scratch = fixture.scratch();
        let program: Vec<&str> = arguments.iter().chain(&["/tmp/out.o"]).copied().collect();
        let report = fixture.run_in(scratch.path(), &program, Limits::default(), source);
        assert_eq!(
            report.outcome.as_ref().unwrap().ended,
            exited(0),
            "{report:?}"
        );
        assert!(report.outcome.unwrap().usage.max_rss_kib > 1000);

        let local = scratch.path().join("local.o");
        let mut child = std::process::Command::new(compiler)
            .args(&arguments[1..])
            .arg(&local)
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), source).unwrap();
        assert!(child.wait().unwrap().success());
        let read = |name| std::fs::read(scratch.path().join(name)).unwrap();
        assert!(
            read("out.o") == read("local.o"),
            "objects of {compiler} differ"
        );
    }
}

fn reports_exit_codes_and_signals(fixture: &Fixture) {
    for status in [0, 1, 42, 255] {
        assert_eq!(
            fixture
                .probe(&["exit", &status.to_string()])
                .outcome
                .unwrap()
                .ended,
            exited(status)
        );
    }
    for signal in [Signal::TERM, Signal::ABORT, Signal::KILL, Signal::HUP] {
        let report = fixture.probe(&["die", &signal.as_raw().to_string()]);
        assert_eq!(
            report.outcome.unwrap().ended,
            Ended::Signalled(signal.as_raw())
        );
    }
    let report = fixture.run(
        &[
            "/usr/bin/gcc",
            "-x",
            "c",
            "-fpreprocessed",
            "-",
            "-c",
            "-o",
            "/tmp/out.o",
        ],
        Limits::default(),
        b"this is no C",
    );
    assert_eq!(report.outcome.unwrap().ended, exited(1));
    assert!(report.stderr.contains("error"), "{}", report.stderr);
}

fn gives_a_plain_environment(fixture: &Fixture) {
    let niceness = rustix::process::getpriority_process(None).unwrap();
    let report = fixture.limited(
        &["environment"],
        Limits {
            nice: 5,
            ..Limits::default()
        },
    );
    let (user, group) = (
        rustix::process::getuid().as_raw(),
        rustix::process::getgid().as_raw(),
    );
    let expected = format!(
        "PATH=/usr/bin\ndirectory /tmp\nhost floe\nprocess 2\nuser {user} group {group}\numask 022\nnice {}\ndescriptors 3\n",
        (niceness + 5).min(19)
    );
    assert_eq!(report.stdout, expected);
}

fn has_no_network(fixture: &Fixture) {
    assert_eq!(
        fixture.probe(&["network"]).stdout,
        "tcp PermissionDenied\nudp PermissionDenied\n"
    );
}

fn sees_and_writes_only_its_own_files(fixture: &Fixture) {
    let report = fixture.probe(&["files"]);
    let lines: Vec<&str> = report.stdout.lines().collect();
    assert!(lines[0].starts_with("root dev etc lib"), "{report:?}");
    assert!(lines[0].ends_with("proc tmp usr"), "{report:?}");
    assert_eq!(
        lines[1..],
        [
            "passwd NotFound",
            "proc 0",
            "write /usr ReadOnlyFilesystem",
            "write /etc ReadOnlyFilesystem",
            "mkdir / ReadOnlyFilesystem",
            "write /tmp worked",
            "up NotFound",
            "null worked",
            "urandom worked",
            "device PermissionDenied",
        ]
    );
}

fn cannot_signal_the_host(fixture: &Fixture) {
    let report = fixture.probe(&["signal", &std::process::id().to_string()]);
    assert_eq!(
        report.stdout,
        "host NotFound\ninit PermissionDenied\n".replace("NotFound", "Uncategorized")
    );
    assert_eq!(report.outcome.unwrap().ended, exited(0));
}

fn has_no_rights(fixture: &Fixture) {
    assert_eq!(
        fixture.probe(&["rights"]).stdout,
        "capabilities 0 0 0\nno new privileges true\nhost name PermissionDenied\nmount PermissionDenied\nunmount PermissionDenied\n"
    );
}

fn says_why_it_did_not_start(fixture: &Fixture) {
    let step_of = |change: &dyn Fn(&mut sandbox::Job)| {
        let scratch = fixture.scratch();
        let (mut job, streams) = fixture.job(scratch.path(), &[PROBE], Limits::default());
        change(&mut job);
        let running = fixture.client.spawn(&job).unwrap();
        drop(job);
        match finish(&running, streams, b"").outcome.unwrap().ended {
            Ended::NotStarted(failure) => failure.step,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        step_of(&|job| job.arguments[0] = c"/usr/bin/nothing".into()),
        Step::Execute
    );
    assert_eq!(step_of(&|job| job.arguments.clear()), Step::Request);
    assert_eq!(
        step_of(&|job| job.directory = "/nowhere".into()),
        Step::Directory
    );
    assert_eq!(
        step_of(&|job| job.scratch = Scratch::Directory("/nowhere".into())),
        Step::ScratchOpen
    );
    assert_eq!(
        step_of(&|job| job.view = View::Toolchain("/nowhere".into())),
        Step::ToolchainOpen
    );
    // A directory without /tmp.
    assert_eq!(
        step_of(&|job| job.view = View::Toolchain(fixture.root().join("usr"))),
        Step::ScratchMount
    );
    // Files of the host are for a rung that has nothing better.
    assert_eq!(
        step_of(&|job| job.view = View::Installed(vec!["/usr".into()])),
        Step::View
    );
}

fn takes_long_command_lines(fixture: &Fixture) {
    let long = "x".repeat(100_000);
    let program: Vec<&str> = [PROBE, "--inside", "count"]
        .into_iter()
        .chain(std::iter::repeat_n(long.as_str(), 9))
        .collect();
    assert_eq!(
        fixture
            .run(&program, Limits::default(), b"")
            .outcome
            .unwrap()
            .ended,
        exited(99)
    );
    let many: Vec<&str> = std::iter::once(PROBE)
        .chain(std::iter::repeat_n(long.as_str(), 50))
        .collect();
    let scratch = fixture.scratch();
    let (job, _streams) = fixture.job(scratch.path(), &many, Limits::default());
    assert!(matches!(
        fixture.client.spawn(&job),
        Err(sandbox::SpawnError::TooLong(_))
    ));
}

fn runs_fifty_at_once(fixture: &Fixture) {
    let scratches: Vec<_> = (0..50).map(|_| fixture.scratch()).collect();
    let compile = [
        "/usr/bin/gcc",
        "-x",
        "c",
        "-fpreprocessed",
        "-c",
        "-",
        "-o",
        "/tmp/out.o",
    ];
    let jobs: Vec<_> = scratches
        .iter()
        .map(|scratch| fixture.start(scratch.path(), &compile, Limits::default()))
        .collect();
    // All wait for their input by now or soon: they run at the same time.
    for (number, (running, streams)) in jobs.into_iter().enumerate() {
        let report = finish(
            &running,
            streams,
            format!("int number = {number};").as_bytes(),
        );
        assert_eq!(
            report.outcome.as_ref().unwrap().ended,
            exited(0),
            "{report:?}"
        );
    }
    assert!(
        scratches
            .iter()
            .all(|scratch| scratch.path().join("out.o").exists())
    );
}

fn survives_the_death_of_the_zygote(fixture: &Fixture) {
    let zygote = Zygote::start().unwrap();
    let client = zygote.client();
    let scratch = fixture.scratch();
    let (job, mut streams) = fixture.job(
        scratch.path(),
        &[PROBE, "--inside", "sleep"],
        Limits::default(),
    );
    let running = client.spawn(&job).unwrap();
    drop(job);
    streams.output.read_exact(&mut [0; 7]).unwrap();
    let children = format!("/proc/{0}/task/{0}/children", zygote.pid());
    let helper: i32 = std::fs::read_to_string(children)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    kill_process(Pid::from_raw(helper).unwrap(), Signal::KILL).unwrap();
    assert!(matches!(running.wait(), Err(Lost)));
    streams.output.read_to_end(&mut Vec::new()).unwrap();

    let (job, streams) = fixture.job(
        scratch.path(),
        &[PROBE, "--inside", "exit", "7"],
        Limits::default(),
    );
    let running = client.spawn(&job).unwrap();
    drop(job);
    assert_eq!(
        finish(&running, streams, b"").outcome.unwrap().ended,
        exited(7)
    );

    kill_process(
        Pid::from_raw(zygote.pid().cast_signed()).unwrap(),
        Signal::KILL,
    )
    .unwrap();
    // The socket closes when both are gone, a moment after the keeper.
    let (job, _streams) = fixture.job(scratch.path(), &[PROBE], Limits::default());
    let begun = Instant::now();
    while !matches!(client.spawn(&job), Err(sandbox::SpawnError::Gone)) {
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
    drop(zygote);
    assert_eq!(
        fixture.probe(&["exit", "0"]).outcome.unwrap().ended,
        exited(0)
    );
}

fn keeps_its_files_in_memory(fixture: &Fixture) {
    let (mut job, streams) = fixture.job(
        Path::new("/nowhere"),
        &[PROBE, "--inside", "write", "/tmp/a/b/file", "2"],
        Limits::default(),
    );
    job.scratch = Scratch::Memory {
        bytes: 3 << 20,
        files: 4,
        directories: vec!["a".into(), "a/b".into()],
    };
    let running = fixture.client.spawn(&job).unwrap();
    drop(job);
    let outcome = finish(&running, streams, b"").outcome.unwrap();
    assert_eq!(outcome.ended, exited(0));
    drop(running);
    let (mut file, len) = outcome
        .files
        .open(Path::new("a/b/file"))
        .unwrap()
        .expect("the job wrote it");
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    assert_eq!((len, bytes), (2 << 20, vec![1; 2 << 20]));
    assert!(!outcome.files.are_full());
}
