//! How a service of this host takes part: as a member of a cluster, open to anybody, or alone.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use membership::Identity;
use transport::{Gate, HostPort, Standing};

use super::cluster::place::Place;
use crate::log::Origin;

/// Decided before a service gives up root's rights and opened after that, so that no other process that
/// is forked in between has this host's key.
#[derive(Debug)]
pub(super) enum Part {
    /// icecream's protocol, with anybody.
    Open,
    /// With nobody: this host is no member, and nobody said that it shall be open.
    Alone {
        /// Where it looked for its identity.
        place: String,
    },
    Member {
        directory: PathBuf,
        /// icecream's protocol, with anybody, as well.
        mixed: bool,
    },
}

impl Part {
    /// icecream's program names keep icecream's behaviour.
    pub(super) fn of(origin: Origin, icecream: bool) -> anyhow::Result<Self> {
        if matches!(origin, Origin::Icecream) {
            return Ok(Self::Open);
        }
        let found = Place::of(None).map(|place| place.member);
        Ok(match found {
            Ok(directory) if Identity::exists(&directory) => Self::Member {
                directory,
                mixed: icecream,
            },
            _ if icecream => Self::Open,
            Ok(directory) => Self::Alone {
                place: format!("{} has no identity", directory.display()),
            },
            Err(error) => Self::Alone {
                place: error.to_string(),
            },
        })
    }

    /// Root's service goes on as `account`, which then keeps the member's files.
    pub(super) fn give_to(&self, account: Option<(u32, u32)>) -> anyhow::Result<()> {
        match (self, account) {
            (Self::Member { directory, .. }, Some((user, group))) => {
                let_through(directory.parent())?;
                Ok(Identity::give_to(directory, user, group)?)
            }
            _ => Ok(()),
        }
    }

    pub(super) fn open(&self) -> anyhow::Result<Option<Membership>> {
        let Self::Member { directory, mixed } = self else {
            return Ok(None);
        };
        let standing = Standing::open(directory)?;
        let identity = standing.identity();
        tracing::info!(
            "this host is {} of the cluster {}, with the roles {}",
            identity.name(),
            identity.cluster_name(),
            identity.roles()
        );
        Ok(Some(Membership {
            mixed: *mixed,
            standing,
        }))
    }
}

/// What is in the directory has rights of its own; the account has to get there.
fn let_through(base: Option<&Path>) -> anyhow::Result<()> {
    let Some(base) = base else { return Ok(()) };
    let mut rights = fs::metadata(base)?.permissions();
    if rights.mode() & 0o111 != 0o111 {
        rights.set_mode(rights.mode() | 0o111);
        fs::set_permissions(base, rights)?;
    }
    Ok(())
}

/// A service's standing, and how far it is open besides.
#[derive(Debug)]
pub(super) struct Membership {
    pub(super) standing: Standing,
    mixed: bool,
}

impl Membership {
    pub(super) fn gate(&self) -> Gate {
        let live = self.standing.live();
        match self.mixed {
            true => Gate::Mixed(live),
            false => Gate::Members(live),
        }
    }

    /// Where a scheduler is unless somebody says where: beside the authority.
    pub(super) fn schedulers(&self) -> anyhow::Result<Vec<HostPort>> {
        let addresses = self.standing.identity().addresses().iter();
        let found = addresses.map(|address| HostPort {
            host: address.host().to_owned(),
            port: daemon::SCHEDULER_PORT,
        });
        let found: Vec<_> = found.collect();
        match found.is_empty() {
            true => Err(anyhow::anyhow!("the member's files name no authority"))
                .context("the scheduler is not known; name it with -s"),
            false => Ok(found),
        }
    }
}

/// An address as what connects takes it.
pub(super) fn place(address: &membership::Address) -> HostPort {
    HostPort {
        host: address.host().to_owned(),
        port: address.port(),
    }
}

/// What an open service says of itself at its start.
pub(super) fn warn_of_openness(gate: &Gate) {
    match gate {
        Gate::Open => tracing::warn!(
            "open to everybody who reaches this port: icecream's protocol knows no authentication; `floe cluster create` makes a cluster for members only"
        ),
        Gate::Mixed(_) => tracing::warn!(
            "--icecream: besides members, everybody who reaches this port is served, by icecream's protocol, which knows no authentication"
        ),
        Gate::Members(_) => {}
    }
}
