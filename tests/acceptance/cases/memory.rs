//! Compiles that need much memory: an executor never has more of them than fit, the kernel never has
//! to kill one, and one that is too large goes to a larger host or stays at home.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use acceptance::jobs;
use acceptance::need;
use acceptance::skip::Need;
use anyhow::{Context, Result, ensure};
use lab::{Cluster, DaemonSpec, Output, Programs, Suite};

/// Two processors need some seven seconds for each of the large ones, and the local ones as well.
const BUILD: Duration = Duration::from_secs(600);
const SOON: Duration = Duration::from_secs(60);

/// The assembler repeats a text that is not for it and has all of it in memory at once. Nothing of
/// it comes to the object, so `-DSMALL` makes the same one.
fn source(number: u32, repeats: u32) -> String {
    let text = "x".repeat(50_000);
    format!(
        "#ifndef SMALL\n__asm__(\".rept {repeats}\\n.if 0\\n.ascii {text}\\n.endif\\n.endr\\n\");\n#endif\n\
         int number{number}(void) {{ return {number}; }}\n"
    )
}

/// Some 100 kB of memory each.
const THREE_GIB: u32 = 31_000;
const ONE_GIB: u32 = 10_500;

fn with_memory(name: &str, slots: u32, memory: &str) -> DaemonSpec {
    DaemonSpec {
        name: name.to_owned(),
        suite: Suite::Floe,
        slots,
        submit_only: false,
        link: None,
        arguments: vec!["--memory".to_owned(), memory.to_owned()],
    }
}

/// Compiles all sources at once on `submit`, and compares the objects with a local compiler's.
fn compile(cluster: &Cluster, directory: &Path, sources: &[String]) -> Result<()> {
    for (number, source) in sources.iter().enumerate() {
        fs::write(directory.join(format!("f{number}.c")), source)?;
    }
    let count = sources.len();
    let script = format!(
        "i=0; while [ $i -lt {count} ]; do $CC -O1 -c f$i.c -o f$i.o & eval p$i=$!; i=$((i+1)); done
        i=0; while [ $i -lt {count} ]; do eval wait \\$p$i || exit 1; i=$((i+1)); done"
    );
    let build = cluster
        .client("submit", Suite::Floe, "sh")?
        .args(["-c", &script])
        .dir(directory);
    build.run(BUILD)?.ok().with_context(|| cluster.logs())?;
    for number in 0..count {
        let plain = cluster
            .host("submit")?
            .command("gcc")
            .args(["-O1", "-DSMALL", "-c"])
            .arg(format!("f{number}.c"))
            .args(["-o", "plain.o"])
            .dir(directory);
        plain.run(SOON)?.ok()?;
        let made = fs::read(directory.join(format!("f{number}.o")))?;
        ensure!(
            made == fs::read(directory.join("plain.o"))?,
            "the object of f{number}.c differs"
        );
    }
    Ok(())
}

/// Processes that the kernel killed because memory had ended, on the whole machine.
fn kernel_kills() -> Result<u64> {
    let text = fs::read_to_string("/proc/vmstat")?;
    let line = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
    Ok(line
        .context("no oom_kill in /proc/vmstat")?
        .trim()
        .parse()?)
}

fn explained(cluster: &Cluster, file: &Path) -> Result<String> {
    let floe = Programs::locate(Suite::Floe)?.floe.context("floe")?;
    let explain = cluster
        .host("submit")?
        .command(floe)
        .arg("explain")
        .arg(file);
    explain.run(SOON).and_then(Output::ok)
}

#[test]
fn twelve_compiles_of_three_gib_share_eight() -> Result<()> {
    need!(Need::Namespaces, Need::Suite(Suite::Floe));
    let mut cluster = Cluster::builder()
        .scheduler(Suite::Floe)
        .daemon(with_memory("executor", 12, "8G"))
        .submitter("submit", Suite::Floe, 0)
        .start()?;
    let kills = kernel_kills()?;
    let directory = tempfile::tempdir_in(cluster.lab().shared())?;
    let sources: Vec<String> = (0..12).map(|number| source(number, THREE_GIB)).collect();
    compile(&cluster, directory.path(), &sources)?;
    let jobs = jobs::of(&cluster, cluster.host("submit")?, Suite::Floe)?;
    let executor = cluster.daemon("executor")?;
    let log = executor.log();
    let again = log.matches("has made way for older ones").count();
    println!("{again} compiles started again; {jobs:?}");
    let all = BTreeMap::from([("executor".to_owned(), 12)]);
    ensure!(
        jobs.remote == all && jobs.failed_tries.is_empty() && again > 0,
        "{again} {jobs:?}\n{log}"
    );
    ensure!(executor.is_running(), "the executor's daemon ended\n{log}");
    ensure!(kernel_kills()? == kills, "the kernel killed something");
    Ok(())
}

#[test]
fn a_compile_too_large_for_one_host_goes_to_a_larger_one() -> Result<()> {
    need!(Need::Namespaces, Need::Suite(Suite::Floe));
    let cluster = Cluster::builder()
        .scheduler(Suite::Floe)
        .scheduler_arguments(&["-a", "round_robin"])
        .daemon(with_memory("small", 2, "512M"))
        .daemon(with_memory("large", 2, "4G"))
        .submitter("submit", Suite::Floe, 0)
        .start()?;
    let directory = tempfile::tempdir_in(cluster.lab().shared())?;
    for number in 0..3 {
        compile(&cluster, directory.path(), &[source(number, ONE_GIB)])?;
    }
    let jobs = jobs::of(&cluster, cluster.host("submit")?, Suite::Floe)?;
    let all = BTreeMap::from([("large".to_owned(), 3)]);
    let tried = jobs.failed_tries.keys().eq(["remote_memory"]);
    ensure!(jobs.remote == all && tried, "{jobs:?}\n{}", cluster.logs());
    Ok(())
}

#[test]
fn a_compile_too_large_for_every_host_stays_and_says_so() -> Result<()> {
    need!(Need::Namespaces, Need::Suite(Suite::Floe));
    let mut cluster = Cluster::builder()
        .scheduler(Suite::Floe)
        .daemon(with_memory("small", 2, "512M"))
        .submitter("submit", Suite::Floe, 1)
        .start()?;
    let directory = tempfile::tempdir_in(cluster.lab().shared())?;
    for _ in 0..2 {
        compile(&cluster, directory.path(), &[source(0, ONE_GIB)])?;
    }
    let jobs = jobs::of(&cluster, cluster.host("submit")?, Suite::Floe)?;
    let why = BTreeMap::from([("no_larger_host".to_owned(), 2)]);
    ensure!(jobs.local == why, "{jobs:?}\n{}", cluster.logs());
    let text = explained(&cluster, &directory.path().join("f0.c"))?;
    ensure!(text.contains("too little memory"), "{text}");
    // The first one was killed, the second one did not start.
    let log = cluster.daemon("small")?.log();
    ensure!(
        log.contains("is sent back: it needs more memory than this host gives"),
        "{log}"
    );
    Ok(())
}
