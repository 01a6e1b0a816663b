use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;
use crate::proof::{Ran, Trial};

/// A compiler that is cheap to pack: a script that answers for gcc, with small programs behind it.
struct Fake {
    _dir: tempfile::TempDir,
    root: PathBuf,
}

impl Fake {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        for name in ["bin/gcc", "cc1", "as"] {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::copy("/bin/true", &path).unwrap();
        }
        let fake = Self { _dir: dir, root };
        fake.script();
        fake
    }

    /// The wrapper script; `bin/gcc` behind it must be a binary, so it answers nothing itself.
    fn script(&self) {
        let root = self.root.display();
        let text = format!(
            "#!/bin/sh\necho run >> {root}/runs\ncase \"$*\" in\n\
             *-v*) echo COLLECT_GCC={root}/bin/gcc >&2; echo 'Target: x' >&2; echo 'gcc version 1.0' >&2\n\
             echo 'floe_probe __clang__ 1';;\nesac\n"
        );
        std::fs::write(self.root.join("gcc"), text).unwrap();
        std::fs::set_permissions(self.root.join("gcc"), PermissionsExt::from_mode(0o755)).unwrap();
    }

    fn runs(&self) -> usize {
        std::fs::read_to_string(self.root.join("runs"))
            .unwrap_or_default()
            .lines()
            .count()
    }
}

#[test]
fn a_failure_is_remembered_until_something_changes() {
    let fake = Fake::new();
    let cache = NativeCache::new(fake.root.join("cache"));
    let compiler = fake.root.join("gcc");
    // /bin/true is no driver: it names no cc1.
    let error = cache.get(&compiler, &[], Compression::None).unwrap_err();
    assert!(
        error.to_string().contains("neither cc1 nor cc1plus"),
        "{error}"
    );
    assert!(
        error.to_string().ends_with("compile runs locally"),
        "{error}"
    );
    let runs = fake.runs();
    assert_eq!(
        cache.get(&compiler, &[], Compression::None).unwrap_err(),
        error
    );
    assert_eq!(fake.runs(), runs, "asked again");
    fake.script();
    cache.get(&compiler, &[], Compression::None).unwrap_err();
    assert!(fake.runs() > runs, "not asked again after a change");
}

#[test]
fn gcc_is_packed_once_by_many_threads_and_found_by_the_next_process() {
    let dir = tempfile::tempdir().unwrap();
    let (compiler, cache) = (Path::new("/usr/bin/gcc"), NativeCache::new(dir.path()));
    let natives: Vec<Native> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| cache.get(compiler, &[], Compression::Zstd).unwrap()))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert!(natives.windows(2).all(|pair| pair[0] == pair[1]));
    let native = &natives[0];
    assert_eq!(
        (native.family, native.alters_options, native.has_c),
        (Family::Gcc, false, true)
    );
    let inode =
        |path: &Path| std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(path).unwrap());
    let before = inode(&native.archive.path);
    let other = NativeCache::new(dir.path());
    assert_eq!(
        other.get(compiler, &[], Compression::Zstd).unwrap(),
        *native
    );
    assert_eq!(inode(&native.archive.path), before, "packed twice");
    // Deleted behind our back: made again.
    std::fs::remove_file(&native.archive.path).unwrap();
    assert_eq!(
        other.get(compiler, &[], Compression::Zstd).unwrap(),
        *native
    );
    assert!(native.archive.path.is_file());
}

#[test]
fn a_changed_extra_file_and_a_retargeted_link_make_another_archive() {
    let dir = tempfile::tempdir().unwrap();
    let cache = NativeCache::with_limit(dir.path().join("cache"), 1);
    let (extra, link) = (dir.path().join("plugin.txt"), dir.path().join("gcc"));
    std::fs::write(&extra, "one").unwrap();
    symlink("/usr/bin/gcc", &link).unwrap();
    let get = || {
        cache
            .get(&link, std::slice::from_ref(&extra), Compression::None)
            .unwrap()
    };
    let first = get();
    std::fs::write(&extra, "two").unwrap();
    let second = get();
    assert_ne!(first.archive.name, second.archive.name);
    std::fs::remove_file(&link).unwrap();
    symlink("/usr/bin/x86_64-linux-gnu-gcc-12", &link).unwrap();
    // Another link to the same compiler: looked at again, and found the same.
    assert_eq!(get().archive.name, second.archive.name);
    // Beyond the limit, but in recent use.
    assert!(first.archive.path.exists());
    let old = std::time::SystemTime::now() - Duration::from_secs(1000);
    std::fs::File::options()
        .append(true)
        .open(&first.archive.path)
        .unwrap()
        .set_modified(old)
        .unwrap();
    std::fs::write(&extra, "three").unwrap();
    let third = get();
    assert!(!first.archive.path.exists(), "deleted in earnest");
    assert!(third.archive.path.exists());
}

#[test]
fn a_cache_that_cannot_be_written_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = NativeCache::new(&file)
        .get(Path::new("/usr/bin/gcc"), &[], Compression::None)
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains(&file.display().to_string()) && text.contains("FLOE_CACHE_DIR"),
        "{text}"
    );
}

