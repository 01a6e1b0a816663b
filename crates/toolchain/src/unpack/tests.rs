use std::os::unix::fs::PermissionsExt;

use tar::{EntryType, Header};

use super::*;

/// Builds archives that no tar program would write.
#[derive(Default)]
struct Forge(Vec<u8>);

impl Forge {
    fn raw(
        mut self,
        kind: EntryType,
        name: &[u8],
        target: &[u8],
        mode: u32,
        size: u64,
        body: &[u8],
    ) -> Self {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(size);
        header.set_mtime(0);
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        header.as_old_mut().linkname[..target.len()].copy_from_slice(target);
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        self.0.extend_from_slice(body);
        let padded = self.0.len().next_multiple_of(512);
        self.0.resize(padded, 0);
        self
    }

    fn file(self, name: &str, body: &[u8]) -> Self {
        self.raw(
            EntryType::Regular,
            name.as_bytes(),
            b"",
            0o755,
            body.len() as u64,
            body,
        )
    }

    fn kind(self, kind: EntryType, name: &str, target: &str) -> Self {
        self.raw(kind, name.as_bytes(), target.as_bytes(), 0o777, 0, b"")
    }

    fn end(mut self) -> Vec<u8> {
        self.0.extend_from_slice(&[0; 1024]);
        self.0
    }
}

struct Place {
    _all: tempfile::TempDir,
    outside: std::path::PathBuf,
    root: std::path::PathBuf,
}

fn place() -> Place {
    let all = tempfile::tempdir().unwrap();
    let (outside, root) = (all.path().join("outside"), all.path().join("root"));
    std::fs::create_dir(&root).unwrap();
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("secret"), "untouched").unwrap();
    Place {
        _all: all,
        outside,
        root,
    }
}

fn small() -> Limits {
    Limits {
        bytes: 1 << 20,
        file: 1 << 19,
        members: 20,
    }
}

/// Keeps files nowhere.
struct Nowhere;

impl Keep for Nowhere {
    fn keep(&mut self, size: u64, _: bool, body: &mut dyn Read) -> Result<job::Digest, Why> {
        let read = io::copy(body, &mut io::sink()).map_err(Why::Damaged)?;
        match read == size {
            true => Ok(job::Digest::from_bytes([0; 32])),
            false => Err(Why::Damaged(io::ErrorKind::UnexpectedEof.into())),
        }
    }
}

/// The message with which an archive is refused, whether it is to become a directory or a list.
fn refused(archive: &[u8]) -> String {
    let place = place();
    let listed = list(archive, "evil.tar", &mut Listing::new(Nowhere), small()).unwrap_err();
    let error = unpack(archive, "evil.tar", &place.root, small()).unwrap_err();
    assert_eq!(
        std::fs::read_to_string(place.outside.join("secret")).unwrap(),
        "untouched"
    );
    assert_eq!(std::fs::read_dir(&place.outside).unwrap().count(), 1);
    let text = error.to_string();
    assert!(text.starts_with("toolchain archive evil.tar"), "{text}");
    assert_eq!(listed.to_string(), text);
    text
}

#[test]
fn ordinary_members_arrive() {
    let place = place();
    let archive = Forge::default()
        .kind(EntryType::Directory, "./usr/", "")
        .file("./usr/bin/as", b"program")
        .raw(
            EntryType::Regular,
            b"etc/ld.so.conf",
            b"",
            0o600,
            3,
            b"/x\n",
        )
        .kind(EntryType::Symlink, "usr/lib/libx.so", "/lib/libx.so.1")
        .kind(EntryType::Symlink, "usr/lib/liby.so", "../bin/as")
        .kind(EntryType::Link, "usr/bin/gas", "usr/bin/as")
        .end();
    let done = unpack(&archive[..], "a", &place.root, small()).unwrap();
    let mut listing = Listing::new(Nowhere);
    assert_eq!(
        list(&archive[..], "a", &mut listing, small()).unwrap(),
        done
    );
    let manifest = listing.finish().0.unwrap();
    assert_eq!((manifest.entries().len(), manifest.files().count()), (9, 3));
    assert_eq!(
        done,
        Unpacked {
            bytes: 10,
            members: 6
        }
    );
    let mode = |name: &str| {
        std::fs::metadata(place.root.join(name))
            .unwrap()
            .permissions()
            .mode()
            & 0o7777
    };
    assert_eq!(
        (mode("usr/bin/as"), mode("etc/ld.so.conf"), mode("usr")),
        (0o755, 0o644, 0o755)
    );
    assert_eq!(
        std::fs::read_link(place.root.join("usr/lib/libx.so")).unwrap(),
        Path::new("/lib/libx.so.1")
    );
    assert_eq!(
        std::fs::read(place.root.join("usr/bin/gas")).unwrap(),
        b"program"
    );
    add_mount_points(&place.root).unwrap();
    add_mount_points(&place.root).unwrap();
    assert_eq!(mode("tmp"), 0o1777);
    assert!(place.root.join("dev/null").is_file());
}

