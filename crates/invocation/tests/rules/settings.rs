//! What environment and terminal change.

use invocation::{Remote, Settings};

use crate::table::{Disk, remote, remote_with, shown};

fn with(line: &str, settings: &Settings) -> Remote {
    remote_with(line, settings, &Disk::with(&[]))
}

#[test]
fn the_time_on_the_command_line_is_expanded_here() {
    for line in [
        "gcc -DWHEN=__TIME__ -c a.c",
        "clang -D WHEN=__DATE__ -c a.c",
    ] {
        assert!(!remote(line).includes_only, "{line}");
    }
    assert!(remote("clang -DWHEN=TIME__ -c a.c").includes_only);
}

#[test]
fn where_macros_are_expanded() {
    let off = Settings {
        remote_cpp: Some(false),
        ..Settings::default()
    };
    let on = Settings {
        remote_cpp: Some(true),
        ..Settings::default()
    };
    let epoch = Settings {
        source_date_epoch: true,
        ..Settings::default()
    };
    for (line, settings, includes_only) in [
        ("gcc -c a.c", &Settings::default(), true),
        ("clang -c a.c", &Settings::default(), true),
        ("gcc -c a.c", &off, false),
        ("clang -c a.c", &off, false),
        ("gcc -c a.c", &on, true),
        ("gcc -c a.c -Wunused-macros", &on, false),
        ("gcc -c a.c -Werror=unused-macros", &on, false),
        ("gcc -c a.c -Wpedantic", &on, true),
        ("g++ -c a.cc -Wpedantic", &on, false),
        ("gcc -c a.c -traditional-cpp", &on, false),
        ("clang -c a.c -Wpedantic -Wunused-macros", &on, true),
        ("clang -c a.c -imacros m.h", &on, false),
        ("gcc -c a.c", &epoch, false),
        ("clang -c a.c", &epoch, true),
        ("gcc -c a.i", &on, false),
    ] {
        assert_eq!(
            with(line, settings).includes_only,
            includes_only,
            "{line} {settings:?}"
        );
    }
    let remote = with("gcc -DX -O2 -c a.c", &off);
    assert_eq!(shown(&remote.preprocess), "-DX -O2 a.c -E");
    assert_eq!(shown(&remote.compile), "-O2 -c");
    let remote = with("clang -DX -O2 -c a.c", &off);
    assert_eq!(
        shown(&remote.preprocess),
        "-DX -O2 a.c -E -Qunused-arguments"
    );
    assert_eq!(shown(&remote.compile), "-O2 -undef -c");
    let remote = with("clang -DX -O2 -c a.c", &on);
    assert_eq!(
        shown(&remote.preprocess),
        "-DX -O2 a.c -E -frewrite-includes -Qunused-arguments"
    );
    assert_eq!(shown(&remote.compile), "-DX -O2 -c");
}

#[test]
fn colours_are_asked_for_when_they_can_be_shown() {
    let terminal = Settings {
        colour_terminal: true,
        ..Settings::default()
    };
    let colors = Settings {
        gcc_colors: true,
        ..terminal.clone()
    };
    let asked = Settings {
        colour_diagnostics: Some(true),
        ..terminal.clone()
    };
    let refused = Settings {
        colour_diagnostics: Some(false),
        ..colors.clone()
    };
    for (line, settings, sent) in [
        ("gcc -c a.c", &terminal, "-c -fdirectives-only"),
        (
            "gcc -c a.c",
            &colors,
            "-fdiagnostics-color -c -fdirectives-only",
        ),
        (
            "gcc -c a.c",
            &asked,
            "-fdiagnostics-color -c -fdirectives-only",
        ),
        ("gcc -c a.c", &refused, "-c -fdirectives-only"),
        (
            "gcc -fdiagnostics-color=auto -c a.c",
            &colors,
            "-fdiagnostics-color -c -fdirectives-only",
        ),
        (
            "gcc -fno-diagnostics-color -c a.c",
            &colors,
            "-fno-diagnostics-color -c -fdirectives-only",
        ),
        ("clang -c a.c", &terminal, "-fcolor-diagnostics -c"),
        ("clang -c a.c", &refused, "-fcolor-diagnostics -c"),
        (
            "clang -fno-color-diagnostics -c a.c",
            &terminal,
            "-fno-color-diagnostics -c",
        ),
        ("clang -c a.c", &Settings::default(), "-c"),
    ] {
        assert_eq!(
            shown(&with(line, settings).compile),
            sent,
            "{line} {settings:?}"
        );
    }
}

#[test]
fn remote_messages_count_when_they_would_be_the_same() {
    let repeat = Settings {
        repeat_on_diagnostics: true,
        ..Settings::default()
    };
    let repeat_full = Settings {
        remote_cpp: Some(false),
        ..repeat.clone()
    };
    for (line, settings, repeats) in [
        ("gcc -c a.c", &repeat, true),
        ("gcc -c a.c", &Settings::default(), false),
        ("gcc -fno-diagnostics-show-caret -c a.c", &repeat, false),
        (
            "gcc -fno-diagnostics-show-caret -fdiagnostics-show-caret -c a.c",
            &repeat,
            true,
        ),
        ("clang -c a.c", &repeat, false),
        ("clang -c a.c", &repeat_full, true),
    ] {
        assert_eq!(
            with(line, settings).repeat_on_diagnostics,
            repeats,
            "{line} {settings:?}"
        );
    }
}

#[test]
fn native_options_are_named_and_replaced() {
    let mut remote = with(
        "gcc -O2 -march=native -Wall -mtune=native -c a.c",
        &Settings::default(),
    );
    assert_eq!(shown(&remote.native_options), "-march=native -mtune=native");
    remote.replace_native(&["-march=x".into(), "-mno-y".into()]);
    assert_eq!(
        shown(&remote.compile),
        "-O2 -march=x -mno-y -Wall -c -fdirectives-only"
    );
    assert!(remote.native_options.is_empty());
    assert_eq!(remote.weight_flags, 8);
}

#[test]
fn the_front_end_is_asked_without_outputs() {
    let asked = |line: &str| {
        let remote = with(line, &Settings::default());
        remote.front_end.map(|line| shown(&line))
    };
    for (line, front_end) in [
        ("gcc -O2 -Wall -c -o x.o a.c -DX", "-O2 -Wall a.c -DX"),
        ("gcc -MD -MF x.d -MT t -MP -Iinc -c a.c -S", "-Iinc a.c"),
        ("gcc --write-dependencies -c a.c", "a.c"),
        ("gcc -Wp,-MD,x.d -Wp,-MMD,y.d,-DX -c a.c", "-Wp,-DX a.c"),
        (
            "gcc -Xpreprocessor -MP -Xpreprocessor -DX -c a.c",
            "-Xpreprocessor -DX a.c",
        ),
        (
            "gcc -g -gsplit-dwarf -flto -x c -c a.c",
            "-g -gsplit-dwarf -flto -x c a.c",
        ),
    ] {
        assert_eq!(
            asked(line),
            Some(format!("{front_end} -c -fsyntax-only")),
            "{line}"
        );
    }
    for line in ["gcc -c a.i", "gcc -fdirectives-only -c a.c", "clang -c a.c"] {
        assert_eq!(asked(line), None, "{line}");
    }
}
