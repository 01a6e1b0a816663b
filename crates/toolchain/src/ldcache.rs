//! Writes the dynamic loader's cache, so that libraries outside its built-in directories are found
//! on the executor. Format: glibc's `glibc-ld.so.cache1.1`, as `ldconfig -p` of glibc 2.36 reads it
//! (measured). Other C libraries ignore the file.

use std::cmp::Ordering;
use std::path::{Path, PathBuf};

use crate::elf::Kind;

/// A library by the name that programs ask for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    pub(crate) name: Vec<u8>,
    pub(crate) kind: Kind,
    /// Absolute, as seen by the program on the executor.
    pub(crate) path: PathBuf,
}

const MAGIC: &[u8; 20] = b"glibc-ld.so.cache1.1";
const HEADER: usize = 48;
const ENTRY: usize = 24;
const LITTLE_ENDIAN: u8 = 2;
const BIG_ENDIAN: u8 = 3;

/// The bytes of `/etc/ld.so.cache`; `None` when no entry is of a machine whose flags are known.
pub(crate) fn write(entries: &[Entry]) -> Option<Vec<u8>> {
    let mut known: Vec<(&Entry, u32)> = entries
        .iter()
        .filter_map(|e| flags(e.kind).map(|flags| (e, flags)))
        .collect();
    let big = known.first()?.0.kind.big_endian;
    // The loader searches by halves in descending order.
    known.sort_by(|(a, fa), (b, fb)| {
        compare(&b.name, &a.name)
            .then(fb.cmp(fa))
            .then_with(|| a.path.cmp(&b.path))
    });
    known.dedup_by(|(a, fa), (b, fb)| a.name == b.name && fa == fb);

    let number = |n: usize| {
        let n = u32::try_from(n).unwrap_or(u32::MAX);
        if big {
            n.to_be_bytes()
        } else {
            n.to_le_bytes()
        }
    };
    let mut table = Vec::new();
    let mut strings = Vec::new();
    let base = HEADER + ENTRY * known.len();
    for (entry, flags) in &known {
        let name = base + strings.len();
        strings.extend_from_slice(&entry.name);
        strings.push(0);
        let path = base + strings.len();
        strings.extend_from_slice(bytes(&entry.path));
        strings.push(0);
        for field in [*flags as usize, name, path, 0, 0, 0] {
            table.extend_from_slice(&number(field));
        }
    }
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&number(known.len()));
    out.extend_from_slice(&number(strings.len()));
    out.extend_from_slice(&[if big { BIG_ENDIAN } else { LITTLE_ENDIAN }, 0, 0, 0]);
    out.extend_from_slice(&[0; 16]);
    out.extend_from_slice(&table);
    out.extend_from_slice(&strings);
    Some(out)
}

fn bytes(path: &Path) -> &[u8] {
    use std::os::unix::ffi::OsStrExt;
    path.as_os_str().as_bytes()
}

/// The type word of a library for glibc 2, by machine.
fn flags(kind: Kind) -> Option<u32> {
    use object::elf;
    const LIBC6: u32 = 3;
    let abi: u32 = match (elf::Machine(kind.machine), kind.is_64) {
        (elf::EM_X86_64, true) => 0x0300,
        (elf::EM_X86_64, false) => 0x0800,
        (elf::EM_386, false) => 0,
        (elf::EM_AARCH64, true) => 0x0a00,
        (elf::EM_ARM, false) if kind.flags & 0x400 != 0 => 0x0900,
        (elf::EM_ARM, false) => 0x0b00,
        (elf::EM_PPC64, true) => 0x0500,
        (elf::EM_S390, true) => 0x0400,
        (elf::EM_RISCV, true) if kind.flags & 0x6 == 0x4 => 0x1000,
        (elf::EM_LOONGARCH, true) if kind.flags & 0x7 == 0x3 => 0x1200,
        _ => return None,
    };
    Some(LIBC6 | abi)
}

/// The loader's order of names: runs of digits compare as numbers, a digit is above anything else.
fn compare(mut a: &[u8], mut b: &[u8]) -> Ordering {
    loop {
        match (a.first(), b.first()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(x), Some(y)) => match (x.is_ascii_digit(), y.is_ascii_digit()) {
                (true, true) => {
                    let (left, right) = (digits(&mut a), digits(&mut b));
                    if left != right {
                        return left.cmp(&right);
                    }
                }
                (true, false) => return Ordering::Greater,
                (false, true) => return Ordering::Less,
                (false, false) if x != y => return x.cmp(y),
                (false, false) => (a, b) = (&a[1..], &b[1..]),
            },
        }
    }
}

fn digits(text: &mut &[u8]) -> u64 {
    let end = text
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(text.len());
    let (run, rest) = text.split_at(end);
    *text = rest;
    run.iter().fold(0_u64, |sum, byte| {
        sum.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    const X86_64: Kind = Kind {
        is_64: true,
        big_endian: false,
        machine: object::elf::EM_X86_64.0,
        flags: 0,
    };

    fn entry(name: &str, path: &str) -> Entry {
        Entry {
            name: name.into(),
            kind: X86_64,
            path: path.into(),
        }
    }

    #[test]
    fn numbers_in_names_compare_as_numbers() {
        assert_eq!(compare(b"libx.so.10", b"libx.so.9"), Ordering::Greater);
        assert_eq!(compare(b"libc.so.6", b"libc.so.6"), Ordering::Equal);
        assert_eq!(compare(b"liba.so", b"libb.so"), Ordering::Less);
        assert_eq!(compare(b"lib1", b"liba"), Ordering::Greater);
        assert_eq!(compare(b"lib", b"liba"), Ordering::Less);
    }

    #[test]
    fn ldconfig_reads_what_was_written() {
        let cache = write(&[
            entry("libz.so.1", "/opt/x/libz.so.1"),
            entry("libgmp.so.10", "/a/libgmp.so.10"),
        ])
        .unwrap();
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("cache");
        std::fs::write(&file, cache).unwrap();
        let Ok(said) = Command::new("/sbin/ldconfig")
            .arg("-p")
            .arg("-C")
            .arg(&file)
            .output()
        else {
            eprintln!("SKIPPED: there is no /sbin/ldconfig here");
            return;
        };
        let text = String::from_utf8_lossy(&said.stdout);
        assert!(
            text.contains("libz.so.1 (libc6,x86-64) => /opt/x/libz.so.1"),
            "{text}{said:?}"
        );
        assert!(
            text.contains("libgmp.so.10 (libc6,x86-64) => /a/libgmp.so.10"),
            "{text}"
        );
    }

    #[test]
    fn an_unknown_machine_gets_no_cache() {
        let strange = Entry {
            kind: Kind {
                machine: 0xfefe,
                ..X86_64
            },
            ..entry("a", "/a")
        };
        assert_eq!(write(&[strange]), None);
        assert_eq!(write(&[]), None);
    }
}
