//! What the dynamic loader reads from an ELF file. The file is only read, never run: `ldd` executes
//! what it is asked about, and a user's toolchain may hold programs of another architecture.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use object::elf;
use object::read::elf::{Dyn, FileHeader, ProgramHeader};
use object::{Endianness, FileKind, ReadCache, ReadRef};

/// A file's dynamic section, as far as the search for its libraries goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Elf {
    pub(crate) kind: Kind,
    pub(crate) interpreter: Option<PathBuf>,
    /// Names as in the file: usually a soname, rarely a path.
    pub(crate) needed: Vec<Vec<u8>>,
    /// Colon lists, already split; not expanded.
    pub(crate) rpath: Vec<Vec<u8>>,
    pub(crate) runpath: Vec<Vec<u8>>,
}

/// Class, byte order and machine: the loader passes over libraries of any other kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Kind {
    pub(crate) is_64: bool,
    pub(crate) big_endian: bool,
    pub(crate) machine: u16,
    pub(crate) flags: u32,
}

impl Kind {
    /// Whether the loader would link the two; flags differ harmlessly on most machines.
    pub(crate) fn links_with(self, other: Self) -> bool {
        (self.is_64, self.big_endian, self.machine)
            == (other.is_64, other.big_endian, other.machine)
    }
}

/// Longest string taken from a dynamic string table.
const LONGEST: u64 = 4096;

/// Whether the file begins like an ELF file.
pub(crate) fn is_elf(path: &Path) -> std::io::Result<bool> {
    let mut magic = [0; 4];
    match File::open(path)?.read_exact(&mut magic) {
        Ok(()) => Ok(magic == elf::ELFMAG),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// Reads `file`; `None` when it is no ELF file.
pub(crate) fn read(file: File) -> Result<Option<Elf>, object::read::Error> {
    let cache = ReadCache::new(file);
    match FileKind::parse(&cache) {
        Ok(FileKind::Elf64) => parse::<elf::FileHeader64<Endianness>, _>(&cache).map(Some),
        Ok(FileKind::Elf32) => parse::<elf::FileHeader32<Endianness>, _>(&cache).map(Some),
        Ok(_) | Err(_) => Ok(None),
    }
}

fn parse<'data, H, R>(data: R) -> Result<Elf, object::read::Error>
where
    H: FileHeader<Endian = Endianness>,
    R: ReadRef<'data>,
{
    let header = H::parse(data)?;
    let endian = header.endian()?;
    let segments = header.program_headers(endian, data)?;
    let mut found = Elf {
        kind: Kind {
            is_64: header.is_class_64(),
            big_endian: header.is_big_endian(),
            machine: header.e_machine(endian).0,
            flags: header.e_flags(endian).0,
        },
        ..Elf::default()
    };
    // The string table of a library with many symbols has tens of megabytes: only what is asked for
    // is read.
    let string = |table: u64, size: u64, offset: u64| {
        let address = table.checked_add(offset).filter(|_| offset < size)?;
        let segment = segments.iter().find(|segment| {
            let start = segment.p_vaddr(endian).into();
            segment.p_type(endian) == elf::PT_LOAD
                && (start..start.saturating_add(segment.p_filesz(endian).into())).contains(&address)
        })?;
        let start = segment
            .p_offset(endian)
            .into()
            .checked_add(address - segment.p_vaddr(endian).into())?;
        let text = data
            .read_bytes_at_until(start..start.saturating_add(LONGEST.min(size - offset)), 0)
            .ok()?;
        (!text.is_empty()).then(|| text.to_vec())
    };
    for segment in segments {
        if let Some(path) = segment.interpreter(endian, data)? {
            found.interpreter = Some(PathBuf::from(OsStr::from_bytes(path)));
        }
        let Some(entries) = segment.dynamic(endian, data)? else {
            continue;
        };
        let value = |wanted| {
            entries
                .iter()
                .find(|entry| entry.tag(endian) == wanted)
                .map(|entry| entry.d_val(endian).into())
        };
        let (Some(address), Some(size)) = (value(elf::DT_STRTAB), value(elf::DT_STRSZ)) else {
            continue;
        };
        for entry in entries {
            let offset: u64 = entry.d_val(endian).into();
            match entry.tag(endian) {
                elf::DT_NULL => break,
                elf::DT_NEEDED => found.needed.extend(string(address, size, offset)),
                elf::DT_RPATH => found
                    .rpath
                    .extend(list(string(address, size, offset).as_ref())),
                elf::DT_RUNPATH => found
                    .runpath
                    .extend(list(string(address, size, offset).as_ref())),
                _ => {}
            }
        }
    }
    Ok(found)
}

fn list(text: Option<&Vec<u8>>) -> Vec<Vec<u8>> {
    text.into_iter()
        .flat_map(|text| text.split(|byte| *byte == b':'))
        .filter(|part| !part.is_empty())
        .map(<[u8]>::to_vec)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_test_program_is_read() {
        let own = read(File::open("/proc/self/exe").unwrap())
            .unwrap()
            .unwrap();
        assert!(
            own.needed.iter().any(|name| name.starts_with(b"libc.so")),
            "{own:?}"
        );
        assert!(own.interpreter.is_some());
        assert_eq!(own.kind.is_64, cfg!(target_pointer_width = "64"));
    }

    #[test]
    fn a_script_is_no_elf_file() {
        assert_eq!(read(File::open("/etc/passwd").unwrap()).unwrap(), None);
        assert!(!is_elf(Path::new("/dev/null")).unwrap());
    }
}
