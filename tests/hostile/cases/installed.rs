//! The rung without namespaces, where jobs run this host's own compilers at their own paths and
//! Landlock, the list of system calls and the limits are all that stands between a job and the host:
//! what [`crate::rungs`] does not attack yet.

use std::io::Read as _;
use std::net::UdpSocket;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::Path;

use sandbox::{Ended, Files, Limits, Protection, Rung, Wall};

use crate::Case;
use crate::attack::{Attack, is_open, is_shut, without};
use crate::stage::{Report, Setting, Stage};

pub(crate) const CASES: &[Case] = &[
    ("shows_no_other_jobs_files", shows_no_other_jobs_files),
    (
        "gives_nothing_away_through_a_compiler",
        gives_nothing_away_through_a_compiler,
    ),
    (
        "compiles_with_programs_that_are_prisoners",
        compiles_with_programs_that_are_prisoners,
    ),
    (
        "reaches_no_socket_without_namespaces",
        reaches_no_socket_without_namespaces,
    ),
    (
        "traces_nobody_without_namespaces",
        traces_nobody_without_namespaces,
    ),
    (
        "gains_nothing_without_namespaces",
        gains_nothing_without_namespaces,
    ),
    (
        "passes_no_link_off_on_disk_as_an_object",
        passes_no_link_off_on_disk_as_an_object,
    ),
];

/// The first word of the host's /etc/passwd.
const LOOT: &str = "root:x:0";

fn on(protection: Protection) -> Setting {
    Setting {
        rung: Rung::Installed,
        ..Setting::new(protection)
    }
}

fn held(stage: &Stage, words: &[&str], walls: &[Wall], limits: Limits) {
    Attack {
        rung: Rung::Installed,
        limits,
        ..Attack::new(words, walls)
    }
    .is_held(stage);
}

/// Inputs and outputs of two jobs lie beside each other on the disk, and belong to one user.
fn shows_no_other_jobs_files(stage: &Stage) {
    let mut victim = stage.start(on(Protection::full()), &["endless"]);
    victim.says();
    let object = victim.place.clone().unwrap().join("out.o");
    std::fs::write(&object, "somebody's object").unwrap();
    let path = object.to_str().unwrap();
    let none = Limits::default();
    held(stage, &["read", path], &[Wall::Landlock], none);
    held(stage, &["write", path], &[Wall::Landlock], none);
    victim.running.kill();
    victim.finish();
}

/// Runs the host's own gcc where it is.
fn gcc(stage: &Stage, protection: Protection, arguments: &[&str], input: &str) -> Report {
    let tools = stage.root();
    let arguments: Vec<String> = arguments
        .iter()
        .map(|argument| argument.replace("TOOLS", tools.to_str().unwrap()))
        .collect();
    let mut line = vec!["/usr/bin/gcc"];
    line.extend(arguments.iter().map(String::as_str));
    stage
        .start_program(on(protection), &line, input.as_bytes())
        .finish()
}

fn gives_nothing_away_through_a_compiler(stage: &Stage) {
    let include = "#include \"/etc/passwd\"\n";
    let embed = "__asm__(\".incbin \\\"/etc/passwd\\\"\");\n";
    for (arguments, input, said) in [
        (&["-E", "-x", "c", "-"][..], include, "Permission denied"),
        (
            &["-c", "-x", "cpp-output", "-", "-o", "out.o"],
            embed,
            "/etc/passwd",
        ),
        (&["-c", "@/etc/passwd"], "", "/etc/passwd"),
    ] {
        let report = gcc(stage, Protection::full(), arguments, input);
        assert_ne!(report.ended, Ended::Exited(0), "{arguments:?}: {report:?}");
        let told = format!("{}{}", report.stdout, report.stderr);
        assert!(told.contains(said) && !told.contains(LOOT), "{report:?}");
        let report = gcc(stage, without(&[Wall::Landlock]), arguments, input);
        let told = format!("{}{}", report.stdout, report.stderr);
        let got_through = told.contains(LOOT) || report.ended == Ended::Exited(0);
        assert!(got_through, "{arguments:?}: {report:?}");
    }
}

