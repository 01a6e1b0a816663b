//! Many compiles whose headers travel, beside the same ones done plainly (issue D): objects, rules for make,
//! messages and exit codes are compared byte by byte.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use acceptance::compare::{self, Rule};
use acceptance::need;
use acceptance::project::workshop;
use acceptance::skip::Need;
use acceptance::twice::{Twice, Way};
use anyhow::{Context, Result, bail, ensure};
use lab::Cluster;
use lab::Suite::Floe;

use crate::probes::ALL;

/// Without [`ALL`], one of so many is compiled.
const SAMPLE: usize = 25;
/// Shells that work through the compiles beside each other.
const AT_ONCE: usize = 4;

const FILES: &[(&str, &str)] = &[
    (
        "i/macros.h",
        "#ifndef MACROS_H\n#define MACROS_H\n#define DIV(x) ((x) / 0)\n#define OUTER(x) DIV(x)\n#define CALL(f, x) f(x, undeclared)\n\
         #define CMP(a, b) ((a) < (b))\n#define UNUSED(n) int n##_unused\n#endif\n",
    ),
    (
        "i/types.h",
        "#pragma once\n#include <stddef.h>\n#include \"macros.h\"\nstruct point { int x, y; };\ntypedef int (*handler)(struct point *, size_t);\n\
         static inline int sum(const struct point *p) { return p->x + p->y; }\n",
    ),
    ("q/quoted.h", "#define QUOTED 1\n"),
    (
        "s/system.h",
        "static int in_system(int n) { int unused_here; return n / 0; }\n",
    ),
    ("late/late.h", "#define LATE 4\n"),
    ("forced.h", "#define FORCED 7\nextern int forced;\n"),
    (
        "plain.c",
        "#include <stdio.h>\n#include <string.h>\n#include <types.h>\n#include \"quoted.h\"\n#include <late.h>\nstruct point points[LATE];\n\
         static int helper(const char *text) { return (int)strlen(text) + QUOTED; }\n\
         int main(int argc, char **argv) { printf(\"%s %s:%d\\n\", argv[0], __FILE__, __LINE__); return sum(points) + helper(argv[argc - 1]); }\n",
    ),
    (
        "warns.c",
        "#include <stdio.h>\n#include <types.h>\n#include <system.h>\nint f(int n, unsigned u) {\n\tUNUSED(a);\n\tprintf(\"%s\\n\", n);\n\
         \tif (CMP(n, u)) return OUTER(n);\n\treturn in_system(n);\n}\nstatic int nobody(void) { }\n",
    ),
    (
        "errors.c",
        "#include <types.h>\nint g(int);\nint f(int n) { return CALL(g, n); }\nstruct point p = { .z = 1 };\nint h(void) { return OUTER(missing) }\n",
    ),
    (
        "lacking.c",
        "#include <types.h>\n#include \"not/there.h\"\nint n = FORCED;\n",
    ),
    (
        "asks.c",
        "#if __has_include(<late.h>) && !__has_include(\"none.h\")\n#include <late.h>\n#else\n#define LATE 0\n#endif\n#ifdef NAME\n#include NAME\n#endif\n\
         #if FORCED == 7\nint seven = LATE;\n#endif\nint counter = __COUNTER__;\nint level = __INCLUDE_LEVEL__;\nint end = LATE;\n",
    ),
    (
        "plain.cc",
        "#include <string>\n#include <vector>\n#include <types.h>\n#include \"quoted.h\"\nnamespace n {\ntemplate <class T> struct box { T value; T twice() const { return value + value; } };\n}\n\
         std::vector<std::string> words(const std::string &s) { return {s, n::box<std::string>{s}.twice(), __FILE__}; }\n",
    ),
    (
        "warns.cc",
        "#include <types.h>\n#include <system.h>\n#include <utility>\ntemplate <class T> int f(T n, unsigned u) { UNUSED(a); if (CMP(n, u)) return OUTER(n); return in_system(n); }\n\
         int g() { return f(-1, 2u); }\nstruct base { virtual int v(); }; struct derived : base { int v(int); };\nint deref() { int *p = 0; return *p; }\n",
    ),
    (
        "errors.cc",
        "#include <vector>\n#include <types.h>\ntemplate <class T> int f(T t) { return CALL(t.size, 1); }\nint g() { std::vector<int> v; return f(v) + f(3); }\nstd::vector<void> w;\n",
    ),
];

