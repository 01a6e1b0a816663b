use std::io::Write;
use std::process::{Command, Stdio};

use super::*;

fn lean(text: &str) -> Result<String, &'static str> {
    let whole = in_pieces(text.as_bytes(), text.len().max(1));
    for size in [1, 2, 7] {
        assert_eq!(
            in_pieces(text.as_bytes(), size),
            whole,
            "in pieces of {size}: {text:?}"
        );
    }
    whole.map(|left| String::from_utf8(left).unwrap())
}

fn in_pieces(text: &[u8], size: usize) -> Result<Vec<u8>, &'static str> {
    let (mut lean, mut out) = (Lean::new(true), Vec::new());
    for piece in text.chunks(size) {
        lean.feed(piece, &mut out).map_err(|found| found.0)?;
    }
    lean.finish(&mut out).map_err(|found| found.0)?;
    Ok(out)
}

#[test]
fn comments_at_the_end_of_a_line_go_and_lines_stay() {
    for (text, left) in [
        ("int a; // one\nint b;\n", "int a;\nint b;\n"),
        ("// one\n  // two\nint b;\n", "\n\nint b;\n"),
        ("/* one\n * two\n */\nint a;\n", "\n\n\nint a;\n"),
        ("int a; /* one */ \t\nint b;\n", "int a; \t\nint b;\n"),
        ("int a; /**/\n/***/\n/* a **/\n", "int a;\n\n\n"),
        ("a /= b; c = d / e;\n", "a /= b; c = d / e;\n"),
    ] {
        assert_eq!(lean(text).unwrap(), left, "{text:?}");
    }
}

#[test]
fn what_has_a_meaning_stays() {
    for text in [
        "int /* here */ a;\n",
        "/* one\n two */ int a;\n",
        "#define A 1 // one\n#define B /* two\n */ 2\n",
        "  # define A 1 /* one */\n",
        "case 1: // falls through\ncase 2: /* FALLTHRU */\n",
        "int a; // caf\u{e9}\nint b; /* \u{202e} */\n",
        "const char *a = \"// none\"; char b = '\"', c = '/';\n",
        "const char *a = \"\\\"// none\";\n",
        "/* a /* b */\n",
        "int a \\ // odd\n",
        "auto a = 1'000'000; auto b = 0xff'ff;\n",
        "no end",
    ] {
        assert_eq!(lean(text).unwrap(), text, "{text:?}");
    }
}

#[test]
fn what_is_not_understood_is_left_alone_to_the_end() {
    for odd in [
        "auto a = R\"(// \")\";\n",
        "int don't;\n",
        "int a; // one \\\n two\n",
        "int a; // one ??/\n two\n",
        "char *a = \"??/\"\";\n",
    ] {
        let text = format!("int a; // one\n{odd}int b; // three\n");
        assert_eq!(
            lean(&text).unwrap(),
            format!("int a;\n{odd}int b; // three\n")
        );
    }
}

#[test]
fn digits_and_characters_are_told_apart() {
    for (text, left) in [
        ("a = 1'0; // one\n", "a = 1'0;\n"),
        ("a = L'x'; // one\n", "a = L'x';\n"),
        ("a = u8'\"'; // one\n", "a = u8'\"';\n"),
        ("a = x1+'\\''; // one\n", "a = x1+'\\'';\n"),
    ] {
        assert_eq!(lean(text).unwrap(), left, "{text:?}");
    }
}

#[test]
fn macros_that_ask_for_the_time_are_found_outside_of_comments() {
    for text in [
        "a = __DATE__;\n",
        "#define T __TIME__\n",
        "__TIMESTAMP__",
        "x __BASE_FILE__\n",
    ] {
        assert!(lean(text).is_err(), "{text:?}");
    }
    assert_eq!(lean("auto a = R\"()\"; // __TIME__\n"), Err("__TIME__"));
    for text in [
        "__DATE___ x__DATE__ ___TIME__ __BASE_FILE\n",
        "int a; // __DATE__\n",
    ] {
        assert!(lean(text).is_ok(), "{text:?}");
    }
}

/// The compiler's own judgement: the same object, line numbers of `-g` included.
#[test]
fn gcc_makes_the_same_object() {
    let sources = [
        (
            "c",
            "#include <stdio.h>\n#include <stdlib.h>\n#include <math.h>\nint f(int a)\n{\n  return a; /* x */ }\n",
        ),
        (
            "c++",
            "#include <map>\n#include <regex>\n#include <iostream>\nint f() { return std::string(\"a//b\").size(); } // x\n",
        ),
    ];
    for (language, source) in sources {
        let Some(text) = gcc(language, &["-E", "-fdirectives-only"], source.as_bytes()) else {
            eprintln!("skipped: no gcc for {language}");
            continue;
        };
        let left = in_pieces(&text, 65536).unwrap();
        assert!(
            left.len() < text.len() * 9 / 10,
            "{} of {}",
            left.len(),
            text.len()
        );
        let options = [
            "-fdirectives-only",
            "-fpreprocessed",
            "-g",
            "-O1",
            "-S",
            "-o",
            "-",
        ];
        let whole = gcc(language, &options, &text).unwrap();
        assert!(
            whole == gcc(language, &options, &left).unwrap(),
            "{language}"
        );
    }
}

fn gcc(language: &str, options: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let program = if language == "c" { "gcc" } else { "g++" };
    let mut command = Command::new(program);
    command.args(["-x", language]).args(options).arg("-");
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    let mut stdin = child.stdin.take()?;
    let output = std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input));
        child.wait_with_output()
    });
    let output = output.ok()?;
    assert!(output.status.success());
    Some(output.stdout)
}