/// Nothing of the job's own making is ever executed: its scratch directory cannot be.
fn compiles_with_programs_that_are_prisoners(stage: &Stage) {
    for arguments in [
        &["-wrapper", "TOOLS/bin/attack,read,/etc/passwd"][..],
        &["-BTOOLS/evil/", "-Wa,/etc/passwd"],
        &["-fplugin=TOOLS/evil/plugin.so"],
    ] {
        let mut line = vec!["-c", "-x", "c", "-", "-o", "out.o"];
        line.extend(arguments);
        let report = gcc(stage, Protection::full(), &line, "");
        assert!(is_shut(&report), "{arguments:?}: {report:?}");
    }
}

fn reaches_no_socket_without_namespaces(stage: &Stage) {
    let none = Limits::default();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port().to_string();
    held(stage, &["network", "udp", &port], &[Wall::Seccomp], none);
    let name = format!("floe-installed-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let _listener = UnixListener::bind_addr(&address).unwrap();
    let both = [Wall::Landlock, Wall::Seccomp];
    held(stage, &["network", &format!("@{name}")], &both, none);
    let path = stage.base.path().join("installed-socket");
    let _named = UnixListener::bind(&path).unwrap();
    let words = ["network", path.to_str().unwrap()];
    held(stage, &words, &[Wall::Seccomp], none);
}

fn traces_nobody_without_namespaces(stage: &Stage) {
    let mut victim = stage.start(on(Protection::full()), &["endless"]);
    let (pid, secret) = victim.says();
    for protection in [
        Protection::full(),
        without(&[Wall::Landlock]),
        without(&[Wall::Seccomp]),
    ] {
        let report = stage.attack(on(protection), &["trace", &pid, &secret]);
        assert!(is_shut(&report), "{report:?}");
    }
    victim.running.kill();
    victim.finish();
}

fn gains_nothing_without_namespaces(stage: &Stage) {
    let report = stage.attack(on(Protection::full()), &["mount"]);
    assert!(is_shut(&report), "{report:?}");
    let limits = Limits {
        address_space: Some(128 << 20),
        ..Limits::default()
    };
    held(stage, &["memory", "1", "192"], &[Wall::Limits], limits);
    if !stage.was_root {
        println!("SKIPPED: only root can make set-uid programs and devices");
        return;
    }
    let program = stage.program(on(Protection::full()), "/bin/root");
    let run = |protection| {
        let line = [program.as_str(), "root"];
        stage.start_program(on(protection), &line, b"").finish()
    };
    let report = run(Protection::full());
    assert!(is_shut(&report), "{report:?}");
    // Landlock and the list of calls come with "no new privileges" only.
    let report = run(without(&[Wall::NoNewPrivileges, Wall::Capabilities]));
    assert!(is_open(&report), "{report:?}");
    let device = stage.root().join("dev/leak");
    let words = ["device", device.to_str().unwrap()];
    held(stage, &words, &[Wall::Landlock], Limits::default());
}

fn passes_no_link_off_on_disk_as_an_object(stage: &Stage) {
    let mut play = stage.start(on(Protection::full()), &["swap", "-o", "out.o"]);
    let place = play.place.take().unwrap();
    let report = play.finish();
    assert_eq!(report.ended, Ended::Exited(0), "{report:?}");
    // What reading the directory without care would give away.
    let mut text = String::new();
    let file = std::fs::File::open(place.join("out.o"));
    file.unwrap().read_to_string(&mut text).unwrap();
    assert!(text.contains(LOOT), "{text}");
    let files = Files::of_directory(&place).unwrap();
    assert!(files.open(Path::new("out.o")).unwrap().is_none());
}
