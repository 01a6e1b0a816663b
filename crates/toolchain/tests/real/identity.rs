//! The same compiler is the same toolchain wherever it stands, and no change of it stays unnoticed.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use toolchain::{Compression, NativeCache};

/// A gcc for C alone, copied below `prefix`: its driver and its `cc1`.
fn copy(prefix: &Path) -> (PathBuf, PathBuf) {
    let said = Command::new("gcc")
        .arg("-print-prog-name=cc1")
        .output()
        .unwrap();
    let cc1 = PathBuf::from(String::from_utf8(said.stdout).unwrap().trim());
    let driver = Path::new("/usr/bin/gcc").canonicalize().unwrap();
    let (proper, gcc) = (
        prefix.join(cc1.strip_prefix("/usr").unwrap()),
        prefix.join("bin/gcc"),
    );
    fs::create_dir_all(proper.parent().unwrap()).unwrap();
    fs::create_dir_all(prefix.join("bin")).unwrap();
    fs::copy(cc1, &proper).unwrap();
    fs::copy(driver, &gcc).unwrap();
    (gcc, proper)
}

#[test]
fn two_copies_are_one_toolchain_and_each_change_makes_another() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    let cache = NativeCache::new(root.join("cache"));
    let (gcc, cc1) = copy(&root.join("one"));
    let (other, _) = copy(&root.join("two of them"));
    let name = |gcc: &Path| cache.get(gcc, &[], Compression::Zstd).unwrap().archive.name;
    let first = name(&gcc);
    assert_eq!(first, name(&other));
    let mut seen = vec![first.clone()];
    let mut is_new = |what: &str| {
        let now = name(&gcc);
        assert!(!seen.contains(&now), "{what} was not noticed");
        seen.push(now);
    };

    // In place, with the old size and the old modification time; the last byte belongs to the
    // section table, which no loader reads.
    let file = File::options().read(true).write(true).open(&cc1).unwrap();
    let meta = file.metadata().unwrap();
    let mut last = [0];
    file.read_exact_at(&mut last, meta.len() - 1).unwrap();
    file.write_all_at(&[last[0] ^ 1], meta.len() - 1).unwrap();
    file.set_modified(meta.modified().unwrap()).unwrap();
    drop(file);
    is_new("a cc1 overwritten in place");

    // Several within one second, some within one tick of the clock.
    let specs = cc1.with_file_name("specs");
    for text in ["*floe:\n-one\n\n", "*floe:\n-two\n\n", "*floe:\n-six\n\n"] {
        fs::write(&specs, text).unwrap();
        is_new("a specs file");
    }
    fs::remove_file(&specs).unwrap();
    let _same_as_before = name(&gcc);
    assert_eq!(first, name(&other), "the other copy has not changed");
}

/// gcc takes its assembler from PATH: that of the job, not that of whoever packs.
#[test]
fn another_path_brings_another_assembler() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    let cache = NativeCache::new(root.join("cache"));
    let tools = root.join("tools");
    fs::create_dir(&tools).unwrap();
    fs::copy("/usr/bin/as", tools.join("as")).unwrap();
    let mut assembler = File::options().append(true).open(tools.join("as")).unwrap();
    std::io::Write::write_all(&mut assembler, b"another").unwrap();
    drop(assembler);
    let name = |search: &str| {
        let request = toolchain::Request {
            compiler: Path::new("/usr/bin/gcc"),
            search: Some(search.as_ref()),
            options: &[],
            extra: &[],
        };
        cache
            .find(&request, Compression::Zstd)
            .unwrap()
            .archive
            .name
    };
    let first = name("/usr/bin:/bin");
    assert_ne!(name(&format!("{}:/usr/bin:/bin", tools.display())), first);
    assert_eq!(name(&format!("{}:/usr/bin:/bin", root.display())), first);
}

/// The package for C++, installed when the one for C is in use already.
#[test]
fn a_language_that_is_installed_later_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    let cache = NativeCache::new(root.join("cache"));
    let (gcc, cc1) = copy(&root.join("prefix"));
    let gxx = gcc.with_file_name("g++");
    fs::copy(Path::new("/usr/bin/g++").canonicalize().unwrap(), &gxx).unwrap();
    let knows_cxx = || cache.get(&gxx, &[], Compression::None).unwrap().has_cxx;
    assert!(!knows_cxx());
    let said = Command::new("g++")
        .arg("-print-prog-name=cc1plus")
        .output()
        .unwrap();
    let cc1plus = String::from_utf8(said.stdout).unwrap();
    fs::copy(cc1plus.trim(), cc1.with_file_name("cc1plus")).unwrap();
    assert!(knows_cxx());
}
