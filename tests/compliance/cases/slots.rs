//! icerun, local slots, recursion.

use std::fs;

use anyhow::{Context, Result, ensure};
use compliance::Case;
use compliance::bed::{Bed, COMMAND, LOCAL, succeeded};
use lab::Suite::Debian;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "T04",
            "links that use all processors run one after the other",
            serialized_links,
        )
        .gap(
            Debian,
            "another link is running",
            "jobs that take all slots came after 1.4",
        ),
        Case::new(
            "T67",
            "icerun runs as many commands as there are slots",
            |bed| serialized_commands(bed, true),
        ),
        Case::new(
            "T68",
            "icerun looks for a bare name in PATH only",
            bare_name,
        ),
        Case::new("T69", "icerun runs a compiler as it is", unchanged),
        Case::new(
            "T70",
            "the wrapper inside the wrapper is refused",
            recursion,
        ),
        Case::new("T71", "the wrapper inside icerun is not", once),
    ]
}

fn serialized_links(bed: &mut Bed) -> Result<()> {
    let _ = fs::remove_dir(bed.work()?.join("lto.running"));
    let launch = bed
        .client("make")?
        .args(["-j2", "-k", "-f", "lto.mk"])
        .env("ICECC", &bed.programs.client);
    let (output, seen) = bed.observe(launch)?;
    succeeded(&output)?;
    ensure!(
        seen.local == 2 && seen.home == 0 && seen.remote.is_empty(),
        "{seen:?}"
    );
    Ok(())
}

/// Ten commands at once on a daemon with two slots.
pub(crate) fn serialized_commands(bed: &mut Bed, watched: bool) -> Result<()> {
    let log = bed.work()?.join("counted.log");
    let _ = fs::remove_file(&log);
    let script = "for n in 1 2 3; do \"$ICERUN\" \"$PWD/counted.sh\" & \"$ICERUN\" ./counted.sh & \
                  \"$ICERUN\" ../work/counted.sh & done; PATH=$PWD:$PATH \"$ICERUN\" counted.sh & wait";
    let launch = bed
        .client("sh")?
        .args(["-c", script])
        .env("ICERUN", &bed.programs.icerun);
    if watched {
        let (output, seen) = bed.observe(launch)?;
        succeeded(&output)?;
        ensure!(
            seen.local == 10 && seen.remote.is_empty() && seen.home == 0,
            "{seen:?}"
        );
    } else {
        succeeded(&launch.run(COMMAND)?)?;
    }
    let text = fs::read_to_string(&log).context("no command ran")?;
    let (mut now, mut most) = (0, 0);
    for line in text.lines() {
        now += if line == "begin" { 1 } else { -1 };
        most = most.max(now);
    }
    ensure!(text.lines().count() == 20, "{} lines", text.lines().count());
    ensure!(
        most == 2,
        "{most} ran at once, the daemon on {LOCAL} has 2 slots"
    );
    Ok(())
}

fn bare_name(bed: &mut Bed) -> Result<()> {
    let log = bed.work()?.join("counted.log");
    let _ = fs::remove_file(&log);
    let launch = bed.client(&bed.programs.icerun)?.arg("counted.sh");
    let (output, _) = bed.observe(launch)?;
    ensure!(!output.status.success(), "it ran");
    ensure!(!log.exists(), "it failed and ran");
    Ok(())
}

fn unchanged(bed: &mut Bed) -> Result<()> {
    let arguments = [
        "-c",
        "two words",
        "-DX=\"y\"",
        "-O2",
        "-march=native",
        "--",
        "-",
    ];
    let path = bed.work()?.join("fake").display().to_string() + ":/usr/bin:/bin";
    let launch = bed
        .client(&bed.programs.icerun)?
        .arg("gcc")
        .args(arguments)
        .env("PATH", path);
    let (output, seen) = bed.observe(launch)?;
    ensure!(output.status.code() == Some(44), "{}", output.status);
    let got = fs::read_to_string(bed.work()?.join("fake.arguments"))?;
    ensure!(got.lines().eq(arguments), "got {got:?}");
    ensure!(seen.local == 1, "{seen:?}");
    Ok(())
}

fn recursion(bed: &mut Bed) -> Result<()> {
    let launch = bed
        .wrapped(&["./recursive/gcc", "-Wall", "-c", "plain.c", "-o", "plain.o"])?
        .env("ICECC_UNDER_TEST", &bed.programs.client)
        .env("ICECC_VERSION", "nowhere.tar.gz");
    let (output, _) = bed.observe(launch)?;
    ensure!(
        output.status.code() == Some(111),
        "{}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

fn once(bed: &mut Bed) -> Result<()> {
    let object = bed.work()?.join("plain.o");
    let _ = fs::remove_file(&object);
    let launch = bed
        .client(&bed.programs.icerun)?
        .arg("./recursive/once.sh")
        .env("ICECC_UNDER_TEST", &bed.programs.client)
        .env("ICECC_VERSION", "nowhere.tar.gz");
    let (output, _) = bed.observe(launch)?;
    succeeded(&output)?;
    ensure!(object.exists(), "nothing was compiled");
    Ok(())
}
