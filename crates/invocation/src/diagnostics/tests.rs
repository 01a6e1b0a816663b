use super::*;

/// What gcc said to a plain compile in a UTF-8 locale, and to the text of the same source where
/// there was none of its files. Made with `-O2 -Wall -Wextra`.
macro_rules! captured {
    ($($name:literal),*) => {[$((
        $name,
        include_bytes!(concat!("../../tests/diagnostics/", $name, ".here")).as_slice(),
        include_bytes!(concat!("../../tests/diagnostics/", $name, ".there")).as_slice(),
    )),*]};
}

const CAPTURED: [(&str, &[u8], &[u8]); 5] =
    captured!["gcc-12", "gcc-11", "gxx-12", "gxx-11", "colour"];

fn lines(text: &[u8]) -> Vec<&[u8]> {
    text.split_inclusive(|&byte| byte == b'\n').collect()
}

#[test]
fn real_texts_differ_in_source_lines_only() {
    for (name, here, there) in CAPTURED {
        assert!(differ_in_source_lines_only(here, there), "{name}");
        assert!(!is_beyond_front_end(there), "{name}");
    }
}

#[test]
fn no_line_may_be_missing_or_added_or_elsewhere() {
    for (name, here, there) in CAPTURED {
        let all = lines(there);
        for at in 0..all.len() {
            let mut less = all.clone();
            let line = less.remove(at);
            assert!(
                !differ_in_source_lines_only(here, &less.concat()),
                "{name}: without {at}"
            );
            let mut more = all.clone();
            more.insert(at, b"a.c:1:1: warning: one more\n");
            assert!(
                !differ_in_source_lines_only(here, &more.concat()),
                "{name}: {at} and more"
            );
            if at > 0 && plain(less[at - 1]) != plain(line) {
                less.insert(at - 1, line);
                assert!(
                    !differ_in_source_lines_only(here, &less.concat()),
                    "{name}: {at} earlier"
                );
            }
        }
        let said = lines(here);
        for at in 0..said.len() {
            let mut less = said.clone();
            let line = less.remove(at);
            let stands = differ_in_source_lines_only(&less.concat(), there);
            assert_eq!(stands, quotes_source(line), "{name}: {at} not said here");
        }
    }
}

#[test]
fn only_columns_and_quotes_may_differ() {
    let same =
        |here: &str, there: &str| differ_in_source_lines_only(here.as_bytes(), there.as_bytes());
    assert!(same("", ""));
    assert!(same("a.c:7:15: x ‘y’\n", "a.c:7:8: x 'y'\n"));
    assert!(!same("a.c:7:15: x\n", "a.c:8:15: x\n"));
    assert!(!same("a.c:7:15: 1:2:3:\n", "a.c:7:15: 1:2:4:\n"));
    assert!(!same("a.c:7:15: x 3\n", "a.c:7:15: x 4\n"));
    assert!(!same("a.c:7:15: x\n", "a.c:7:15: x"));
    assert!(!same("a.c:7:15: »y«\n", "a.c:7:15: 'y'\n"));
    assert!(
        !same("a.c:7:15: x\n int a;\n", "a.c:7:15: x\n"),
        "without line numbers"
    );
    assert!(!same("", "a.c:7:15: x\n"));
}

#[test]
fn source_lines_stand_behind_a_margin() {
    for line in [
        "    3 | int a;",
        "      |     ^",
        "  +++ |+#include <x>",
        "12345 |",
        " 123456 | x",
    ] {
        let known = line.starts_with(' ');
        assert_eq!(quotes_source(line.as_bytes()), known, "{line}");
    }
    for line in [
        "",
        " ",
        "                 from a.c:3:",
        "--- a.c",
        " int a;",
        "a | b",
        " a | b",
        "3 | b",
    ] {
        assert!(!quotes_source(line.as_bytes()), "{line}");
    }
}

#[test]
fn later_passes_are_known_by_their_warnings() {
    for (said, beyond) in [
        ("a.c:1:2: warning: m [-Wmaybe-uninitialized]", true),
        ("a.c:1:2: warning: m [-Wformat-truncation=]", true),
        ("a.c:1:2: warning: m [-Wimplicit-fallthrough=]", true),
        (
            "a.c:1:2: warning: m [CWE-416] [-Wanalyzer-use-after-free]",
            true,
        ),
        ("a.c:1:2: warning: m [-Wformat=]", false),
        ("a.c:1:2: warning: m [-Wunused-variable]", false),
        ("a.c:1:2: warning: m", false),
        ("[-W", false),
    ] {
        assert_eq!(is_beyond_front_end(said.as_bytes()), beyond, "{said}");
    }
}
