//! `-march=native` and its kin against the real compilers.

use std::ffi::OsString;
use std::process::{Command, Stdio};

use invocation::{Family, Plan, Settings, native_questions, resolve_native};

use crate::compare;
use crate::lab::Lab;

fn resolve(compiler: &str, family: Family, options: &[OsString]) -> Vec<OsString> {
    let [without, with] = native_questions(options).map(|question| {
        let mut command = Command::new(compiler);
        command
            .args(question)
            .stdin(Stdio::null())
            .env("LC_ALL", "C")
            .output()
            .unwrap()
            .stderr
    });
    resolve_native(family, &without, &with).unwrap_or_else(|| panic!("{compiler} {options:?}"))
}

#[test]
fn plain_options_compile_the_same() {
    let lab = Lab::new();
    for (compiler, family, options) in [
        ("gcc", Family::Gcc, "-march=native"),
        ("gcc", Family::Gcc, "-mtune=native"),
        ("gcc", Family::Gcc, "-march=native -mtune=native"),
        ("clang", Family::Clang, "-march=native"),
    ] {
        let line: Vec<String> = format!("-O3 {options} -ffast-math -Iinc -c b.c -o out/x.o")
            .split(' ')
            .map(String::from)
            .collect();
        assert!(lab.compile(compiler, &line).status.success());
        let Plan::Remote(mut remote) = lab.plan(compiler, &line, &Settings::default()) else {
            panic!("{line:?} stays")
        };
        assert_eq!(remote.native_options.len(), options.split(' ').count());
        let plain = resolve(compiler, family, &remote.native_options);
        remote.replace_native(&plain);
        assert!(
            !remote
                .compile
                .iter()
                .any(|word| word.to_string_lossy().ends_with("=native"))
        );
        let text = lab.text(compiler, &remote).unwrap();
        lab.execute(compiler, &remote, &text, &lab.path("exec/x.o"))
            .unwrap();
        assert_eq!(
            compare::objects(&lab.path("out/x.o"), &lab.path("exec/x.o"), false),
            Ok(()),
            "{compiler} {options}"
        );
    }
}
