//! Taking more than one's share. The bombs are small, and the limits smaller.

use sandbox::{Ended, Limits, Protection, Rung, Wall};

use crate::Case;
use crate::attack::Attack;
use crate::stage::{Setting, Stage};

pub(crate) const CASES: &[Case] = &[
    ("forks_no_more_than_it_may", forks_no_more_than_it_may),
    (
        "fills_no_more_memory_than_it_may",
        fills_no_more_memory_than_it_may,
    ),
    (
        "is_the_first_to_go_when_memory_ends",
        is_the_first_to_go_when_memory_ends,
    ),
    (
        "fills_no_more_disk_than_it_may",
        fills_no_more_disk_than_it_may,
    ),
    (
        "keeps_no_watches_in_the_kernel",
        keeps_no_watches_in_the_kernel,
    ),
];

fn limited(words: &[&str], wall: Wall, limits: Limits, stage: &Stage) {
    Attack {
        limits,
        ..Attack::new(words, &[wall])
    }
    .is_held(stage);
}

fn forks_no_more_than_it_may(stage: &Stage) {
    let limits = Limits {
        processes: Some(16),
        ..Limits::default()
    };
    limited(&["forks", "64"], Wall::Limits, limits, stage);
}

fn fills_no_more_memory_than_it_may(stage: &Stage) {
    // One large process meets its own limit, four small ones that of the job.
    let limits = Limits {
        address_space: Some(128 << 20),
        ..Limits::default()
    };
    limited(&["memory", "1", "192"], Wall::Limits, limits, stage);
    let limits = Limits {
        memory: Some(96 << 20),
        ..Limits::default()
    };
    limited(&["memory", "4", "48"], Wall::Memory, limits, stage);
    let setting = Setting {
        limits,
        ..Setting::new(Protection::full())
    };
    let report = stage.attack(setting, &["memory", "4", "48"]);
    assert_eq!(report.ended, Ended::OutOfMemory);
}

/// The stage's quota is 8 MiB in 64 files.
fn fills_no_more_disk_than_it_may(stage: &Stage) {
    limited(&["disk", "32"], Wall::Quota, Limits::default(), stage);
    limited(
        &["nameless", "8", "4", "open"],
        Wall::Quota,
        Limits::default(),
        stage,
    );
    limited(&["files", "100"], Wall::Quota, Limits::default(), stage);
}

/// Memory of the kernel's that is nobody's: all jobs of a host share one user's allowance of it.
fn keeps_no_watches_in_the_kernel(stage: &Stage) {
    let limits = Limits::default();
    limited(&["watches", "2000"], Wall::Seccomp, limits, stage);
}

/// The kernel takes whoever has the highest score; everything else on a host has 0 or less.
fn is_the_first_to_go_when_memory_ends(stage: &Stage) {
    let mut play = stage.start(Setting::new(Protection::full()), &["endless"]);
    play.says();
    let jobs = stage.jobs(Protection::full(), Rung::Namespaces);
    let scores: Vec<String> = jobs
        .iter()
        .flat_map(|init| crate::stage::children(init))
        .map(|pid| std::fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).unwrap())
        .collect();
    assert!(!scores.is_empty());
    assert!(scores.iter().all(|score| score == "1000\n"), "{scores:?}");
}