#[test]
fn what_is_no_compiler_is_said_so() {
    let dir = tempfile::tempdir().unwrap();
    let cache = NativeCache::new(dir.path());
    let text = cache
        .get(Path::new("/bin/true"), &[], Compression::None)
        .unwrap_err()
        .to_string();
    assert!(text.contains("/bin/true is not a compiler"), "{text}");
    let text = cache
        .get(Path::new("/nowhere/gcc"), &[], Compression::None)
        .unwrap_err()
        .to_string();
    assert!(text.contains("/nowhere/gcc cannot be run"), "{text}");
    let missing = [PathBuf::from("/nowhere/plugin.so")];
    let text = cache
        .get(Path::new("/usr/bin/gcc"), &missing, Compression::None)
        .unwrap_err()
        .to_string();
    assert!(
        text.contains("extra file /nowhere/plugin.so cannot be read"),
        "{text}"
    );
}

/// Of gcc: C++ misses something.
fn without_cxx(_: &Path, trials: &[Trial]) -> Result<Vec<Ran>, String> {
    let run = |trial: &Trial| {
        match trial.name {
        "gcc-c++" => Ran::Failed("/usr/bin/cc1plus: error while loading shared libraries: libnowhere.so.7: cannot open shared object file: No such file or directory".to_owned()),
        _ => Ran::Fine,
    }
    };
    Ok(trials.iter().map(run).collect())
}

#[test]
fn a_proof_runs_once_and_what_it_finds_holds_for_the_next_process() {
    let dir = tempfile::tempdir().unwrap();
    let cache = || NativeCache::new(dir.path()).with_sandbox(Arc::new(without_cxx));
    let request = Request {
        compiler: Path::new("/usr/bin/gcc"),
        search: None,
        options: &[],
        extra: &[],
    };
    let first = cache();
    let native = first.find(&request, Compression::None).unwrap();
    assert_eq!(native.proof, Proof::Pending);
    assert!(native.has_c && native.has_cxx);
    let Some(Proof::Faulty(why)) = first.prove(&request) else {
        panic!("not found faulty");
    };
    assert_eq!(
        why,
        "toolchain for /usr/bin/gcc cannot be packed: lib/libnowhere.so.7 not found (needed by cc1plus); compile runs locally"
    );
    assert_eq!(first.prove(&request), None, "tried twice");
    let known = first.find(&request, Compression::None).unwrap();
    assert!(known.has_c && !known.has_cxx);
    assert_eq!(known.proof, Proof::Faulty(why.clone()));
    // The next process does not send what was found faulty, and tries before it says so.
    let next = cache().find(&request, Compression::None).unwrap();
    assert!(next.has_c && !next.has_cxx);
    assert_eq!(next.proof, Proof::Faulty(why));
    let repaired = NativeCache::new(dir.path())
        .with_sandbox(Arc::new(|_: &Path, trials: &[Trial]| {
            Ok(vec![Ran::Fine; trials.len()])
        }))
        .find(&request, Compression::None)
        .unwrap();
    assert_eq!((repaired.has_cxx, repaired.proof), (true, Proof::Whole));
}

#[test]
fn what_was_found_faulty_stays_so_where_nothing_can_be_tried() {
    let dir = tempfile::tempdir().unwrap();
    let request = Request {
        compiler: Path::new("/usr/bin/gcc"),
        search: None,
        options: &[],
        extra: &[],
    };
    let first = NativeCache::new(dir.path()).with_sandbox(Arc::new(without_cxx));
    first.find(&request, Compression::None).unwrap();
    let Some(faulty @ Proof::Faulty(_)) = first.prove(&request) else {
        panic!("not found faulty");
    };
    for _ in 0..2 {
        let nowhere = |_: &Path, _: &[Trial]| Err("the disk is full".to_owned());
        let cache = NativeCache::new(dir.path()).with_sandbox(Arc::new(nowhere));
        let native = cache.find(&request, Compression::None).unwrap();
        assert!(native.has_c && !native.has_cxx);
        assert_eq!(native.proof, faulty);
    }
}

#[test]
fn a_proof_that_an_earlier_process_left_undone_is_done() {
    let dir = tempfile::tempdir().unwrap();
    let request = Request {
        compiler: Path::new("/usr/bin/gcc"),
        search: None,
        options: &[],
        extra: &[],
    };
    let early = NativeCache::new(dir.path());
    early.find(&request, Compression::None).unwrap();
    let nowhere = |_: &Path, _: &[Trial]| Err("no rung works".to_owned());
    let cache = NativeCache::new(dir.path()).with_sandbox(Arc::new(nowhere));
    let native = cache.find(&request, Compression::None).unwrap();
    assert_eq!(native.proof, Proof::Pending);
    let impossible = Proof::Impossible("no rung works".to_owned());
    assert_eq!(cache.prove(&request), Some(impossible.clone()));
    let next = cache.find(&request, Compression::None).unwrap();
    assert!(next.has_c && next.has_cxx);
    assert_eq!(next.proof, impossible);
    // It may have passed by then.
    let fine = |_: &Path, trials: &[Trial]| Ok(vec![Ran::Fine; trials.len()]);
    let later = NativeCache::new(dir.path()).with_sandbox(Arc::new(fine));
    let native = later.find(&request, Compression::None).unwrap();
    assert_eq!(native.proof, Proof::Pending);
    assert_eq!(later.prove(&request), Some(Proof::Whole));
}
