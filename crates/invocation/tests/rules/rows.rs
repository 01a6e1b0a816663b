//! icecream's classification, row by row: kept, or kept out with a reason.

use job::Reason;

use crate::table::{local, remote, sent, stays};

#[test]
fn commands_that_stay() {
    use Reason::*;
    let rows: &[(&str, Reason)] = &[
        ("tcc -c a.c", NotCompiler),
        ("gcc-ar -c a.c", NotCompiler),
        // 2 to 6
        ("gcc -E a.c", PreprocessOnly),
        ("gcc -c -E a.c", PreprocessOnly),
        ("gcc -fdump-tree-all -c a.c", SideOutput),
        ("gcc -combine -c a.c", SeveralInputs),
        ("clang --analyze a.c", SyntaxOnly),
        ("gcc -ftime-report -c a.c", LocalReport),
        ("clang -ftime-trace -c a.c", SideOutput),
        ("clang -ftime-trace=F -c a.c", SideOutput),
        ("clang -ftime-trace-granularity=5 -c a.c", SideOutput),
        // 14
        ("gcc -M -c a.c", DependenciesOnly),
        ("gcc -MM a.c", DependenciesOnly),
        ("clang -MJ f -c a.c", SideOutput),
        // 16
        // 17, 2.4
        ("gcc -Wa,-al=x.lst -c a.c", SideOutput),
        ("gcc -Wa,-al=x.lst,-W -c a.c", SideOutput),
        ("gcc -Wa,-adhln -c a.c", SideOutput),
        ("gcc -Wa,@f -c a.c", SideInput),
        ("gcc -Wa,gone.s -c a.c", ExtraFileMissing),
        ("gcc -Xassembler gone.s -c a.c", ExtraFileMissing),
        ("gcc -Wa,--MD,f -c a.c", SideOutput),
        // 19
        ("gcc -fprofile-arcs -c a.c", SideOutput),
        ("gcc -ftest-coverage -c a.c", SideOutput),
        ("gcc --coverage -c a.c", SideOutput),
        ("gcc -frepo -c a.c", SideOutput),
        ("gcc -fprofile-generate -c a.c", SideOutput),
        ("gcc -fprofile-generate=d -c a.c", SideOutput),
        ("gcc -fprofile-use -c a.c", SideInput),
        ("gcc -fprofile-use=d -c a.c", SideInput),
        ("gcc -fbranch-probabilities -c a.c", SideInput),
        // 20 to 22
        ("gcc -save-temps -c a.c", SideOutput),
        ("gcc --save-temps -c a.c", SideOutput),
        ("gcc -save-temps=obj -c a.c", SideOutput),
        ("gcc -save-temps=cwd -c a.c", SideOutput),
        ("gcc - -c", InputFromStdin),
        ("gcc -- -c a.c", UnreadableOption),
        // 25
        ("gcc -x assembler-with-cpp -c a.S", Assembler),
        ("gcc -x c++-header -c a.h", Modules),
        ("clang -x cuda -c a.cu", UnknownLanguage),
        ("clang -x ir -c a.ll", UnknownLanguage),
        ("gcc -x none -c a.f90", UnknownLanguage),
        ("gcc -c a.c -x", UnreadableOption),
        // 28
        ("gcc -fexec-charset=ISO-8859-1 -c a.c", SideInput),
        ("gcc -fwide-exec-charset=EBCDIC -c a.c", SideInput),
        // 33
        ("clang -fmodules -c a.c", Modules),
        ("gcc -fmodules-ts -c a.cc", Modules),
        ("clang -fcxx-modules -c a.cc", Modules),
        ("clang -fmodules-cache-path=x -c a.c", Modules),
        ("clang -fmodule-file=x.pcm -c a.cc", Modules),
        ("clang -fprebuilt-module-path=x -c a.cc", Modules),
        // 41 to 43
        ("gcc -fplugin=gone.so -c a.c", ExtraFileMissing),
        ("clang -fsanitize-blacklist=gone -c a.c", ExtraFileMissing),
        ("clang -fsanitize-ignorelist=gone -c a.c", ExtraFileMissing),
        ("clang -fprofile-sample-use=gone -c a.c", ExtraFileMissing),
        ("clang -fprofile-instr-use=gone -c a.c", ExtraFileMissing),
        (
            "clang -Xclang -load -Xclang gone.so -c a.c",
            ExtraFileMissing,
        ),
        ("gcc -fauto-profile=x -c a.c", SideInput),
        ("gcc -specs=x -c a.c", SideInput),
        ("gcc --specs x -c a.c", SideInput),
        ("clang -Xclang -building-pch-with-obj -c a.c", Modules),
        ("clang -Xclang -include-pch -Xclang f.pch -c a.c", Modules),
        ("clang -include-pch f.pch -c a.c", Modules),
        // 48
        ("clang -arch x86_64 -arch arm64 -c a.c", SeveralTargets),
        // 52
        ("gcc @gone -c a.c", UnreadableOption),
        // after the scan
        ("gcc a.o b.o -o prog", NoCompileStep),
        ("gcc a.c -o prog", NoCompileStep),
        ("gcc", NoCompileStep),
        ("gcc -c", NoInput),
        ("gcc -c a.c b.c", SeveralInputs),
        ("gcc -c a.c b.o", SeveralInputs),
        ("gcc -c a.c ''", UnreadableOption),
        ("gcc -c a.s", Assembler),
        ("gcc -c a.h", Modules),
        ("gcc -c a.f90", UnknownLanguage),
        ("gcc -c ./noext", UnknownLanguage),
        ("gcc -c conftest.c", ConfigureProbe),
        ("gcc -c x/tmp.conftest.c", ConfigureProbe),
        ("gcc -c CheckIncludeFile.c", ConfigureProbe),
        ("gcc -c CheckFunctionExists.c", ConfigureProbe),
        ("gcc -c CheckSymbolExists.c", ConfigureProbe),
        ("gcc -c CheckTypeSize.c", ConfigureProbe),
        ("gcc -c CheckPrototypeDefinition.c", ConfigureProbe),
        ("gcc -c a.c -o -", OutputNotFile),
        ("gcc -c a.c -o pipe", OutputNotFile),
        ("gcc -c pipe.c -o pipe", OutputNotFile),
        // 2.7 and others that write or read beside the object
        ("gcc -fstack-usage -c a.c", SideOutput),
        ("gcc -fcallgraph-info=su -c a.c", SideOutput),
        ("gcc -fopt-info-vec=f -c a.c", LocalReport),
        ("gcc -fsave-optimization-record -c a.c", SideOutput),
        ("clang -serialize-diagnostics f -c a.c", SideOutput),
        ("clang --serialize-diagnostics f -c a.c", SideOutput),
        ("gcc -fdiagnostics-format=sarif-file -c a.c", SideOutput),
        ("gcc -fdiagnostics-add-output=sarif -c a.c", SideOutput),
        ("gcc -dumpdir d -c a.c", SideOutput),
        ("gcc -dumpbase b -c a.c", SideOutput),
        ("gcc -aux-info f -c a.c", SideOutput),
        ("gcc -da -c a.c", SideOutput),
        ("gcc -gcoff2 -c a.c", SideOutput),
        ("gcc -frecord-gcc-switches -c a.c", CommandLineRecorded),
        ("gcc -wrapper gdb,--args -c a.c", ToolSearch),
        ("gcc -v -c a.c", LocalReport),
        ("gcc -H -c a.c", LocalReport),
        ("gcc -### -c a.c", NoCompileStep),
        ("gcc --version", NoCompileStep),
        ("gcc -print-file-name=as", NoCompileStep),
        ("gcc -c a.i -MD", SideOutput),
        ("gcc -MD -MF - -c a.c", SideOutput),
        ("gcc -include f.h -c a.c", Modules),
        ("clang -include f.h -c a.c", Modules),
        ("clang -include a.c -include g.h -c a.c", Modules),
        ("clang -Xclang -include -Xclang g.h -c a.c", SideInput),
        ("clang -Xclang -include-pch -c a.c", UnreadableOption),
        ("clang --config x -c a.c", UnreadableOption),
        ("gcc -foffload=nvptx-none -fopenacc -c a.c", SeveralTargets),
    ];
    for &(line, reason) in rows {
        stays(line, reason);
    }
}

