//! What an archive holds, without keeping anything of it: whoever sends one that is here already has shown
//! that he has it.

use std::io::Read;

use super::InstallError;
use crate::listed::Hash;
use crate::manifest::Identity;
use crate::unpack::{Limits, Listing, list};

/// Reads an archive to its end.
pub fn identity_of(
    reader: impl Read,
    name: &str,
    limits: Limits,
) -> Result<Identity, InstallError> {
    let mut listing = Listing::new(Hash);
    list(reader, name, &mut listing, limits)?;
    let (manifest, _) = listing.finish();
    let manifest = manifest.map_err(|error| InstallError::Manifest(name.to_owned(), error))?;
    Ok(manifest.identity())
}
