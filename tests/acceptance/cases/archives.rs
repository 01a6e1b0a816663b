//! Executors of C++ icecream get a toolchain in a compression that they can read.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use acceptance::jobs;
use acceptance::need;
use acceptance::skip::Need;
use acceptance::until::until;
use anyhow::{Context, Result, ensure};
use lab::{Cluster, Programs, Suite};

const PATIENCE: Duration = Duration::from_secs(60);

/// Compiles one file away, with `environment`, and compares the object; then the endings of the
/// archives that the submit host made.
fn archives(cluster: &Cluster, environment: &[(&str, &str)]) -> Result<Vec<String>> {
    let project = cluster.lab().shared().join("project");
    fs::create_dir(&project)?;
    fs::write(project.join("one.c"), "int one(int n) { return n + 1; }\n")?;
    let submit = cluster.host("submit")?;
    let client = Programs::locate(Suite::Floe)?.client;
    let compile = ["gcc", "-O2", "-c", "one.c", "-o", "one.o"];
    submit
        .command(&client)
        .args(compile)
        .envs(environment.iter().copied())
        .dir(&project)
        .run(PATIENCE)?
        .ok()?;
    let away = fs::read(project.join("one.o"))?;
    let plain = submit.command(compile[0]).args(&compile[1..]).dir(&project);
    plain.run(PATIENCE)?.ok()?;
    ensure!(away == fs::read(project.join("one.o"))?, "other bytes");
    // The record follows the answer.
    let log = submit.home().join(".local/state/floe/jobs.log");
    until("the job is recorded", PATIENCE, || Ok(log.exists()))?;
    let jobs = jobs::of(cluster, submit, Suite::Floe)?;
    ensure!(
        jobs.remote_total() == 1 && jobs.failed_tries.is_empty(),
        "{jobs:?}\n{}",
        cluster.logs()
    );
    let mut endings: Vec<String> = fs::read_dir(submit.home().join(".cache/floe"))?
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            Some(name.split_once(".tar")?.1.to_owned())
        })
        .collect();
    endings.sort();
    Ok(endings)
}

#[test]
fn debians_daemon_takes_the_gzip_archive_that_the_user_wants() -> Result<()> {
    need!(
        Need::Namespaces,
        Need::Suite(Suite::Floe),
        Need::Suite(Suite::Debian)
    );
    let cluster = Cluster::builder()
        .scheduler(Suite::Debian)
        .executor("executor", Suite::Debian, 2)
        .submitter("submit", Suite::Floe, 0)
        .start()?;
    let made = archives(&cluster, &[("ICECC_ENV_COMPRESSION", "gzip")])?;
    ensure!(made == [".gz"], "{made:?}");
    Ok(())
}

/// libarchive as it is where it was built without zstd. Jobs are to know nothing of this.
const WITHOUT_ZSTD: &str = "#include <stdlib.h>\n\
    struct archive;\n\
    __attribute__((constructor)) static void hide(void) { unsetenv(\"LD_PRELOAD\"); }\n\
    int archive_read_support_filter_gzip(struct archive *);\n\
    int archive_read_support_filter_zstd(struct archive *a) { return -30; }\n\
    int archive_read_support_filter_all(struct archive *a) { return archive_read_support_filter_gzip(a); }\n";

/// A script that starts `program` without zstd.
fn without_zstd(directory: &Path, program: &Path) -> Result<std::path::PathBuf> {
    let (source, library) = (directory.join("shim.c"), directory.join("shim.so"));
    fs::write(&source, WITHOUT_ZSTD)?;
    let built = Command::new("gcc")
        .args(["-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .status()?;
    ensure!(built.success(), "the shim cannot be built");
    let script = directory.join("iceccd");
    let text = format!(
        "#!/bin/sh\nLD_PRELOAD='{}' exec '{}' \"$@\"\n",
        library.display(),
        program.display()
    );
    fs::write(&script, text)?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    Ok(script)
}

#[test]
fn an_executor_without_zstd_gets_gzip_without_being_asked_for() -> Result<()> {
    need!(
        Need::Namespaces,
        Need::Suite(Suite::Floe),
        Need::Suite(Suite::Debian)
    );
    let directory = tempfile::tempdir_in(acceptance::project::target())?;
    let debian = Programs::locate(Suite::Debian)?.daemon;
    let mut programs = Programs::locate(Suite::Floe)?;
    programs.daemon =
        without_zstd(directory.path(), &debian).with_context(|| debian.display().to_string())?;
    let cluster = Cluster::builder()
        .floe_programs(programs)
        .scheduler(Suite::Debian)
        .executor("executor", Suite::Floe, 2)
        .submitter("submit", Suite::Floe, 0)
        .start()?;
    let made = archives(&cluster, &[])?;
    ensure!(made == [".gz", ".zst"], "{made:?}\n{}", cluster.logs());
    Ok(())
}