/// `@` stands for the compile's number.
const DIRECTORIES: &str = "-Ii -iquote q -isystem s -idirafter late";
const OPTIONS: &[&str] = &[
    "",
    "-g",
    "-g0",
    "-g1",
    "-g3",
    "-ggdb -O2",
    "-g -O2",
    "-O2 -Wall -Wextra",
    "-O0 -Wall -Wextra -Werror",
    "-Wall -Wextra -fdiagnostics-color=always",
    "-Wall -fdiagnostics-color=never -g",
    "-Wall -Wextra -Wsystem-headers",
    "-w -O2",
    "-MD -MF out/@.d",
    "-MMD -MF out/@.d -MP",
    "-MD -MF out/@.d -MT 'one two'",
    "-MMD -MF out/@.d -MQ 'a$b' -MP -g",
    "-MD",
    "-MMD -MT x -MQ y -O1",
    "-include forced.h -g",
    "-imacros forced.h",
    "-include forced.h -imacros q/quoted.h -MD -MF out/@.d",
    "-DNAME='\"forced.h\"' -DFORCED=7 -MD -MF out/@.d",
    "-UFORCED -D__has_nothing -Wundef",
    "-fPIC -O2",
    "-fPIC -fvisibility=hidden -g -O1",
    "-ffile-prefix-map=$PWD=/src -g",
    "-fdebug-prefix-map=$PWD=/src -g -MD -MF out/@.d",
    "-fmacro-prefix-map=i=/i -O1",
    "-pedantic -Wall",
    "-pipe -g",
    "-fno-diagnostics-show-option -Wall",
    "-Wp,-MD,out/@.d -g3",
    "-Wp,-MMD,out/@.d -Wall",
    "-fsyntax-only",
    "-fsyntax-only -Wall -MD -MF out/@.d",
    "-S -g",
    "-g -gsplit-dwarf",
    // Not with -O2: gcc 12 makes the number that object and .dwo share of addresses then, another one each time for
    // warns.c (eight plain compiles, eight objects; one with `setarch -R`).
    "-g3 -gsplit-dwarf -MD -MF out/@.d",
];
const FOR_C: &[&str] = &[
    "-std=c99 -Wall",
    "-std=gnu11 -g -MD -MF out/@.d",
    "-std=c11 -pedantic-errors",
];
const FOR_CXX: &[&str] = &[
    "-std=c++11 -Wall",
    "-std=gnu++17 -g -MD -MF out/@.d",
    "-std=c++20 -O1",
];

/// Command lines, each with the compiler that it is for.
fn lines() -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    for (source, _) in FILES {
        let (program, own) = match Path::new(source).extension().and_then(|end| end.to_str()) {
            Some("c") => ("$CC", FOR_C),
            Some("cc") => ("$CXX", FOR_CXX),
            _ => continue,
        };
        for options in OPTIONS.iter().chain(own) {
            for compiler in ["gcc", "clang"] {
                let compile = if options.contains("-S") { "" } else { "-c" };
                let number = lines.len().to_string();
                let options = options.replace('@', &number);
                let line = format!(
                    "{program} {DIRECTORIES} {options} {compile} {source} -o out/{number}.o"
                );
                lines.push((compiler, line));
            }
        }
    }
    lines
}

/// Runs the compiles with these numbers; everything they say and make is in `out`.
fn compile(
    twice: &Twice<'_>,
    lines: &[(&str, String)],
    chosen: &[usize],
    through_floe: bool,
) -> Result<()> {
    std::thread::scope(|scope| {
        let shells: Vec<_> = (0..AT_ONCE)
            .flat_map(|part| [(part, "gcc"), (part, "clang")])
            .map(|(part, compiler)| {
                let own = chosen.iter().filter(move |number| *number / 2 % AT_ONCE == part);
                let script: String = own
                    .filter(|number| lines[**number].0 == compiler)
                    .map(|number| {
                        let line = &lines[*number].1;
                        format!("{line} >out/{number}.stdout 2>out/{number}.stderr; echo $? >out/{number}.code\n")
                    })
                    .collect();
                scope.spawn(move || twice.shell(&script, compiler, through_floe))
            })
            .collect();
        for shell in shells {
            shell
                .join()
                .unwrap_or_else(|_| bail!("a shell panicked"))?
                .ok()?;
        }
        Ok(())
    })
}

