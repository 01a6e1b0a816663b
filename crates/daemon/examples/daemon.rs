//! A daemon with just enough options to be driven by hand and by the tests of this crate; the real
//! command line is `floe daemon`.

use std::path::PathBuf;
use std::process::ExitCode;

use daemon::{Config, Find, Sockets};
use membership::Identity;
use sandbox::Zygote;
use tokio::signal::unix::{SignalKind, signal};
use transport::{Gate, Passport, Standing};

const USAGE: &str = "options: --base DIR --socket PATH --scheduler HOST[:PORT] --name NAME --slots N \
--port N --bind IP --netname NAME --user USER --no-remote --tests --stat FILE \
--cache-limit MB --member DIR";

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(tracing::Level::DEBUG)
        .with_ansi(false)
        .init();
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn start() -> Result<(), Box<dyn std::error::Error>> {
    let (config, member) = options()?;
    if let Some((directory, (user, group))) = member.as_deref().zip(daemon::usual_account()?) {
        Identity::give_to(directory, user, group)?;
    }
    let sockets = daemon::prepare(&config)?;
    let zygote = if config.no_remote {
        None
    } else {
        match Zygote::start() {
            Ok(zygote) => Some(zygote),
            Err(error) => {
                tracing::warn!("{error}");
                None
            }
        }
    };
    serve(config, member, sockets, zygote.as_ref())
}

#[tokio::main]
async fn serve(
    mut config: Config,
    member: Option<PathBuf>,
    sockets: Sockets,
    zygote: Option<&Zygote>,
) -> Result<(), Box<dyn std::error::Error>> {
    if let Some(directory) = member {
        let standing = Standing::open(&directory)?;
        config.gate = Gate::Members(standing.live());
        config.passport = Passport::Member(standing.live());
        config.grants_only = true;
        config.papers = Some(standing.papers());
        tokio::spawn(standing.keep());
    }
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let shutdown = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    Ok(daemon::run(config, sockets, zygote.map(Zygote::client), shutdown).await?)
}

/// The configuration, and the directory of a member.
fn options() -> Result<(Config, Option<PathBuf>), Box<dyn std::error::Error>> {
    let mut member = None;
    let mut config = Config::new(PathBuf::from("/var/tmp/floe-daemon-example"));
    let mut words = std::env::args().skip(1);
    while let Some(option) = words.next() {
        if option == "--no-remote" {
            config.no_remote = true;
            continue;
        }
        if option == "--tests" {
            config.tests = true;
            continue;
        }
        let value = words.next().ok_or(USAGE)?;
        match option.as_str() {
            "--base" => config.base_dir = value.into(),
            "--socket" => config.socket = Some(value.into()),
            "--scheduler" => config.scheduler = Find::parse(&value)?,
            "--name" => config.node_name = value,
            "--slots" => config.slots = value.parse()?,
            "--port" => config.port = value.parse()?,
            "--bind" => {
                let address = value.parse()?;
                config.bind = Some(address);
                config.listen.push(address);
            }
            "--netname" => config.netname = value,
            "--user" => config.user = Some(value),
            "--cache-limit" => config.cache_limit_bytes = value.parse::<u64>()? << 20,
            "--member" => member = Some(value.into()),
            "--stat" => config.proc_paths.stat = value.into(),
            _ => return Err(USAGE.into()),
        }
    }
    Ok((config, member))
}
