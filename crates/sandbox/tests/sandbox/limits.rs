//! How jobs end, stand still and are kept within their limits.

use std::io::{BufRead as _, BufReader, Read as _};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use sandbox::{Ended, Limits, Lost};

use crate::cases::exited;
use crate::fixture::Fixture;
use crate::tree::PROBE;

/// The end of its output is the end of the last process of a job.
pub(crate) fn dies_when_dropped(fixture: &Fixture) {
    let scratch = fixture.scratch();
    let (running, streams) = fixture.start(
        scratch.path(),
        &[PROBE, "--inside", "breed"],
        Limits {
            processes: Some(8),
            ..Limits::default()
        },
    );
    let mut lines = BufReader::new(streams.output).lines();
    assert!(
        lines
            .by_ref()
            .any(|line| line.unwrap().starts_with("children"))
    );
    let begun = Instant::now();
    drop(running);
    lines.for_each(drop);
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
}

pub(crate) fn is_killed_and_accounted(fixture: &Fixture) {
    let scratch = fixture.scratch();
    let (running, mut streams) = fixture.start(
        scratch.path(),
        &[PROBE, "--inside", "sleep"],
        Limits::default(),
    );
    streams.output.read_exact(&mut [0; 7]).unwrap();
    assert!(matches!(running.try_read_outcome(), Ok(None)));
    running.kill();
    let outcome = running.wait().unwrap();
    assert_eq!(outcome.ended, Ended::Signalled(Signal::KILL.as_raw()));
    assert!(outcome.usage.max_rss_kib > 0);
    assert!(matches!(running.wait(), Err(Lost)));
}

pub(crate) fn leaves_no_orphan(fixture: &Fixture) {
    // Reading the output to its end would hang if the grandchild lived on.
    let report = fixture.probe(&["orphan"]);
    assert!(
        report.stdout.starts_with("left\n") || report.stdout.starts_with("asleep\n"),
        "{report:?}"
    );
    assert_eq!(report.outcome.unwrap().ended, exited(0));
}

pub(crate) fn obeys_the_processor_limit(fixture: &Fixture) {
    let report = fixture.limited(
        &["spin"],
        Limits {
            cpu_seconds: Some(1),
            ..Limits::default()
        },
    );
    let outcome = report.outcome.unwrap();
    assert_eq!(outcome.ended, Ended::Signalled(Signal::XCPU.as_raw()));
    assert!(
        outcome.usage.user + outcome.usage.system >= Duration::from_millis(900),
        "{outcome:?}"
    );
}

pub(crate) fn obeys_the_memory_limit(fixture: &Fixture) {
    let limits = Limits {
        address_space: Some(256 << 20),
        ..Limits::default()
    };
    assert_eq!(
        fixture.limited(&["allocate", "512"], limits).stdout,
        "refused\n"
    );
    assert_eq!(
        fixture.limited(&["allocate", "64"], limits).stdout,
        "allocated\n"
    );
}

pub(crate) fn obeys_the_file_limit(fixture: &Fixture) {
    let limits = Limits {
        file_size: Some(4 << 20),
        ..Limits::default()
    };
    let report = fixture.limited(&["write", "/tmp/large", "8"], limits);
    assert_eq!(
        report.outcome.unwrap().ended,
        Ended::Signalled(Signal::XFSZ.as_raw())
    );
    assert_eq!(
        fixture
            .limited(&["write", "/tmp/small", "3"], limits)
            .stdout,
        "written\n"
    );
}

pub(crate) fn obeys_the_process_limit(fixture: &Fixture) {
    let limits = Limits {
        processes: Some(8),
        ..Limits::default()
    };
    // Two at once: each has its own count.
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let report = fixture.limited(&["breed"], limits);
                assert!(report.stdout.contains("children 7\n"), "{report:?}");
            });
        }
    });
}

pub(crate) fn stops_and_goes_on(fixture: &Fixture) {
    let scratch = fixture.scratch();
    let (running, streams) = fixture.start(
        scratch.path(),
        &[PROBE, "--inside", "tick"],
        Limits::default(),
    );
    let (sender, ticks) = std::sync::mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(streams.output).lines() {
            let _ = sender.send(line.is_ok());
        }
    });
    let soon = Duration::from_secs(5);
    assert_eq!(ticks.recv_timeout(soon), Ok(true));
    running.freeze();
    // It says something every 10 ms while it runs.
    let begun = Instant::now();
    while ticks.recv_timeout(Duration::from_millis(200)).is_ok() {
        assert!(begun.elapsed() < soon, "it does not stop");
    }
    running.thaw();
    assert_eq!(ticks.recv_timeout(soon), Ok(true));
    running.freeze();
    running.kill();
    assert_eq!(
        running.wait().unwrap().ended,
        Ended::Signalled(Signal::KILL.as_raw())
    );
}

pub(crate) fn says_when_memory_was_the_reason(fixture: &Fixture) {
    let limits = Limits {
        memory: Some(200 << 20),
        ..Limits::default()
    };
    // Two processes, neither too large alone.
    let report = fixture.limited(&["fill", "150", "2"], limits);
    assert_eq!(report.outcome.unwrap().ended, Ended::OutOfMemory);
    let report = fixture.limited(&["fill", "80", "1"], limits);
    assert_eq!(report.outcome.unwrap().ended, exited(0));
}

pub(crate) fn runs_when_nobody_else_does(fixture: &Fixture) {
    let limits = Limits {
        idle: true,
        ..Limits::default()
    };
    assert_eq!(fixture.limited(&["policy"], limits).stdout, "policy 5\n");
    assert_eq!(fixture.probe(&["policy"]).stdout, "policy 0\n");
}
