//! The same attacks on the lower rungs of the ladder, and that compilers work there.

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sandbox::{Ended, Limits, Protection, Rung, Wall};

use crate::Case;
use crate::attack::{Attack, is_shut};
use crate::stage::{Setting, Stage};

pub(crate) const CASES: &[Case] = &[
    ("compiles_on_every_rung", compiles_on_every_rung),
    (
        "compilers_work_behind_the_strictest_walls",
        compilers_work_behind_the_strictest_walls,
    ),
    (
        "holds_files_without_namespaces",
        holds_files_without_namespaces,
    ),
    (
        "holds_processes_without_namespaces",
        holds_processes_without_namespaces,
    ),
    ("counts_files_without_names", counts_files_without_names),
    (
        "holds_the_network_without_namespaces",
        holds_the_network_without_namespaces,
    ),
    ("ends_jobs_without_namespaces", ends_jobs_without_namespaces),
    ("holds_all_when_root_helps", holds_all_when_root_helps),
];

fn rungs(stage: &Stage) -> &'static [Rung] {
    if stage.was_root {
        Rung::AS_ROOT
    } else {
        println!("SKIPPED: the rungs of root's");
        Rung::WITHOUT_ROOT
    }
}

fn on(rung: Rung) -> Setting {
    Setting {
        rung,
        ..Setting::new(Protection::full())
    }
}

fn compiles_on_every_rung(stage: &Stage) {
    for &rung in rungs(stage) {
        let line = ["/usr/bin/gcc", "-c", "-x", "cpp-output", "-", "-o", "out.o"];
        let mut play = stage.start_program(on(rung), &line, b"int x;\n");
        let place = play.place.take();
        let report = play.finish();
        assert_eq!(report.ended, Ended::Exited(0), "{rung}: {report:?}");
        let files = place.map_or(report.files, |path| {
            sandbox::Files::of_directory(&path).unwrap()
        });
        let (mut file, _) = files.open(Path::new("out.o")).unwrap().unwrap();
        let mut object = Vec::new();
        file.read_to_end(&mut object).unwrap();
        assert!(object.starts_with(b"\x7fELF"), "{rung}");
    }
}

/// Of those that this host has: what they call must be on the list.
fn compilers_work_behind_the_strictest_walls(stage: &Stage) {
    const C: &str = "static __thread int y; int f(int x) { return __builtin_popcount(x) + y; }\n";
    const CXX: &str = "struct E {}; template <int N> int g() { try { throw E(); } catch (E&) { return N; } } int h() { return g<3>(); }\n";
    for (compiler, source) in [
        ("gcc", C),
        ("g++", CXX),
        ("clang", C),
        ("clang++", CXX),
        ("gcc-11", C),
        ("x86_64-w64-mingw32-gcc", C),
        ("x86_64-w64-mingw32-g++", CXX),
        ("aarch64-linux-gnu-gcc", C),
        ("musl-gcc", C),
    ] {
        let path = Path::new("/usr/bin").join(compiler);
        if !path.exists() {
            continue;
        }
        let language = if source == C { "c" } else { "c++" };
        for options in [&["-O2", "-g"][..], &["-O2", "-flto"], &["-O0", "-pipe"]] {
            let mut line = vec![path.to_str().unwrap()];
            line.extend(options);
            line.extend([
                "-c",
                "-x",
                language,
                "-",
                "-o",
                "out.o",
                "-fdebug-prefix-map=/var/tmp/=/",
            ]);
            let local = stage.base.path().join("local");
            fs::create_dir_all(&local).unwrap();
            let mut child = Command::new(line[0])
                .args(&line[1..])
                .current_dir(&local)
                .stdin(Stdio::piped())
                .spawn()
                .unwrap();
            let mut input = child.stdin.take().unwrap();
            std::io::Write::write_all(&mut input, source.as_bytes()).unwrap();
            drop(input);
            assert!(child.wait().unwrap().success(), "{line:?}");

            let mut play = stage.start_program(on(Rung::Installed), &line, source.as_bytes());
            let place = play.place.take().unwrap();
            let report = play.finish();
            assert_eq!(report.ended, Ended::Exited(0), "{line:?}: {report:?}");
            let here = |place: &Path| fs::read(place.join("out.o")).unwrap().len();
            // Names of directories and random names of sections differ, their lengths hardly.
            let (ours, theirs) = (here(&place), here(&local));
            assert!(ours.abs_diff(theirs) < 64, "{line:?}: {ours} and {theirs}");
        }
    }
}

fn holds(stage: &Stage, words: &[&str], walls: &[Wall], limits: Limits) {
    Attack {
        rung: Rung::Installed,
        limits,
        ..Attack::new(words, walls)
    }
    .is_held(stage);
}

