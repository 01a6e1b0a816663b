//! From nothing to an object that another host made: the commands of the README, as they stand there.

use std::time::Duration;

use acceptance::need;
use acceptance::skip::Need;
use anyhow::{Context, Result, ensure};
use lab::{Host, HostSpec, Kind, Lab, LabOptions, Launch, Programs, Suite};
use serde_json::Value;

const SOON: Duration = Duration::from_secs(60);
const README: &str = include_str!("../../../README.md");

/// The commands of the first block behind `## A cluster`, without what follows `#`.
fn commands() -> Result<Vec<&'static str>> {
    let section = README.split("\n## A cluster\n").nth(1).context("section")?;
    let block = section.split("```sh\n").nth(1).context("block")?;
    let block = block.split("```").next().context("end of the block")?;
    let command = |line: &'static str| line.split('#').next().unwrap_or_default().trim();
    Ok(block.lines().map(command).collect())
}

/// As the user of that host, with floe installed.
fn on(host: &Host, programs: &str, command: &str) -> Launch {
    let path = format!("{programs}:/usr/bin:/bin");
    host.shell(command)
        .env("PATH", path)
        .env("FLOE_STATE_DIR", host.home().join("state"))
        .dir(host.home())
}

#[test]
fn three_commands_make_a_cluster_and_a_remote_object() -> Result<()> {
    need!(
        Need::Namespaces,
        Need::Suite(Suite::Floe),
        Need::Program("gcc")
    );
    let [first, second, third] = commands()?[..] else {
        anyhow::bail!("the README has {} commands there", commands()?.len());
    };
    let floe = Programs::locate(Suite::Floe)?.floe.context("floe")?;
    let programs = floe.parent().context("its directory")?;
    let programs = programs.to_str().context("a path in UTF-8")?;
    let mut lab = Lab::with(
        Kind::Namespaces,
        LabOptions {
            visible: vec![programs.into()],
            ..LabOptions::default()
        },
    )?;
    let (one, other) = (
        lab.host(&HostSpec::new("one"))?,
        lab.host(&HostSpec::new("other"))?,
    );
    let said = on(&one, programs, first).run(SOON)?.ok()?;
    let line = said
        .split_whitespace()
        .find(|word| word.starts_with("floe1:"));
    let line = line.context("no line was printed")?;
    ensure!(second.ends_with("LINE"), "{second}");
    on(&other, programs, &second.replace("LINE", line))
        .run(SOON)?
        .ok()?;
    std::fs::write(
        other.home().join("hello.c"),
        "int main(void) { return 0; }\n",
    )?;
    on(&other, programs, third).run(SOON)?.ok()?;
    ensure!(other.home().join("hello.o").exists(), "no object");
    let told = on(&other, programs, "floe explain --json hello.c")
        .run(SOON)?
        .ok()?;
    let told: Value = serde_json::from_str(&told)?;
    let told = &told[0];
    let executor = format!("{}:{}", one.address(), 10245);
    ensure!(told["executor"] == executor.as_str(), "{told}");
    for host in [&one, &other] {
        let ended = on(host, programs, "floe down").run(SOON)?.ok()?;
        ensure!(ended.contains("daemon     ended"), "{ended}");
    }
    Ok(())
}