#[test]
fn commands_that_travel_and_what_is_sent() {
    let rows: &[(&str, &str)] = &[
        ("gcc -c a.c", "-c -fdirectives-only"),
        ("clang -c a.c", "-c"),
        // 7 to 13: dependency options stay here
        (
            "gcc -MD -MP -MF f -MT t -MQ q -c a.c",
            "-c -fdirectives-only",
        ),
        ("gcc -MMD -MFf -MTt -MQq -c a.c", "-c -fdirectives-only"),
        ("gcc -MD -MG -c a.c", "-c -fdirectives-only"),
        ("gcc -Wp,-MD,f -c a.c", "-c -fdirectives-only"),
        ("gcc -Wp,-MMD,f,-MT,t -c a.c", "-c -fdirectives-only"),
        ("clang -Wp,-MD,f -c a.c", "-c"),
        // 15
        (
            "gcc --param a=1 --param=b=2 -c a.c",
            "--param a=1 --param=b=2 -c -fdirectives-only",
        ),
        // 16
        ("gcc -Bsymbolic -c a.c", "-Bsymbolic -c -fdirectives-only"),
        // 17
        (
            "gcc -Wa,-W,--noexecstack -c a.c",
            "-Wa,-W,--noexecstack -c -fdirectives-only",
        ),
        (
            "gcc -Wa,--defsym,X=1 -c a.c",
            "-Wa,--defsym,X=1 -c -fdirectives-only",
        ),
        ("gcc -Wa,-I,/dir -c a.c", "-Wa,-I,/dir -c -fdirectives-only"),
        (
            "gcc -Wa,--debug-prefix-map -Wa,a=b -c a.c",
            "-Wa,--debug-prefix-map -Wa,a=b -c -fdirectives-only",
        ),
        (
            "gcc -Wa,m.s,-W -c a.c",
            "-Wa,/w/m.s,-W -c -fdirectives-only",
        ),
        (
            "gcc -Xassembler m.s -c a.c",
            "-Xassembler /w/m.s -c -fdirectives-only",
        ),
        (
            "gcc -Xassembler -W -c a.c",
            "-Xassembler -W -c -fdirectives-only",
        ),
        // 18, 29
        ("gcc -S a.c", "-S -fdirectives-only"),
        ("gcc -c -S a.c", "-S -fdirectives-only"),
        ("gcc --compile a.c", "-c -fdirectives-only"),
        // 21: words that icecream's inverted test keeps local
        ("gcc -s -c a.c", "-s -c -fdirectives-only"),
        // 23
        (
            "gcc -g -gsplit-dwarf -c a.c",
            "-g -gsplit-dwarf -c -fdirectives-only",
        ),
        // 24, 26: the language travels beside the arguments
        ("gcc -x c++ -c a.c", "-c -fdirectives-only"),
        ("gcc -xc -c plain", "-c -fdirectives-only"),
        // 28
        (
            "gcc -finput-charset=ISO-8859-1 -c a.c",
            "-c -fdirectives-only",
        ),
        (
            "gcc -fexec-charset=utf-8 -c a.c",
            "-fexec-charset=utf-8 -c -fdirectives-only",
        ),
        // 31, 34, 36
        (
            "gcc -D X -DY=1 -U Z -UW -undef -c a.c",
            "-D X -DY=1 -U Z -UW -undef -c -fdirectives-only",
        ),
        (
            "gcc -Wp,-D_FORTIFY_SOURCE=2 -c a.c",
            "-Wp,-D_FORTIFY_SOURCE=2 -c -fdirectives-only",
        ),
        (
            "gcc -Wp,-DX,-MD,f,-DY -c a.c",
            "-Wp,-DX,-DY -c -fdirectives-only",
        ),
        (
            "gcc -Xpreprocessor -DX -c a.c",
            "-Xpreprocessor -DX -c -fdirectives-only",
        ),
        // 32, 35, 37, 38
        (
            "gcc -I i -Ij -isystem k -iquote l -idirafter m -include n.h -imacros o.h -c a.c",
            "-c -fdirectives-only",
        ),
        (
            "gcc -isysroot a -iprefix b -iwithprefix c -iwithprefixbefore d --include-directory e -nostdinc -c a.c",
            "-c -fdirectives-only",
        ),
        (
            "clang -cxx-isystem x -iframework y -ivfsoverlay z -nostdinc++ -c a.cc",
            "-c",
        ),
        (
            "gcc -Wmissing-include-dirs -Werror=missing-include-dirs -c a.c",
            "-c -fdirectives-only",
        ),
        (
            "gcc -lx -l y -Lz -L w -c a.c",
            "-lx -l y -Lz -L w -c -fdirectives-only",
        ),
        // 39, 40
        (
            "gcc -fdiagnostics-color=always -c a.c",
            "-fdiagnostics-color=always -c -fdirectives-only",
        ),
        (
            "gcc -fdiagnostics-color=auto -c a.c",
            "-c -fdirectives-only",
        ),
        (
            "gcc -fno-diagnostics-show-caret -c a.c",
            "-fno-diagnostics-show-caret -c -fdirectives-only",
        ),
        // 41, 42, 44
        (
            "gcc -fplugin=plugin.so -c a.c",
            "-fplugin=/w/plugin.so -c -fdirectives-only",
        ),
        (
            "clang -fsanitize-ignorelist=d/../d/./list -c a.c",
            "-fsanitize-ignorelist=/w/d/list -c",
        ),
        (
            "clang -Xclang -load -Xclang plugin.so -c a.c",
            "-Xclang -load -Xclang /w/plugin.so -c",
        ),
        (
            "clang -Xclang -add-plugin -Xclang p -c a.c",
            "-Xclang -add-plugin -Xclang p -c",
        ),
        // 45
        ("clang -target T -c a.c", "-target T -c"),
        // 46, 47: macros are expanded here
        ("gcc -DX -Wunused-macros -c a.c", "-Wunused-macros -c"),
        ("g++ -DX -pedantic -c a.cc", "-pedantic -c"),
        (
            "g++ -pedantic-errors -DX -Wp,-DY -std=c++98 -c a.cc",
            "-pedantic-errors -std=c++98 -c",
        ),
        (
            "gcc -DX -pedantic -c a.c",
            "-DX -pedantic -c -fdirectives-only",
        ),
        (
            "gcc -DX -Wunused-macros -Wno-unused-macros -c a.c",
            "-DX -Wunused-macros -Wno-unused-macros -c -fdirectives-only",
        ),
        ("clang -DX -pedantic -c a.c", "-DX -pedantic -c"),
        // 48, 49
        ("clang -arch x86_64 -c a.c", "-arch x86_64 -c"),
        ("gcc -flto=auto -c a.c", "-flto=auto -c -fdirectives-only"),
        // 51: what we do not know travels untouched
        (
            "gcc -fnew-thing=a,b -c a.c -Wnew",
            "-fnew-thing=a,b -Wnew -c -fdirectives-only",
        ),
        // 1.18
        ("gcc -c a.i", "-c"),
        ("gcc @response -c a.c", "-O2 -Wall -c -fdirectives-only"),
        (
            "gcc -P -fno-working-directory -fdirectives-only -c a.c",
            "-c -fdirectives-only",
        ),
    ];
    for &(line, expected) in rows {
        assert_eq!(sent(line), expected, "{line}");
    }
}