#[test]
fn set_user_bits_are_dropped() {
    let place = place();
    let archive = Forge::default()
        .raw(EntryType::Regular, b"su", b"", 0o6755, 1, b"x")
        .end();
    unpack(&archive[..], "a", &place.root, small()).unwrap();
    assert_eq!(
        std::fs::metadata(place.root.join("su"))
            .unwrap()
            .permissions()
            .mode()
            & 0o7777,
        0o755
    );
}

#[test]
fn names_that_lead_out_are_refused() {
    assert!(refused(&Forge::default().file("../outside/x", b"").end()).contains("`..`"));
    assert!(refused(&Forge::default().file("/etc/x", b"").end()).contains("absolute"));
    assert!(
        refused(&Forge::default().file("a/b/../../../outside/x", b"").end())
            .contains("a/b/../../../outside/x")
    );
    let long = vec![b'x'; 300];
    let record = Forge::default().raw(EntryType::GNULongName, b"././@LongLink", b"", 0, 300, &long);
    assert!(refused(&record.file("x", b"").end()).contains("too long"));
}

#[test]
fn a_member_is_not_written_through_a_link() {
    let place_outside = Forge::default()
        .kind(EntryType::Symlink, "a", "../outside")
        .end();
    assert!(refused(&place_outside).contains("out of the toolchain"));
    let absolute = Forge::default()
        .kind(EntryType::Symlink, "a", "/tmp")
        .file("a/x", b"")
        .end();
    assert!(refused(&absolute).contains("stands where"));
    let onto = Forge::default()
        .kind(EntryType::Symlink, "a", "/etc/hosts")
        .file("a", b"x")
        .end();
    assert!(refused(&onto).contains("twice"));
    let chain = Forge::default()
        .kind(EntryType::Symlink, "usr/a", "/tmp")
        .kind(EntryType::Symlink, "b", "usr/a")
        .file("b/x", b"")
        .end();
    assert!(refused(&chain).contains("stands where"));
}

#[test]
fn hard_links_only_to_files_of_the_archive() {
    for target in ["../outside/secret", "/etc/passwd", "not-yet"] {
        assert!(
            refused(&Forge::default().kind(EntryType::Link, "x", target).end()).contains("link"),
            "{target}"
        );
    }
    let through = Forge::default()
        .kind(EntryType::Symlink, "s", "/etc/passwd")
        .kind(EntryType::Link, "x", "s")
        .end();
    assert!(refused(&through).contains("no file of this archive"));
}

#[test]
fn devices_pipes_and_sparse_files_are_refused() {
    for (kind, word) in [
        (EntryType::Char, "device"),
        (EntryType::Block, "device"),
        (EntryType::Fifo, "pipe"),
        (EntryType::GNUSparse, "sparse"),
        (EntryType::new(b'V'), "kind"),
    ] {
        let text = refused(&Forge::default().kind(kind, "dev/sda", "").end());
        assert!(
            text.contains(word) && text.contains("member dev/sda"),
            "{text}"
        );
    }
    let record = b"22 GNU.sparse.major=1\n";
    let sparse = Forge::default()
        .raw(
            EntryType::XHeader,
            b"p",
            b"",
            0,
            record.len() as u64,
            record,
        )
        .file("x", b"")
        .end();
    assert!(refused(&sparse).contains("sparse"));
}

#[test]
fn limits_hold_before_anything_is_written() {
    let ten_gigabytes = Forge::default()
        .raw(EntryType::Regular, b"zeros", b"", 0o644, 10 << 30, b"")
        .end();
    assert!(refused(&ten_gigabytes).contains("bytes in one file"));
    let mut many = Forge::default();
    for n in 0..30 {
        many = many.kind(EntryType::Directory, &format!("d{n}"), "");
    }
    assert!(refused(&many.end()).contains("20 members"));
    let body = vec![0; 1 << 19];
    let sum = Forge::default()
        .file("a", &body)
        .file("b", &body)
        .file("c", &body)
        .end();
    assert!(refused(&sum).contains("bytes in all files"));
    let record = Forge::default()
        .raw(EntryType::GNULongName, b"x", b"", 0, 10 << 30, b"")
        .end();
    assert!(refused(&record).contains("too long"));
}

