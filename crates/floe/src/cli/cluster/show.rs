//! What `floe cluster` prints.

use std::fmt::{Display, Write as _};

use membership::{Authority, Identity, MemberRow, Roles, Rotation};
use serde_json::{Value, json};

use super::place::Place;

pub(super) fn json(value: &Value) -> String {
    format!("{value:#}\n")
}

pub(super) fn texts<T: Display>(all: &[T]) -> Vec<String> {
    all.iter().map(ToString::to_string).collect()
}

pub(super) fn roles(roles: Roles) -> Vec<&'static str> {
    roles.iter().map(membership::Role::name).collect()
}

pub(super) fn hosts(count: u32) -> String {
    match count {
        1 => "one host".to_owned(),
        count => format!("{count} hosts"),
    }
}

/// In this host's time zone.
pub(super) fn moment(seconds: u64) -> String {
    let stamp = i64::try_from(seconds).ok();
    let stamp = stamp.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    stamp.map_or_else(
        || "?".to_owned(),
        |stamp| {
            let local = stamp.to_zoned(jiff::tz::TimeZone::system());
            local.strftime("%Y-%m-%d %H:%M").to_string()
        },
    )
}

pub(super) fn joined(member: &Identity, place: &Place) -> String {
    format!(
        "this host is {} in the cluster {}, with the roles {}\n  its key and certificate: {}, good until {}\n",
        member.name(),
        member.cluster_name(),
        member.roles(),
        place.member.display(),
        moment(member.expires().as_secs())
    )
}

pub(super) fn created(authority: &Authority, place: &Place, member: Option<&Identity>) -> String {
    let mut text = format!(
        "made the cluster {} ({})\n  its key and records: {}; whoever can read them can admit members\n",
        authority.name(),
        authority.cluster(),
        place.authority.display()
    );
    if let Some(member) = member {
        let _infallible = writeln!(
            text,
            "  this host is its member {} with all roles: {}",
            member.name(),
            place.member.display()
        );
    }
    let addresses = texts(authority.addresses()).join(", ");
    let _infallible = writeln!(text, "  other hosts will look for it at {addresses}");
    text.push_str("next: floe cluster serve, and floe cluster invite for each host\n");
    text
}

pub(super) fn rotated(rotation: &Rotation) -> String {
    let fingerprint = rotation.fingerprint;
    match rotation.until {
        Some(until) => format!(
            "the authority has a new key ({fingerprint})\nmembers go on and learn it when they renew; hosts that are off until {} must join again\n",
            moment(until)
        ),
        None => format!(
            "the authority has a new key ({fingerprint}), and nobody is a member any more\nnext: floe cluster invite, and floe join on every host\n"
        ),
    }
}

pub(super) fn member(row: &MemberRow) -> Value {
    json!({
        "id": row.id.to_string(),
        "name": row.name.to_string(),
        "roles": roles(row.roles),
        "state": row.state.name(),
        "joined": row.joined,
        "renewed": row.renewed,
        "expires": row.expires,
    })
}

pub(super) fn table(rows: &[MemberRow]) -> String {
    if rows.is_empty() {
        return "there are no members; floe cluster invite admits some\n".to_owned();
    }
    let head = [
        "NAME", "MEMBER", "STATE", "ROLES", "JOINED", "RENEWED", "EXPIRES",
    ];
    let mut lines = vec![head.map(str::to_owned)];
    for row in rows {
        lines.push([
            row.name.to_string(),
            row.id.to_string(),
            row.state.name().to_owned(),
            row.roles.to_string(),
            moment(row.joined),
            moment(row.renewed),
            moment(row.expires),
        ]);
    }
    let mut widths = [0; 7];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.len());
        }
    }
    let mut text = String::new();
    for line in &lines {
        let mut shown = String::new();
        for (width, cell) in widths.into_iter().zip(line) {
            let _infallible = write!(shown, "{cell:width$}  ");
        }
        text.push_str(shown.trim_end());
        text.push('\n');
    }
    text
}
