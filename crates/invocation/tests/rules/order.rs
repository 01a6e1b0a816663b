//! For any arguments at all: no panic, and nothing is sent that was not given or is not one of
//! the named additions, in the order given.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use invocation::{Call, Plan, Settings, plan};
use proptest::prelude::*;

use crate::table::Disk;

const WORDS: &[&str] = &[
    "-c",
    "-S",
    "-o",
    "x.o",
    "-ox.o",
    "a.c",
    "-O2",
    "-g",
    "-I",
    "inc",
    "-Iinc",
    "-D",
    "X",
    "-DX=1",
    "-Wp,-MD,f",
    "-Wp,-DX",
    "-Wp,",
    "-Xpreprocessor",
    "-Wa,",
    "-Wa,-W,m.s",
    "-Xassembler",
    "-Xclang",
    "-load",
    "plugin.so",
    "-fplugin=plugin.so",
    "-x",
    "c",
    "c++",
    "none",
    "-xc",
    "-MD",
    "-MF",
    "-MQ",
    "-fdirectives-only",
    "-march=native",
    "-target",
    "--param",
    "--param=x",
    "--sysroot",
    "-",
    "--",
    "@",
    "@response",
    "-fdiagnostics-color=auto",
    "-fsanitize=address",
    "-include",
    "-pedantic",
    "-Wall",
    "-funknown",
    "",
    "-gsplit-dwarf",
    "-P",
    "-l",
    "-Wp,-D,Y,-MT,z",
];

fn word() -> impl Strategy<Value = OsString> {
    prop_oneof![
        6 => proptest::sample::select(WORDS).prop_map(OsString::from),
        1 => proptest::collection::vec(any::<u8>().prop_filter("a word ends at NUL", |&byte| byte != 0), 0..12).prop_map(OsString::from_vec),
        1 => "-[a-zA-Z]{1,3}[=,a-z]{0,6}".prop_map(OsString::from),
    ]
}

/// Whether `word` may be sent although it was not given.
fn is_addition(word: &str) -> bool {
    ["-c", "-S", "-fdirectives-only", "-undef", "-x", "-Xclang", "-fdiagnostics-color", "-fcolor-diagnostics"]
        .contains(&word)
        || word.ends_with("cpp-output")
        // extra files and assembler sources by their absolute path, -Wp, words without dependencies
        || word.contains("/w/")
        || word.starts_with("-Wp,")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sent_words_are_given_words_in_order(mut arguments in proptest::collection::vec(word(), 0..14), clang: bool, full: bool, colour: bool) {
        arguments.extend(["-c", "source.c"].map(OsString::from));
        let settings = Settings { remote_cpp: Some(!full), colour_terminal: colour, gcc_colors: colour, ..Settings::default() };
        let called_as = OsString::from(if clang { "clang" } else { "gcc" });
        let call = Call { called_as: &called_as, arguments: &arguments, directory: Path::new("/w"), settings: &settings };
        if let Plan::Remote(remote) = plan(&call, &Disk::with(&["plugin.so", "m.s"])) {
            let expanded: Vec<OsString> = arguments
                .iter()
                .flat_map(|word| if word == "@response" { vec!["-O2".into(), "-Wall".into()] } else { vec![word.clone()] })
                .collect();
            let mut given = expanded.iter();
            for word in &remote.compile {
                let rest = given.clone();
                if !given.any(|other| other == word) {
                    prop_assert!(is_addition(&word.to_string_lossy()), "{word:?} in {:?} of {expanded:?}", remote.compile);
                    given = rest;
                }
            }
            let mut given = expanded.iter();
            let added = ["-E", "-fdirectives-only", "-frewrite-includes", "-Qunused-arguments", "-MF", "-MQ"];
            // The last one is ours: `-I -E` searches a directory of that name.
            let ours = remote.preprocess.iter().rposition(|word| word == "-E");
            let (before, tail) = remote.preprocess.split_at(ours.unwrap_or(remote.preprocess.len()));
            for word in before {
                let colour = word == "-fdiagnostics-color" || word == "-fcolor-diagnostics";
                prop_assert!(colour || given.any(|other| other == word), "{word:?} in {:?} of {expanded:?}", remote.preprocess);
            }
            prop_assert!(tail.len() <= 7 && tail.iter().all(|word| added.contains(&word.to_string_lossy().as_ref()) || word.to_string_lossy().ends_with(".d") || remote.output == Path::new(word) || *word == "source.o"), "{tail:?}");
            prop_assert!(!remote.compile.iter().any(|word| word == "source.c"));
        }
    }
}
