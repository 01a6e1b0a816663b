//! clang: which options keep objects equal in which mode.

use invocation::Settings;
use job::Reason;

use crate::lab::Expect::{Same, SameButProducer, Stays};
use crate::lab::{Expect, cases, check};

fn full() -> Settings {
    Settings {
        remote_cpp: Some(false),
        ..Settings::default()
    }
}

const PLAIN: &str = "-O0|-O2|-O3|-Os|-fPIC|-ffunction-sections -fdata-sections|-fvisibility=hidden|-fstack-protector-strong|-fcf-protection|\
-pthread|-mavx2|-fcommon|-P|-Wa,--noexecstack|-pipe|-fno-ident|-Wall -Wextra|-finstrument-functions|-pg|-DGIVEN=3 -UBAR|-flto|-flto=thin|\
-emit-llvm|-fembed-bitcode|-include h.h|-fsanitize=thread|-fsanitize-coverage=trace-pc-guard|-fverbose-asm|\
-fmacro-prefix-map=b=ZZ -fmacro-prefix-map=inc=ZY|-std=gnu11|-trigraphs|-Wp,-DGIVEN=1|-Wp,-D_FORTIFY_SOURCE=2 -O2|-finput-charset=UTF-8|\
-fexec-charset=UTF-8|-fuse-ld=lld|-lfoo|-L/x|-Wl,-z,now|-s|-static|-shared|-rdynamic|-nostdlib|--sysroot=/|-fno-integrated-as|\
-mllvm -inline-threshold=10 -O2|-Xclang -disable-llvm-passes -O2|-target x86_64-pc-linux-gnu|--target=x86_64-pc-linux-gnu|\
-fno-caret-diagnostics|-fprofile-instr-generate|-funique-internal-linkage-names -O2|-resource-dir /usr/lib/llvm-14/lib/clang/14.0.6|-S|-S -O2|\
-fstack-size-section|-Weverything -w|-fcolor-diagnostics|-Wunused-macros|-pedantic -w|-march=x86-64-v3|-Qunused-arguments|-fopenmp";

const DEBUG: &str = "-g|-O2 -g|-g -gdwarf-4|-g -gz|-g1|-gline-tables-only|-gmlt|-gdwarf-5 -O2|-ggdb|-g3|-fdebug-prefix-map=inc=/x -g|\
-ffile-prefix-map=inc=/y -g|-g -fno-eliminate-unused-debug-types|-g -fdebug-types-section|-g -gno-column-info|-fdebug-compilation-dir=/ZZZ -g|\
-fdebug-compilation-dir . -g|-ffile-compilation-dir=. -g|-P -g|-g -Xclang -fdebug-compilation-dir -Xclang /q";

const COLUMNS: &str =
    "-fsanitize=undefined|-fsanitize=address -O2|-fsanitize=integer|-fsanitize=memory";

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
    let lines = each(PLAIN, "b.c", Same);
    all("clang", &Settings::default(), &lines);
    all("clang", &full(), &lines);
}

#[test]
fn debug_information_says_the_same() {
    let lines = each(DEBUG, "a.c", SameButProducer);
    all("clang", &Settings::default(), &lines);
    all("clang", &full(), &lines);
}

#[test]
fn columns_survive_only_unexpanded() {
    all("clang", &Settings::default(), &each(COLUMNS, "a.c", Same));
    all(
        "clang",
        &full(),
        &each(COLUMNS, "a.c", Stays(Reason::NotInText)),
    );
}

#[test]
fn cxx_objects_are_equal() {
    let plain = each("-O0|-O2|-fno-rtti|-std=c++20 -O1", "p.cc", Same);
    all("clang++", &Settings::default(), &plain);
    all("clang++", &full(), &plain);
    all(
        "clang++",
        &Settings::default(),
        &each("-g|-O2 -g", "p.cc", SameButProducer),
    );
    // A raw string of several lines shifts the lines behind it in text that clang expanded.
    check(cases(
        "clang++",
        &full(),
        &[("-g p.cc", Stays(Reason::NotInText))],
    ));
}

#[test]
fn sources_of_every_sort_come_through() {
    let lines = [
        ("level.c", Same),
        ("undef.c", Same),
        ("-imacros macros.h imacros.c", Same),
        ("-trigraphs trigraphs.c", Same),
        ("crlf.c", Same),
        ("crlf.c -g", SameButProducer),
        ("bom.c", Same),
        ("utf.c", Same),
        ("-x c plain", Same),
        ("-x c b.c -x c++", Same),
        ("./b.c", Same),
        ("dir/../b.c -g", SameButProducer),
        ("dir/sub.x/s.c -g", SameButProducer),
        ("objc.m", Same),
        ("-Wa,-I,/none b.c", Same),
    ];
    check(cases("clang", &Settings::default(), &lines));
    check(cases("clang", &full(), &lines));
}

#[test]
fn extra_files_are_named_by_absolute_paths() {
    let line = [
        ("-fsanitize=address -fsanitize-ignorelist=list a.c", Same),
        (
            "-fsanitize=address -fsanitize-blacklist=dir/../list a.c",
            Same,
        ),
    ];
    check(cases("clang", &Settings::default(), &line));
}

#[test]
fn what_text_cannot_keep_stays() {
    let lines = [
        ("-gembed-source -g a.c", Stays(Reason::NotInText)),
        ("-fdebug-macro -g a.c", Stays(Reason::NotInText)),
        (
            "-fprofile-instr-generate -fcoverage-mapping a.c",
            Stays(Reason::NotInText),
        ),
        (
            "-frecord-command-line a.c",
            Stays(Reason::CommandLineRecorded),
        ),
        ("-g -gsplit-dwarf=single a.c", Stays(Reason::NotInText)),
        ("-fmodules a.c", Stays(Reason::Modules)),
        ("-ftime-trace=x a.c", Stays(Reason::SideOutput)),
    ];
    check(cases("clang", &Settings::default(), &lines));
}
