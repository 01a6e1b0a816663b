//! What a job reads is found without its preprocessor (issue D): for now beside it, and compared.

use std::fs;
use std::time::Duration;

use acceptance::need;
use acceptance::skip::Need;
use acceptance::until::until;
use acceptance::written::SMALL;
use anyhow::{Context, Result, ensure};
use lab::{Cluster, Suite};

const BUILD: Duration = Duration::from_secs(120);
const SOON: Duration = Duration::from_secs(30);

#[test]
fn every_file_of_a_text_is_known_without_it() -> Result<()> {
    need!(
        Need::Namespaces,
        Need::Suite(Suite::Floe),
        Need::Program("gcc")
    );
    let cluster = Cluster::builder()
        .scheduler(Suite::Floe)
        .executor("executor", Suite::Floe, 2)
        .submitter("submit", Suite::Floe, 0)
        .start()?;
    let tree = SMALL.open()?;
    tree.reset()?;
    let run = cluster.host("submit")?.home().join("run");
    let launch = cluster
        .client("submit", Suite::Floe, "sh")?
        .env("FLOE_INPUTS", "shadow")
        .env("FLOE_RUNTIME_DIR", &run)
        .env("FLOE_LOG", "info");
    let built = tree.build(launch, 4).run(BUILD)?.ok();
    built.with_context(|| cluster.logs())?;
    let log = run.join("agent.log");
    let mut said = String::new();
    until("all texts are compared", SOON, || {
        said = fs::read_to_string(&log).unwrap_or_default();
        Ok(said.matches("inputs of ").count() >= SMALL.objects)
    })
    .with_context(|| said.clone())?;
    let differs = |line: &&str| line.contains("inputs of ") && !line.contains(": alike");
    let differing: Vec<_> = said.lines().filter(differs).collect();
    ensure!(differing.is_empty(), "{differing:#?}");
    Ok(())
}
