//! `bench repeat N COMMAND…`: runs a command N times and prints the microseconds of each, so that
//! entering a host is not measured.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use lab::Launch;

pub(crate) fn run(words: &[String]) -> Result<()> {
    let [count, program, arguments @ ..] = words else {
        bail!("repeat N COMMAND…")
    };
    for _ in 0..count.parse::<u32>()? {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let start = Instant::now();
        let status = command.status().with_context(|| program.clone())?;
        let took = start.elapsed();
        if !status.success() {
            bail!("{program} ended with {status}");
        }
        println!("{}", took.as_micros());
    }
    Ok(())
}

/// Milliseconds of each of `count` runs of `words` on a host. `launch` makes the command there.
pub(crate) fn on(
    launch: impl FnOnce(&std::path::Path) -> Result<Launch>,
    count: u32,
    words: &[&str],
) -> Result<Vec<f64>> {
    let me = std::env::current_exe()?;
    let launch = launch(&me)?
        .arg("repeat")
        .arg(count.to_string())
        .args(words);
    let text = launch.run(Duration::from_secs(600))?.ok()?;
    text.lines()
        .map(|line| Ok(line.parse::<f64>()? / 1e3))
        .collect()
}
