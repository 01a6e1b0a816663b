//! Reading and writing files of the host's, and leaving with its descriptors.

use sandbox::{Protection, Rung, Wall};

use crate::Case;
use crate::attack::{Attack, is_shut};
use crate::stage::{Setting, Stage};

pub(crate) const CASES: &[Case] = &[
    ("reads_no_file_of_the_host", reads_no_file_of_the_host),
    ("finds_no_way_around", finds_no_way_around),
    ("has_no_proc_and_no_sys", has_no_proc_and_no_sys),
    ("writes_nothing_of_the_host", writes_nothing_of_the_host),
    (
        "leaves_the_toolchain_as_it_is",
        leaves_the_toolchain_as_it_is,
    ),
    ("inherits_no_descriptor", inherits_no_descriptor),
    ("gains_nothing_from_set_uid", gains_nothing_from_set_uid),
    (
        "uses_no_device_of_the_toolchain",
        uses_no_device_of_the_toolchain,
    ),
];

fn reads_no_file_of_the_host(stage: &Stage) {
    let secret = stage.secret();
    Attack::new(
        &["read", "/etc/passwd", &secret],
        &[Wall::Root, Wall::Landlock],
    )
    .is_held(stage);
}

fn finds_no_way_around(stage: &Stage) {
    let secret = stage.secret();
    let around = [
        "read".to_owned(),
        "/etc/leak".to_owned(),
        "/etc/up".to_owned(),
        format!("/../../../../..{secret}"),
        format!("/dev/../..{secret}"),
        format!("/proc/1/root{secret}"),
        format!("/proc/self/cwd/../..{secret}"),
        format!("/dev/fd/../..{secret}"),
    ];
    let words: Vec<&str> = around.iter().map(String::as_str).collect();
    let report = stage.attack(Setting::new(Protection::full()), &words);
    assert!(is_shut(&report), "{report:?}");
    assert_eq!(report.stdout.lines().count(), 7);
}

fn has_no_proc_and_no_sys(stage: &Stage) {
    let words = [
        "read",
        "/proc/version",
        "/proc/sys/kernel/core_pattern",
        "/proc/1/cmdline",
        "/sys/devices/system/cpu/online",
        "/dev/tty0",
    ];
    // Not all of them everywhere: only the first can be shown to be there.
    let report = stage.attack(Setting::new(Protection::full()), &words);
    assert!(is_shut(&report), "{report:?}");
    Attack::new(&words[..3], &[Wall::Root, Wall::Landlock]).is_held(stage);
}

fn writes_nothing_of_the_host(stage: &Stage) {
    let victim = stage.base.path().join("victim");
    let words = ["write", victim.to_str().unwrap()];
    Attack::new(&words, &[Wall::Root, Wall::Landlock]).is_held(stage);
    assert_eq!(std::fs::read_to_string(victim).unwrap(), "mine");
}

fn leaves_the_toolchain_as_it_is(stage: &Stage) {
    let words = ["write", "/etc/victim", "/new", "/usr/bin/new"];
    Attack::new(&words, &[Wall::ReadOnly, Wall::Landlock]).is_held(stage);
    for new in ["new", "usr/bin/new"] {
        std::fs::remove_file(stage.root().join(new)).unwrap();
    }
}

fn inherits_no_descriptor(stage: &Stage) {
    Attack::new(&["descriptors"], &[Wall::Descriptors]).is_held(stage);
}

/// Where every user is mapped into the user namespace by itself, set-user-id means nothing anyway;
/// so this is about a helper that kept root.
fn gains_nothing_from_set_uid(stage: &Stage) {
    if !stage.was_root {
        println!("SKIPPED: only root can make a program of root's");
        return;
    }
    let run = |protection| {
        let setting = Setting {
            rung: Rung::RootNamespaces,
            ..Setting::new(protection)
        };
        let program = stage.program(setting, "/bin/root");
        stage
            .start_program(setting, &[&program, "root"], b"")
            .finish()
    };
    let full = Protection::full();
    let (no_suid, no_new) = (Wall::NoSuid, Wall::NoNewPrivileges);
    for held in [full, full.without(no_suid), full.without(no_new)] {
        let report = run(held);
        assert!(is_shut(&report), "{held:?} {report:?}");
    }
    let report = run(full.without(no_suid).without(no_new));
    assert!(crate::attack::is_open(&report), "{report:?}");
}

fn uses_no_device_of_the_toolchain(stage: &Stage) {
    if !stage.was_root {
        println!("SKIPPED: only root can make a device");
        return;
    }
    Attack::new(&["device", "/dev/leak"], &[Wall::NoDevices]).is_held(stage);
}
