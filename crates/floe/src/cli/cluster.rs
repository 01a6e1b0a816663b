//! `floe cluster …`: the authority of a cluster, on the host where its files are. Most of it uses no
//! network: members learn of a change when they ask `floe cluster serve`.

mod join;
mod line;
mod options;
pub(super) mod place;
mod serve;
mod show;

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use membership::{Address, Authority, HostName, Identity, InviteOptions, Role, Roles, UnixTime};
use serde_json::json;

use super::complain;
pub(super) use join::{fallen, join_with, run as join};
pub(super) use line::Line;
use options::{Act, Create, Invite, Members, Revoke, Rotate};
pub(super) use options::{ClusterOptions, JoinOptions};

pub(crate) fn run(options: &ClusterOptions) -> ExitCode {
    let now = UnixTime::now();
    let done = match &options.act {
        Act::Create(options) => create(options, now),
        Act::Invite(options) => invite(options, now),
        Act::Members(options) => members(options, now),
        Act::Revoke(options) => revoke(options, now),
        Act::Rotate(options) => rotate(options, now),
        Act::Serve(options) => return serve::run(options),
    };
    finish(done)
}

pub(super) fn finish(done: Result<String>) -> ExitCode {
    match done {
        Ok(text) => {
            let printed = std::io::stdout().write_all(text.as_bytes());
            ExitCode::from(u8::from(printed.is_err()))
        }
        Err(error) => {
            complain(format_args!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn create(options: &Create, now: UnixTime) -> Result<String> {
    let place = place::Place::of(options.place.directory.as_deref())?;
    let host = place::host_name(options.host_name.as_ref());
    let addresses = place::advertised(&options.advertise);
    let name = match &options.name {
        Some(name) => name.clone(),
        None => host.to_string().parse().context("name the cluster")?,
    };
    if !options.authority_only && Identity::exists(&place.member) {
        let member = Identity::open(&place.member, now)?;
        anyhow::bail!(
            "this host is a member of the cluster {} already; --authority-only makes the authority of another one",
            member.cluster_name()
        );
    }
    if !options.authority_only && Authority::exists(&place.authority) {
        let authority = Authority::open(&place.authority)?;
        anyhow::bail!(
            "{} holds the authority of the cluster {} already, and this host is no member: floe up makes it one and starts its services; --directory is for a second cluster",
            place.authority.display(),
            authority.name()
        );
    }
    let mut authority = Authority::create(&place.authority, name, addresses, now)?;
    let member = if options.authority_only {
        None
    } else {
        let made = enrol(&mut authority, &place, &host, now);
        Some(made.with_context(|| {
            let place = place.authority.display();
            format!(
                "the authority is in {place}, but this host is no member yet: floe up goes on from here"
            )
        })?)
    };
    Ok(if options.json {
        show::json(&json!({
            "cluster": authority.cluster().to_string(),
            "name": authority.name().to_string(),
            "fingerprint": authority.fingerprint().to_string(),
            "addresses": show::texts(authority.addresses()),
            "authority": place.authority,
            "member": member.map(|member| member.member().to_string()),
        }))
    } else {
        show::created(&authority, &place, member.as_ref())
    })
}

/// For `floe up`: a cluster that is named after its first host. An authority that has not made this host its
/// member, since it was told not to or was killed before, does so now.
pub(super) fn create_with(
    name: Option<&HostName>,
    advertise: &[Address],
    place: &place::Place,
) -> Result<String> {
    let (now, host) = (UnixTime::now(), place::host_name(name));
    if Authority::exists(&place.authority) {
        let mut authority = Authority::open(&place.authority)?;
        if !advertise.is_empty() && authority.addresses() != advertise {
            authority.set_addresses(advertise.to_vec(), now)?;
        }
        enrol(&mut authority, place, &host, now)?;
        return Ok(format!(
            "made this host a member of the cluster {}, whose authority it has\n",
            authority.name()
        ));
    }
    let cluster = host.to_string().parse().context("name the cluster")?;
    let advertised = place::advertised(advertise);
    let mut authority = Authority::create(&place.authority, cluster, advertised, now)?;
    enrol(&mut authority, place, &host, now)?;
    Ok(format!(
        "made the cluster {}, with this host as its first member\n",
        authority.name()
    ))
}

/// For `floe up`: a line for one more host.
pub(super) fn invite_one(place: &place::Place) -> Result<String> {
    let roles = Roles::of(&[Role::Submit, Role::Execute])?;
    let wanted = InviteOptions {
        roles,
        uses: 1,
        lifetime: std::time::Duration::from_secs(24 * 3600),
        addresses: Vec::new(),
    };
    let mut authority = Authority::open(&place.authority)?;
    Ok(authority
        .invite(&wanted, None, UnixTime::now())?
        .to_string())
}

/// The host of the authority has its key: it may as well have all roles.
fn enrol(
    authority: &mut Authority,
    place: &place::Place,
    host: &HostName,
    now: UnixTime,
) -> Result<Identity> {
    Identity::create(&place.member, now, |key, agent_key| {
        let roles = Roles::only(Role::Admin);
        Ok(authority.admit(host, roles, (key, agent_key), now)?)
    })
}

fn invite(options: &Invite, now: UnixTime) -> Result<String> {
    let mut authority = place::authority(&options.place)?;
    let lifetime = options.expires;
    let wanted = InviteOptions {
        roles: Roles::of(&options.role)?,
        uses: options.uses,
        lifetime,
        addresses: options.address.clone(),
    };
    let invite = authority.invite(&wanted, None, now)?;
    warn_unless_served(
        &authority,
        "the line is good, but nobody answers a host that uses it now",
    );
    let line = invite.to_string();
    let until = now.as_secs().saturating_add(lifetime.as_secs());
    if options.json {
        return Ok(show::json(&json!({
            "line": line,
            "invite": invite.id.to_string(),
            "roles": show::roles(wanted.roles),
            "uses": wanted.uses,
            "expires": until,
            "addresses": show::texts(&invite.addresses),
        })));
    }
    // The line alone goes to stdout, for scripts; it is a secret until it is used.
    complain(format_args!(
        "good for {} with the roles {} until {}; there: floe join LINE",
        show::hosts(wanted.uses),
        wanted.roles,
        show::moment(until)
    ));
    Ok(line + "\n")
}

/// What was written is carried out by the authority's service; where that does not run, who asked has to know.
fn warn_unless_served(authority: &Authority, what: &str) {
    let cause = match authority.is_served() {
        Ok(true) => return,
        Ok(false) => "the authority does not run on this directory".to_owned(),
        Err(error) => format!("whether the authority runs is not known: {error}"),
    };
    complain(format_args!(
        "warning: {what}: {cause}; start it with floe up or floe cluster serve"
    ));
}

fn members(options: &Members, now: UnixTime) -> Result<String> {
    let mut authority = place::authority(&options.place)?;
    let rows = authority.members(now)?;
    Ok(if options.json {
        show::json(&rows.iter().map(show::member).collect())
    } else {
        show::table(&rows)
    })
}

fn revoke(options: &Revoke, now: UnixTime) -> Result<String> {
    let mut authority = place::authority(&options.place)?;
    let member = authority.find(&options.member, now)?;
    authority.revoke(member, None, now)?;
    warn_unless_served(
        &authority,
        "it is written, but no host hears of it now, and the member's certificate goes on",
    );
    let rows = authority.members(now)?;
    let row = rows.iter().find(|row| row.id == member);
    let name = row.map_or_else(String::new, |row| row.name.to_string());
    Ok(if options.json {
        show::json(&json!({ "revoked": member.to_string(), "name": name }))
    } else {
        format!("revoked {name} ({member}); members refuse it when they have the new list\n")
    })
}

fn rotate(options: &Rotate, now: UnixTime) -> Result<String> {
    let mut authority = place::authority(&options.place)?;
    let rotation = authority.rotate(options.overlap, now)?;
    warn_unless_served(&authority, "it is written, but no host hears of it now");
    Ok(if options.json {
        show::json(&json!({
            "fingerprint": rotation.fingerprint.to_string(),
            "old_until": rotation.until,
        }))
    } else {
        show::rotated(&rotation)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn up_goes_on_where_a_cluster_was_left_without_its_first_member() {
        let directory = tempfile::tempdir().unwrap();
        let place = place::Place::of(Some(directory.path())).unwrap();
        let name = "first".parse().unwrap();
        let addresses = vec!["first.example:8767".parse().unwrap()];
        // As after a kill between the two, and after --authority-only.
        let cluster: membership::ClusterName = "lab".parse().unwrap();
        let now = UnixTime::now();
        let made = Authority::create(&place.authority, cluster, addresses.clone(), now);
        let made = made.unwrap().cluster();
        assert!(!Identity::exists(&place.member));

        let said = create_with(Some(&name), &[], &place).unwrap();
        assert!(said.contains("lab"), "{said}");
        let member = Identity::open(&place.member, now).unwrap();
        assert_eq!((member.cluster(), member.name()), (made, &name));
        assert_eq!(member.addresses(), addresses);
    }

    #[test]
    fn what_killed_in_the_middle_of_enrolling_leaves_is_no_obstacle() {
        let directory = tempfile::tempdir().unwrap();
        let place = place::Place::of(Some(directory.path())).unwrap();
        let address = "first.example:8767".parse().unwrap();
        create_with(None, &[address], &place).unwrap();
        // Admitted, and the answer was not written.
        std::fs::remove_file(place.member.join("identity")).unwrap();
        create_with(None, &[], &place).unwrap();
        assert!(Identity::exists(&place.member));
    }
}
