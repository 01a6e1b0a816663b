//! Loads a scheduler with many pretended daemons and prints what it did.
//!
//! `swarm ADDRESS:PORT [JOB_MILLISECONDS [SECONDS [DAEMONS [SUBMITTERS [OPEN]]]]]`, in a network
//! namespace of its own: `unshare -n sh -c 'ip link set lo up; …'`.

use std::time::Duration;

use anyhow::{Context, Result};
use lab::swarm::{Plan, run};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let scheduler = arguments
        .next()
        .context("which scheduler? give ADDRESS:PORT")?
        .parse()?;
    let mut numbers = Vec::new();
    for argument in arguments {
        numbers.push(
            argument
                .parse::<u32>()
                .with_context(|| format!("{argument} is not a number"))?,
        );
    }
    let number = |at: usize, default: u32| numbers.get(at).copied().unwrap_or(default);
    let plan = Plan {
        run: Duration::from_secs(number(1, 10).into()),
        daemons: number(2, 1000),
        submitters: number(3, 20),
        open: number(4, 50),
        ..Plan::bench(scheduler, Duration::from_millis(number(0, 0).into()))
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    println!("{:#?}", runtime.block_on(run(&plan))?);
    Ok(())
}
