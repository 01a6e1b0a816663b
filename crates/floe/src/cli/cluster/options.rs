//! What `floe cluster` understands.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use membership::{Address, ClusterName, HostName, Role};

use super::line::Line;
use crate::cli::options::ServiceOptions;

#[derive(Args, Debug)]
pub(crate) struct ClusterOptions {
    #[command(subcommand)]
    pub(super) act: Act,
}

#[derive(Debug, Subcommand)]
pub(super) enum Act {
    /// Make a cluster: its authority, and this host its first member; nothing is started
    Create(Create),
    /// Print one line that makes another host a member, for floe join
    Invite(Invite),
    /// List the members
    Members(Members),
    /// Refuse a member from now on, and end its jobs
    Revoke(Revoke),
    /// Replace the authority's key
    ///
    /// The old key is destroyed at once. It vouches for the new one as long as the overlap lasts: members
    /// go on, and learn the new key when they renew, within a day. Hosts that are switched off for longer
    /// than the overlap must join again.
    ///
    /// Use --overlap 0 when the key may be known to others: then nobody is a member any more, and every host
    /// joins again. The authority cannot tell the old members, as they would have to believe the old key for
    /// that: those that have not joined again go on among themselves, and whoever has the old key with them,
    /// until their certificates end, within a day. To end that at once, stop floe on every host before it joins
    /// again. If the old key is still yours alone, floe cluster revoke of a member first ends what runs for it
    /// within a minute.
    Rotate(Rotate),
    /// Answer hosts that join and members that renew, as the authority
    Serve(Serve),
}

#[derive(Args, Debug)]
pub(super) struct PlaceOptions {
    /// Where authority/ and member/ are [default: FLOE_STATE_DIR, for root /var/lib/floe, else ~/.local/state/floe]
    #[arg(long, value_name = "DIR")]
    pub(super) directory: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(super) struct Create {
    /// The cluster's name, for people [default: this host's]
    pub(super) name: Option<ClusterName>,
    /// Where other hosts reach the authority; up to four times [default: this host's name and addresses, port 8767]
    #[arg(long, value_name = "HOST:PORT")]
    pub(super) advertise: Vec<Address>,
    /// This host's name in the cluster [default: its host name]
    #[arg(short = 'N', long = "name", value_name = "NAME")]
    pub(super) host_name: Option<HostName>,
    /// Make no member of this host
    #[arg(long)]
    pub(super) authority_only: bool,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) place: PlaceOptions,
}

#[derive(Args, Debug)]
pub(super) struct Invite {
    /// What the hosts may do: monitor, submit, execute, schedule, admin (all of these, and invite and revoke)
    #[arg(
        long,
        value_name = "ROLE,…",
        value_delimiter = ',',
        default_value = "submit,execute"
    )]
    pub(super) role: Vec<Role>,
    /// How many hosts may use the line
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) uses: u32,
    /// How long the line is good: 30m, 12h, 7d
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = span)]
    pub(super) expires: Duration,
    /// Where these hosts reach the authority, if not where others do
    #[arg(long, value_name = "HOST:PORT")]
    pub(super) address: Vec<Address>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) place: PlaceOptions,
}

#[derive(Args, Debug)]
pub(super) struct Members {
    /// Print JSON; times are seconds since 1970
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) place: PlaceOptions,
}

#[derive(Args, Debug)]
pub(super) struct Revoke {
    /// Its name, its id, or at least four digits that begin the id
    pub(super) member: String,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) place: PlaceOptions,
}

#[derive(Args, Debug)]
pub(super) struct Rotate {
    /// How long the old key vouches for the new one: 2d, 30d, or 0 for not at all
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = overlap)]
    pub(super) overlap: Duration,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) place: PlaceOptions,
}

#[derive(Args, Debug)]
pub(super) struct Serve {
    /// Port to listen on
    #[arg(short = 'p', long, value_name = "PORT", default_value_t = super::place::PORT)]
    pub(super) port: u16,
    #[command(flatten)]
    pub(super) service: ServiceOptions,
    #[command(flatten)]
    pub(super) place: PlaceOptions,
}

/// Options of `floe join`.
#[derive(Args, Debug)]
pub(crate) struct JoinOptions {
    /// The line that floe cluster invite printed; - reads it from stdin, where other users of this host do not see it
    pub(super) line: Line,
    /// This host's name in the cluster [default: its host name]
    #[arg(short = 'N', long = "name", value_name = "NAME")]
    pub(super) host_name: Option<HostName>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) place: PlaceOptions,
}

/// The longest that anything here may last.
const YEAR: u64 = 365 * 24 * 3600;

/// A number of seconds, or of what the letter behind it says.
fn span(text: &str) -> Result<Duration, String> {
    let wrong = || "a time is a number with s, m, h, d or w behind it, such as 12h".to_owned();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 24 * 3600,
        "w" => 7 * 24 * 3600,
        _ => return Err(wrong()),
    };
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    if !is_number {
        return Err(wrong());
    }
    match number.checked_mul(unit) {
        Some(0) => Err("it must last some time".to_owned()),
        Some(seconds @ ..=YEAR) => Ok(Duration::from_secs(seconds)),
        _ => Err("it may last a year at most".to_owned()),
    }
}

/// Members renew within a day: a shorter overlap would lose those that are there.
fn overlap(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let overlap = span(text)?;
    if overlap < membership::LIFETIME {
        return Err("an overlap is 0 or at least one day, within which members renew".to_owned());
    }
    Ok(overlap)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_numbers_with_a_unit() {
        for (text, seconds) in [
            ("90", 90),
            ("5s", 5),
            ("30m", 1800),
            ("12h", 43_200),
            ("1w", 604_800),
        ] {
            assert_eq!(span(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "",
            "h",
            "-1h",
            "+1h",
            "1.5h",
            "1 h",
            "1hh",
            "0",
            "0d",
            "366d",
            "99999999999999999999d",
            "1ü",
        ] {
            assert!(span(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_overlap_is_nothing_or_a_day_at_least() {
        assert_eq!(overlap("0"), Ok(Duration::ZERO));
        assert_eq!(overlap("1d"), Ok(membership::LIFETIME));
        assert!(overlap("1h").is_err());
    }
}
