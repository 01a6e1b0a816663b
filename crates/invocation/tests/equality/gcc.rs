//! gcc: which options keep objects equal in which mode.

use invocation::Settings;
use job::Reason;

use crate::lab::Expect::{Same, SameButProducer, Stays};
use crate::lab::{Expect, cases, check};

/// Expands macros here.
fn full() -> Settings {
    Settings {
        remote_cpp: Some(false),
        ..Settings::default()
    }
}

/// Equal in both modes.
const PLAIN: &str = "-O0|-O1|-O2|-O3|-Os|-Og|-Ofast|-fPIC|-fpie|-fno-common|-ffunction-sections -fdata-sections|-fvisibility=hidden|\
-funsigned-char|-fstack-protector-strong|-fcf-protection|-pthread|-fopenmp|-ftrapv|-fwrapv|-fno-strict-aliasing|-mavx2|-fcommon|-P|\
-fno-working-directory|-Wa,--noexecstack|-pipe|-fno-ident|-Wall -Wextra|-finstrument-functions|-fno-asynchronous-unwind-tables|-pg|\
-fshort-enums|-fno-builtin|-ffreestanding|-DGIVEN=3 -UBAR|-D GIVEN=3|-frandom-seed=abc|-fdirectives-only|-fno-directives-only|\
-fverbose-asm|-fstack-clash-protection|-include h.h|-ftabstop=4|-fsanitize=thread|-fsanitize=leak|-fsanitize-coverage=trace-pc|\
-fmacro-prefix-map=b=ZZ -fmacro-prefix-map=inc=ZY|-ffile-prefix-map=inc=/y|-std=gnu11|-std=gnu17 -trigraphs|-C|-CC|-fpch-preprocess|\
-fpch-deps|-Wp,-DGIVEN=1|-Wp,-D_FORTIFY_SOURCE=2 -O2|-Xpreprocessor -DGIVEN=4|-Wp,-DGIVEN=1,-MD,out/w.d|-A foo=bar|-remap|\
-fno-canonical-system-headers|-finput-charset=UTF-8|-fexec-charset=UTF-8|-fwide-exec-charset=UTF-16LE|-ftrack-macro-expansion=0|\
-fno-show-column|-O2 -fipa-pta|-fuse-ld=bfd|-lfoo|-L/x|-Wl,-z,now|-s|-static|-shared|-rdynamic|-nostdlib|--sysroot=/|-isysroot /|\
--param=max-inline-insns-auto=3 -O2|--param max-inline-insns-auto=3 -O2|-S|-S -O2|-S -fPIC|-march=x86-64-v3|-m64|-Wundef|\
-fprofile-reproducible=serial|-fsplit-stack|-fno-plt|-fno-semantic-interposition|-Wmissing-include-dirs -Inone|-fzero-call-used-regs=all|\
-fkeep-static-functions|-O2 -fno-inline|-Wdate-time|-fdiagnostics-color=always|-fdiagnostics-color=auto|-w|-Wno-unused-macros|-iquote inc|\
-isystem inc|-idirafter inc|-iprefix /x -iwithprefix y|-Wp,-Wundef|--include-directory=inc|--define-macro GIVEN=5|-Xlinker x|-z now|-u sym|\
-T script|-e main|-fvar-tracking|-fdebug-types-section|-fno-debug-types-section|-fgnu89-inline|-fpermissive";

/// Equal but for the producer in both modes.
const DEBUG: &str = "-g|-O2 -g|-g -gdwarf-4|-g -gz|-g1|-g2|-gdwarf-5 -O2|-ggdb|-O2 -g -ggdb|-fdebug-prefix-map=inc=/x -g|-ffile-prefix-map=inc=/y -g|\
-g -gcolumn-info|-g -gno-column-info -O2|-g -fno-eliminate-unused-debug-types|-g -fdebug-types-section|-gno-record-gcc-switches -g|\
-g -gno-variable-location-views -O2|-fno-working-directory -g|-P -g|-O2 -g -fno-var-tracking|-ginline-points -g -O2|-gstatement-frontiers -g -O2|\
-g3 -g1|-O3 -g|-Os -g|-g -fsanitize=thread|-g -fPIC -ffunction-sections";

