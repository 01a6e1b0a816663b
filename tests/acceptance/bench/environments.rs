//! How long packing a compiler takes.

use std::fs;

use anyhow::Result;
use lab::{HostSpec, Kind, Lab, LabOptions, Programs, Suite};

use crate::Options;
use crate::repeat;
use crate::table::{Table, median};

pub(crate) fn measure(_options: &Options, table: &mut Table) -> Result<()> {
    let programs = [
        Programs::locate(Suite::Debian)?,
        Programs::locate(Suite::Floe)?,
    ];
    let visible = vec![std::env::current_exe()?];
    let mut lab = Lab::with(
        Kind::Namespaces,
        LabOptions {
            visible,
            ..LabOptions::default()
        },
    )?;
    let host = lab.host(&HostSpec::new("host"))?;
    for (compiler, goal) in [("gcc", "≤ 1 s"), ("clang", "≤ 2 s")] {
        let mut samples = [Vec::new(), Vec::new()];
        for _ in 0..3 {
            for (programs, sample) in programs.iter().zip(&mut samples) {
                let directory = host.tmp().join("packing");
                fs::create_dir_all(&directory)?;
                let words = [&programs.create_env.display().to_string(), compiler];
                let took = repeat::on(|me| Ok(host.command(me).dir("/tmp/packing")), 1, &words)?;
                sample.extend(took.iter().map(|ms| ms / 1e3));
                fs::remove_dir_all(&directory)?;
            }
        }
        table.row(
            format!("icecc-create-env {compiler}"),
            "s",
            median(&samples[0]),
            median(&samples[1]),
            goal,
        );
    }
    Ok(())
}
