//! The wall time that one compile gets longer.

use anyhow::Result;
use lab::{Cluster, Programs, Suite};

use crate::Options;
use crate::repeat;
use crate::rig::{cluster, warm_up};
use crate::table::{Table, median};

/// Runs of one kind before the other kinds get their turn.
const TURN: u32 = 5;

/// Samples of one way to compile.
struct Way {
    suite: Suite,
    cluster: Cluster,
    remote: Vec<f64>,
    local: Vec<f64>,
}

pub(crate) fn measure(options: &Options, table: &mut Table) -> Result<()> {
    let mut ways = Vec::new();
    for suite in Suite::BOTH {
        let cluster = cluster(suite)?;
        warm_up(&cluster, suite)?;
        std::fs::write(cluster.lab().shared().join("empty.c"), "")?;
        ways.push(Way {
            suite,
            cluster,
            remote: Vec::new(),
            local: Vec::new(),
        });
    }
    let (mut plain, mut plain_local) = (Vec::new(), Vec::new());
    let compile = ["gcc", "-c", "empty.c", "-o", "empty.o"];
    let preprocess = ["gcc", "-E", "empty.c", "-o", "empty.i"];
    for _ in 0..options.rounds.div_ceil(TURN) {
        let plainly = &ways[0].cluster;
        let on = |words: &[&str]| {
            repeat::on(
                |me| {
                    Ok(plainly
                        .host("submit")?
                        .command(me)
                        .dir(plainly.lab().shared()))
                },
                TURN,
                words,
            )
        };
        plain.extend(on(&compile)?);
        plain_local.extend(on(&preprocess)?);
        for way in &mut ways {
            let wrapper = Programs::locate(way.suite)?.client.display().to_string();
            let (cluster, suite) = (&way.cluster, way.suite);
            let on = |words: &[&str]| {
                let words: Vec<&str> = std::iter::once(wrapper.as_str())
                    .chain(words.iter().copied())
                    .collect();
                // `ICECC` holds a path here for no program to read as its own switch.
                repeat::on(
                    |me| {
                        Ok(cluster
                            .client("submit", suite, me)?
                            .dir(cluster.lab().shared()))
                    },
                    TURN,
                    &words,
                )
            };
            way.remote.extend(on(&compile)?);
            way.local.extend(on(&preprocess)?);
        }
    }
    let added = |sample: &[f64], base: &[f64]| Some(median(sample)? - median(base)?);
    table.row(
        "wall added by one remote compile of an empty C file",
        "ms",
        added(&ways[0].remote, &plain),
        added(&ways[1].remote, &plain),
        "≤ 12 ms",
    );
    table.row(
        "wall added by a compile that runs locally (-E)",
        "ms",
        added(&ways[0].local, &plain_local),
        added(&ways[1].local, &plain_local),
        "≤ 1.5 ms",
    );
    Ok(())
}
