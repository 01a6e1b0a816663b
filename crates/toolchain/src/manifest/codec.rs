//! The canonical bytes of a manifest: a line that names the format, then for each member a letter
//! (`d` directory, `f` file, `x` executable file, `l` link), the length of its path in two bytes, the
//! path, and for a file its size in eight bytes and its digest, for a link the length of the target in
//! two bytes and the target. Numbers are little-endian.

use job::Digest;

use super::path::{BadPath, LinkTarget, MemberPath};
use super::{Entry, Kind, Manifest};

const FORMAT: &[u8] = b"floe toolchain 2\n";

/// Why a list of members is no manifest: whoever made it is at fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    #[error("the toolchain's list of files has an unknown format")]
    Format,
    #[error("the toolchain's list of files ends early")]
    Short,
    #[error("the toolchain's list of files is too large")]
    TooLarge,
    #[error("the toolchain's list of files has an entry of unknown kind {0:#x}")]
    Unknown(u8),
    #[error(transparent)]
    Path(#[from] BadPath),
    #[error("{path} stands twice in the toolchain's list of files, or out of order")]
    Twice { path: MemberPath },
    #[error("{path} stands below a file or a link in the toolchain's list of files")]
    BelowFile { path: MemberPath },
    #[error("the toolchain's list of files lacks the directory of {path}")]
    NoDirectory { path: MemberPath },
}

pub(super) fn encode(entries: &[Entry]) -> Vec<u8> {
    let mut out = FORMAT.to_vec();
    for Entry { path, kind } in entries {
        out.push(match kind {
            Kind::Directory => b'd',
            Kind::File {
                executable: false, ..
            } => b'f',
            Kind::File {
                executable: true, ..
            } => b'x',
            Kind::Symlink { .. } => b'l',
        });
        text(&mut out, path.as_bytes());
        match kind {
            Kind::Directory => {}
            Kind::File { size, digest, .. } => {
                out.extend_from_slice(&size.to_le_bytes());
                out.extend_from_slice(digest.as_bytes());
            }
            Kind::Symlink { target } => text(&mut out, target.as_bytes()),
        }
    }
    out
}

/// Paths and targets have at most 4095 bytes: their constructors see to it.
fn text(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u16).to_le_bytes());
    out.extend_from_slice(bytes);
}

pub(super) fn decode(bytes: &[u8]) -> Result<Manifest, ManifestError> {
    if bytes.len() > Manifest::MOST_BYTES {
        return Err(ManifestError::TooLarge);
    }
    let mut rest = Rest(bytes.strip_prefix(FORMAT).ok_or(ManifestError::Format)?);
    let mut entries: Vec<Entry> = Vec::new();
    // The directories above the member read last, outermost first.
    let mut above: Vec<MemberPath> = Vec::new();
    while !rest.0.is_empty() {
        let [letter] = rest.array()?;
        let path = MemberPath::parse(rest.text()?)?;
        let kind = match letter {
            b'd' => Kind::Directory,
            b'f' | b'x' => Kind::File {
                executable: letter == b'x',
                size: u64::from_le_bytes(rest.array()?),
                digest: Digest::from_bytes(rest.array()?),
            },
            b'l' => Kind::Symlink {
                target: LinkTarget::parse(&path, rest.text()?)?,
            },
            other => return Err(ManifestError::Unknown(other)),
        };
        if entries.last().is_some_and(|last| last.path >= path) {
            return Err(ManifestError::Twice { path });
        }
        let parent = path.parent();
        while above.last().is_some_and(|dir| parent.as_ref() != Some(dir)) {
            above.pop();
        }
        if above.last() != parent.as_ref() {
            return Err(ManifestError::NoDirectory { path });
        }
        if kind == Kind::Directory {
            above.push(path.clone());
        }
        if entries.len() == Manifest::MOST_ENTRIES {
            return Err(ManifestError::TooLarge);
        }
        entries.push(Entry { path, kind });
    }
    Ok(Manifest { entries })
}

struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], ManifestError> {
        let (taken, rest) = self
            .0
            .split_at_checked(length)
            .ok_or(ManifestError::Short)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ManifestError> {
        self.take(N)?.try_into().map_err(|_| ManifestError::Short)
    }

    fn text(&mut self) -> Result<&'a [u8], ManifestError> {
        let length = u16::from_le_bytes(self.array()?);
        self.take(length.into())
    }
}
