//! What directives may look like. Each case is a few files, read by gcc, clang and the evaluator.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use includes::Preset;

use crate::run::Setting;

struct Case {
    files: Vec<(String, String)>,
    options: Vec<String>,
    /// Files that are only asked for, which gcc's list leaves out.
    tests: BTreeSet<PathBuf>,
    /// clang reads it in a way that the evaluator does not follow.
    only_gcc: bool,
}

fn parse(text: &str) -> Case {
    let mut parts = text.split("\n== ");
    let head = parts.next().unwrap_or_default();
    let value = |key: &str| {
        let lines = head.lines().filter_map(|line| line.strip_prefix(key));
        lines
            .flat_map(str::split_whitespace)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let file = |part: &str| {
        let (name, text) = part.split_once('\n').unwrap_or((part, ""));
        (name.to_owned(), format!("{text}\n"))
    };
    Case {
        files: parts.map(file).collect(),
        options: value("options:"),
        only_gcc: !value("only:").is_empty(),
        tests: value("tests:").into_iter().map(PathBuf::from).collect(),
    }
}

/// Options that the evaluator reads itself, and those that change what the compiler says of itself.
fn split(options: &[String]) -> (Vec<Preset>, Vec<String>) {
    let (mut presets, mut asked) = (Vec::new(), Vec::new());
    let mut words = options.iter();
    while let Some(word) = words.next() {
        let mut next = || words.next().expect("an operand").clone().into_bytes();
        match word.as_str() {
            "-include" => presets.push(Preset::Include(next())),
            "-imacros" => presets.push(Preset::Macros(next())),
            "-iquote" => asked.extend([word.clone(), String::from_utf8_lossy(&next()).into()]),
            word => match word.split_at(2) {
                ("-D", text) => presets.push(Preset::Define(text.into())),
                ("-U", text) => presets.push(Preset::Undefine(text.into())),
                _ => asked.push(word.to_owned()),
            },
        }
    }
    (presets, asked)
}

fn check(name: &str, case: &Case, gcc: &'static str, clang: &'static str) {
    let directory = tempfile::tempdir().expect("a directory");
    for (path, text) in &case.files {
        let path = directory.path().join(path);
        fs::create_dir_all(path.parent().expect("it has one")).expect("made");
        fs::write(path, text).expect("written");
    }
    let source = Path::new(&case.files[0].0);
    let is_c = source.extension().is_some_and(|end| end == "c");
    let language = if is_c { "c" } else { "c++" };
    let (presets, asked) = split(&case.options);
    for program in [gcc, clang] {
        let mut setting = Setting::new(program, language, directory.path(), &asked);
        if case.only_gcc && program == clang {
            let doubt = setting.evaluated(source, &presets);
            assert!(doubt.is_err(), "{name}: {doubt:?}");
            continue;
        }
        let mut listed = setting
            .listed(source, &case.options)
            .unwrap_or_else(|| panic!("{name}: {program} fails"));
        let mut reached = setting
            .evaluated(source, &presets)
            .unwrap_or_else(|why| panic!("{name}: {program}: {why}"));
        // The compilers write `./` before what they find beside the source.
        let plain = |path: PathBuf| path.strip_prefix("./").map_or(path.clone(), Path::to_owned);
        listed = listed.into_iter().map(plain).collect();
        reached = reached.into_iter().map(plain).collect();
        assert!(
            reached.is_superset(&case.tests),
            "{name}: {program}: {reached:?}"
        );
        reached.retain(|path| listed.contains(path) || !case.tests.contains(path));
        assert_eq!(reached, listed, "{name}: {program}");
    }
}

#[test]
fn every_case_is_read_alike() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compilers/cases");
    let mut names: Vec<_> = fs::read_dir(directory)
        .expect("cases")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    names.sort();
    for path in names {
        let text = fs::read_to_string(&path).expect("a case");
        let case = parse(&text);
        let name = path.display().to_string();
        match case.files[0].0.ends_with(".c") {
            true => check(&name, &case, "gcc", "clang"),
            false => check(&name, &case, "g++", "clang++"),
        }
    }
}
