//! Installs what tests need, when it may.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::debian::{CORPORA, PACKAGES, Package, missing};
use crate::{sources, step};

pub(crate) fn run() -> Result<()> {
    provide(PACKAGES)?;
    if let Err(e) = sources::fetch(sources::PROJECTS) {
        println!("tests of real projects will be skipped: {e:#}");
    }
    Ok(())
}

/// What `bench inputs` needs besides; with names only those projects.
pub(crate) fn run_for_corpora(names: &[&str]) -> Result<()> {
    provide(CORPORA)?;
    sources::fetch_corpora(names)
}

fn provide(packages: &'static [Package]) -> Result<()> {
    let packages = missing(packages);
    if packages.is_empty() {
        println!("every Debian package that this needs is installed");
    } else if is_root() && Path::new("/usr/bin/apt-get").exists() {
        install(&packages)?;
    } else {
        println!("what needs these will be skipped; as root, or by hand:");
        println!("  apt-get install {}", names(&packages));
        for package in &packages {
            println!("    {}: {}", package.name, package.why);
        }
    }
    Ok(())
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
}

fn names(packages: &[&Package]) -> String {
    packages
        .iter()
        .map(|package| package.name)
        .collect::<Vec<_>>()
        .join(" ")
}

/// Installs packages without letting them start services: icecc's would broadcast.
fn install(packages: &[&Package]) -> Result<()> {
    step::timed(&format!("apt-get install {}", names(packages)), || {
        let _denied = NoServices::enforce()?;
        let apt = || {
            let mut apt = Command::new("apt-get");
            apt.args(["-q", "-y", "-o", "Dpkg::Use-Pty=0"])
                .env("DEBIAN_FRONTEND", "noninteractive");
            apt
        };
        step::output(apt().arg("update"))?;
        let wanted = packages.iter().map(|package| package.name);
        step::output(
            apt()
                .args(["install", "--no-install-recommends"])
                .args(wanted),
        )?;
        Ok(())
    })
}

/// A policy that forbids package scripts to start services, for as long as this lives.
struct NoServices {
    made: bool,
}

const POLICY: &str = "/usr/sbin/policy-rc.d";

impl NoServices {
    fn enforce() -> Result<Self> {
        if Path::new(POLICY).exists() {
            return Ok(Self { made: false }); // the machine has its own
        }
        fs::write(POLICY, "#!/bin/sh\nexit 101\n")?;
        fs::set_permissions(POLICY, fs::Permissions::from_mode(0o755))?;
        Ok(Self { made: true })
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.made {
            let _ = fs::remove_file(POLICY);
        }
    }
}
