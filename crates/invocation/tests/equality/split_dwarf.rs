//! Split debug information: the object and the `.dwo` beside it, from an executor that mirrors the
//! submitter's directories below one of its own.

use std::path::{Path, PathBuf};

use invocation::{Execution, Family, Plan, Settings, executor_arguments};

use crate::compare;
use crate::lab::{Lab, run};

#[test]
fn both_files_say_the_same() {
    for (compiler, line) in [
        ("gcc", "-g -gsplit-dwarf -Iinc -c a.c -o out/x.o"),
        ("gcc", "-gsplit-dwarf -g -O2 -Iinc -c a.c -o out/x.y.o"),
        ("gcc", "-gsplit-dwarf -g -Iinc -c dir/sub.x/s.c"),
        ("clang", "-g -gsplit-dwarf -Iinc -c a.c -o out/x.o"),
        ("clang", "-g -gsplit-dwarf -O2 -Iinc -c dir/sub.x/s.c"),
    ] {
        let lab = Lab::new();
        let line: Vec<String> = line.split(' ').map(String::from).collect();
        assert!(lab.compile(compiler, &line).status.success());
        let Plan::Remote(remote) = lab.plan(compiler, &line, &Settings::default()) else {
            panic!("{line:?} stays")
        };
        let dwo = remote.dwo.clone().unwrap();
        let text = lab.text(compiler, &remote).unwrap();
        let root = lab.executor();
        let mirrored = below(&root, &lab.directory());
        std::fs::create_dir_all(mirrored.join("out")).unwrap();
        let directory = lab.directory();
        let arguments = executor_arguments(&Execution {
            family: remote.family,
            language: remote.language,
            arguments: &remote.compile,
            source: remote.source.as_os_str(),
            directory: directory.as_os_str(),
            output: remote.output.as_os_str(),
            garbage_collection: None,
            dwarf_root: (remote.family == Family::Gcc).then_some(root.as_os_str()),
        });
        run(
            remote.family.program(remote.language),
            &arguments,
            &mirrored,
            &text,
        )
        .unwrap();
        let same = compare::objects(
            &directory.join(&remote.output),
            &mirrored.join(&remote.output),
            true,
        );
        assert_eq!(same, Ok(()), "{compiler} {line:?}");
        let (here, there) = (directory.join(&dwo), mirrored.join(&dwo));
        assert!(
            here.is_file() && there.is_file(),
            "{compiler} {line:?}: {}",
            dwo.display()
        );
        let same = compare::same_lines(
            "dwo",
            &compare::information(&here),
            &compare::information(&there),
        );
        assert_eq!(same, Ok(()), "{compiler} {line:?}");
    }
}

fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap())
}
