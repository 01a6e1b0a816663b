//! Compilers and libraries in unusual places.

use std::path::{Path, PathBuf};
use std::process::Command;

use toolchain::{Compiler, Compression, collect, pack};

use crate::support::{Tree, feed, is_root};

fn run(command: &mut Command) {
    let said = command.output().unwrap();
    assert!(said.status.success(), "{said:?}");
}

/// A program at `dir/bin/prog` whose library is found by `linked`.
fn program(dir: &Path, linked: &str) -> PathBuf {
    let (bin, lib) = (dir.join("bin"), dir.join("lib"));
    std::fs::create_dir_all(&bin).unwrap();
    std::fs::create_dir_all(&lib).unwrap();
    std::fs::write(dir.join("f.c"), "int f(void) { return 42; }\n").unwrap();
    std::fs::write(
        dir.join("main.c"),
        "int f(void); int main(void) { return f() - 42; }\n",
    )
    .unwrap();
    let library = lib.join("libforty.so.2");
    run(Command::new("gcc")
        .args(["-shared", "-fPIC", "-Wl,-soname,libforty.so.2", "-o"])
        .arg(&library)
        .arg(dir.join("f.c")));
    let program = bin.join("prog");
    run(Command::new("gcc")
        .arg("-o")
        .arg(&program)
        .arg(dir.join("main.c"))
        .arg(&library)
        .arg(linked));
    program
}

#[test]
fn libraries_found_by_rpath_are_found_in_the_tree() {
    if !is_root() {
        return println!("SKIPPED: chroot needs root");
    }
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    let compiler = Compiler::probe(Path::new("/usr/bin/gcc")).unwrap();
    let absolute = format!("-Wl,-rpath,{}/two/lib", root.display());
    let extra = [
        program(
            &root.join("one"),
            "-Wl,-rpath,$ORIGIN/../lib,--disable-new-dtags",
        ),
        program(&root.join("two"), &absolute),
        program(&root.join("with blanks and ü"), "-Wl,-rpath,$ORIGIN/../lib"),
    ];
    let set = collect(&compiler, &extra).unwrap();
    let tree = Tree::of(&pack(&set, Compression::None, &root).unwrap().path);
    for path in &extra {
        let said = tree.run(&[path], &[], b"");
        assert!(said.status.success(), "{said:?}");
    }
    std::fs::remove_file(root.join("one/lib/libforty.so.2")).unwrap();
    let error = collect(&compiler, &extra).unwrap_err().to_string();
    assert_eq!(
        error,
        "toolchain for /usr/bin/gcc cannot be packed: lib/libforty.so.2 not found (needed by prog)"
    );
}

/// gcc finds its parts relative to where it stands, so a copy is an installation elsewhere.
#[test]
fn a_private_prefix_becomes_usr() {
    if !is_root() {
        return println!("SKIPPED: chroot needs root");
    }
    let dir = tempfile::tempdir().unwrap();
    let prefix = dir.path().canonicalize().unwrap().join("opt/gcc");
    let home = Compiler::probe(Path::new("/usr/bin/gcc")).unwrap();
    let ask = |question: &str| {
        let said = Command::new("gcc").arg(question).output().unwrap();
        PathBuf::from(String::from_utf8(said.stdout).unwrap().trim().to_owned())
    };
    let cc1 = ask("-print-prog-name=cc1");
    let there = prefix.join(cc1.strip_prefix("/usr").unwrap());
    std::fs::create_dir_all(there.parent().unwrap()).unwrap();
    std::fs::create_dir_all(prefix.join("bin")).unwrap();
    std::fs::copy(&cc1, &there).unwrap();
    std::fs::write(there.with_file_name("specs"), "*floe:\n-unused\n\n").unwrap();
    std::fs::copy(home.c.unwrap(), prefix.join("bin/gcc")).unwrap();
    let compiler = Compiler::probe(&prefix.join("bin/gcc")).unwrap();
    assert_eq!(
        (compiler.c.as_deref(), compiler.cxx.as_deref()),
        (Some(&*prefix.join("bin/gcc")), None)
    );
    let set = collect(&compiler, &[]).unwrap();
    let names: Vec<_> = set
        .members()
        .map(|(name, _)| name.display().to_string())
        .collect();
    let specs = there.with_file_name("specs");
    let specs = Path::new("usr").join(specs.strip_prefix(&prefix).unwrap());
    assert!(names.contains(&specs.display().to_string()), "{names:?}");
    assert!(
        !names.iter().any(|name| name.contains("opt/gcc")),
        "{names:?}"
    );
    let tree = Tree::of(&pack(&set, Compression::None, dir.path()).unwrap().path);
    let args = ["-x", "c", "-c", "-O2", "-fpreprocessed", "-", "-o"];
    let source = b"int f(int n) { return n + 1; }\n";
    let mut command = vec!["/usr/bin/gcc"];
    command.extend(args);
    command.push("/tmp/there.o");
    let said = tree.run(&command, &[("PATH", "/usr/bin")], source);
    assert!(said.status.success() && said.stderr.is_empty(), "{said:?}");
    let here = dir.path().join("here.o");
    feed(
        Command::new("gcc").args(args).arg(&here).current_dir("/"),
        source,
    );
    assert!(
        std::fs::read(here).unwrap() == std::fs::read(tree.root().join("tmp/there.o")).unwrap()
    );
}
