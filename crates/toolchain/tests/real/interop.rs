//! Debian's icecc 1.4 and ours, in both directions.

use std::path::{Path, PathBuf};
use std::process::Command;

use toolchain::Compression;

use crate::support::{Tree, archive, feed, has, is_root};

/// What Debian's own program makes of a compiler.
fn debian_archive(compiler: &str, compression: &str, dir: &Path) -> PathBuf {
    let said = Command::new("icecc-create-env")
        .args([compiler, "--compression", compression])
        .current_dir(dir)
        .output()
        .unwrap();
    assert!(said.status.success(), "{said:?}");
    let said = String::from_utf8(said.stdout).unwrap();
    dir.join(
        said.lines()
            .find_map(|line| line.strip_prefix("creating "))
            .unwrap(),
    )
}

#[test]
fn debians_archives_are_unpacked_and_work() {
    if !is_root() || !has("icecc-create-env") {
        return println!("SKIPPED: needs root and Debian's icecc");
    }
    let dir = tempfile::tempdir().unwrap();
    for compression in ["none", "gzip", "zstd"] {
        let tree = Tree::of(&debian_archive("gcc", compression, dir.path()));
        assert!(tree.run(&["/bin/true"], &[], b"").status.success());
        let args = [
            "/usr/bin/gcc",
            "-x",
            "c",
            "-c",
            "-fpreprocessed",
            "-",
            "-o",
            "/tmp/x.o",
        ];
        let said = tree.run(&args, &[("PATH", "/usr/bin")], b"int x;\n");
        assert!(said.status.success(), "{said:?}");
    }
}

/// Debian's own check of an archive.
#[test]
fn icecc_test_env_finds_nothing_wrong() {
    if !is_root() || !has("icecc-test-env") {
        return println!("SKIPPED: needs root and Debian's icecc");
    }
    let dir = tempfile::tempdir().unwrap();
    for (compiler, program) in [("gcc", "/usr/bin/gcc"), ("clang", "/usr/bin/clang")] {
        if !has(compiler) {
            continue;
        }
        let archive = archive(program, Compression::Gzip, dir.path());
        let said = Command::new("icecc-test-env")
            .arg(&archive.path)
            .output()
            .unwrap();
        assert!(said.status.success(), "{compiler}: {said:?}");
        let mut out = Vec::new();
        let code = toolchain::test_env::main(&[archive.path.into()], &mut out);
        assert_eq!(code, 0, "{}", String::from_utf8_lossy(&out));
        assert!(out.starts_with(b"trying bin/true\n"));
    }
    let mut out = Vec::new();
    let text = dir.path().join("text");
    std::fs::write(&text, "no archive").unwrap();
    assert_eq!(
        toolchain::test_env::main(&["-q".into(), text.into()], &mut out),
        2
    );
    assert!(!out.is_empty());
}

/// What scripts around icecc-create-env rely on.
#[test]
fn create_env_says_and_does_what_icecreams_does() {
    let dir = tempfile::tempdir().unwrap();
    let mut out = Vec::new();
    let args = ["/usr/bin/gcc", "--compression", "zstd"].map(std::ffi::OsString::from);
    let code = toolchain::create_env::main_in(dir.path(), &args, &mut out);
    let name = String::from_utf8(out).unwrap();
    assert_eq!(code, 0, "{name}");
    assert!(name.contains("adding file /usr/bin/cc1="), "{name}");
    let created = name
        .lines()
        .last()
        .unwrap()
        .strip_prefix("creating ")
        .unwrap();
    assert!(
        dir.path().join(created).is_file() && created.ends_with(".tar.zst"),
        "{created}"
    );
    for bad in [
        &[][..],
        &["/bin/true"],
        &["/nowhere"],
        &["/usr/bin/gcc", "--addfile", "/nowhere"],
    ] {
        let args: Vec<_> = bad.iter().map(std::ffi::OsString::from).collect();
        let mut out = Vec::new();
        assert_eq!(toolchain::create_env::main(&args, &mut out), 1, "{bad:?}");
        assert!(!out.is_empty());
    }
}
#[test]
fn debians_daemon_compiles_with_our_archives() {
    if !is_root() || !has("iceccd") || !has("icecc-scheduler") || !has("unshare") {
        return println!("SKIPPED: needs root, unshare and Debian's icecc");
    }
    let dir = tempfile::tempdir().unwrap();
    // The daemons drop to an account of their own, and log here.
    std::fs::set_permissions(
        dir.path(),
        std::os::unix::fs::PermissionsExt::from_mode(0o777),
    )
    .unwrap();
    let source = dir.path().join("source.c");
    std::fs::write(
        &source,
        "#include <stdio.h>\nint f(int n) { return n ? printf(\"%d\\n\", n) : 0; }\n",
    )
    .unwrap();
    let script = dir.path().join("cluster.sh");
    std::fs::write(&script, include_str!("cluster.sh")).unwrap();
    let mut command = Command::new("unshare");
    command
        .args(["-n", "-m", "--propagation", "private", "bash"])
        .arg(&script)
        .arg(dir.path())
        .arg(&source);
    let mut expected = Vec::new();
    for (compiler, compression) in [
        ("gcc", Compression::Gzip),
        ("clang", Compression::Zstd),
        ("x86_64-w64-mingw32-gcc", Compression::Xz),
        ("gcc", Compression::None),
    ] {
        if has(compiler) {
            let program = format!("/usr/bin/{compiler}");
            let place = dir.path().join(compression.suffix());
            std::fs::create_dir(&place).unwrap();
            command
                .arg(compiler)
                .arg(archive(&program, compression, &place).path);
            expected.push(format!("{compiler} remote same"));
        }
    }
    let said = feed(&mut command, b"");
    let lines: Vec<_> = String::from_utf8_lossy(&said.stdout)
        .lines()
        .map(str::to_owned)
        .collect();
    assert_eq!(lines, expected, "{}", String::from_utf8_lossy(&said.stderr));
}
