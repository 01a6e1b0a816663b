//! What people and peers get wrong: a message that names the thing and the way out, and nothing
//! lost (issue A, "bad input"). What a single parser refuses is tested beside the parser.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use acceptance::jobs;
use acceptance::need;
use acceptance::skip::Need;
use acceptance::written::SMALL;
use anyhow::{Context, Result, ensure};
use lab::{Cluster, HostSpec, Kind, Lab, LabOptions, Programs, Signal, Suite};

const SOON: Duration = Duration::from_secs(20);
const BUILD: Duration = Duration::from_secs(120);

fn cluster() -> Result<Cluster> {
    Cluster::builder()
        .scheduler(Suite::Floe)
        .executor("executor1", Suite::Floe, 2)
        .executor("executor2", Suite::Floe, 2)
        .submitter("submit", Suite::Floe, 0)
        .start()
}

/// Builds the small project; its objects are those of a plain build.
fn builds(cluster: &Cluster) -> Result<jobs::Jobs> {
    let tree = SMALL.open()?;
    tree.reset()?;
    let submit = cluster.host("submit")?;
    jobs::forget(submit);
    let build = tree.build(cluster.client("submit", Suite::Floe, "sh")?, 6);
    build.run(BUILD)?.ok().with_context(|| cluster.logs())?;
    tree.compare()?;
    jobs::of(cluster, submit, Suite::Floe)
}

#[test]
fn what_cannot_start_says_why_and_what_helps() -> Result<()> {
    need!(Need::Namespaces, Need::Suite(Suite::Floe));
    let programs = Programs::locate(Suite::Floe)?;
    let mut lab = Lab::with(Kind::Namespaces, LabOptions::default())?;
    let host = lab.host(&HostSpec::new("host"))?;
    let scheduler = programs.scheduler.display();
    let daemon = format!("{} -s 127.0.0.1:8765", programs.daemon.display());
    let wrapper = programs.client.display();
    let long = "x".repeat(120);
    fs::write(host.tmp().join("file"), "")?;
    let first = |program: &str, port: &str| {
        let args = program.split(' ').map(str::to_owned).collect::<Vec<_>>();
        host.command(&args[0])
            .args(&args[1..])
            .args(["-p", port])
            .log(port)
            .start()
    };
    let mut running = vec![first(&scheduler.to_string(), "8765")?];
    running.push(first(&format!("{daemon} -b /tmp/envs"), "10245")?);
    let up = "while ! ss -ltn | grep -q :10245 || ! ss -ltn | grep -q :8765; do sleep 0.05; done";
    host.shell(up).run(SOON)?.ok()?;
    for (command, code, said) in [
        (
            format!("{scheduler} --bogus"),
            1,
            &["unexpected argument '--bogus'", "--help"][..],
        ),
        (
            format!("{daemon} --bogus"),
            1,
            &["unexpected argument '--bogus'", "--help"],
        ),
        (
            format!("{} --bogus", programs.create_env.display()),
            1,
            &["unknown option --bogus", "Usage"],
        ),
        (
            format!("{scheduler} -p 8765"),
            1,
            &[
                "port 8765 of 0.0.0.0 (TCP) is in use",
                "another port with -p",
            ],
        ),
        (
            format!("ICECC_TEST_SOCKET=/tmp/second {daemon} -p 10245 -b /tmp/other"),
            1,
            &["port 10245 of", "is in use", "another port with -p"],
        ),
        // In the background it is said before the first process leaves.
        (
            format!("ICECC_TEST_SOCKET=/tmp/second {daemon} -d -p 10246 -b /tmp/envs"),
            1,
            &["/tmp/envs/floe is in use by the daemon with process number"],
        ),
        (
            format!("ICECC_TEST_SOCKET=/tmp/{long} {daemon} -p 10246 -b /tmp/other"),
            1,
            &[
                "the socket path",
                &long,
                "limit is 107",
                "choose a shorter directory",
            ],
        ),
        (
            format!("{daemon} -p 10246 -b /tmp/file/base"),
            1,
            &[
                "/tmp/file/base: Not a directory",
                "name a directory with -b",
            ],
        ),
        (
            format!("cd /tmp; echo >a.c; {wrapper} no-such-gcc -c a.c"),
            115,
            &["no-such-gcc", "PATH"],
        ),
        (
            format!("cd /tmp; echo >a.c; {wrapper} /no/such/gcc -c a.c"),
            127,
            &["/no/such/gcc", "No such file"],
        ),
        (
            format!("cd /tmp; echo >a.c; XDG_RUNTIME_DIR=/tmp/{long}/{long} {wrapper} gcc -c a.c"),
            0,
            &[],
        ),
        (
            format!(
                "cd /tmp; echo >a.c; HOME=/tmp/file XDG_CACHE_HOME=/tmp/file/c {wrapper} gcc -c a.c"
            ),
            0,
            &[],
        ),
    ] {
        let text = format!("({command}) 2>&1; echo \"ended with $?\"");
        let output = host.shell(&text).run(SOON)?.ok()?;
        ensure!(
            output.trim_end().ends_with(&format!("ended with {code}")),
            "{command}\n{output}"
        );
        for part in said {
            ensure!(
                output.contains(part),
                "{command}: no word of {part:?}\n{output}"
            );
        }
    }
    for process in &mut running {
        ensure!(process.is_running(), "{}", process.log());
    }
    Ok(())
}

