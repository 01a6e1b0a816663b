//! Jobs whose input is files instead of text (issue D): the executor's compiler reads what the local one reads, at the
//! same places, and gives the same to the byte, debug information and rules for make included.

use std::collections::BTreeMap;
use std::time::Duration;

use acceptance::jobs;
use acceptance::need;
use acceptance::project::{Project, REDIS_FILES, REDIS_LIBRARIES, Tree};
use acceptance::skip::Need;
use acceptance::written::COMPILERS;
use anyhow::{Context, Result, ensure};
use lab::Cluster;
use lab::Suite::Floe;

const BUILD: Duration = Duration::from_secs(400);

/// Builds a project from scratch and tells how many jobs had what for input.
fn build(
    cluster: &Cluster,
    project: &'static Project,
    wanted: &str,
) -> Result<BTreeMap<String, usize>> {
    let tree = project.open()?;
    tree.reset()?;
    build_tree(cluster, &tree, project, wanted)
}

fn build_tree(
    cluster: &Cluster,
    tree: &Tree,
    project: &Project,
    wanted: &str,
) -> Result<BTreeMap<String, usize>> {
    let host = cluster.host("submit")?;
    jobs::forget(host);
    let launch = cluster
        .client("submit", Floe, "sh")?
        .env("FLOE_INPUTS", wanted);
    let built = tree.build(launch, 4).run(BUILD)?.ok();
    let inputs = jobs::inputs(host);
    built.with_context(|| cluster.logs())?;
    let (inputs, why) = inputs?;
    let shown = format!("{}: {inputs:?}, text: {why:#?}", project.name);
    println!("{shown}");
    let compared = tree.compare();
    ensure!(compared.is_ok(), "{shown}: {compared:?}");
    Ok(inputs)
}

#[test]
fn files_give_the_local_compilers_bytes() -> Result<()> {
    need!(Need::Namespaces, Need::Suite(Floe), Need::Program("gcc"));
    let cluster = Cluster::builder()
        .members()
        .executor("first", Floe, 2)
        .executor("second", Floe, 2)
        .submitter("submit", Floe, 0)
        .start()?;
    let inputs = build(&cluster, &REDIS_FILES, "headers")?;
    let evaluated = inputs.get("evaluated").copied().unwrap_or(0);
    ensure!(evaluated >= REDIS_FILES.objects, "{inputs:?}");
    // Nothing has changed, but what was written a moment before the first build proves nothing yet.
    let tree = REDIS_FILES.open()?;
    tree.clean()?;
    let inputs = build_tree(&cluster, &tree, &REDIS_FILES, "headers")?;
    drop(tree);
    let recorded = inputs.get("recorded").copied().unwrap_or(0);
    ensure!(recorded >= REDIS_FILES.objects / 2, "{inputs:?}");
    Ok(())
}

#[test]
fn every_compiler_reads_files() -> Result<()> {
    need!(
        Need::Namespaces,
        Need::Suite(Floe),
        Need::Program("gcc"),
        Need::Program("clang")
    );
    let cluster = Cluster::builder()
        .members()
        .executor("executor", Floe, 2)
        .submitter("submit", Floe, 0)
        .start()?;
    let inputs = build(&cluster, &COMPILERS, "headers")?;
    let evaluated = inputs.get("evaluated").copied().unwrap_or(0);
    ensure!(evaluated == COMPILERS.objects, "{inputs:?}");
    Ok(())
}

#[test]
fn compilers_are_compared_before_they_are_followed() -> Result<()> {
    need!(Need::Namespaces, Need::Suite(Floe), Need::Program("gcc"));
    let cluster = Cluster::builder()
        .members()
        .executor("executor", Floe, 2)
        .submitter("submit", Floe, 0)
        .start()?;
    let inputs = build(&cluster, &REDIS_LIBRARIES, "auto")?;
    let text = inputs.get("text").copied().unwrap_or(0);
    let evaluated = inputs.get("evaluated").copied().unwrap_or(0);
    ensure!(text >= 3 && evaluated > text, "{inputs:?}");
    Ok(())
}
