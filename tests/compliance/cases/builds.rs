//! Builds: through links, spread over hosts, with ccache, without local slots.

use std::fs;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use compliance::bed::{Bed, COMMAND, LOCAL, ONE, TWO, succeeded, wait_usable};
use compliance::need::Need;
use compliance::{Case, outputs};
use lab::{Launch, Signal};

pub(crate) fn cases() -> Vec<Case> {
    let ccache = Need::Program("ccache", "ccache");
    vec![
        Case::new("T76", "a link named c++ in front of PATH, at home", |bed| {
            linked(bed, LOCAL)
        }),
        Case::new(
            "T77",
            "a link named c++ in front of PATH, elsewhere",
            |bed| linked(bed, ONE),
        ),
        Case::new("T78", "make -j10 uses both hosts", spread),
        Case::new(
            "T72",
            "ccache keeps none of the wrapper's own words",
            cached,
        )
        .needs(ccache),
        Case::new(
            "T79",
            "a host without slots of its own still links",
            no_slots,
        ),
    ]
}

fn linked(bed: &mut Bed, preferred: &str) -> Result<()> {
    let work = bed.work()?.to_owned();
    let object = work.join("plain.o");
    succeeded(
        &bed.plain("c++")?
            .args(["-Wall", "-c", "plain.cpp", "-o", "expected.o"])
            .run(COMMAND)?,
    )?;
    let _ = fs::remove_file(&object);
    let path = format!("{}:/usr/bin:/bin", bed.programs.links.display());
    let launch = bed
        .client("sh")?
        .args(["-c", "exec c++ -Wall -c plain.cpp -o plain.o"])
        .env("PATH", path)
        .env("ICECC_PREFERRED_HOST", preferred);
    let (output, seen) = bed.observe(launch)?;
    succeeded(&output)?;
    let fits = if preferred == LOCAL {
        seen.home == 1
    } else {
        seen.remote == [preferred]
    };
    ensure!(fits && seen.local == 0, "{seen:?}");
    outputs::same(&work.join("expected.o"), &object)
}

fn make(bed: &Bed, jobs: &str, file: &str) -> Result<Launch> {
    let launch = bed.client("make")?.args([jobs, "-f", file]);
    Ok(launch.env("ICECC", &bed.programs.client).env("CC", "gcc"))
}

fn spread(bed: &mut Bed) -> Result<()> {
    let (output, seen) = bed.observe(make(bed, "-j10", "spread.mk")?)?;
    succeeded(&output)?;
    ensure!(bed.work()?.join("spread").exists(), "nothing was linked");
    let on = |host: &str| seen.remote.iter().filter(|one| *one == host).count();
    ensure!(
        on(ONE) > 0 && on(TWO) > 0,
        "one host had nothing to do: {seen:?}"
    );
    ensure!(
        seen.local == 1 && seen.exits.iter().all(|exit| *exit == 0),
        "{seen:?}"
    );
    Ok(())
}

/// A toolchain that cannot be used makes the wrapper speak. ccache stores what the compiler said,
/// and a wrapper that found its descriptor for other messages keeps out of that.
fn cached(bed: &mut Bed) -> Result<()> {
    let work = bed.work()?.to_owned();
    let cache = work.join("ccache");
    let _ = fs::remove_dir_all(&cache);
    let run = |bed: &mut Bed| -> Result<String> {
        let launch = bed
            .plain("ccache")?
            .args([
                "gcc",
                "-Wall",
                "-c",
                "unused_variable.c",
                "-o",
                "unused_variable.o",
            ])
            .env("CCACHE_PREFIX", &bed.programs.client)
            .env("CCACHE_DIR", &cache)
            .env("ICECC_VERSION", "brokenenv.tar.gz");
        let (output, _) = bed.observe(launch)?;
        succeeded(&output)?;
        Ok(String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let plain = bed
        .plain("ccache")?
        .args([
            "gcc",
            "-Wall",
            "-c",
            "unused_variable.c",
            "-o",
            "unused_variable.o",
        ])
        .env("CCACHE_DIR", work.join("ccache-plain"))
        .run(COMMAND)?;
    let compiler = String::from_utf8_lossy(&plain.stderr).into_owned();
    let first = run(bed)?;
    ensure!(
        first.contains(&compiler),
        "the compiler's own words are lost:\n{first}"
    );
    let second = run(bed)?;
    ensure!(second == compiler, "replayed from the cache:\n{second}");
    let hits = bed
        .plain("ccache")?
        .args(["--print-stats"])
        .env("CCACHE_DIR", &cache)
        .run(COMMAND)?;
    let hits = String::from_utf8_lossy(&hits.stdout).into_owned();
    let hit = hits
        .lines()
        .any(|line| line.contains("_cache_hit") && !line.ends_with("\t0"));
    ensure!(hit, "nothing came from the cache:\n{hits}");
    Ok(())
}

fn no_slots(bed: &mut Bed) -> Result<()> {
    let (address, port) = bed.cluster()?.scheduler_address()?;
    bed.cluster()?.daemon(LOCAL)?.kill(Signal::TERM);
    bed.cluster()?.daemon(LOCAL)?.wait(COMMAND)?;
    let mut daemon = bed
        .local()?
        .command(&bed.programs.daemon)
        .args([
            "-n",
            "lab",
            "-N",
            LOCAL,
            "-m",
            "0",
            "--no-remote",
            "-s",
            &format!("{address}:{port}"),
        ])
        .log("daemon-without-slots")
        .start()?;
    let result = built_without_slots(bed);
    daemon.kill(Signal::TERM);
    daemon.wait(COMMAND)?;
    bed.cluster()?.start_daemon(LOCAL)?;
    bed.cluster()?.wait_ready()?;
    wait_usable(bed.cluster()?)?;
    result
}

fn built_without_slots(bed: &mut Bed) -> Result<()> {
    bed.cluster()?.control()?.wait_hosts(
        COMMAND,
        "the daemon without slots is there",
        |hosts| {
            hosts
                .iter()
                .any(|host| host.name == LOCAL && host.slots == 0)
        },
    )?;
    let work = bed.work()?.to_owned();
    for (source, host) in [("returns", ONE), ("part", TWO)] {
        let (input, object) = (format!("{source}.c"), format!("{source}.o"));
        let launch = bed
            .wrapped(&["gcc", "-Wall", "-c", &input, "-o", &object])?
            .env("ICECC_PREFERRED_HOST", host);
        let (output, seen) = bed.observe(launch)?;
        succeeded(&output)?;
        ensure!(
            seen.remote == [host] && seen.local == 0,
            "{source}: {seen:?}"
        );
    }
    let (output, seen) =
        bed.observe(bed.wrapped(&["gcc", "returns.o", "part.o", "-o", "returns"])?)?;
    succeeded(&output)?;
    ensure!(
        seen.local == 1 && seen.remote.is_empty(),
        "the link: {seen:?}"
    );
    let program: PathBuf = work.join("returns");
    let ran = bed.plain(program)?.run(COMMAND)?;
    ensure!(
        ran.status.code() == Some(123),
        "the program: {}",
        ran.status
    );
    Ok(())
}
