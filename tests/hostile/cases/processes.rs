//! Reaching for other processes, and outliving the job.

use std::io::{BufRead as _, BufReader, Read as _};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use sandbox::{Ended, Protection, Wall};

use crate::Case;
use crate::attack::{Attack, is_open, is_shut, without};
use crate::stage::{Play, Setting, Stage};

pub(crate) const CASES: &[Case] = &[
    ("signals_nobody", signals_nobody),
    ("traces_nobody", traces_nobody),
    ("changes_nobodys_limits", changes_nobodys_limits),
    ("leaves_nobody_behind", leaves_nobody_behind),
    ("dies_within_a_second", dies_within_a_second),
];

fn signals_nobody(stage: &Stage) {
    let words = ["signal", &stage.bystander()];
    Attack::new(&words, &[Wall::Processes, Wall::Landlock]).is_held(stage);
}

/// A process in another user namespace is safe already, and so is everybody but the jobs of the
/// same host. The victim is such a job.
fn traces_nobody(stage: &Stage) {
    let walls = [Wall::Processes, Wall::User, Wall::Landlock, Wall::Seccomp];
    assert!(is_shut(&trace(stage, Protection::full())));
    for wall in walls {
        let others: Vec<Wall> = walls.into_iter().filter(|other| *other != wall).collect();
        let report = trace(stage, without(&others));
        assert!(is_shut(&report), "{wall:?} alone: {report:?}");
    }
    let yama = std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope");
    if yama.is_ok_and(|scope| scope.trim() != "0") {
        println!("SKIPPED: Yama forbids tracing without any sandbox");
        return;
    }
    let report = trace(stage, without(&walls));
    assert!(is_open(&report), "{report:?}");
}

fn trace(stage: &Stage, protection: Protection) -> crate::stage::Report {
    let setting = Setting::new(protection);
    let mut victim = stage.start(setting, &["endless"]);
    let (pid, secret) = victim.says();
    // In a process namespace of its own it has a number that means somebody else here.
    let pid = if protection.has(Wall::Processes) {
        stage.bystander()
    } else {
        pid
    };
    let report = stage.attack(setting, &["trace", &pid, &secret]);
    victim.running.kill();
    victim.finish();
    report
}

fn changes_nobodys_limits(stage: &Stage) {
    let words = ["limit", &stage.bystander()];
    Attack::new(&words, &[Wall::Processes, Wall::Seccomp]).is_held(stage);
}

fn leaves_nobody_behind(stage: &Stage) {
    // The end of its output is the end of the last process of a job.
    let play = stage.start(Setting::new(Protection::full()), &["survive"]);
    let begun = Instant::now();
    let report = play.finish();
    assert!(begun.elapsed() < Duration::from_secs(1), "{report:?}");
    assert!(report.stdout.starts_with("survivor"), "{report:?}");

    let setting = Setting::new(without(&[Wall::Processes]));
    let mut play = stage.start(setting, &["survive"]);
    let (pid, _) = play.says();
    assert_eq!(play.running.wait().unwrap().ended, Ended::Exited(0));
    let (sender, ended) = mpsc::channel();
    let mut output = play.output;
    thread::spawn(move || sender.send(output.read_to_end(&mut Vec::new())));
    assert!(
        ended.recv_timeout(Duration::from_millis(300)).is_err(),
        "it does not survive"
    );
    let pid = Pid::from_raw(pid.parse().unwrap()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    assert!(ended.recv_timeout(Duration::from_secs(5)).is_ok());
}

fn dies_within_a_second(stage: &Stage) {
    let mut play = stage.start(Setting::new(Protection::full()), &["endless"]);
    play.says();
    assert!(matches!(play.running.try_read_outcome(), Ok(None)));
    let begun = Instant::now();
    play.running.kill();
    let report = play.finish();
    assert!(begun.elapsed() < Duration::from_secs(1), "{report:?}");
    assert_eq!(report.ended, Ended::Signalled(Signal::KILL.as_raw()));
}

impl Play {
    /// The two words after the first of its first line.
    pub(crate) fn says(&mut self) -> (String, String) {
        let mut line = String::new();
        let mut one = BufReader::with_capacity(1, &mut self.output);
        one.read_line(&mut line).unwrap();
        let mut words = line.split_whitespace().skip(1).map(str::to_owned);
        (
            words.next().unwrap_or_default(),
            words.next().unwrap_or_default(),
        )
    }
}
