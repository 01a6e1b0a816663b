//! icecream's flaws that lie in reading command lines, by number.

use job::Reason;

use crate::table::{remote, sent, shown, stays};

#[test]
fn f2_dependency_files_name_the_object() {
    let remote = remote("gcc -c a.c -MD -o out/sub.o");
    assert_eq!(
        shown(&remote.preprocess),
        "a.c -MD -E -fdirectives-only -MF out/sub.d -MQ out/sub.o"
    );
}

#[test]
fn f3_side_files_are_not_lost() {
    for option in [
        "-save-temps=obj",
        "-fstack-usage",
        "-fprofile-generate=d",
        "-ftime-trace=f",
    ] {
        stays(&format!("gcc {option} -c a.c"), Reason::SideOutput);
    }
    stays("gcc -fprofile-use=d -c a.c", Reason::SideInput);
}

#[test]
fn f5_every_assembler_word_counts() {
    stays("gcc -Wa,-al=x.lst,-W -c a.c", Reason::SideOutput);
    stays("gcc -Wa,-al=x.lst -Wa,-W -c a.c", Reason::SideOutput);
}

#[test]
fn f10_lists_and_modules_of_clang_are_known() {
    assert_eq!(
        sent("clang -fsanitize-ignorelist=d/list -c a.c"),
        "-fsanitize-ignorelist=/w/d/list -c"
    );
    stays("clang -fprebuilt-module-path=m -c a.cc", Reason::Modules);
}

#[test]
fn f11_unfinished_lines_are_the_compilers_to_refuse() {
    for line in [
        "gcc -c a.c -MF",
        "gcc -c a.c -MT",
        "gcc -c a.c -MQ",
        "gcc -c a.c ''",
        "clang -c a.c -Xclang",
    ] {
        stays(line, Reason::UnreadableOption);
    }
}

#[test]
fn f17_kernel_style_words_swallow_nothing() {
    assert_eq!(
        sent("gcc -Wp,-MD,.a.o.d -Wp,-MT,a.o -O2 -c a.c"),
        "-O2 -c -fdirectives-only"
    );
    assert_eq!(
        sent("gcc -Wp,-MD -Wp,f -Wp,-MF,x -O2 -c a.c"),
        "-O2 -c -fdirectives-only"
    );
    stays("gcc -c a.c -Wp,-MF", Reason::UnreadableOption);
}

#[test]
fn f46_short_words_mean_themselves() {
    stays("gcc -c -", Reason::InputFromStdin);
    stays("gcc -c -- a.c", Reason::UnreadableOption);
    assert_eq!(sent("gcc -c -s a.c"), "-s -c -fdirectives-only");
}

#[test]
fn f47_two_architectures_stay() {
    stays("clang -arch a -arch b -c a.c", Reason::SeveralTargets);
}

#[test]
fn f48_charsets_are_seen_in_their_real_spelling() {
    stays("gcc -fexec-charset=IBM1047 -c a.c", Reason::SideInput);
    // The text is converted while it is preprocessed: sent once more, it would be converted twice.
    assert_eq!(
        sent("gcc -finput-charset=latin1 -c a.c"),
        "-c -fdirectives-only"
    );
}

#[test]
fn f49_words_behind_load_are_not_lost() {
    assert_eq!(
        sent("clang -Xclang -load -Xclang plugin.so -c a.c"),
        "-Xclang -load -Xclang /w/plugin.so -c"
    );
    stays("clang -c a.c -Xclang -load", Reason::UnreadableOption);
    stays("clang -c a.c -Xclang", Reason::UnreadableOption);
}

#[test]
fn f54_local_and_shared_options_keep_their_order() {
    let remote = remote("gcc -Ia -DX -Ib -UX -Wall -Ic -DX=2 -O2 -c dir/a.c -include z.h");
    let order = "-Ia -DX -Ib -UX -Wall -Ic -DX=2 -O2 dir/a.c -include z.h -E -fdirectives-only";
    assert_eq!(shown(&remote.preprocess), order);
    assert_eq!(
        shown(&remote.compile),
        "-DX -UX -Wall -DX=2 -O2 -c -fdirectives-only"
    );
}