#[test]
fn a_bomb_of_zeros_is_stopped_by_its_headers_and_by_its_tail() {
    // 10 GB of zeros behind a proper archive, as 10,000 compressed megabytes.
    let megabyte = Compression::Gzip.compress(vec![0; 1 << 20]).unwrap();
    let mut bomb = Compression::Gzip
        .compress(Forge::default().file("a", b"x").end())
        .unwrap();
    for _ in 0..10_000 {
        bomb.extend_from_slice(&megabyte);
    }
    let start = std::time::Instant::now();
    assert!(refused(&bomb).contains("after its end"));
    // A member that claims them.
    let header = Forge::default()
        .raw(EntryType::Regular, b"zeros", b"", 0o644, 10 << 30, b"")
        .0;
    let mut bomb = Compression::Gzip.compress(header).unwrap();
    for _ in 0..10_000 {
        bomb.extend_from_slice(&megabyte);
    }
    assert!(refused(&bomb).contains("bytes in one file"));
    // Zeros alone are an empty archive.
    let mut bomb = Vec::new();
    for _ in 0..10_000 {
        bomb.extend_from_slice(&megabyte);
    }
    assert!(refused(&bomb).contains("no files"));
    assert!(
        start.elapsed() < std::time::Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn twice_and_truncated_and_garbage() {
    assert!(refused(&Forge::default().file("a", b"1").file("./a", b"2").end()).contains("twice"));
    let whole = Forge::default().file("a", &[7; 2000]).file("b", b"2").end();
    for cut in [100, 600, 2000, 2600, whole.len() - 1024] {
        assert!(refused(&whole[..cut]).contains("cannot be read"), "{cut}");
    }
    assert!(refused(b"GET / HTTP/1.1\r\n").contains("cannot be read"));
    assert!(refused(&[b'x'; 5000]).contains("no tar archive"));
    assert!(refused(b"").contains("cannot be read"));
    let packed = Compression::Gzip.compress(whole.clone()).unwrap();
    assert!(refused(&packed[..packed.len() - 4]).contains("cannot be read"));
    for kind in [Compression::Bzip2, Compression::Zstd, Compression::Xz] {
        let packed = kind.compress(whole.clone()).unwrap();
        assert!(
            refused(&packed[..packed.len() / 2]).contains("cannot be read"),
            "{kind:?}"
        );
    }
}

#[test]
fn every_compression_is_recognised() {
    let whole = Forge::default().file("a", &[7; 200_000]).end();
    for kind in [
        Compression::None,
        Compression::Gzip,
        Compression::Bzip2,
        Compression::Zstd,
        Compression::Xz,
    ] {
        let place = place();
        let mut packed = kind.compress(&whole[..1000]).unwrap();
        packed.extend(kind.compress(&whole[1000..]).unwrap());
        let done = unpack(&packed[..], "a", &place.root, small()).unwrap();
        assert_eq!(done.bytes, 200_000, "{kind:?}");
    }
}

#[test]
fn a_name_in_a_message_is_printable() {
    let text = refused(
        &Forge::default()
            .kind(EntryType::Char, "a\n\u{1b}[31mb", "")
            .end(),
    );
    assert!(!text.contains('\n') && !text.contains('\u{1b}'), "{text:?}");
}

#[test]
fn damaged_archives_neither_panic_nor_leave_the_root() {
    let whole = Forge::default()
        .kind(EntryType::Directory, "usr/", "")
        .file("usr/bin/as", &[7; 600])
        .kind(EntryType::Symlink, "usr/lib", "../lib")
        .raw(
            EntryType::GNULongName,
            b"././@LongLink",
            b"",
            0,
            12,
            b"a/long/name\0",
        )
        .file("short", b"x")
        .raw(EntryType::XHeader, b"p", b"", 0, 12, b"12 path=z/y\n")
        .file("other", b"y")
        .kind(EntryType::Link, "gas", "usr/bin/as")
        .end();
    // A fixed sequence: the same damage in every run.
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % below as u64) as usize
    };
    let place = place();
    for round in 0..500 {
        let mut bytes = whole.clone();
        for _ in 0..=random(4) {
            let at = random(bytes.len());
            bytes[at] = [0, b'0', b'5', b'/', b'.', 0xff, b'2', b'7'][random(8)];
        }
        // With its checksum put right, damage reaches further than the first check.
        for record in bytes.chunks_exact_mut(512) {
            if round % 2 == 0 && record[148..156].iter().any(|byte| *byte != 0) {
                let mut header = Header::new_old();
                header.as_mut_bytes().copy_from_slice(record);
                header.set_cksum();
                record.copy_from_slice(header.as_bytes());
            }
        }
        let _ = unpack(&bytes[..], "a", &place.root, small());
        for entry in std::fs::read_dir(&place.root).unwrap() {
            let path = entry.unwrap().path();
            let is_tree = path.symlink_metadata().unwrap().is_dir();
            if is_tree {
                std::fs::remove_dir_all(path).unwrap();
            } else {
                std::fs::remove_file(path).unwrap();
            }
        }
    }
    let beside: Vec<_> = std::fs::read_dir(place.root.parent().unwrap())
        .unwrap()
        .collect();
    assert_eq!(beside.len(), 2, "{beside:?}");
    assert_eq!(std::fs::read_dir(&place.outside).unwrap().count(), 1);
}