/// Equal when macros are expanded remotely; here, columns in the object would come out wrong.
const COLUMNS: &str = "-fsanitize=undefined|-fsanitize=address -O2|-fsanitize=address,undefined|-fsanitize=signed-integer-overflow";

fn each(lines: &str, source: &str, expect: Expect) -> Vec<(String, Expect)> {
    lines
        .split('|')
        .map(|line| (format!("{line} {source}"), expect))
        .collect()
}

fn all(compiler: &'static str, settings: &Settings, lines: &[(String, Expect)]) {
    let lines: Vec<(&str, Expect)> = lines
        .iter()
        .map(|(line, expect)| (line.as_str(), *expect))
        .collect();
    check(cases(compiler, settings, &lines));
}

#[test]
fn plain_objects_are_equal() {
    let mut lines = each(PLAIN, "b.c", Same);
    lines.extend(each("-O0|-O2|-O3|-fPIC -Os", "a.c", Same));
    all("gcc", &Settings::default(), &lines);
    all("gcc", &full(), &lines);
}

/// Guards the comparison itself.
#[test]
fn differences_are_seen() {
    let lab = crate::lab::Lab::new();
    let compile = |line: &str| {
        let line: Vec<String> = line.split(' ').map(String::from).collect();
        assert!(lab.compile("gcc", &line).status.success());
    };
    compile("-g -Iinc -c a.c -o out/x.o");
    assert!(crate::compare::rows(&lab.path("out/x.o")).len() > 5);
    lab.write("b2.c", b"\n#include \"b.c\"\n");
    let pairs = [
        ("-g -DX a.c", "-g -O2 a.c"),
        ("-g level.c", "-g1 level.c"),
        ("-g b.c", "-g b2.c"),
        ("-g b.c", "-g -DGIVEN=3 b.c"),
    ];
    for (one, other) in pairs {
        compile(&format!("{one} -Iinc -c -o out/x.o"));
        compile(&format!("{other} -Iinc -c -o exec/x.o"));
        assert!(
            crate::compare::objects(&lab.path("out/x.o"), &lab.path("exec/x.o"), true).is_err(),
            "{one} {other}"
        );
    }
}

#[test]
fn debug_information_says_the_same() {
    let lines = each(DEBUG, "a.c", SameButProducer);
    all("gcc", &Settings::default(), &lines);
    all("gcc", &full(), &lines);
}

#[test]
fn columns_survive_only_unexpanded() {
    all("gcc", &Settings::default(), &each(COLUMNS, "a.c", Same));
    all(
        "gcc",
        &full(),
        &each(COLUMNS, "a.c", Stays(Reason::NotInText)),
    );
    // With -Wunused-macros they are expanded here whatever was asked for.
    check(cases(
        "gcc",
        &Settings::default(),
        &[
            (
                "-fsanitize=undefined -Wunused-macros -w a.c",
                Stays(Reason::NotInText),
            ),
            ("-fsanitize=undefined -pedantic -w a.c", Same),
        ],
    ));
}

#[test]
fn cxx_objects_are_equal() {
    let mut lines = each(
        "-O0|-O2|-fno-exceptions -DX|-fno-rtti|-std=c++20 -O1|-fvisibility-inlines-hidden",
        "p.cc",
        Same,
    );
    lines.retain(|(line, _)| !line.contains("-fno-exceptions"));
    lines.extend(each("-g|-O2 -g", "p.cc", SameButProducer));
    all("g++", &Settings::default(), &lines);
    all("g++", &full(), &lines);
    check(cases(
        "g++",
        &Settings::default(),
        &[
            ("column.cc", Same),
            ("-fsanitize=undefined p.cc", Same),
            ("b.c", Same),
        ],
    ));
}

