use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;
use crate::cluster::Effort;

fn piece(text: &[u8]) -> Piece {
    Piece::pack(text, Effort::default()).unwrap()
}

fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn targets(dir: &Path) -> Targets {
    Targets {
        object: Some(dir.join("a.o")),
        dwo: Some(dir.join("a.dwo")),
        dependencies: None,
        umask: 0o027,
    }
}

#[tokio::test]
async fn outputs_appear_whole_with_the_users_mode() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::start(targets(dir.path()), None);
    writer.piece(piece(b"one ")).await;
    writer.piece(piece(b"two")).await;
    writer.next_output().await;
    writer.piece(piece(b"debug")).await;
    assert_eq!(writer.finish().await.unwrap(), 12);
    assert_eq!(names(dir.path()), ["a.dwo", "a.o"]);
    assert_eq!(std::fs::read(dir.path().join("a.o")).unwrap(), b"one two");
    let mode = std::fs::metadata(dir.path().join("a.o"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o640);
}

#[tokio::test]
async fn what_is_not_finished_leaves_no_trace_and_the_old_object_in_place() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.o"), "old").unwrap();
    let mut writer = Writer::start(targets(dir.path()), None);
    writer.piece(piece(b"new")).await;
    // A thread has begun to write it.
    assert_eq!(writer.complete().await.unwrap().len(), 0);
    assert_eq!(names(dir.path()).len(), 2);
    let written = writer.written.take().unwrap();
    drop(writer);
    assert!(matches!(
        written.await.unwrap(),
        Err(OutputError::Incomplete)
    ));
    assert_eq!(names(dir.path()), ["a.o"]);
    assert_eq!(std::fs::read(dir.path().join("a.o")).unwrap(), b"old");
}

#[tokio::test]
async fn an_empty_file_is_filled_in_place_and_a_full_one_replaced() {
    for (before, kept, mode) in [("", "new", 0o600), ("old", "old", 0o640)] {
        let dir = tempfile::tempdir().unwrap();
        let object = dir.path().join("a.o");
        let other_name = dir.path().join("other");
        std::fs::write(&object, before).unwrap();
        std::fs::set_permissions(&object, Permissions::from_mode(0o600)).unwrap();
        std::fs::hard_link(&object, &other_name).unwrap();
        let mut writer = Writer::start(targets(dir.path()), None);
        writer.piece(piece(b"new")).await;
        writer.finish().await.unwrap();
        assert_eq!(std::fs::read(&object).unwrap(), b"new");
        assert_eq!(std::fs::read_to_string(&other_name).unwrap(), kept);
        let now = std::fs::metadata(&object).unwrap().permissions().mode();
        assert_eq!(now & 0o777, mode);
        assert_eq!(names(dir.path()), ["a.o", "other"]);
    }
}

#[tokio::test]
async fn a_link_in_the_outputs_place_is_not_replaced() {
    let dir = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("elsewhere", dir.path().join("a.o")).unwrap();
    let mut writer = Writer::start(targets(dir.path()), None);
    writer.piece(piece(b"new")).await;
    assert!(matches!(
        writer.finish().await,
        Err(OutputError::NotAFile { .. })
    ));
    assert_eq!(names(dir.path()), ["a.o"]);
}

#[tokio::test]
async fn a_compile_that_failed_leaves_rules_only() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.o"), "old").unwrap();
    let targets = Targets {
        dependencies: Some(dir.path().join("a.d")),
        ..targets(dir.path())
    };
    let grant = wire::grant::SignedGrant {
        grant: wire::field::Opaque::default(),
        signature: wire::field::Opaque::default(),
        signer: job::MemberId::from_bytes([0; 16]),
    };
    let proof = wire::ProofKey::of(&grant).begin(wire::message::OutputKind::Dependencies);
    let mut writer = Writer::start(targets.clone(), None);
    let rules = Which::Dependencies;
    writer.begin(rules, Packing::Plain, 4, proof).await;
    writer.packed(b"a: b".to_vec()).await;
    assert_eq!(writer.finish_rules().await.unwrap(), 4);
    assert_eq!(names(dir.path()), ["a.d", "a.o"]);
    assert_eq!(std::fs::read(dir.path().join("a.o")).unwrap(), b"old");
    // And none at all.
    std::fs::remove_file(dir.path().join("a.d")).unwrap();
    let writer = Writer::start(targets, None);
    assert_eq!(writer.finish_rules().await.unwrap(), 0);
    assert_eq!(names(dir.path()), ["a.o"]);
}

#[tokio::test]
async fn a_missing_directory_is_named() {
    let targets = Targets {
        object: Some("/no/such/dir/a.o".into()),
        dwo: None,
        dependencies: None,
        umask: 0,
    };
    let mut writer = Writer::start(targets, None);
    for _ in 0..50 {
        writer.piece(piece(b"new")).await;
    }
    let error = writer.finish().await.unwrap_err().to_string();
    assert!(error.contains("/no/such/dir/a.o"), "{error}");
}
