//! `floe up`: everything that this host does in a cluster, in one command; `floe down` ends it.

use std::ffi::OsStr;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use membership::{Address, Authority, HostName, Identity, Role, UnixTime};

use super::cluster::{self, Line, place::Place};
use super::pid_file;

/// Options of `floe up`.
#[derive(Args, Debug)]
pub(crate) struct UpOptions {
    /// The line that floe cluster invite or another host's floe up printed, or - to read it from stdin; without one this host makes a cluster, unless it is in one
    line: Option<Line>,
    /// This host's name in the cluster [default: its host name]
    #[arg(short = 'N', long = "name", value_name = "NAME")]
    host_name: Option<HostName>,
    /// Where other hosts reach this one's authority [default: this host's name and addresses, port 8767]
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "line")]
    advertise: Vec<Address>,
}

/// A service that `floe up` starts.
#[derive(Clone, Copy, Debug)]
struct Service {
    name: &'static str,
    arguments: &'static [&'static str],
}

/// In the order in which they need each other.
const SERVICES: [Service; 3] = [
    Service {
        name: "authority",
        arguments: &["cluster", "serve"],
    },
    Service {
        name: "scheduler",
        arguments: &["scheduler"],
    },
    Service {
        name: "daemon",
        arguments: &["daemon"],
    },
];

pub(super) fn up(options: &UpOptions) -> ExitCode {
    cluster::finish(start(options))
}

pub(super) fn down() -> ExitCode {
    cluster::finish(end())
}

fn start(options: &UpOptions) -> Result<String> {
    let place = Place::of(None)?;
    let mut is_new = false;
    let over = cluster::fallen(&place, UnixTime::now());
    let mut text = if let (Some(_), Some(line)) = (over, &options.line) {
        // They would go on as what this host was.
        let invite = line.read()?;
        end()? + &cluster::join_with(&invite, options.host_name.as_ref(), &place)?
    } else if let Some(fallen) = over {
        bail!("{fallen}");
    } else if Identity::exists(&place.member) {
        if options.line.is_some() {
            bail!("this host is a member of a cluster already; floe up alone starts its services");
        }
        String::new()
    } else if let Some(line) = &options.line {
        cluster::join_with(&line.read()?, options.host_name.as_ref(), &place)?
    } else {
        is_new = true;
        cluster::create_with(options.host_name.as_ref(), &options.advertise, &place)?
    };
    let has_authority = Authority::exists(&place.authority);
    let schedules = schedules(&place)?;
    let files = Files::of(&place)?;
    for service in SERVICES {
        let wanted = match service.name {
            "authority" => has_authority,
            "scheduler" => has_authority || schedules,
            _ => true,
        };
        if !wanted {
            continue;
        }
        let state = match files.start(service)? {
            true => "started",
            false => "runs already",
        };
        text += &format!(
            "{:<10} {state}, log in {}\n",
            service.name,
            files.log(service).display()
        );
    }
    if has_authority && !is_new {
        // A line is good for a day: not one more each time.
        text += "\nfor one more host: floe cluster invite\n";
    } else if has_authority {
        let line = cluster::invite_one(&place)?;
        text += &format!("\non another host, once, within a day:\n  floe up {line}\n");
    }
    text +=
        "\nto compile: icecc gcc -c hello.c, or put the directory of the wrappers first in PATH\n";
    Ok(text)
}

/// Whether this host was invited to be a scheduler, by that role's own name.
fn schedules(place: &Place) -> Result<bool> {
    let member = Identity::open(&place.member, UnixTime::now())?;
    Ok(member.roles().iter().any(|role| role == Role::Schedule))
}

fn end() -> Result<String> {
    let files = Files::of(&Place::of(None)?)?;
    let mut text = String::new();
    for service in SERVICES.iter().rev() {
        let ended = pid_file::end(&files.pid(*service));
        let state = match ended.with_context(|| format!("{} goes on", service.name))? {
            true => "ended",
            false => "was not running",
        };
        text += &format!("{:<10} {state}\n", service.name);
    }
    Ok(text)
}

/// Where the services' process numbers and logs are.
struct Files(PathBuf);

impl Files {
    fn of(place: &Place) -> Result<Self> {
        let base = place.base().join("services");
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&base)
            .with_context(|| format!("{} cannot be made", base.display()))?;
        Ok(Self(base))
    }

    fn pid(&self, service: Service) -> PathBuf {
        self.0.join(service.name).with_extension("pid")
    }

    fn log(&self, service: Service) -> PathBuf {
        self.0.join(service.name).with_extension("log")
    }

    /// Starts a service and waits until it serves; false if it ran already.
    fn start(&self, service: Service) -> Result<bool> {
        if pid_file::is_held(&self.pid(service))? {
            return Ok(false);
        }
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args(service.arguments)
            .arg("-d")
            .args([OsStr::new("-l"), self.log(service).as_os_str()])
            .args([OsStr::new("--pid-file"), self.pid(service).as_os_str()]);
        let status = command.status().context("floe cannot be started")?;
        if !status.success() {
            let log = self.log(service);
            bail!(
                "the {} does not start; {} says why",
                service.name,
                log.display()
            );
        }
        Ok(true)
    }
}