/// The executor whose disk is full refuses; the build goes on elsewhere.
#[test]
fn a_full_disk_costs_one_executor_its_jobs_and_no_build() -> Result<()> {
    need!(Need::Namespaces, Need::Suite(Suite::Floe));
    let mut cluster = cluster()?;
    cluster.kill_daemon("executor1")?;
    let small = "mkdir -p /var/tmp/icecc-envs; mount -t tmpfs -o size=2m,mode=1777 none /var/tmp/icecc-envs";
    cluster.host("executor1")?.shell(small).run(SOON)?.ok()?;
    cluster.start_daemon("executor1")?;
    cluster.wait_ready()?;
    for _ in 0..2 {
        let jobs = builds(&cluster)?;
        println!("{jobs:?}");
        ensure!(
            jobs.remote.keys().all(|host| host == "executor2"),
            "{jobs:?}"
        );
        ensure!(jobs.remote_total() > 0, "{jobs:?}\n{}", cluster.logs());
    }
    let log = cluster.daemon("executor1")?.log();
    ensure!(cluster.daemon("executor1")?.is_running(), "{log}");
    ensure!(
        log.contains("the disk of /var/tmp/icecc-envs is nearly full"),
        "{log}"
    );
    Ok(())
}

/// Nonsense on every port, in floods, in drips and with giant lengths, while a build runs.
#[test]
fn nonsense_on_every_port_disturbs_no_build() -> Result<()> {
    need!(
        Need::Namespaces,
        Need::Suite(Suite::Floe),
        Need::Program("bash")
    );
    let mut cluster = cluster()?;
    builds(&cluster)?;
    let shared = cluster.lab().shared();
    let mut state = 20_260_101_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8
    })
    .take(1 << 20)
    .collect();
    fs::write(shared.join("noise"), noise)?;
    fs::write(shared.join("giant"), [0xff; 64])?;
    // The handshake of a version that nobody speaks, and the start of a message that never ends.
    fs::write(shared.join("old"), [7, 0, 0, 0, 7, 0, 0, 0])?;
    fs::write(shared.join("drip"), [44, 0, 0])?;
    let (scheduler, executor) = (
        cluster.scheduler_address()?.0,
        cluster.host("executor1")?.address(),
    );
    let throw = format!(
        "for n in 1 2 3 4 5; do
           for to in tcp/{scheduler}/8765 tcp/{scheduler}/8766 udp/{scheduler}/8765 tcp/{executor}/10245; do
             for what in noise giant old; do
               timeout 1 bash -c \"head -c 60000 {shared}/$what >/dev/$to\" 2>/dev/null || true
             done
             (exec 3<>/dev/$to && cat {shared}/drip >&3 && sleep 30) 2>/dev/null &
           done
         done",
        shared = shared.display()
    );
    let mut thrower = cluster
        .host("executor2")?
        .command("bash")
        .args(["-c", &throw])
        .log("thrower")
        .start()?;
    let mut builds_done = 0;
    while thrower.is_running() && builds_done < 10 || builds_done == 0 {
        let jobs = builds(&cluster)?;
        println!("{jobs:?}");
        ensure!(jobs.failed_tries.is_empty(), "{jobs:?}\n{}", cluster.logs());
        ensure!(jobs.local_total() == 0, "{jobs:?}\n{}", cluster.logs());
        builds_done += 1;
    }
    ensure!(cluster.scheduler()?.is_running(), "{}", cluster.logs());
    ensure!(
        cluster.daemon("executor1")?.is_running(),
        "{}",
        cluster.logs()
    );
    Ok(())
}

/// Each program sees the wall clock leap by a year, forth and back, while builds run.
#[test]
fn a_clock_that_jumps_changes_nothing() -> Result<()> {
    const FAKER: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";
    need!(
        Need::Namespaces,
        Need::Suite(Suite::Floe),
        Need::File(FAKER)
    );
    let directory = tempfile::tempdir_in(acceptance::project::target())?;
    let clock = directory.path().join("clock");
    let set = |offset: &str| fs::write(&clock, offset);
    set("+0")?;
    let mut programs = Programs::locate(Suite::Floe)?;
    // The wrapper is static and stays on time; the agent that it starts does not.
    for program in [
        &mut programs.scheduler,
        &mut programs.daemon,
        &mut programs.client,
    ] {
        *program = dizzy(directory.path(), program, FAKER, &clock)?;
    }
    let mut cluster = Cluster::builder()
        .floe_programs(programs)
        .scheduler(Suite::Floe)
        .executor("executor1", Suite::Floe, 2)
        .submitter("submit", Suite::Floe, 0)
        .start()?;
    for offset in ["+0", "+1y", "-1y", "+0"] {
        set(offset)?;
        let jobs = builds(&cluster)?;
        println!("{offset}: {jobs:?}");
        ensure!(
            jobs.local_total() == 0,
            "{offset}: {jobs:?}\n{}",
            cluster.logs()
        );
        ensure!(
            jobs.failed_tries.is_empty(),
            "{offset}: {jobs:?}\n{}",
            cluster.logs()
        );
    }
    let seen = cluster.scheduler()?.log();
    let year = |line: &str| line.split("] ").nth(1).map(|date| date[..4].to_owned());
    let years: std::collections::BTreeSet<_> = seen.lines().filter_map(year).collect();
    ensure!(years.len() > 1, "the clock did not jump:\n{seen}");
    cluster.scheduler()?.kill(Signal::TERM);
    Ok(())
}

/// A script that starts `program` with a wall clock that follows a file.
fn dizzy(directory: &Path, program: &Path, faker: &str, clock: &Path) -> Result<PathBuf> {
    let name = program.file_name().context("a program without a name")?;
    let script = directory.join(name);
    let text = format!(
        "#!/bin/sh\nLD_PRELOAD={faker} FAKETIME_TIMESTAMP_FILE='{}' FAKETIME_NO_CACHE=1 \
         FAKETIME_DONT_FAKE_MONOTONIC=1 exec '{}' \"$@\"\n",
        clock.display(),
        program.display()
    );
    fs::write(&script, text)?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    Ok(script)
}
