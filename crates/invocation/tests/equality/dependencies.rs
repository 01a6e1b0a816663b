//! Dependency files written by the preprocessing step against those of a plain compile.

use std::collections::BTreeMap;
use std::path::Path;

use invocation::{Plan, Settings};

use crate::lab::{Lab, messages};

/// One command line a line; blanks separate, `~` stands for a blank within a word.
const LINES: &str = "-c d.c -MD
-c dir/sub.x/s.c -MD -Iinc
-c d.c -MD -o out/x.o
-c d.c -MMD -o out/x.foo.o
-c d.c -MD -o out/x
-c d.c -MD -o out/.x
-c d.c -MD -o ./out/../x.y.o
-S d.c -MD
-S d.c -MD -o out/x.s
-c d.c -MD -MF out/z.d -o out/x.o
-c d.c -MD -MFout/z.d -MTfoo -MQ b$r -o out/x.o
-c d.c -MD -MF out/z.d
-c d.c -MD -MT out/other.o -o out/x.o
-c d.c -Wp,-MD,out/w.d -o out/x.o
-c d.c -Wp,-MMD,out/w.d
-c d.c -Wp,-MMD,out/.w.o.d -DX -o out/w.o
-c d.c -Wp,-MD,out/w.d -MD -o out/x.o
-c d.c -Wp,-MD,out/w.d -MF out/other.d -MD -o out/x.o
-c weird~name#1$.c -MD -MP -o out/weird~#x$.o
-c d.c -MD -MF out/z.d -MF out/zz.d -o out/x.o
-c d.c -MMD -MD -o out/x.o
-c -MD d.c -P -o out/x.o
-c d.c -MD -MP -O2 -g -o out/x.o
-c d.c -MD -MF /dev/null -o out/x.o
-c d.c -MD -g -gsplit-dwarf -o out/x.foo.o
-c -x c plain -MD -o out/x.o
-c -include h.h -Iinc d.c -MMD -o out/x.o
-c d.c -pedantic -w -MD -o out/x.o";

/// Forms that only gcc reads.
const GCC_LINES: &str = "-c d.c -Wp,-MD,out/w.d,-MT,foo -o out/x.o
-c d.c -Wp,-MD -Wp,out/w.d -o out/x.o
-c d.c -Xpreprocessor -MD -Xpreprocessor out/xp.d -o out/x.o
-c d.c --write-dependencies -o out/x.o
-c -MD -imacros macros.h d.c -o out/x.o";

#[test]
fn gcc_writes_the_same_dependency_files() {
    same_dependencies("gcc", &format!("{LINES}\n{GCC_LINES}"));
}

#[test]
fn clang_writes_the_same_dependency_files() {
    same_dependencies("clang", LINES);
}

fn same_dependencies(compiler: &str, lines: &str) {
    let mut failures = Vec::new();
    for line in lines.lines() {
        let words: Vec<String> = line.split(' ').map(|word| word.replace('~', " ")).collect();
        let plain = {
            let lab = Lab::new();
            let output = lab.compile(compiler, &words);
            assert!(
                output.status.success(),
                "{compiler} {line}: {}",
                messages(&output)
            );
            dependency_files(&lab.directory(), &lab.directory())
        };
        let lab = Lab::new();
        let Plan::Remote(remote) = lab.plan(compiler, &words, &Settings::default()) else {
            failures.push(format!("{line}: stays here"));
            continue;
        };
        lab.text(compiler, &remote).unwrap();
        let sent = dependency_files(&lab.directory(), &lab.directory());
        if plain.is_empty() != line.contains("/dev/null") {
            failures.push(format!("{line}: no dependency file to compare"));
        }
        if plain != sent {
            failures.push(format!("{line}\n  here: {plain:?}\n  plan: {sent:?}"));
        }
    }
    assert!(failures.is_empty(), "{compiler}\n{}", failures.join("\n"));
}

fn dependency_files(root: &Path, directory: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(dependency_files(root, &path));
        } else if path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().ends_with(".d"))
        {
            let name = path
                .strip_prefix(root)
                .unwrap()
                .to_string_lossy()
                .into_owned();
            found.insert(
                name,
                String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned(),
            );
        }
    }
    found
}
