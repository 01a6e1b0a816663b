//! Clusters of members: nobody else gets anything, hosts of icecream's only where it was said (issue C).

use std::time::{Duration, Instant};

use acceptance::jobs::{self, Jobs};
use acceptance::need;
use acceptance::skip::Need;
use acceptance::until::until;
use acceptance::written::PARTS;
use anyhow::{Context, Result, ensure};
use lab::Suite::{Debian, Floe};
use lab::cluster::SCHEDULER;
use lab::{Cluster, Suite};

const BUILD: Duration = Duration::from_secs(400);
const SOON: Duration = Duration::from_secs(60);

/// Builds a few files from `submit` and compares it.
fn build(cluster: &Cluster, submit: &str, client: Suite) -> Result<Jobs> {
    let tree = PARTS.open()?;
    tree.reset()?;
    let host = cluster.host(submit)?;
    jobs::forget(host);
    let launch = jobs::record(cluster.client(submit, client, "sh")?, host, client);
    let built = tree.build(launch, 8).run(BUILD)?.ok();
    let jobs = jobs::of(cluster, host, client);
    built.with_context(|| cluster.logs())?;
    let jobs = jobs?;
    println!(
        "by {} from {submit}: {jobs:?}, {:?}",
        client.name(),
        tree.compare()?
    );
    Ok(jobs)
}

#[test]
fn members_build_and_others_get_nothing() -> Result<()> {
    need!(Need::Namespaces, Need::Suite(Floe), Need::Suite(Debian));
    let cluster = Cluster::builder()
        .members()
        .executor("first", Floe, 2)
        .executor("second", Floe, 2)
        .submitter("submit", Floe, 0)
        .start()?;
    let jobs = build(&cluster, "submit", Floe)?;
    ensure!(
        jobs.remote.len() == 2
            && jobs.remote_total() >= PARTS.objects
            && jobs.failed_tries.is_empty(),
        "{jobs:?}"
    );
    // The compiler went there file by file.
    for name in ["first", "second"] {
        let mut log = String::new();
        for file in std::fs::read_dir(cluster.host(name)?.logs())? {
            log += &std::fs::read_to_string(file?.path())?;
        }
        let files = log.contains("files are missing");
        ensure!(files && !log.contains("bytes arrived)"), "{name}: {log}");
    }
    // A member's host shows the cluster, though the control port is open to the scheduler's own only.
    let floe = lab::Programs::locate(Floe)?.floe.context("floe")?;
    let status = cluster.client("submit", Floe, &floe)?;
    let status = status.args(["status", "--json"]).run(SOON)?.ok()?;
    let status: serde_json::Value = serde_json::from_str(&status)?;
    let hosts = status["scheduler"]["hosts"].as_array();
    ensure!(hosts.is_some_and(|hosts| hosts.len() == 3), "{status}");
    // icecream's daemon is let in nowhere, and the logs say so.
    let (scheduler, port) = cluster.scheduler_address()?;
    let stranger = cluster.host("submit")?;
    let place = format!("{scheduler}:{port}");
    let daemon = [
        "-s",
        &place,
        "-n",
        "lab",
        "-N",
        "stranger",
        "-p",
        "10300",
        "-b",
        "/var/tmp/stranger",
        "-vvv",
    ];
    let debian = lab::Programs::locate(Debian)?;
    let mut daemon = stranger
        .command(&debian.daemon)
        .env("ICECC_TEST_SOCKET", stranger.home().join("stranger.socket"))
        .args(daemon)
        .log("stranger")
        .start()?;
    until("the scheduler has refused the stranger", SOON, || {
        Ok(cluster
            .logs()
            .contains("only members of the cluster are admitted"))
    })?;
    daemon.kill(lab::Signal::KILL);
    // Another account of the scheduler's host sees who is there, and sends nobody away.
    let told = |account: u32| -> Result<String> {
        let line = format!(
            "exec 3<>/dev/tcp/127.0.0.1/{}; echo blockcs nobody >&3; echo listcs >&3; echo quit >&3; cat <&3",
            port + 1
        );
        let shell = cluster.host(SCHEDULER)?.command("bash").args(["-c", &line]);
        shell.user(account, account).run(SOON)?.ok()
    };
    let (nobody, root) = (told(65534)?, told(0)?);
    ensure!(
        nobody.contains("403 in a cluster of members") && nobody.contains("first"),
        "{nobody}"
    );
    ensure!(!root.contains("403") && root.contains("first"), "{root}");
    Ok(())
}

