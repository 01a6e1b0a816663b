//! Command lines that compile: what travels, what stays, and that the results are equal.

use compliance::Case;
use compliance::block::{self, Exit, Messages, Place, ROW, Row, With};
use compliance::need::Need;
use lab::Suite::{Debian, Floe};

pub(crate) fn cases() -> Vec<Case> {
    block::cases(ROWS)
}

const ROWS: &[Row] = &[
    Row {
        id: "T03",
        title: "a C++ file",
        command: "CXX -Wall -Werror -c plain.cpp -o plain.o",
        outputs: &["plain.o"],
        ..ROW
    },
    Row {
        id: "T05",
        title: "a C file",
        command: "CC -Wall -Werror -c plain.c -o plain.o",
        outputs: &["plain.o"],
        ..ROW
    },
    Row {
        id: "T06",
        title: "with optimisation",
        command: "CXX -Wall -Werror -c plain.cpp -O2 -o plain.o",
        outputs: &["plain.o"],
        ..ROW
    },
    Row {
        id: "T07",
        title: "the preprocessor alone",
        command: "CXX -Wall -Werror -E plain.cpp -o plain.i",
        outputs: &["plain.i"],
        place: Place::Local,
        ..ROW
    },
    Row {
        id: "T08",
        title: "headers that only this host has",
        command: "CXX -Wall -Werror -c includes.cpp -o includes.o",
        outputs: &["includes.o"],
        ..ROW
    },
    Row {
        id: "T09",
        title: "-include",
        command: "CXX -Wall -Werror -c included.cpp -include includes.h -o included.o",
        outputs: &["included.o"],
        ..ROW
    },
    Row {
        id: "T10",
        title: "a source without extension",
        command: "CXX -Wall -Werror -x c++ -c noextension -o noextension.o",
        outputs: &["noextension.o"],
        ..ROW
    },
    Row {
        id: "T11",
        title: "to assembly",
        command: "CC -Wall -Werror -S plain.c -o plain.s",
        outputs: &["plain.s"],
        ..ROW
    },
    Row {
        id: "T12",
        title: "-Wpedantic",
        command: "CXX -Wall -Wpedantic -Werror -c plain.cpp -o plain.o",
        outputs: &["plain.o"],
        ..ROW
    },
    Row {
        id: "T15",
        title: "the assembler writes a listing",
        with: With::Gcc,
        command: "CC -Wa,-al=listing.txt -c plain.c -o plain.o",
        outputs: &["plain.o"],
        place: Place::Local,
        ..ROW
    },
    Row {
        id: "T16",
        title: "the assembler reads a further source",
        with: With::Gcc,
        command: "CC -Wall -Werror -Wa,macros.s -c uses_macros.c -o uses_macros.o",
        outputs: &["uses_macros.o"],
        ..ROW
    },
    Row {
        id: "T17",
        title: "a symbol for the assembler",
        with: With::Gcc,
        command: "CC -Wall -Werror -Wa,--defsym,MYSYM=1 -c defsym.c -o defsym.o",
        outputs: &["defsym.o"],
        ..ROW
    },
    Row {
        id: "T18",
        title: "the assembler reads options from a file",
        with: With::Gcc,
        command: "CC -Wall -Werror -Wa,@assembler.args -c defsym.c -o defsym.o",
        outputs: &["defsym.o"],
        place: Place::Local,
        ..ROW
    },
    Row {
        id: "T19",
        title: "-DNAME=VALUE",
        command: "CC -Wall -Werror -DVALUE=4 -c defined.c -o defined.o",
        outputs: &["defined.o"],
        ..ROW
    },
    Row {
        id: "T20",
        title: "-D NAME=VALUE",
        command: "CC -Wall -Werror -D VALUE=4 -c defined.c -o defined.o",
        outputs: &["defined.o"],
        ..ROW
    },
    Row {
        id: "T21",
        title: "a source that does not exist",
        command: "CXX -c nonexistent.cpp -o nonexistent.o",
        outputs: &["nonexistent.o"],
        place: Place::Aborted,
        exit: Exit::Code(1),
        messages: Messages::SameFromFloe,
        gap: Some((
            Debian,
            With::Clang,
            "wanted Aborted",
            "1.4 expands clang's macros at home and takes a failure there as final",
        )),
        ..ROW
    },
    Row {
        id: "T22",
        title: "a command that is no compiler",
        with: With::Neither,
        command: "/bin/true",
        place: Place::Local,
        ..ROW
    },
    Row {
        id: "T23",
        title: "the same at its other place",
        with: With::Neither,
        command: "/usr/bin/true",
        place: Place::Local,
        ..ROW
    },
    Row {
        id: "T24",
        title: "a command that does not exist",
        with: With::Neither,
        command: "/bin/nonexistent",
        place: Place::Local,
        exit: Exit::Code(127),
        messages: Messages::Any,
        ..ROW
    },
    Row {
        id: "T25",
        title: "macros are expanded by the compiler that warns",
        command: "CC -Wall -Wextra -Werror -c macro_warning.c -o macro_warning.o",
        outputs: &["macro_warning.o"],
        gap: Some((
            Debian,
            With::Clang,
            "self-comparison",
            "1.4 expands clang's macros at home",
        )),
        ..ROW
    },
    Row {
        id: "T26",
        title: "-Wunused-macros",
        command: "CC -Wall -Wunused-macros -c unused_macro.c -o unused_macro.o",
        instead: Some((
            Floe,
            With::Gcc,
            Place::Aborted,
            "gcc's preprocessor warns: the local compiler says it once, in its own order",
        )),
        outputs: &["unused_macro.o"],
        ..ROW
    },
    Row {
        id: "T27",
        title: "__COUNTER__ in a directive",
        with: With::Gcc,
        command: "CC -Wall -Werror -c counter.c -o counter.o",
        outputs: &["counter.o"],
        place: Place::Aborted,
        messages: Messages::SameFromFloe,
        ..ROW
    },
    Row {
        id: "T28",
        title: "a raw string literal, gcc before 10",
        with: With::Neither,
        needs: Some(Need::Impossible("gcc before 10 is in no supported Debian")),
        ..ROW
    },
    Row {
        id: "T29",
        title: "a raw string literal",
        with: With::Gcc,
        command: "CXX -Wall -Werror -c raw.cpp -o raw.o",
        outputs: &["raw.o"],
        ..ROW
    },
    Row {
        id: "T30",
        title: "-cxx-isystem",
        with: With::Clang,
        command: "CXX -Wall -Werror -cxx-isystem ./ -c includes.cpp -o includes.o",
        outputs: &["includes.o"],
        ..ROW
    },
    Row {
        id: "T31",
        title: "-target X",
        with: With::Clang,
        command: "CXX -Wall -Werror -target x86_64-linux-gnu -c plain.cpp -o plain.o",
        outputs: &["plain.o"],
        ..ROW
    },
    Row {
        id: "T33",
        title: "--target=X",
        with: With::Clang,
        command: "CXX -Wall -Werror --target=x86_64-linux-gnu -c plain.cpp -o plain.o",
        outputs: &["plain.o"],
        ..ROW
    },
    Row {
        id: "T40",
        title: "a syntax error",
        with: With::Clang,
        command: "CC -c syntax_error.c -o syntax_error.o",
        outputs: &["syntax_error.o"],
        exit: Exit::Code(1),
        instead: Some((
            Floe,
            With::Both,
            Place::RemoteThenLocal,
            "what a foreign compiler says of an error is never shown: the local one decides",
        )),
        ..ROW
    },
    Row {
        id: "T41",
        title: "a warning",
        with: With::Clang,
        command: "CC -Wall -c unused_variable.c -o unused_variable.o",
        outputs: &["unused_variable.o"],
        ..ROW
    },
    Row {
        id: "T42",
        title: "a syntax error with source lines",
        with: With::Gcc,
        command: "CC -fdiagnostics-show-caret -c syntax_error.c -o syntax_error.o",
        outputs: &["syntax_error.o"],
        place: Place::RemoteThenLocal,
        exit: Exit::Code(1),
        ..ROW
    },
    Row {
        id: "T43",
        title: "a warning with source lines",
        with: With::Gcc,
        command: "CC -Wall -fdiagnostics-show-caret -c unused_variable.c -o unused_variable.o",
        outputs: &["unused_variable.o"],
        place: Place::RemoteThenLocal,
        instead: Some((
            Floe,
            With::Gcc,
            Place::Remote,
            "the object is kept: the source lines are from a run of the compiler's front end",
        )),
        ..ROW
    },
    Row {
        id: "T44",
        title: "a syntax error without source lines",
        with: With::Gcc,
        command: "CC -fno-diagnostics-show-caret -c syntax_error.c -o syntax_error.o",
        outputs: &["syntax_error.o"],
        exit: Exit::Code(1),
        instead: Some((
            Floe,
            With::Both,
            Place::RemoteThenLocal,
            "what a foreign compiler says of an error is never shown: the local one decides",
        )),
        ..ROW
    },
    Row {
        id: "T45",
        title: "a warning without source lines",
        with: With::Gcc,
        command: "CC -Wall -fno-diagnostics-show-caret -c unused_variable.c -o unused_variable.o",
        outputs: &["unused_variable.o"],
        ..ROW
    },
    Row {
        id: "T46",
        title: "a syntax error, gcc before 4.8",
        with: With::Neither,
        needs: Some(Need::Impossible("gcc before 4.8 is in no supported Debian")),
        ..ROW
    },
    Row {
        id: "T47",
        title: "a warning, gcc before 4.8",
        with: With::Neither,
        needs: Some(Need::Impossible("gcc before 4.8 is in no supported Debian")),
        ..ROW
    },
    Row {
        id: "T58",
        title: "only includes are resolved",
        with: With::Clang,
        command: "CC -Wall -Wextra -Werror -c macro_warning.c -o macro_warning.o",
        outputs: &["macro_warning.o"],
        environment: &[("ICECC_CLANG_REMOTE_CPP", "1")],
        ..ROW
    },
    Row {
        id: "T62",
        title: "-building-pch-with-obj",
        with: With::Clang,
        command: "CXX -Wall -Werror -Xclang -building-pch-with-obj -c plain.cpp -o plain.o",
        outputs: &["plain.o"],
        place: Place::Local,
        ..ROW
    },
];
