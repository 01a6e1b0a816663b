//! A cluster to try things on: makes hosts, starts a scheduler and daemons, and runs a command (or
//! a shell) on the submit host. Everything ends with it.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use lab::{Cluster, LabOptions, LinkSpec, Suite};

const HELP: &str = "\
floe-lab [OPTIONS] [COMMAND ARGUMENTS…]

Makes a cluster of network namespaces (root), runs COMMAND (default: sh) on the host `submit` in the
current directory, and ends the cluster. $CC and $CXX are compilers behind the wrapper.

  --scheduler floe|debian    whose scheduler (floe)
  --executors LIST           daemons that execute, each floe or debian (floe,floe,floe)
  --submit floe|debian       whose daemon and wrapper on the submit host (floe)
  --slots N                  slots of each executor (2)
  --delay MS --rate MBIT --loss PERCENT
                             the link of each executor (a plain cable)
";

struct Options {
    scheduler: Suite,
    executors: Vec<Suite>,
    submit: Suite,
    slots: u32,
    link: Option<LinkSpec>,
    command: Vec<String>,
}

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(e) => {
            eprintln!("floe-lab: {e:#}");
            ExitCode::from(125)
        }
    }
}

fn run() -> Result<ExitCode> {
    let Some(options) = read(std::env::args().skip(1))? else {
        print!("{HELP}");
        return Ok(ExitCode::SUCCESS);
    };
    let here: PathBuf = std::env::current_dir()?;
    let visible = LabOptions {
        visible: vec![here.clone()],
        ..LabOptions::default()
    };
    let mut builder = Cluster::builder()
        .options(visible)
        .scheduler(options.scheduler);
    for (number, suite) in options.executors.iter().enumerate() {
        builder = builder.executor(&format!("executor{}", number + 1), *suite, options.slots);
        if let Some(link) = options.link {
            builder = builder.link(link);
        }
    }
    let cluster = builder.submitter("submit", options.submit, 0).start()?;
    for host in cluster.lab().hosts() {
        eprintln!(
            "{:12} {:12} logs {}",
            host.name(),
            host.address(),
            host.logs().display()
        );
    }
    let status = cluster
        .client("submit", options.submit, &options.command[0])?
        .args(&options.command[1..])
        .env("TERM", std::env::var_os("TERM").unwrap_or_default())
        .dir(here)
        .interactive()?;
    for host in cluster.lab().hosts() {
        if let Ok(time) = host.cpu() {
            eprintln!("{:12} {:8.2} s CPU", host.name(), time.as_secs_f64());
        }
    }
    Ok(ExitCode::from(
        u8::try_from(status.code().unwrap_or(128)).unwrap_or(1),
    ))
}

fn read(mut words: impl Iterator<Item = String>) -> Result<Option<Options>> {
    let mut options = Options {
        scheduler: Suite::Floe,
        executors: vec![Suite::Floe; 3],
        submit: Suite::Floe,
        slots: 2,
        link: None,
        command: Vec::new(),
    };
    while let Some(word) = words.next() {
        if !word.starts_with('-') {
            options.command = std::iter::once(word).chain(words.by_ref()).collect();
            break;
        }
        if word == "--help" || word == "-h" {
            return Ok(None);
        }
        let value = words
            .next()
            .with_context(|| format!("{word} needs a value (see --help)"))?;
        let number = || {
            value
                .parse::<f64>()
                .with_context(|| format!("{word} {value}: a number"))
        };
        match word.as_str() {
            "--scheduler" => options.scheduler = suite(&value)?,
            "--submit" => options.submit = suite(&value)?,
            "--executors" => {
                options.executors = value.split(',').map(suite).collect::<Result<_>>()?;
            }
            "--slots" => options.slots = number()? as u32,
            "--delay" => {
                options.link.get_or_insert_default().delay =
                    Duration::from_secs_f64(number()? / 1e3);
            }
            "--rate" => options.link.get_or_insert_default().rate = Some((number()? * 1e6) as u64),
            "--loss" => options.link.get_or_insert_default().loss = number()? / 100.0,
            _ => bail!("{word} is not an option (see --help)"),
        }
    }
    if options.command.is_empty() {
        options.command.push("sh".into());
    }
    Ok(Some(options))
}

fn suite(name: &str) -> Result<Suite> {
    Suite::BOTH
        .into_iter()
        .find(|suite| suite.name() == name)
        .with_context(|| format!("{name:?}: floe or debian"))
}
