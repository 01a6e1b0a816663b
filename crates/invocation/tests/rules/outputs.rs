//! Names of outputs, given and derived.

use std::path::Path;

use invocation::{Family, Language, Plan, Settings};
use job::Reason;

use crate::table::{Disk, planned, remote};

#[test]
fn outputs_are_derived_as_the_compilers_do() {
    for (line, output) in [
        ("gcc -c a.c", "a.o"),
        ("gcc -c x/y.z/a.b.c", "a.b.o"),
        ("gcc -S x/a.c", "a.s"),
        ("gcc -c -x c x/plain", "plain.o"),
        ("gcc -c a.c -o out/b", "out/b"),
        ("gcc -c a.c -oout/b.o", "out/b.o"),
        ("gcc -c a.c -o one -o two", "two"),
        ("gcc -c a.c --output=three", "three"),
        ("gcc -c a.c -o /abs/a.o", "/abs/a.o"),
        ("clang -c -emit-llvm a.c", "a.bc"),
        ("clang -S -emit-llvm a.c", "a.ll"),
    ] {
        assert_eq!(remote(line).output, Path::new(output), "{line}");
    }
}

#[test]
fn split_debug_information_stands_beside_the_object() {
    for (line, dwo) in [
        ("gcc -g -gsplit-dwarf -c x/a.c", Some("a.dwo")),
        (
            "gcc -g -gsplit-dwarf -c a.c -o out/b.foo.o",
            Some("out/b.foo.dwo"),
        ),
        ("gcc -g -gsplit-dwarf -S a.c", None),
        ("clang -g -gsplit-dwarf=split -c a.c", Some("a.dwo")),
        ("clang -g -gsplit-dwarf -gno-split-dwarf -c a.c", None),
        ("gcc -g -c a.c", None),
    ] {
        assert_eq!(remote(line).dwo.as_deref(), dwo.map(Path::new), "{line}");
    }
}

#[test]
fn languages_follow_the_compiler() {
    for (line, family, language) in [
        ("gcc -c a.c", Family::Gcc, Language::C),
        ("g++ -c a.c", Family::Gcc, Language::Cxx),
        ("gcc -c a.cc", Family::Gcc, Language::Cxx),
        (
            "/usr/bin/x86_64-w64-mingw32-g++-12 -c a.cc",
            Family::Gcc,
            Language::Cxx,
        ),
        ("gcc -x c -c a.cpp", Family::Gcc, Language::C),
        ("gcc -c a.c -x c++", Family::Gcc, Language::C),
        ("gcc -x c++ -x none -c a.c", Family::Gcc, Language::C),
        ("clang -c a.m", Family::Clang, Language::ObjectiveC),
        ("clang++-14 -c a.mm", Family::Clang, Language::ObjectiveCxx),
    ] {
        let remote = remote(line);
        assert_eq!(
            (remote.family, remote.language),
            (family, language),
            "{line}"
        );
    }
}

#[test]
fn clang_is_told_its_target_unless_the_user_did() {
    assert!(remote("clang -c a.c").add_target);
    assert!(!remote("clang -target x -c a.c").add_target);
    assert!(!remote("clang --target=x -c a.c").add_target);
    assert!(!remote("gcc -c a.c").add_target);
}

#[test]
fn a_source_is_never_replaced_and_a_pipe_is_read_once() {
    let reason = |line: &str, names: &[&str]| match planned(
        line,
        &Settings::default(),
        &Disk::with(names),
    ) {
        Plan::Local(local) => Some(local.reason),
        Plan::Remote(_) => None,
    };
    assert_eq!(
        reason("gcc -c a.c -o a.c", &["a.c"]),
        Some(Reason::OutputNotFile)
    );
    assert_eq!(reason("gcc -c a.c -o a.o", &["a.c", "a.o"]), None);
    assert_eq!(
        reason("gcc -c p.c", &["p.c!"]),
        Some(Reason::InputFromStdin)
    );
}

#[test]
fn pragmas_that_gccs_directives_lose_need_full_text() {
    let includes_only = |line: &str| match planned(line, &Settings::default(), &Disk::with(&[])) {
        Plan::Local(local) => panic!("{line}: {local:?}"),
        Plan::Remote(remote) => remote.includes_only,
    };
    for option in ["-fopenmp", "-fopenmp-simd", "-fopenacc"] {
        assert!(!includes_only(&format!("gcc {option} -c a.c")), "{option}");
    }
    assert!(includes_only("clang -fopenmp -c a.c"));
    assert!(includes_only("gcc -fno-openmp -c a.c"));
}