fn contents(directory: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut contents = BTreeMap::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        contents.insert(name, fs::read(entry.path())?);
    }
    Ok(contents)
}

#[test]
fn compiles_of_files_say_and_make_what_plain_ones_do() -> Result<()> {
    need!(
        Need::Namespaces,
        Need::Suite(Floe),
        Need::Program("gcc"),
        Need::Program("clang")
    );
    let cluster = Cluster::builder()
        .members()
        .executor("first", Floe, 2)
        .executor("second", Floe, 2)
        .submitter("submit", Floe, 0)
        .start()?;
    let place = workshop("differential")?;
    for (name, text) in FILES {
        let path = place.join(name);
        fs::create_dir_all(path.parent().context("a parent")?)?;
        fs::write(path, text)?;
    }
    let twice = Twice::new(&cluster, cluster.host("submit")?, &place, &place);
    let lines = lines();
    ensure!(lines.len() >= 500, "only {} compiles", lines.len());
    // Pairs of both compilers, at different options for each source.
    let all = std::env::var_os(ALL).is_some();
    let chosen: Vec<usize> = (0..lines.len())
        .filter(|number| all || number / 2 % SAMPLE == 0)
        .collect();
    let (out, by_floe) = (place.join("out"), place.join("by-floe"));
    fs::create_dir(&out)?;
    compile(&twice, &lines, &chosen, true)?;
    fs::rename(&out, &by_floe)?;
    fs::create_dir(&out)?;
    compile(&twice, &lines, &chosen, false)?;
    let (found, plain) = (contents(&by_floe)?, contents(&out)?);
    let mut wrong = Vec::new();
    let names = found.keys().chain(plain.keys());
    let names: std::collections::BTreeSet<&String> = names.collect();
    let ways = ways(&twice)?;
    let mut programs = 0;
    for name in names {
        if found.get(name) == plain.get(name) {
            continue;
        }
        let number = name.split('.').next().unwrap_or_default();
        let way = ways.get(number);
        let is_object =
            name.ends_with(".o") && found.contains_key(name) && plain.contains_key(name);
        // Text does not keep what debug information says of columns.
        if is_object
            && matches!(way, Some(Way::Text(_)))
            && compare::objects(&out.join(name), &by_floe.join(name), Rule::Program).is_ok()
        {
            programs += 1;
            continue;
        }
        let line = number
            .parse::<usize>()
            .ok()
            .and_then(|number| lines.get(number));
        let text = |of: &BTreeMap<String, Vec<u8>>| {
            let bytes = of
                .get(name)
                .map(|bytes| String::from_utf8_lossy(bytes).into_owned());
            bytes.map(|text| text.chars().take(600).collect::<String>())
        };
        let shown = match is_object {
            true => String::new(),
            false => format!("{:?}, plainly {:?}", text(&found), text(&plain)),
        };
        wrong.push(format!("{name} {line:?} {way:?} {shown}"));
    }
    let mut counts = BTreeMap::<String, usize>::new();
    for way in ways.values() {
        let name = match way {
            Way::Files(input) => format!("files, {}", input.name()),
            Way::Text(why) => format!("text: {why}"),
            Way::Here(code, _) => format!("here: {code}"),
            Way::Unknown => "unknown".to_owned(),
        };
        *counts.entry(name).or_default() += 1;
    }
    println!(
        "{} compiles: {counts:#?}; {programs} of text differ in columns only",
        chosen.len()
    );
    ensure!(
        wrong.is_empty(),
        "{} files differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    let by_files = ways
        .values()
        .filter(|way| matches!(way, Way::Files(_)))
        .count();
    ensure!(
        by_files * 10 > chosen.len() * 9,
        "only {by_files} of {} by files",
        chosen.len()
    );
    Ok(())
}

/// Which way each compile went, by its number.
fn ways(twice: &Twice<'_>) -> Result<BTreeMap<String, Way>> {
    let records = twice.records()?;
    let of = |record: &job::JobRecord| {
        let name = String::from_utf8_lossy(&record.output).into_owned();
        let number = name.strip_prefix("out/")?.strip_suffix(".o")?.to_owned();
        Some((number, Way::of(record)))
    };
    Ok(records.iter().filter_map(of).collect())
}
