//! `floe join LINE`: this host becomes a member.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use membership::{HostName, Identity, UnixTime};
use serde_json::json;

use super::options::JoinOptions;
use super::{finish, place, show};

pub(in crate::cli) fn run(options: &JoinOptions) -> ExitCode {
    finish(join(options))
}

fn join(options: &JoinOptions) -> Result<String> {
    let place = place::Place::of(options.place.directory.as_deref())?;
    let now = UnixTime::now();
    if Identity::exists(&place.member) {
        let member = Identity::open(&place.member, now)?;
        anyhow::bail!(
            "this host is a member of the cluster {} already; remove {} to leave it",
            member.cluster_name(),
            place.member.display()
        );
    }
    let name = match &options.host_name {
        Some(name) => name.clone(),
        None => HostName::lossy(&place::node_name()),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the runtime cannot be made")?;
    let member = runtime.block_on(transport::join(&options.line, &place.member, &name))?;
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
