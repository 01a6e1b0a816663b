//! `floe join LINE`: this host becomes a member.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use membership::{Fallen, HostName, Identity, Invite, UnixTime};
use serde_json::json;

use super::options::JoinOptions;
use super::{finish, place, show};
use crate::cli::complain;

pub(in crate::cli) fn run(options: &JoinOptions) -> ExitCode {
    finish(join(options))
}

fn join(options: &JoinOptions) -> Result<String> {
    let place = place::Place::of(options.place.directory.as_deref())?;
    let member = enrol(&options.line.read()?, options.host_name.as_ref(), &place)?;
    Ok(if options.json {
        show::json(&json!({
            "cluster": member.cluster().to_string(),
            "name": member.cluster_name().to_string(),
            "member": member.member().to_string(),
            "host": member.name().to_string(),
            "roles": show::roles(member.roles()),
            "expires": member.expires().as_secs(),
            "directory": place.member,
        }))
    } else {
        show::joined(&member, &place)
    })
}

/// For `floe up`.
pub(in crate::cli) fn join_with(
    line: &Invite,
    name: Option<&HostName>,
    place: &place::Place,
) -> Result<String> {
    Ok(show::joined(&enrol(line, name, place)?, place))
}

/// Why the membership that this host has is none any more.
pub(in crate::cli) fn fallen(place: &place::Place, now: UnixTime) -> Option<Fallen> {
    let is_there = Identity::exists(&place.member);
    is_there.then(|| Identity::fallen(&place.member, now))?
}

fn enrol(line: &Invite, name: Option<&HostName>, place: &place::Place) -> Result<Identity> {
    let now = UnixTime::now();
    if let Some(fallen) = fallen(place, now) {
        let aside = Identity::set_aside(&place.member, now)?;
        complain(format_args!(
            "the membership that ended ({}) is kept in {}; floe that runs here goes on with it until it is started again",
            fallen.code(),
            aside.display()
        ));
    } else if Identity::exists(&place.member) {
        let member = Identity::open(&place.member, now)?;
        anyhow::bail!(
            "this host is a member of the cluster {} already; remove {} to leave it",
            member.cluster_name(),
            place.member.display()
        );
    }
    let name = place::host_name(name);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the runtime cannot be made")?;
    Ok(runtime.block_on(transport::join(line, &place.member, &name))?)
}
