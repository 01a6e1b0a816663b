//! What the remote compiler is told, seen on the wire.

use anyhow::{Result, ensure};
use compliance::bed::{Bed, succeeded};
use compliance::need::Need;
use compliance::recorder::{self, Asked, Recorder};
use compliance::{Case, watch::Seen};
use lab::cluster::SCHEDULER;

pub(crate) fn cases() -> Vec<Case> {
    let clang = Need::Program("clang", "clang");
    vec![
        Case::new(
            "T13",
            "-march=native of clang is sent as what it means here",
            |bed| {
                let flags = flags(
                    bed,
                    &["clang", "-march=native", "-c", "plain.c", "-o", "plain.o"],
                )?;
                ensure!(!flags.contains("native"), "{flags}");
                ensure!(flags.contains("-target-feature"), "{flags}");
                Ok(())
            },
        )
        .needs(clang),
        Case::new(
            "T14",
            "-march=native of gcc is sent as what it means here",
            |bed| {
                let flags = flags(
                    bed,
                    &["gcc", "-march=native", "-c", "plain.c", "-o", "plain.o"],
                )?;
                ensure!(
                    !flags.contains("native") && flags.contains(" -march="),
                    "{flags}"
                );
                Ok(())
            },
        ),
        Case::new("T31_wire", "-target X is sent", |bed| {
            let flags = flags(
                bed,
                &[
                    "clang",
                    "-target",
                    "i686-linux-gnu",
                    "-c",
                    "plain.c",
                    "-o",
                    "plain.o",
                ],
            )?;
            ensure!(flags.contains(" -target i686-linux-gnu "), "{flags}");
            Ok(())
        })
        .needs(clang),
        Case::new("T32", "clang is told the target it has here", |bed| {
            let flags = flags(bed, &["clang", "-c", "plain.c", "-o", "plain.o"])?;
            ensure!(flags.contains(" -target x86_64-"), "{flags}");
            Ok(())
        })
        .needs(clang),
        Case::new(
            "T33_wire",
            "--target=X is sent, and no second target",
            |bed| {
                let flags = flags(
                    bed,
                    &[
                        "clang",
                        "--target=i686-linux-gnu",
                        "-c",
                        "plain.c",
                        "-o",
                        "plain.o",
                    ],
                )?;
                ensure!(flags.contains(" --target=i686-linux-gnu "), "{flags}");
                ensure!(!flags.contains(" -target "), "{flags}");
                Ok(())
            },
        )
        .needs(clang),
        Case::new(
            "T75",
            "a toolchain packed in a way that the host cannot unpack",
            |bed| {
                let (asked, seen) =
                    record(bed, &["gcc", "-c", "plain.c", "-o", "plain.o"], "zstd", 0)?;
                ensure!(
                    asked.connections == 0 && seen.remote.is_empty(),
                    "{asked:?} {seen:?}"
                );
                ensure!(seen.home + seen.local == 1, "{seen:?}");
                Ok(())
            },
        ),
    ]
}

/// The arguments that a compile is sent with, each between blanks.
fn flags(bed: &mut Bed, command: &[&str]) -> Result<String> {
    let (asked, seen) = record(bed, command, "none", 3)?;
    ensure!(asked.compiles.len() == 1, "asked for {asked:?}; {seen:?}");
    Ok(format!(" {} ", asked.compiles[0].join(" ")))
}

fn record(
    bed: &mut Bed,
    command: &[&str],
    compression: &str,
    features: u32,
) -> Result<(Asked, Seen)> {
    let scheduler = bed.cluster()?.scheduler_address()?;
    let host = bed.cluster()?.host(SCHEDULER)?.clone();
    let recorder = Recorder::start(&host, scheduler, features)?;
    let launch = bed
        .wrapped(command)?
        .env("ICECC_PREFERRED_HOST", recorder::NAME)
        .env("ICECC_ENV_COMPRESSION", compression);
    let (output, seen) = bed.observe(launch)?;
    succeeded(&output)?;
    Ok((recorder.asked(), seen))
}
