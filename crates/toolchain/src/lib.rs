//! Find, collect, identify, pack and unpack compilers.
//!
//! On the host that submits: [`Compiler::probe`] finds the real driver, [`collect`] its files,
//! [`pack`] makes the archive that executors know, and [`NativeCache`] does all three once and
//! notices every change. On the executor: [`Installed`] keeps unpacked toolchains within a limit,
//! and [`Own`] knows those that the host has itself.

mod ask;
mod busy;
mod collect;
mod compiler;
mod compression;
pub mod create_env;
mod elf;
mod examine;
mod expendable;
mod fileset;
mod identify;
mod installed;
mod ldcache;
mod libraries;
mod listed;
mod loader;
pub mod manifest;
mod native;
mod observe;
mod own;
mod pack;
mod parallel;
mod path;
pub mod possession;
mod proof;
mod root;
mod stamp;
mod tarstream;
pub mod test_env;
mod trial;
mod unpack;
mod unwrap;

pub use collect::{Cause, CollectError, collect};
pub use compiler::{Compiler, Family, ProbeError};
pub use compression::Compression;
pub use examine::{Examined, Fate, Language, examine};
pub use fileset::{FileSet, Member, Source};
pub use identify::identify;
pub use installed::{
    Found, InstallError, Installed, Installing, Lease, OpenError, Presence, identity_of,
};
pub use listed::{ListError, list_archive};
pub use manifest::{Identity, Manifest, ManifestError, MemberPath};
pub use native::{Contents, DEFAULT_LIMIT, Native, NativeCache, NativeError, Proof, Request};
pub use own::{NotOwn, Own};
pub use pack::{Archive, PackError, pack};
pub use proof::{Ran, Sandbox, Trial};
pub use stamp::Stamp;
pub use unpack::{Limits, UnpackError, Unpacked, Why, unpack};
pub use unwrap::{Behind, UnwrapError, Wrapped, unwrap};