#[test]
fn sources_of_every_sort_come_through() {
    let lines = [
        ("level.c", Same),
        ("undef.c", Same),
        ("-imacros macros.h imacros.c", Same),
        ("-trigraphs trigraphs.c", Same),
        ("-std=c99 trigraphs.c", Same),
        ("crlf.c", Same),
        ("crlf.c -g", SameButProducer),
        ("bom.c", Same),
        ("utf.c", Same),
        ("-fexec-charset=UTF-16LE utf.c -w", Same),
        ("-finput-charset=ISO-8859-1 latin.c", Same),
        ("-finput-charset=ISO-8859-1 -g latin.c", SameButProducer),
        ("-fexec-charset=ISO-8859-1 utf.c", Stays(Reason::SideInput)),
        ("-x c plain", Same),
        ("-xc++ plain", Same),
        ("plain -x c", Stays(Reason::UnknownLanguage)),
        ("-x c b.c -x c++", Same),
        ("-x none b.c", Same),
        ("./b.c", Same),
        ("dir/../b.c -g", SameButProducer),
        ("dir/sub.x/s.c", Same),
        ("dir/sub.x/s.c -g", SameButProducer),
        ("dollar.c", Same),
        ("-traditional-cpp traditional.c", Same),
        ("-pedantic -w b.c", Same),
        ("-pedantic -std=c11 -w b.c", Same),
        ("-Wpedantic -w a.c -g", SameButProducer),
        ("-Wunused-macros a.c", Same),
        ("-Wunused-macros -Wno-unused-macros a.c", Same),
        ("objc.m", Stays(Reason::UnknownLanguage)),
        ("-Wa,asm.s b.c", Same),
        ("-Wa,--defsym,MYSYM=1 b.c", Same),
    ];
    check(cases("gcc", &Settings::default(), &lines));
    check(cases("gcc", &full(), &lines));
    check(cases(
        "g++",
        &Settings::default(),
        &[("level.c", Same), ("-x c level.c", Same)],
    ));
}

#[test]
fn cross_compiled_objects_are_equal() {
    let lines = [
        ("-O2 dir/sub.x/s.c", Same),
        ("-O2 a.c", Same),
        ("-municode -mwindows level.c", Same),
        ("-fno-builtin utf.c", Same),
    ];
    check(cases(
        "x86_64-w64-mingw32-gcc",
        &Settings::default(),
        &lines,
    ));
    check(cases("x86_64-w64-mingw32-gcc", &full(), &lines));
}

#[test]
fn what_text_cannot_keep_stays() {
    let lines = [
        ("-g3 a.c", Stays(Reason::NotInText)),
        ("-ggdb3 a.c", Stays(Reason::NotInText)),
        ("-g3 -g a.c", Stays(Reason::NotInText)),
        (
            "-femit-struct-debug-baseonly -g a.c",
            Stays(Reason::NotInText),
        ),
        ("-S -fverbose-asm a.c", Stays(Reason::NotInText)),
        (
            "-frecord-gcc-switches a.c",
            Stays(Reason::CommandLineRecorded),
        ),
        ("-fstack-usage a.c", Stays(Reason::SideOutput)),
        ("-save-temps=obj a.c", Stays(Reason::SideOutput)),
        ("-fprofile-generate=x a.c", Stays(Reason::SideOutput)),
    ];
    check(cases("gcc", &Settings::default(), &lines));
}

/// gcc's -flto objects differ between two plain compiles already: section names hold a random
/// number and the streams hold columns. What counts is what is linked from them.
#[test]
fn links_of_intermediate_objects_are_equal() {
    let lab = crate::lab::Lab::new();
    lab.write("main.c", b"int f(int); int main(void) { return f(2); }\n");
    let words = |line: &str| line.split(' ').map(String::from).collect::<Vec<_>>();
    assert!(
        lab.compile("gcc", &words("-O2 -flto -c main.c -o out/main.o"))
            .status
            .success()
    );
    let link = || {
        assert!(
            lab.compile("gcc", &words("-O2 -flto out/main.o out/x.o -o out/prog"))
                .status
                .success()
        );
        std::fs::read(lab.path("out/prog")).unwrap()
    };
    let line = words("-O2 -flto -Iinc -c a.c -o out/x.o");
    assert!(lab.compile("gcc", &line).status.success());
    let plain = link();
    let invocation::Plan::Remote(remote) = lab.plan("gcc", &line, &Settings::default()) else {
        panic!("stays")
    };
    let text = lab.text("gcc", &remote).unwrap();
    lab.execute("gcc", &remote, &text, &lab.path("out/x.o"))
        .unwrap();
    assert!(plain == link());
}
