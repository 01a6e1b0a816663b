//! A packed toolchain compiles in a chroot exactly as the compiler does at home.

use std::path::Path;
use std::process::Command;

use toolchain::{Compiler, Compression};

use crate::support::{Tree, archive, feed, has, is_root};

const C: &str = "#include <stdio.h>\n#include <stdlib.h>\nstruct point { int x, y; };\n\
    static int twice(int n) { return n * 2; }\n\
    int main(int argc, char **argv) { struct point p = { argc, twice(argc) };\n\
    printf(\"%d %d %s\\n\", p.x, p.y, argv[0]); return EXIT_SUCCESS; }\n";

const CXX: &str = "#include <vector>\n#include <string>\n#include <iostream>\n\
    template <class T> T sum(const std::vector<T> &v) { T s{}; for (auto &e : v) s += e; return s; }\n\
    int main() { std::vector<std::string> v{\"a\", \"b\"}; std::cout << sum(v) << std::endl;\n\
    try { throw 1; } catch (int) {} }\n";

const FREESTANDING: &str = "int twice(int n) { return n * 2; }\n";

/// Compiles preprocessed `source` at home and in the tree, and compares.
fn same_object(
    tree: &Tree,
    home: &str,
    there: &str,
    language: &str,
    source: &str,
    options: &[&str],
) {
    let text = feed(
        Command::new(home)
            .args(["-E", "-x", language, "-"])
            .current_dir("/"),
        source.as_bytes(),
    );
    assert!(text.status.success(), "{text:?}");
    let mut args = vec!["-x", language, "-c"];
    args.extend(options);
    if !there.ends_with("clang") {
        args.push("-fpreprocessed");
    }
    args.push("-");
    let out = tempfile::tempdir().unwrap();
    let object = out.path().join("home.o");
    let here = feed(
        Command::new(home)
            .args(&args)
            .arg("-o")
            .arg(&object)
            .current_dir("/"),
        &text.stdout,
    );
    assert!(here.status.success(), "{here:?}");
    for environment in [&[("PATH", "/usr/bin")][..], &[]] {
        let remote = tree.root().join("tmp/there.o");
        let _ = std::fs::remove_file(&remote);
        let mut command = vec![there];
        command.extend(&args);
        command.extend(["-o", "/tmp/there.o"]);
        let said = tree.run(&command, environment, &text.stdout);
        assert!(said.status.success(), "{said:?}");
        assert!(said.stderr.is_empty(), "{said:?}");
        assert!(
            std::fs::read(&object).unwrap() == std::fs::read(&remote).unwrap(),
            "{home} {args:?} differs"
        );
    }
}

#[test]
fn gcc_compiles_the_same_in_its_tree() {
    if !is_root() {
        return println!("SKIPPED: chroot needs root");
    }
    let dir = tempfile::tempdir().unwrap();
    let tree = Tree::of(&archive("/usr/bin/gcc", Compression::Gzip, dir.path()).path);
    assert!(tree.run(&["/bin/true"], &[], b"").status.success());
    for options in [
        &["-O2"][..],
        &["-g"],
        &["-O2", "-flto", "-frandom-seed=1"],
        &["-O3", "-march=haswell", "-fPIC"],
    ] {
        same_object(&tree, "gcc", "/usr/bin/gcc", "c", C, options);
        if has("g++") {
            same_object(&tree, "g++", "/usr/bin/g++", "c++", CXX, options);
        }
    }
    // Debian's libraries are all in directories that the loader knows by itself.
    std::fs::remove_file(tree.root().join("etc/ld.so.cache")).unwrap();
    same_object(&tree, "gcc", "/usr/bin/gcc", "c", C, &["-O1"]);
}

#[test]
fn clang_compiles_the_same_in_its_tree() {
    if !is_root() || !has("clang") {
        return println!("SKIPPED: chroot needs root, and clang");
    }
    let dir = tempfile::tempdir().unwrap();
    let tree = Tree::of(&archive("/usr/bin/clang", Compression::Zstd, dir.path()).path);
    assert!(tree.root().join("proc/cpuinfo").is_file());
    for options in [
        &["-O2"][..],
        &["-g", "-no-canonical-prefixes"],
        &["-O2", "-fno-integrated-as"],
    ] {
        same_object(&tree, "clang", "/usr/bin/clang", "c", C, options);
    }
    same_object(
        &tree,
        "clang++",
        "/usr/bin/clang",
        "c++",
        CXX,
        &["-O2", "-g"],
    );
}

#[test]
fn a_cross_compiler_brings_its_own_tools() {
    if !is_root() || !has("x86_64-w64-mingw32-gcc") {
        return println!("SKIPPED: chroot needs root, and mingw");
    }
    let dir = tempfile::tempdir().unwrap();
    let path = "/usr/bin/x86_64-w64-mingw32-gcc";
    let compiler = Compiler::probe(Path::new(path)).unwrap();
    assert_eq!(compiler.target, "x86_64-w64-mingw32");
    let tree = Tree::of(&archive(path, Compression::Zstd, dir.path()).path);
    if compiler.cxx.is_none() {
        assert!(
            !tree.root().join("usr/bin/g++").exists(),
            "only gcc is installed"
        );
    }
    same_object(
        &tree,
        path,
        "/usr/bin/gcc",
        "c",
        FREESTANDING,
        &["-O2", "-g"],
    );
}

#[test]
fn every_name_of_a_compiler_is_the_same_compiler() {
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("my-cc");
    std::fs::write(&script, "#!/bin/sh\nexec gcc \"$@\"\n").unwrap();
    let hardened = dir.path().join("hardened-gcc");
    std::fs::write(
        &hardened,
        "#!/bin/sh\nexec /usr/bin/gcc -fstack-protector-all \"$@\"\n",
    )
    .unwrap();
    for path in [&script, &hardened] {
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .unwrap();
    }
    let plain = Compiler::probe(Path::new("/usr/bin/gcc")).unwrap();
    assert!(!plain.alters_options);
    assert!(
        plain.version.starts_with(|c: char| c.is_ascii_digit()),
        "{plain:?}"
    );
    for path in [
        &script,
        &hardened,
        Path::new("/usr/bin/cc"),
        Path::new("/usr/bin/c++"),
        Path::new("/usr/bin/g++"),
    ] {
        if !path.exists() {
            continue;
        }
        let compiler = Compiler::probe(path).unwrap();
        assert_eq!(
            (&compiler.c, &compiler.cxx),
            (&plain.c, &plain.cxx),
            "{}",
            path.display()
        );
        assert_eq!(
            compiler.alters_options,
            path == hardened,
            "{}",
            path.display()
        );
    }
    if has("ccache") {
        let compiler = Compiler::probe(Path::new("/usr/lib/ccache/gcc")).unwrap();
        assert_eq!((compiler.c, compiler.alters_options), (plain.c, false));
    }
}