fn holds_files_without_namespaces(stage: &Stage) {
    let none = Limits::default();
    let secret = stage.secret();
    holds(
        stage,
        &["read", &secret, "/etc/passwd"],
        &[Wall::Landlock],
        none,
    );
    let victim = stage.base.path().join("victim");
    let victim = victim.to_str().unwrap();
    holds(stage, &["write", victim], &[Wall::Landlock], none);
    holds(stage, &["change", victim], &[Wall::Seccomp], none);
    let both = [Wall::Landlock, Wall::Seccomp];
    holds(stage, &["truncate", victim], &both, none);
    holds(stage, &["descriptors"], &[Wall::Descriptors], none);
    holds(stage, &["read", "/proc/version"], &[Wall::Landlock], none);
}

fn holds_processes_without_namespaces(stage: &Stage) {
    let bystander = stage.bystander();
    let both = [Wall::Landlock, Wall::Seccomp];
    holds(stage, &["signal", &bystander], &both, Limits::default());
    holds(
        stage,
        &["limit", &bystander],
        &[Wall::Seccomp],
        Limits::default(),
    );
    holds(stage, &["kernel"], &[Wall::Seccomp], Limits::default());
    let limits = Limits {
        processes: Some(16),
        ..Limits::default()
    };
    holds(stage, &["forks", "64"], &[Wall::Limits], limits);
    let limits = Limits {
        memory: Some(96 << 20),
        ..Limits::default()
    };
    holds(stage, &["memory", "4", "48"], &[Wall::Memory], limits);
    let limits = Limits {
        disk: Some(8 << 20),
        ..Limits::default()
    };
    holds(stage, &["disk", "32"], &[Wall::Quota], limits);
}

/// What a job unlinks and keeps has no name by which it could be counted.
fn counts_files_without_names(stage: &Stage) {
    let limits = Limits {
        disk: Some(8 << 20),
        ..Limits::default()
    };
    for how in ["open", "mapped"] {
        let words = ["nameless", "8", "4", how];
        holds(stage, &words, &[Wall::Quota], limits);
    }
    let lower = [Rung::Installed, Rung::Chroot];
    for rung in lower.into_iter().filter(|rung| rungs(stage).contains(rung)) {
        let setting = Setting { limits, ..on(rung) };
        for how in ["open", "mapped", "handed"] {
            let report = stage.attack(setting, &["nameless", "8", "4", how]);
            assert!(is_shut(&report), "{rung}: {how}: {report:?}");
            if how != "handed" {
                assert_eq!(report.ended, Ended::OutOfDisk, "{rung}: {how}: {report:?}");
            }
        }
        // One that has a name again, or none for a moment only, is nobody's trouble.
        let report = stage.attack(setting, &["nameless", "1", "4", "open"]);
        assert_eq!(report.ended, Ended::Exited(0), "{rung}: {report:?}");
    }
}

fn holds_the_network_without_namespaces(stage: &Stage) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let both = [Wall::Landlock, Wall::Seccomp];
    holds(stage, &["network", "tcp", &port], &both, Limits::default());
    holds(stage, &["families"], &[Wall::Seccomp], Limits::default());
}

fn ends_jobs_without_namespaces(stage: &Stage) {
    for words in [["survive"], ["endless"]] {
        let mut play = stage.start(on(Rung::Installed), &words);
        play.says();
        let begun = Instant::now();
        play.running.kill();
        let report = play.finish();
        assert!(begun.elapsed() < Duration::from_secs(1), "{report:?}");
    }
}

fn holds_all_when_root_helps(stage: &Stage) {
    if !stage.was_root {
        println!("SKIPPED: the rungs of root's");
        return;
    }
    let (secret, bystander) = (stage.secret(), stage.bystander());
    for rung in [Rung::RootNamespaces, Rung::Chroot] {
        for words in [
            &["read", "/etc/passwd", &secret, "/etc/leak", "/proc/version"][..],
            &["write", "/etc/victim", "/new", "/usr/bin/new"],
            &["signal", &bystander],
            &["limit", &bystander],
            &["families"],
            &["kernel"],
            &["mount"],
            &["descriptors"],
        ] {
            let report = stage.attack(on(rung), words);
            assert!(is_shut(&report), "{rung}: {words:?}: {report:?}");
        }
        let report = stage
            .start_program(on(rung), &["/bin/root", "root"], b"")
            .finish();
        assert!(is_shut(&report), "{rung}: {report:?}");
        let mut play = stage.start(on(rung), &["endless"]);
        play.says();
        let begun = Instant::now();
        play.running.kill();
        play.finish();
        assert!(begun.elapsed() < Duration::from_secs(1), "{rung}");
    }
}
