//! That this host is a member no more: what its authority answered last, kept for who looks at it later.

use std::fmt;
use std::path::{Path, PathBuf};

use rustls::pki_types::UnixTime;

use super::{Identity, IdentityError, Renewal};
use crate::disk::Directory;
use crate::join::Refusal;

const FILE: &str = "fallen";
const CAP: u64 = 64;

/// Why the authority takes this host for no member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallen {
    Revoked,
    /// The authority has no such member, as after a rotation without overlap.
    Unknown,
    Lapsed,
    Superseded,
}

impl Fallen {
    const ALL: [Self; 4] = [Self::Revoked, Self::Unknown, Self::Lapsed, Self::Superseded];

    /// As the authority's refusals are coded.
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fallen| fallen.code() == code)
    }

    pub fn code(self) -> &'static str {
        let refusal = match self {
            Self::Revoked => Refusal::Revoked,
            Self::Unknown => Refusal::UnknownMember,
            Self::Lapsed => Refusal::Lapsed,
            Self::Superseded => Refusal::Superseded,
        };
        refusal.code()
    }
}

impl fmt::Display for Fallen {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cause = match self {
            Self::Revoked => "this host was revoked in its cluster, and no member talks to it",
            Self::Unknown => {
                "this host is no member any more: its cluster's authority does not know it"
            }
            Self::Lapsed => "this host was away from its cluster for too long",
            Self::Superseded => {
                "this host's certificate was renewed by somebody else, who has a copy of its files"
            }
        };
        write!(
            out,
            "{cause}; floe join LINE (or floe up LINE), with a new line of floe cluster invite, makes it a member again"
        )
    }
}

impl Identity {
    /// Why the member in the directory is none any more, as far as it knows.
    pub fn fallen(path: &Path, now: UnixTime) -> Option<Fallen> {
        let directory = Directory::open(path).ok()?;
        let file = directory.read(FILE, CAP).ok().flatten();
        let told = file.and_then(|code| Fallen::of_code(String::from_utf8(code).ok()?.trim()));
        told.or_else(|| {
            let member = Self::open(path, now).ok()?;
            (member.needs_renewal(now) == Renewal::Lapsed).then_some(Fallen::Lapsed)
        })
    }

    /// Keeps what the authority answered; none: that this host is a member.
    pub fn keep_fallen(&self, fallen: Option<Fallen>) -> Result<(), IdentityError> {
        let lock = self.directory.lock()?;
        match fallen {
            Some(fallen) => self
                .directory
                .replace(&lock, FILE, fallen.code().as_bytes())?,
            None => self.directory.remove(&lock, FILE)?,
        }
        Ok(())
    }

    /// Makes room for another membership: the files of this one are kept under another name, which is told.
    pub fn set_aside(path: &Path, now: UnixTime) -> Result<PathBuf, IdentityError> {
        let mut aside = path.as_os_str().to_owned();
        aside.push(format!(".old-{}", now.as_secs()));
        let aside = PathBuf::from(aside);
        std::fs::rename(path, &aside).map_err(|error| {
            let (from, to) = (path.display(), aside.display());
            IdentityError::Failed(format!("{from} cannot be renamed to {to}: {error}"))
        })?;
        Ok(aside)
    }
}
