//! The command line for executors that read files.

use std::path::Path;

use super::table::{remote, shown};

fn with_files(line: &str) -> Option<(String, Option<String>)> {
    let with = remote(line).with_files?;
    let name = |path: &Path| path.display().to_string();
    Some((
        shown(&with.arguments),
        with.dependencies.as_deref().map(name),
    ))
}

#[test]
fn everything_stays_but_source_output_and_names_of_dependency_files() {
    for (line, arguments, dependencies) in [
        (
            "gcc -O2 -Iinc -DX=1 -c a.c -o b.o -g",
            "-O2 -Iinc -DX=1 -g -c",
            None,
        ),
        ("gcc -c a.c", "-c", None),
        (
            "gcc -MD -MP -c a.c -o o/b.o",
            "-MD -MP -MQ o/b.o -c",
            Some("o/b.d"),
        ),
        (
            "g++ -MMD -MF x.d -MT y -include pre.h -isystem /s -c a.cc",
            "-MMD -MT y -include pre.h -isystem /s -c",
            Some("x.d"),
        ),
        ("gcc -MD -S a.c", "-MD -MQ a.o -S", Some("a.d")),
        ("clang -x c++ -MD -c a.c", "-MD -MQ a.o -c", Some("a.d")),
        (
            "gcc -pedantic -Wunused-macros -c a.c",
            "-pedantic -Wunused-macros -c",
            None,
        ),
        ("gcc -finput-charset=x -c a.c", "", None),
    ] {
        let expected = (arguments.to_owned(), dependencies.map(str::to_owned));
        let found = with_files(line);
        match arguments {
            "" => assert_eq!(found, None, "{line}"),
            _ => assert_eq!(found, Some(expected), "{line}"),
        }
    }
}

#[test]
fn what_reads_or_writes_more_is_text() {
    for line in [
        "gcc -gsplit-dwarf -g -c a.c",
        "gcc -Wp,-MD,x.d -c a.c",
        "gcc -MD -MG -c a.c",
        "gcc -MF x.d -c a.c",
        "gcc -B/x -c a.c",
        "gcc -I- -c a.c",
    ] {
        assert_eq!(with_files(line), None, "{line}");
    }
}
