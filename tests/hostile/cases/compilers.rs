//! gcc, asked to do what its options can do.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use sandbox::{Ended, Protection, Wall};

use crate::Case;
use crate::attack::without;
use crate::stage::{Report, Setting, Stage};

pub(crate) const CASES: &[Case] = &[
    (
        "gcc_includes_no_file_of_the_host",
        gcc_includes_no_file_of_the_host,
    ),
    (
        "gcc_assembles_no_file_of_the_host",
        gcc_assembles_no_file_of_the_host,
    ),
    (
        "gcc_takes_no_arguments_from_the_host",
        gcc_takes_no_arguments_from_the_host,
    ),
    ("gcc_wraps_a_prisoner", gcc_wraps_a_prisoner),
    (
        "gcc_finds_tools_that_are_prisoners",
        gcc_finds_tools_that_are_prisoners,
    ),
    ("gcc_plugs_in_a_prisoner", gcc_plugs_in_a_prisoner),
];

/// The first word of the host's /etc/passwd.
const LOOT: &str = "root:x:0";

/// Runs gcc: the toolchain's with all walls, and the host's own without those that hide the host.
fn gcc(stage: &Stage, protected: bool, arguments: &[&str], input: &str) -> Report {
    let setting = Setting::new(if protected {
        Protection::full()
    } else {
        without(&[Wall::Root, Wall::Landlock])
    });
    let arguments: Vec<String> = arguments
        .iter()
        .map(|argument| argument.replace("TOOLS", &stage.program(setting, "")))
        .collect();
    let mut line = vec!["/usr/bin/gcc"];
    line.extend(arguments.iter().map(String::as_str));
    stage
        .start_program(setting, &line, input.as_bytes())
        .finish()
}

fn gcc_includes_no_file_of_the_host(stage: &Stage) {
    let run = |protected| {
        gcc(
            stage,
            protected,
            &["-E", "-x", "c", "-"],
            "#include \"/etc/passwd\"\n",
        )
    };
    let report = run(true);
    assert_eq!(report.ended, Ended::Exited(1), "{report:?}");
    assert!(!report.stdout.contains(LOOT) && report.stderr.contains("No such file"));
    assert!(run(false).stdout.contains(LOOT));
}

fn gcc_assembles_no_file_of_the_host(stage: &Stage) {
    let run = |protected| {
        let source = "__asm__(\".incbin \\\"/etc/passwd\\\"\");\n";
        gcc(
            stage,
            protected,
            &["-c", "-x", "cpp-output", "-", "-o", "/tmp/out.o"],
            source,
        )
    };
    let report = run(true);
    assert_eq!(report.ended, Ended::Exited(1), "{report:?}");
    assert!(report.stderr.contains("/etc/passwd"), "{report:?}");
    let report = run(false);
    let (mut file, _) = report.files.open(Path::new("out.o")).unwrap().unwrap();
    let mut object = Vec::new();
    std::io::Read::read_to_end(&mut file, &mut object).unwrap();
    assert!(
        object
            .windows(LOOT.len())
            .any(|part| part == LOOT.as_bytes())
    );
}

fn gcc_takes_no_arguments_from_the_host(stage: &Stage) {
    let run = |protected| gcc(stage, protected, &["-c", "@/etc/passwd"], "");
    let report = run(true);
    assert!(!report.stderr.contains(LOOT), "{report:?}");
    assert!(report.stderr.contains("@/etc/passwd"), "{report:?}");
    assert!(run(false).stderr.contains(LOOT));
}

fn gcc_wraps_a_prisoner(stage: &Stage) {
    let run = |protected| {
        let wrapper = "TOOLS/bin/attack,read,/etc/passwd";
        gcc(
            stage,
            protected,
            &[
                "-S",
                "-x",
                "c",
                "-",
                "-o",
                "/tmp/out.s",
                "-wrapper",
                wrapper,
            ],
            "",
        )
    };
    let report = run(true);
    assert!(report.stdout.starts_with("shut /etc/passwd"), "{report:?}");
    assert!(run(false).stdout.starts_with("OPEN /etc/passwd"));
}

fn gcc_finds_tools_that_are_prisoners(stage: &Stage) {
    let run = |protected| {
        // The assembler is found by its prefix; its first option makes it an attack.
        let arguments = [
            "-c",
            "-x",
            "assembler",
            "-",
            "-o",
            "/tmp/out.o",
            "-BTOOLS/evil/",
            "-Wa,/etc/passwd",
        ];
        gcc(stage, protected, &arguments, "")
    };
    let report = run(true);
    assert!(report.stdout.contains("shut /etc/passwd"), "{report:?}");
    assert!(!report.stdout.contains("OPEN /etc/passwd"), "{report:?}");
    assert!(run(false).stdout.contains("OPEN /etc/passwd"));
}

fn gcc_plugs_in_a_prisoner(stage: &Stage) {
    let run = |protected| {
        let plugin = "-fplugin=TOOLS/evil/plugin.so";
        gcc(
            stage,
            protected,
            &["-S", "-x", "c", "-", "-o", "/tmp/out.s", plugin],
            "",
        )
    };
    let report = run(true);
    assert!(report.stdout.contains("shut plugin"), "{report:?}");
    let report = run(false);
    assert!(report.stdout.contains("OPEN plugin"), "{report:?}");
}

/// Copies this host's gcc and what it loads below `root`.
pub(crate) fn plant(root: &Path) {
    let asked = |argument: &str| {
        let output = Command::new("/usr/bin/gcc").arg(argument).output().unwrap();
        PathBuf::from(String::from_utf8_lossy(&output.stdout).trim())
    };
    for program in [
        PathBuf::from("/usr/bin/gcc"),
        PathBuf::from("/usr/bin/as"),
        asked("-print-prog-name=cc1"),
    ] {
        copy(root, &program);
        let listed = Command::new("ldd").arg(&program).output().unwrap();
        for word in String::from_utf8_lossy(&listed.stdout).split_whitespace() {
            if word.starts_with('/') {
                copy(root, Path::new(word));
            }
        }
    }
}

fn copy(root: &Path, from: &Path) {
    let to = root.join(from.strip_prefix("/").unwrap());
    if !to.exists() {
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, &to).unwrap();
        fs::set_permissions(to, fs::Permissions::from_mode(0o755)).unwrap();
    }
}
