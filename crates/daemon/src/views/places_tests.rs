use super::super::index::tests::{entry, file, tell};
use super::*;
use wire::view::{Entry, EntryId, Ids, What};

fn tools() -> Tools {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    std::fs::create_dir_all(at("usr/bin")).unwrap();
    std::fs::create_dir(at("tmp")).unwrap();
    std::fs::write(at("usr/bin/gcc"), "gcc").unwrap();
    std::os::unix::fs::symlink("usr/lib", at("lib")).unwrap();
    Tools::read(root.path()).unwrap()
}

fn told(entries: &[(u32, Entry)]) -> (Index, Vec<Slot>) {
    let mut index = Index::default();
    let slots = tell(&mut index, entries).unwrap();
    (index, slots)
}

fn link(target: &str) -> What {
    What::Link(target.as_bytes().into())
}

fn fits(entries: &[Entry]) -> bool {
    let entries: Vec<_> = (1..).zip(entries.iter().cloned()).collect();
    let (index, slots) = told(&entries);
    let mut back = slots.clone();
    back.reverse();
    let places = Places::of(&tools());
    let fits = places.plan(&index, &slots, None).is_ok();
    assert_eq!(
        places.plan(&index, &back, None).is_ok(),
        fits,
        "{entries:?}"
    );
    fits
}

#[test]
fn directories_are_made_above_what_is_told() {
    let (index, slots) = told(&[
        (1, entry("/a/b/c.h", file(b"x"))),
        (2, entry("/a/b", What::Directory)),
    ]);
    let mut places = Places::of(&tools());
    let growth = places.plan(&index, &slots, None).unwrap();
    let path = |path: &str| -> Arc<[u8]> { path.as_bytes().into() };
    assert_eq!(
        growth.steps,
        [
            Step::Directory(path("/a")),
            Step::Directory(path("/a/b")),
            Step::File(path("/a/b/c.h"), slots[0]),
        ]
    );
    assert!(!places.has_all(&slots));
    places.grown(growth);
    assert!(places.has_all(&slots));
    assert!(places.plan(&index, &slots, None).unwrap().steps.is_empty());
}

#[test]
fn nothing_is_below_what_is_no_directory() {
    for above in [link("/etc"), file(b"x"), What::Unsent] {
        assert!(!fits(&[
            entry("/a", above.clone()),
            entry("/a/b", file(b"y"))
        ]));
        assert!(!fits(&[
            entry("/a", above),
            entry("/a/b/c", What::Directory)
        ]));
    }
    assert!(fits(&[
        entry("/a", What::Directory),
        entry("/a/b", file(b"y"))
    ]));
    // Links and files of the toolchain, and the scratch directory.
    for path in [
        "/lib/x.h",
        "/usr/bin/gcc/x.h",
        "/floe-scratch",
        "/floe-scratch/x.h",
        "/floe-split.specs",
    ] {
        assert!(!fits(&[entry(path, file(b"y"))]), "{path}");
        assert!(!fits(&[entry(path, What::Directory)]), "{path}");
    }
    assert!(fits(&[entry("/tmp/x.h", file(b"y"))]));
}

#[test]
fn the_toolchain_stays_what_it_is() {
    for (path, what, good) in [
        ("/usr", What::Directory, true),
        ("/usr", link("x"), false),
        ("/usr", What::Unsent, false),
        ("/lib", link("usr/lib"), true),
        ("/lib", link("usr/lib64"), false),
        ("/lib", What::Directory, false),
        ("/lib", What::Unsent, false),
        ("/usr/bin/gcc", What::Unsent, true),
        ("/usr/bin/gcc", What::Directory, false),
        ("/usr/bin/gcc", link("x"), false),
    ] {
        assert_eq!(fits(&[entry(path, what.clone())]), good, "{path} {what:?}");
    }
    let (index, slots) = told(&[(1, entry("/usr/bin/gcc", file(b"gcc")))]);
    let growth = Places::of(&tools()).plan(&index, &slots, None).unwrap();
    assert!(matches!(growth.steps[..], [Step::Compare(..)]));
}

#[test]
fn one_path_has_one_entry_but_a_stub_gives_way_to_its_file() {
    assert!(!fits(&[entry("/a", file(b"x")), entry("/a", file(b"y"))]));
    assert!(!fits(&[entry("/a", file(b"x")), entry("/a", link("y"))]));
    assert!(!fits(&[entry("/a", What::Unsent), entry("/a", link("y"))]));
    let (mut index, slots) = told(&[(1, entry("/a", What::Unsent)), (2, entry("/a", file(b"x")))]);
    let mut places = Places::of(&tools());
    places.grown(places.plan(&index, &slots[..1], None).unwrap());
    assert!(places.shows(&index, slots[0]));
    let growth = places.plan(&index, &slots[1..], None).unwrap();
    assert!(matches!(growth.steps[..], [Step::Replace(_, slot)] if slot == slots[1]));
    places.grown(growth);
    // The file is there for whoever did not want it, and the stub is not.
    assert!(places.has_all(&slots));
    assert!(!places.shows(&index, slots[0]) && places.shows(&index, slots[1]));
    let gone = Ids::new(vec![EntryId(2)]).unwrap();
    assert_eq!(index.remove(&gone), Ok(vec![slots[1]]));
}

#[test]
fn what_is_fresh_does_not_come_where_jobs_relied_on_its_absence() {
    let mut index = Index::default();
    let old = tell(&mut index, &[(1, entry("/a", file(b"x")))]).unwrap();
    let since = index.messages();
    let fresh = Entry {
        is_fresh: true,
        ..entry("/b", file(b"y"))
    };
    let new = tell(&mut index, &[(2, fresh), (3, entry("/c", file(b"z")))]).unwrap();
    let places = Places::of(&tools());
    assert!(places.plan(&index, &old, Some(since)).is_ok());
    assert!(places.plan(&index, &new[1..], Some(since)).is_ok());
    assert!(places.plan(&index, &new[..1], Some(since)).is_err());
    assert!(places.plan(&index, &new[..1], Some(since + 1)).is_ok());
    assert!(places.plan(&index, &new[..1], None).is_ok());
}

#[test]
fn a_working_directory_is_found_through_links() {
    let (index, slots) = told(&[
        (1, entry("/p/src/a.c", file(b"x"))),
        (2, entry("/home", link("p/../p/./src"))),
        (3, entry("/loop", link("/loop"))),
        (4, entry("/far", link("/home/.."))),
        (5, entry("/out", link("../../../../tmp"))),
    ]);
    let mut places = Places::of(&tools());
    places.grown(places.plan(&index, &slots, None).unwrap());
    for (path, good) in [
        ("/", true),
        ("/p/src", true),
        ("/p/src/", true),
        ("/home", true),
        ("/far/src", true),
        ("/out", true),
        ("/p/src/a.c", false),
        ("/p/none/..", false),
        ("/loop", false),
        ("/floe-scratch", false),
        ("/nowhere", false),
    ] {
        assert_eq!(places.is_directory(&index, path.as_bytes()), good, "{path}");
    }
}
