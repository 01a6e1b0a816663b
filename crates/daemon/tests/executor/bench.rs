//! What the compile of an empty C file costs here, beside the same compile without a sandbox.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::fixture::{Fixture, order};

pub(crate) fn run(fixture: &Fixture, rounds: usize) {
    let (mut sandboxed, mut bare, mut set_up) = (Vec::new(), Vec::new(), Vec::new());
    // In turns, so that a busy moment of the machine hits both.
    for _ in 0..rounds {
        let begun = Instant::now();
        let finished = fixture
            .runtime
            .block_on(fixture.compile(order("gcc", &["-c"]), b""))
            .unwrap();
        let object = finished.object.unwrap().read().unwrap();
        sandboxed.push(begun.elapsed());
        assert!(!object.is_empty());
        set_up.push(finished.usage.set_up);

        let begun = Instant::now();
        let output = fixture.base.path().join("bare.o");
        let mut compiler = Command::new("/usr/bin/gcc");
        compiler
            .args(["-x", "c", "-c", "-fpreprocessed", "-", "-o"])
            .arg(&output)
            .stdin(Stdio::null());
        assert!(compiler.status().unwrap().success());
        std::fs::read(&output).unwrap();
        bare.push(begun.elapsed());
    }
    print("empty C file through the executor", sandboxed);
    print("the same gcc without any of it", bare);
    print("of which sandbox before the compiler runs", set_up);
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
