//! The members of a tar stream: ustar headers with GNU's and POSIX's records for long names. What
//! icecream's archives never contain is refused, not guessed at: devices, sparse files, volumes.

use std::io::{self, Read};

use tar::{EntryType, Header};

use super::Why;
use super::name::Name;

const RECORD: usize = 512;

/// Longest record with further attributes of a member.
const LONGEST_EXTENSION: u64 = 64 << 10;

/// Extension records in front of one member.
const MOST_EXTENSIONS: usize = 8;

/// One member.
pub(super) struct Entry {
    pub(super) name: Name,
    pub(super) kind: Kind,
}

pub(super) enum Kind {
    File { size: u64, executable: bool },
    Directory,
    Symlink(Vec<u8>),
    HardLink(Name),
}

/// Reads members one after the other.
pub(super) struct Entries<R> {
    reader: R,
}

/// What extension records say about the member that follows.
#[derive(Default)]
struct Extended {
    name: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
}

impl<R: Read> Entries<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader }
    }

    pub(super) fn into_inner(self) -> R {
        self.reader
    }

    /// The next member, or `None` after the end marker. `current` gets its name as soon as it is
    /// known. The body of a file must be read through [`Self::body`] before the next call.
    pub(super) fn next(&mut self, current: &mut Option<Vec<u8>>) -> Result<Option<Entry>, Why> {
        let mut extended = Extended::default();
        for _ in 0..=MOST_EXTENSIONS {
            let Some(header) = self.header()? else {
                return Ok(None);
            };
            let size = header.entry_size().map_err(Why::Damaged)?;
            match header.entry_type() {
                EntryType::GNULongName => extended.name = Some(self.string(size)?),
                EntryType::GNULongLink => extended.target = Some(self.string(size)?),
                EntryType::XHeader => pax(&self.extension(size)?, &mut extended)?,
                EntryType::XGlobalHeader => drop(self.extension(size)?),
                kind => {
                    let raw = extended
                        .name
                        .take()
                        .unwrap_or_else(|| header.path_bytes().into_owned());
                    *current = Some(raw.clone());
                    return entry(&header, kind, size, &raw, extended).map(Some);
                }
            }
        }
        Err(Why::Refused("there are too many records about one member"))
    }

    /// The bytes of the file whose header was just read.
    pub(super) fn body(&mut self, size: u64) -> io::Take<&mut R> {
        self.reader.by_ref().take(size)
    }

    pub(super) fn skip_padding(&mut self, size: u64) -> Result<(), Why> {
        let padding = size.next_multiple_of(RECORD as u64) - size;
        self.reader
            .read_exact(&mut [0; RECORD][..padding as usize])
            .map_err(Why::Damaged)
    }

    fn header(&mut self) -> Result<Option<Header>, Why> {
        let mut header = Header::new_old();
        self.reader
            .read_exact(header.as_mut_bytes())
            .map_err(Why::Damaged)?;
        let bytes = header.as_bytes();
        if bytes.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        // The checksum field itself counts as blanks.
        let sum: u32 = bytes.iter().map(|byte| u32::from(*byte)).sum();
        let field: u32 = bytes[148..156].iter().map(|byte| u32::from(*byte)).sum();
        match header.cksum() {
            Ok(given) if given == sum - field + 8 * u32::from(b' ') => Ok(Some(header)),
            _ => Err(Why::Refused("it is no tar archive, or a damaged one")),
        }
    }

    fn extension(&mut self, size: u64) -> Result<Vec<u8>, Why> {
        if size > LONGEST_EXTENSION {
            return Err(Why::Refused("a record about a member is too long"));
        }
        let mut bytes = Vec::new();
        self.body(size)
            .read_to_end(&mut bytes)
            .map_err(Why::Damaged)?;
        if bytes.len() as u64 != size {
            return Err(Why::Damaged(io::ErrorKind::UnexpectedEof.into()));
        }
        self.skip_padding(size)?;
        Ok(bytes)
    }

    fn string(&mut self, size: u64) -> Result<Vec<u8>, Why> {
        let mut bytes = self.extension(size)?;
        bytes.truncate(
            bytes
                .iter()
                .position(|byte| *byte == 0)
                .unwrap_or(bytes.len()),
        );
        Ok(bytes)
    }
}

fn entry(
    header: &Header,
    kind: EntryType,
    size: u64,
    raw: &[u8],
    extended: Extended,
) -> Result<Entry, Why> {
    let name = Name::parse(raw).map_err(Why::Refused)?;
    let target = || {
        let target = extended
            .target
            .or_else(|| header.link_name_bytes().map(|name| name.into_owned()));
        target.ok_or(Why::Refused("it is a link without a target"))
    };
    // Before POSIX, a directory was a file whose name ends in a slash.
    let is_file = kind.is_file() && !raw.ends_with(b"/");
    if !is_file && size != 0 {
        return Err(Why::Refused("it has a body but is no file"));
    }
    let kind = match kind {
        EntryType::Regular | EntryType::Continuous if is_file => {
            let mode = header.mode().map_err(Why::Damaged)?;
            Kind::File {
                size,
                executable: mode & 0o111 != 0,
            }
        }
        EntryType::Regular | EntryType::Directory => Kind::Directory,
        EntryType::Symlink => {
            let target = target()?;
            name.check_target(&target).map_err(Why::Refused)?;
            Kind::Symlink(target)
        }
        EntryType::Link => {
            let target = target()?;
            let target =
                Name::parse(&target).map_err(|_| Why::Refused("it links out of the toolchain"))?;
            Kind::HardLink(target)
        }
        EntryType::Char | EntryType::Block => return Err(Why::Refused("it is a device")),
        EntryType::Fifo => return Err(Why::Refused("it is a named pipe")),
        EntryType::GNUSparse => return Err(Why::Refused("it is a sparse file")),
        _ => return Err(Why::Refused("it is of a kind that no toolchain needs")),
    };
    Ok(Entry { name, kind })
}

/// POSIX records `LENGTH KEY=VALUE\n`.
fn pax(mut bytes: &[u8], extended: &mut Extended) -> Result<(), Why> {
    const BROKEN: Why = Why::Refused("a record about a member is broken");
    while !bytes.is_empty() {
        let blank = bytes.iter().position(|byte| *byte == b' ').ok_or(BROKEN)?;
        let length = std::str::from_utf8(&bytes[..blank])
            .ok()
            .and_then(|n| n.parse::<usize>().ok())
            .ok_or(BROKEN)?;
        let record = bytes
            .get(blank + 1..length)
            .and_then(|record| record.strip_suffix(b"\n"))
            .ok_or(BROKEN)?;
        let equals = record.iter().position(|byte| *byte == b'=').ok_or(BROKEN)?;
        let (key, value) = (&record[..equals], &record[equals + 1..]);
        match key {
            b"path" => extended.name = Some(value.to_vec()),
            b"linkpath" => extended.target = Some(value.to_vec()),
            b"size" => return Err(Why::Refused("its size is in an extended record")),
            key if key.starts_with(b"GNU.sparse") => {
                return Err(Why::Refused("it is a sparse file"));
            }
            _ => {}
        }
        bytes = &bytes[length..];
    }
    Ok(())
}