#[test]
fn members_and_icecreams_hosts_build_together_where_it_was_said() -> Result<()> {
    need!(Need::Namespaces, Need::Suite(Floe), Need::Suite(Debian));
    let cluster = Cluster::builder()
        .members_and_icecream()
        .executor("floe", Floe, 2)
        .executor("debian", Debian, 2)
        .submitter("submit-floe", Floe, 0)
        .submitter("submit-debian", Debian, 0)
        .start()?;
    for (submit, client) in [("submit-floe", Floe), ("submit-debian", Debian)] {
        let jobs = build(&cluster, submit, client)?;
        ensure!(
            jobs.remote.len() == 2 && jobs.remote_total() >= PARTS.objects,
            "{submit}: {jobs:?}"
        );
        ensure!(client == Debian || jobs.failed_tries.is_empty(), "{jobs:?}");
    }
    Ok(())
}

/// A toolchain whose compiler never ends, for the time in which something happens to its job.
fn endless_toolchain(cluster: &Cluster) -> Result<std::path::PathBuf> {
    let host = cluster.host("submit")?;
    let directory = cluster.lab().shared();
    std::fs::write(
        directory.join("endless.c"),
        "int pause(void); int main(void) { for (;;) pause(); }\n",
    )?;
    // An executor tries each toolchain with its `bin/true`.
    std::fs::write(directory.join("true.c"), "int main(void) { return 0; }\n")?;
    let make = "mkdir -p root/usr/bin root/bin && gcc -static -o root/bin/true true.c && gcc -static -o root/usr/bin/gcc endless.c && \
                cp root/usr/bin/gcc root/usr/bin/g++ && cp root/usr/bin/gcc root/usr/bin/as && \
                tar -C root -czf endless.tar.gz usr bin";
    host.shell(make).dir(&directory).run(SOON)?.ok()?;
    Ok(directory.join("endless.tar.gz"))
}

#[test]
fn a_revoked_member_is_refused_and_its_jobs_end() -> Result<()> {
    need!(Need::Namespaces, Need::Suite(Floe), Need::Program("gcc"));
    let mut cluster = Cluster::builder()
        .members()
        .executor("executor", Floe, 2)
        .submitter("submit", Floe, 0)
        .start()?;
    let endless = endless_toolchain(&cluster)?;
    let directory = cluster.lab().shared();
    std::fs::write(directory.join("one.c"), "int one;\n")?;
    let compile = |object: &str| -> Result<lab::Launch> {
        let line = format!("$CC -c one.c -o {object}");
        let launch = cluster.client("submit", Floe, "sh")?;
        Ok(launch.args(["-c", &line]).dir(&directory))
    };
    let runs = |cluster: &Cluster| -> Result<bool> {
        let pids = cluster.host("executor")?.processes();
        let comm = |pid| std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        Ok(pids.into_iter().any(|pid| comm(pid).trim() == "gcc"))
    };
    let submit = cluster.host("submit")?;
    let mut building = compile("running.o")?
        .env("ICECC_VERSION", &endless)
        .start()?;
    let began = until("its job runs at the executor", SOON, || runs(&cluster));
    began.with_context(|| {
        let jobs = jobs::of(&cluster, submit, Floe);
        format!("{jobs:?}\n{}\n{}", building.log(), cluster.logs())
    })?;
    cluster.authority(&["revoke", "submit"])?;
    let revoked = Instant::now();
    until("its job has ended", SOON, || Ok(!runs(&cluster)?))?;
    println!("ended {:.1} s after", revoked.elapsed().as_secs_f64());
    // The build that waited for it goes on by itself, and so do its later ones.
    ensure!(building.wait(SOON)?.success(), "{}", building.log());
    ensure!(directory.join("running.o").exists(), "no object");
    compile("later.o")?.run(SOON)?.ok()?;
    let jobs = jobs::of(&cluster, cluster.host("submit")?, Floe)?;
    ensure!(
        jobs.remote_total() == 0 && jobs.local_total() == 2,
        "{jobs:?}"
    );
    let control = cluster.control()?;
    control.wait_hosts(SOON, "the revoked member is gone", |hosts| {
        hosts.iter().all(|host| host.name != "submit")
    })?;
    println!("refused {:.1} s after", revoked.elapsed().as_secs_f64());
    says_that_it_was_revoked(&cluster)
}

