//! `floe join LINE`: this host becomes a member.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use membership::{HostName, Identity, Invite, UnixTime};
use serde_json::json;

use super::options::JoinOptions;
use super::{finish, place, show};

pub(in crate::cli) fn run(options: &JoinOptions) -> ExitCode {
    finish(join(options))
}

fn join(options: &JoinOptions) -> Result<String> {
    let place = place::Place::of(options.place.directory.as_deref())?;
    let member = enrol(&options.line, options.host_name.as_ref(), &place)?;
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

fn enrol(line: &Invite, name: Option<&HostName>, place: &place::Place) -> Result<Identity> {
    let now = UnixTime::now();
    if Identity::exists(&place.member) {
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
