//! The command line for executors that read files.

use std::path::Path;

use invocation::Preset;
use job::Reason;

use super::table::{remote, shown, stays};

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
        // Debug information names these, too.
        (
            "gcc -g -P -fpch-preprocess -c a.c",
            "-g -P -fpch-preprocess -c",
            None,
        ),
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
            "gcc -Wp,-MMD,o/.b.o.d -g -c d/a.c -o o/b.o",
            "-MMD -g -MQ a.o -c",
            Some("o/.b.o.d"),
        ),
        (
            "clang -Wp,-MD,o/.b.o.d -c d/a.c -o o/b.o",
            "-MD -MQ o/b.o -c",
            Some("o/.b.o.d"),
        ),
        (
            "gcc -pedantic -Wunused-macros -c a.c",
            "-pedantic -Wunused-macros -c",
            None,
        ),
        ("gcc -fsyntax-only a.c", "-fsyntax-only -c", None),
        (
            "clang -S -fsyntax-only -MD a.c -o d/x.s",
            "-fsyntax-only -MD -MQ d/x.s -S",
            Some("d/x.d"),
        ),
        (
            "gcc -g -gsplit-dwarf -c d/a.cc -o o/a.cc.o",
            "-g -gsplit-dwarf -dumpdir o/ -dumpbase a.cc -dumpbase-ext  -c",
            None,
        ),
        (
            "gcc -g -gsplit-dwarf -c d/a.cc",
            "-g -gsplit-dwarf -dumpdir  -dumpbase a -dumpbase-ext  -c",
            None,
        ),
        (
            "clang -g -gsplit-dwarf -c d/a.c -o o/x",
            "-g -gsplit-dwarf -Xclang -split-dwarf-file -Xclang o/x.dwo -c",
            None,
        ),
        (
            "clang -g -gsplit-dwarf=single -S d/a.c",
            "-g -gsplit-dwarf=single -Xclang -split-dwarf-file -Xclang a.s -S",
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
        "gcc -gsplit-dwarf -g -flto -c a.c",
        "clang -gsplit-dwarf -g1 -c a.c",
        "gcc -gsplit-dwarf -g -c a.c -o d/.o",
        "gcc -Wp,-MD,x.d,-MP -c a.c",
        "gcc -Wp,-MD,x.d -Wp,-MD,y.d -c a.c",
        "gcc -Wp,-MD,x.d -MMD -c a.c",
        "gcc -Wp,-MD,x.d -MF y.d -c a.c",
        "gcc -Wp,-MD -Wp,x.d -c a.c",
        "gcc -MD -MG -c a.c",
        "gcc -MF x.d -c a.c",
        "gcc -B/x -c a.c",
        "gcc -I- -c a.c",
    ] {
        assert_eq!(with_files(line), None, "{line}");
    }
}

#[test]
fn what_text_does_not_keep_travels_as_files_only() {
    for (line, what) in [
        ("gcc -g3 -c a.c", "-g3"),
        (
            "gcc -femit-struct-debug-baseonly -g -c a.c",
            "-femit-struct-debug-baseonly",
        ),
        ("clang -fdebug-macro -g -c a.c", "-fdebug-macro"),
        ("clang -Rpass=inline -c a.c", "-Rpass=inline"),
    ] {
        let remote = remote(line);
        assert!(remote.with_files.is_some(), "{line}");
        let stays = remote.else_stays.expect(line);
        assert_eq!((stays.reason, &stays.detail[..]), (Reason::NotInText, what));
    }
    assert_eq!(remote("gcc -g -c a.c").else_stays, None);
    let syntax = remote("gcc -fsyntax-only a.c -o /dev/null");
    assert!(!syntax.has_object);
    assert_eq!(syntax.else_stays.unwrap().reason, Reason::SyntaxOnly);
    stays("gcc -fsyntax-only -B/x a.c", Reason::SyntaxOnly);
    stays("gcc -fsyntax-only a.i", Reason::SyntaxOnly);
    // Neither nor.
    stays("gcc -g3 -B/x -c a.c", Reason::NotInText);
    stays(
        "clang -gsplit-dwarf -g -emit-llvm -c a.c",
        Reason::NotInText,
    );
    stays("clang -gsplit-dwarf -g -S a.c", Reason::NotInText);
    stays("gcc -S -fverbose-asm a.c", Reason::NotInText);
    stays(
        "gcc -g3 -frecord-gcc-switches -c a.c",
        Reason::CommandLineRecorded,
    );
}

#[test]
fn clangs_precompiled_headers_travel_as_files_with_their_headers() {
    let header = || Preset::Include("k.h".into());
    for (line, presets) in [
        ("clang -include k.h -c a.c", vec![header()]),
        ("clang -include-pch k.h.gch -c a.c", vec![header()]),
        (
            "clang -Xclang -include-pch -Xclang k.h.gch -c a.c",
            vec![header()],
        ),
        (
            "clang -Xclang -include-pch -Xclang k.h.gch -Xclang -include -Xclang k.h -include h -c a.c",
            vec![header(), Preset::Include("h".into()), header()],
        ),
    ] {
        let remote = remote(line);
        let arguments = remote.with_files.expect(line).arguments;
        assert_eq!(arguments.len() + 2, line.split(' ').count(), "{line}");
        assert_eq!(remote.else_stays.expect(line).reason, Reason::Modules);
        let inputs = remote.inputs.expect(line);
        assert_eq!(inputs.presets, presets, "{line}");
        let precompiled = inputs.precompiled.expect(line);
        assert_eq!(precompiled.header, Path::new("k.h"), "{line}");
        assert_eq!(precompiled.file, Path::new("k.h.gch"), "{line}");
    }
    for line in [
        "clang -include-pch f.h.gch -c a.c",
        "clang -include g.h -include-pch g.h.gch -c a.c",
        "clang -include g.h -imacros h -c a.c",
        "clang -include g.h -Xclang -fno-pch-timestamp -c a.c",
    ] {
        stays(line, Reason::Modules);
    }
}