/// What people see on the host, also those who cannot read the member's files.
fn says_that_it_was_revoked(cluster: &Cluster) -> Result<()> {
    let floe = lab::Programs::locate(Floe)?.floe.context("floe")?;
    let submit = cluster.host("submit")?;
    let directory = cluster.lab().shared();
    let said = |words: &[&str]| -> Result<String> {
        let asked = cluster.client("submit", Floe, &floe)?.args(words);
        let output = asked.dir(&directory).run(SOON)?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        println!("=== floe {}\n{text}", words.join(" "));
        Ok(text)
    };
    let authority = cluster.host("scheduler")?.address().to_string();
    until("the daemon has heard of it", SOON, || {
        Ok(said(&["status"])?.contains("this host was revoked"))
    })?;
    let status = said(&["status"])?;
    for words in ["floe join LINE", &authority] {
        ensure!(status.contains(words), "{words}: {status}");
    }
    let doctor = said(&["doctor"])?;
    ensure!(doctor.contains("this host was revoked"), "{doctor}");
    let running = said(&["explain", "running.o"])?;
    ensure!(running.contains("`floe status` says"), "{running}");
    // Once the agent has heard it from the daemon.
    let compile = cluster.client("submit", Floe, "sh")?;
    let compile = compile.args(["-c", "$CC -c one.c -o after.o"]);
    compile.dir(&directory).run(SOON)?.ok()?;
    jobs::of(cluster, submit, Floe)?; // the record follows the answer
    let after = said(&["explain", "after.o"])?;
    ensure!(after.contains("this host was revoked"), "{after}");
    let helps = after.lines().find(|line| line.contains("what helps:"));
    ensure!(
        helps.is_some_and(|line| line.contains("`floe join LINE`")) && after.contains("revoked"),
        "{after}"
    );
    let log = std::fs::read_dir(submit.logs())?.flatten();
    let log: String = log
        .filter_map(|file| std::fs::read_to_string(file.path()).ok())
        .collect();
    ensure!(log.contains("no scheduler: this host was revoked"), "{log}");
    Ok(())
}

#[test]
fn members_take_users_archives_and_nothing_without_a_grant() -> Result<()> {
    need!(
        Need::Namespaces,
        Need::Suite(Floe),
        Need::Suite(Debian),
        Need::Program("gcc")
    );
    let cluster = Cluster::builder()
        .members()
        .executor("executor", Floe, 2)
        .submitter("submit", Floe, 0)
        .start()?;
    let directory = cluster.lab().shared();
    std::fs::write(
        directory.join("one.c"),
        "int one(int n) { return n + 1; }\n",
    )?;
    let submit = cluster.host("submit")?;
    let create = lab::Programs::locate(Floe)?.create_env;
    let made = submit.command(&create).args(["gcc"]).dir(&directory);
    made.run(SOON)?.ok()?;
    let entries = std::fs::read_dir(&directory)?.flatten();
    let mut names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let archive = names.find(|name| name.contains(".tar"));
    let archive = directory.join(archive.context("no archive was made")?);
    let build = |client, object: &str| -> Result<Jobs> {
        jobs::forget(submit);
        let line = format!("$CC -O2 -c one.c -o {object}");
        let launch = jobs::record(cluster.client("submit", client, "sh")?, submit, client);
        let launch = launch.args(["-c", &line]).dir(&directory);
        launch.env("ICECC_VERSION", &archive).run(SOON)?.ok()?;
        jobs::of(&cluster, submit, client)
    };
    let away = build(Floe, "away.o")?;
    ensure!(
        away.remote_total() == 1 && away.failed_tries.is_empty(),
        "{away:?}\n{}",
        cluster.logs()
    );
    // icecream's client has no grant: it is told to compile at home, by its own daemon.
    let home = build(Debian, "home.o")?;
    ensure!(home.remote_total() == 0, "{home:?}");
    let object = |name| std::fs::read(directory.join(name));
    ensure!(object("away.o")? == object("home.o")?, "other bytes");
    Ok(())
}
