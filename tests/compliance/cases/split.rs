//! Debug information in a file of its own, which has to come back too.

use compliance::Case;
use compliance::block::{self, Exit, Messages, Place, ROW, Row, With};
use lab::Suite::Debian;

pub(crate) fn cases() -> Vec<Case> {
    block::cases(ROWS)
}

const ROWS: &[Row] = &[
    Row {
        id: "T34",
        title: "-gsplit-dwarf -g",
        command: "CXX -Wall -Werror -gsplit-dwarf -g -c split.cpp -o split.o",
        outputs: &["split.o", "split.dwo"],
        ..ROW
    },
    Row {
        id: "T35",
        title: "-gsplit-dwarf",
        with: With::Gcc,
        command: "CC -Wall -Werror -gsplit-dwarf -c split.c -o split.o",
        outputs: &["split.o", "split.dwo"],
        ..ROW
    },
    Row {
        id: "T36",
        title: "-gsplit-dwarf, the output named in a roundabout way",
        with: With::Gcc,
        command: "CC -Wall -Werror -gsplit-dwarf -c split.c -o ../work/../work/../work/split.o",
        outputs: &["split.o", "split.dwo"],
        ..ROW
    },
    Row {
        id: "T37",
        title: "-gsplit-dwarf without -g",
        with: With::Clang,
        command: "CXX -Wall -Werror -gsplit-dwarf -c split.cpp -o split.o",
        outputs: &["split.o", "split.dwo"],
        ..ROW
    },
    Row {
        id: "T38",
        title: "the same, the output named in a roundabout way",
        with: With::Clang,
        command: "CXX -Wall -Werror -gsplit-dwarf -c split.cpp -o ../work/../work/../work/split.o",
        outputs: &["split.o", "split.dwo"],
        ..ROW
    },
    Row {
        id: "T39",
        title: "-gsplit-dwarf of a source that does not exist",
        command: "CXX -gsplit-dwarf -g -c nonexistent.cpp -o nonexistent.o",
        outputs: &["nonexistent.o", "nonexistent.dwo"],
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
];
