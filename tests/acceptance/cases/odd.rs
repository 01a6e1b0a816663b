//! Command lines and sources that are compiled as by the compiler alone, though nothing about them
//! is usual.

use std::time::Duration;

use acceptance::jobs;
use acceptance::need;
use acceptance::skip::Need;
use acceptance::written::ODD;
use anyhow::{Context, Result, ensure};
use lab::{Cluster, Suite};

const BUILD: Duration = Duration::from_secs(120);

fn cluster() -> Result<Cluster> {
    Cluster::builder()
        .scheduler(Suite::Floe)
        .executor("executor", Suite::Floe, 2)
        .submitter("submit", Suite::Floe, 0)
        .start()
}

#[test]
fn what_a_text_would_lose_is_not_lost() -> Result<()> {
    need!(
        Need::Namespaces,
        Need::Suite(Suite::Floe),
        Need::Program("clang")
    );
    let tree = ODD.open()?;
    tree.reset()?;
    let cluster = cluster()?;
    let build = tree.build(cluster.client("submit", Suite::Floe, "sh")?, 2);
    build.run(BUILD)?.ok().with_context(|| cluster.logs())?;
    tree.compare()?;
    let jobs = jobs::of(&cluster, cluster.host("submit")?, Suite::Floe)?;
    println!("{jobs:?}");
    ensure!(
        jobs.remote_total() >= 6,
        "the texts with all macros expanded travel: {jobs:?}"
    );
    Ok(())
}

/// Each is run by gcc and by floe, in a directory of its own: same exit code, same files.
#[test]
fn odd_commands_end_as_without_floe() -> Result<()> {
    need!(Need::Namespaces, Need::Suite(Suite::Floe));
    let cluster = cluster()?;
    for (name, script) in [
        ("overwritten", "$CC -c a.c -o a.c"),
        (
            "overwritten through a link",
            "ln -s a.c b.c; $CC -c b.c -o a.c",
        ),
        (
            "a pipe",
            "mkfifo p.c; (cat a.c >p.c) & $CC -c p.c; status=$?; rm p.c; exit $status",
        ),
        (
            "after a pipe",
            "mkfifo p.c; (cat a.c >p.c) & $CC -c p.c; rm p.c; $CC -c a.c",
        ),
        (
            "a quoted directory",
            "mkdir 'q\"d'; cd 'q\"d'; cp ../a.c .; $CC -g -c a.c",
        ),
        (
            "a piped header",
            "mkfifo h.h; (echo 'int h;' >h.h) & $CC -include h.h -c a.c; status=$?; rm h.h; exit $status",
        ),
    ] {
        let mut ends = Vec::new();
        for way in ["plain", "floe"] {
            let base = cluster.lab().shared().join(name.replace(' ', "-"));
            let _ = std::fs::remove_dir_all(&base);
            std::fs::create_dir_all(&base)?;
            std::fs::write(base.join("a.c"), "int a(void) { return 1; }\n")?;
            let sum = format!(
                "({script}) 2>/dev/null; echo \"ended with $?\"; find . -type f -exec cksum {{}} + | sort"
            );
            let mut launch = cluster.client("submit", Suite::Floe, "sh")?;
            if way == "plain" {
                launch = launch.env("CC", "gcc");
            }
            let output = launch
                .args(["-c", &sum])
                .dir(&base)
                .run(Duration::from_secs(30));
            ends.push(output.with_context(|| format!("{name}, {way}"))?.ok()?);
        }
        ensure!(
            ends[0] == ends[1],
            "{name}: plain\n{}floe\n{}",
            ends[0],
            ends[1]
        );
    }
    Ok(())
}
