//! An archive of what `build` made.

use std::process::Command;

use anyhow::Result;

use crate::{build, step};

pub(crate) fn run() -> Result<()> {
    build::run("release")?;
    let target = step::target()?;
    let machine = step::output(Command::new("uname").arg("-m"))?;
    let name = format!(
        "floe-{}-{}.tar.gz",
        env!("CARGO_PKG_VERSION"),
        machine.trim()
    );
    let archive = target.join(name);
    step::run(
        Command::new("tar")
            .args(["--sort=name", "--owner=0", "--group=0", "-czf"])
            .arg(&archive)
            .arg("-C")
            .arg(&target)
            .arg("floe"),
    )?;
    println!("{}", archive.display());
    Ok(())
}
