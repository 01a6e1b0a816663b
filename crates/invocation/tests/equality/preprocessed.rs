//! Sources that are preprocessed already (`.i`, `.ii`), with and without line markers.

use invocation::{Plan, Settings};

use crate::compare;
use crate::lab::{Lab, messages};

#[test]
fn text_is_sent_with_the_names_it_lacks() {
    let lab = Lab::new();
    let words = |line: &str| line.split(' ').map(String::from).collect::<Vec<_>>();
    for (compiler, make) in [
        ("gcc", "-E -Iinc a.c -o marked.i"),
        ("gcc", "-E -g -Iinc a.c -o directory.i"),
        ("gcc", "-E -P -Iinc b.c -o bare.i"),
        ("gcc", "-E -fdirectives-only -Iinc b.c -o directives.i"),
        ("g++", "-E -Iinc p.cc -o marked.ii"),
        ("clang", "-E -Iinc level.c -o clang.i"),
        ("clang", "-E -P -Iinc level.c -o clangbare.i"),
    ] {
        let output = lab.compile(compiler, &words(make));
        assert!(output.status.success(), "{}", messages(&output));
    }
    for (compiler, line) in [
        ("gcc", "-c marked.i -o out/x.o"),
        ("gcc", "-c -g marked.i -o out/x.o"),
        ("gcc", "-c directory.i -o out/x.o"),
        ("gcc", "-c -g directory.i -o out/x.o"),
        ("gcc", "-c bare.i -o out/x.o"),
        ("gcc", "-c -g bare.i -o out/x.o"),
        ("gcc", "-c -fdirectives-only directives.i -o out/x.o"),
        (
            "gcc",
            "-c -fpreprocessed -fdirectives-only directives.i -o out/x.o",
        ),
        ("g++", "-c -O2 marked.ii -o out/x.o"),
        ("g++", "-c -g marked.ii -o out/x.o"),
        ("clang", "-c -O2 clang.i -o out/x.o"),
        ("clang", "-c clangbare.i -o out/x.o"),
    ] {
        let line = words(line);
        let output = lab.compile(compiler, &line);
        assert!(output.status.success(), "{line:?}: {}", messages(&output));
        let Plan::Remote(remote) = lab.plan(compiler, &line, &Settings::default()) else {
            panic!("{line:?} stays")
        };
        assert!(remote.preprocessed);
        let text = lab.text(compiler, &remote).unwrap();
        lab.execute(compiler, &remote, &text, &lab.path("exec/x.o"))
            .unwrap();
        let debug = line.iter().any(|word| word == "-g");
        let same = compare::objects(&lab.path("out/x.o"), &lab.path("exec/x.o"), debug);
        assert_eq!(same, Ok(()), "{compiler} {line:?}");
    }
}