#[test]
fn extra_files_are_listed_once() {
    let remote = remote(
        "clang -fplugin=plugin.so -Xclang -load -Xclang plugin.so -fprofile-list=d/list -c a.c",
    );
    assert_eq!(
        remote.extra_files,
        ["/w/plugin.so".as_ref(), std::path::Path::new("/w/d/list")]
    );
}

#[test]
fn options_that_choose_tools_decide_the_toolchain() {
    let plan = remote("gcc -B tools -B/opt/x/ --prefix=y -specs=d/list -O1 -c a.c");
    assert_eq!(
        plan.tool_options,
        ["-B/w/tools", "-B/opt/x/", "-B/w/y", "-specs=/w/d/list"]
    );
    assert_eq!(
        plan.compile,
        ["-specs=/w/d/list", "-O1", "-c", "-fdirectives-only"]
    );
    assert_eq!(plan.extra_files, [std::path::Path::new("/w/d/list")]);
    let apart = remote("gcc -c a.c --specs d/list");
    assert_eq!(
        apart.compile,
        ["--specs", "/w/d/list", "-c", "-fdirectives-only"]
    );
    assert_eq!(apart.tool_options, plan.tool_options[3..]);
}

#[test]
fn links_that_compile_in_parallel_take_all_slots() {
    for (line, all) in [
        ("gcc -flto=auto a.o -o x", true),
        ("gcc -flto=8 a.o", true),
        ("gcc -flto=jobserver a.o", true),
        ("gcc -flto a.o", false),
        ("gcc -flto=1 a.o", false),
        ("gcc -flto=auto -fno-lto a.o", false),
        ("clang -flto=thin a.o", true),
        ("clang -flto a.o", true),
        ("gcc a.o", false),
        ("gcc -E -flto=auto a.c", false),
        ("gcc -flto=auto -c a.s", false),
    ] {
        assert_eq!(local(line).all_slots, all, "{line}");
    }
}
