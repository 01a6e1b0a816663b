//! What a sandbox costs. Medians and minima of many rounds, one job at a time.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sandbox::Limits;

use crate::fixture::{Fixture, finish};
use crate::tree::PROBE;

const COMPILE: [&str; 9] = [
    "/usr/bin/gcc",
    "-x",
    "c",
    "-fpreprocessed",
    "-c",
    "-",
    "-o",
    "/tmp/out.o",
    "-O0",
];

pub(crate) fn run(fixture: &Fixture, rounds: usize) {
    let scratch = fixture.scratch();
    let mut set_up = Vec::new();
    let mut probe = Vec::new();
    let mut spawn = Vec::new();
    for _ in 0..rounds {
        let begun = Instant::now();
        let (running, streams) = fixture.start(
            scratch.path(),
            &[PROBE, "--inside", "exit", "0"],
            Limits::default(),
        );
        spawn.push(begun.elapsed());
        let outcome = running.wait().unwrap();
        probe.push(begun.elapsed());
        set_up.push(outcome.usage.set_up);
        drop(streams);
    }
    let bare = timed(rounds, || {
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--inside", "exit", "0"])
            .status();
        assert!(status.unwrap().success());
    });
    print("send the request", spawn);
    print("namespaces, mounts, start of the program", set_up);
    print("program that ends at once, in a sandbox", probe);
    print("the same without a sandbox", bare);
    print(
        "empty C file, in a sandbox",
        timed(rounds, || {
            let (running, streams) = fixture.start(scratch.path(), &COMPILE, Limits::default());
            assert_eq!(
                finish(&running, streams, b"").outcome.unwrap().ended,
                sandbox::Ended::Exited(0)
            );
        }),
    );
    print(
        "the same without a sandbox",
        timed(rounds, || {
            let output = scratch.path().join("bare.o");
            let status = Command::new(COMPILE[0])
                .args(&COMPILE[1..7])
                .arg(output)
                .stdin(Stdio::null())
                .status();
            assert!(status.unwrap().success());
        }),
    );
}

fn timed(rounds: usize, mut action: impl FnMut()) -> Vec<Duration> {
    (0..rounds)
        .map(|_| {
            let begun = Instant::now();
            action();
            begun.elapsed()
        })
        .collect()
}

fn print(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let micros = |index: usize| times[index].as_micros();
    println!(
        "{what:45} min {:6} µs  median {:6} µs  p90 {:6} µs",
        micros(0),
        micros(times.len() / 2),
        micros(times.len() * 9 / 10)
    );
}
