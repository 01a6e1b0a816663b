//! Files that change between compiles, and while they run.

use acceptance::project::workshop;
use acceptance::twice::{Alike, Twice, Way};
use anyhow::{Context, Result, ensure};
use lab::Cluster;

use super::{Files, Probe, Table, probe};

/// The last number that is written; the first is 1001.
const LAST: usize = 1006;

pub(super) fn probes() -> Vec<Probe> {
    let line = "$CC -Ione -Itwo -c a.c -o out/a.o -MD -MF out/a.d";
    let prepare = "mkdir one two; printf '#include <w.h>\n#define V 1\n' >two/v.h; printf '#define W 1\n' >two/w.h
        printf '#include <v.h>\nint v = V * 100 + W;\n' >a.c";
    vec![
        probe("a header changes in many ways", prepare, line)
            .then("true")
            .then("printf '#include <w.h>\n#define V 2\n' >two/v.h")
            .then("printf '#define W 3\n' >one/w.h")
            .then("printf '#include \"w.h\"\n#define V 2\n' >two/v.h")
            .then("rm one/w.h")
            .then("printf '#define W 4\n' >three.h; ln -s ../three.h one/w.h")
            .then("printf '#define W 5\n' >four.h; ln -sf ../four.h one/w.h")
            .then("printf '#define W 6\n' >three.h")
            .then("printf '#define W 7\n' >four.h")
            .then("mv one/w.h two/w.h")
            .then("rm two/w.h; mkdir one/w.h; printf '#define W 8\n' >two/w.h")
            .then("rmdir one/w.h; printf '#define W 9\n' >one/w.h")
            .then("rm one/w.h two/w.h")
            .then("mkdir one/w.h; ln -s w.h/../v.h two/w.h; printf '#define V 1\n#define W 2\n' >two/v.h"),
        probe("directories change places", "mkdir one two; printf '#define V 1\n' >one/v.h; printf '#define V 2\n' >two/v.h
            printf '#include <v.h>\nint v = V;\n' >a.c", line)
            .then("mv one t; mv two one; mv t two")
            .then("mv one t; ln -s two one")
            .then("rm one; ln -s t one")
            .then("rm one; mkdir one"),
        probe("the source changes", prepare, line)
            .then("printf 'int x;\n' >a.c")
            .then("printf '#include \"v.h\"\nint v = V;\n' >a.c")
            .then("rm a.c; ln -s b.c a.c; printf 'int b;\n' >b.c")
            .then("chmod 600 b.c"),
        probe("a header becomes executable, old, and new", prepare, line)
            .then("chmod 755 two/v.h")
            .then("touch -d 1980-01-01 two/v.h")
            .then("touch -d 2099-01-01 two/v.h")
            .then("touch two/v.h"),
        probe("a whole tree comes again", prepare, line)
            .then("rm -r two; mkdir two; printf '#define V 5\n#define W 6\n' >two/v.h")
            .then("rm -r two one; mkdir -p real/two one; ln -s real/two two; printf '#define V 7\n#define W 6\n' >two/v.h"),
    ]
}

/// The same number of bytes at the same time, and headers written while they are read.
pub(super) fn races(cluster: &Cluster, table: &mut Table) -> Result<()> {
    let host = cluster.host("submit")?;
    let compilers: &[&str] = match std::env::var_os(super::ALL) {
        Some(_) => &["gcc", "clang"],
        None => &["gcc"],
    };
    for compiler in compilers {
        let place = workshop(&format!("probes/races-{compiler}"))?;
        let twice = Twice::new(cluster, host, &place, &place);
        let source = "mkdir out objects; printf '#include \"v.h\"\nint v = V;\n' >a.c; printf '#include \"g.h\"\nint v = V;\n' >b.c";
        twice.shell(source, compiler, false)?.ok()?;
        let expected = format!(
            "for n in $(seq 1001 {LAST}); do printf '#define V %d\n' $n >v.h; cp v.h g.h; $CC -c a.c -o objects/$n.o; $CC -c b.c -o objects/b$n.o; done"
        );
        twice.shell(&expected, compiler, false)?.ok()?;
        // Compiled and written anew at once, with the old time.
        let rewritten = format!(
            "for n in $(seq 1001 {LAST}); do printf '#define V %d\n' $n >v.h; touch -d '2022-02-02 02:02:02.5' v.h
                $CC -c a.c -o out/$n.o || exit 1; cmp out/$n.o objects/$n.o || exit 1; done"
        );
        race(
            table,
            &twice,
            &rewritten,
            "rewritten within a tick, its time kept",
            compiler,
        )?;
        let rewritten = format!(
            "for n in $(seq 1001 {LAST}); do printf '#define V %d\n' $n >v.h
                $CC -c a.c -o out/$n.o || exit 1; cmp out/$n.o objects/$n.o || exit 1; done"
        );
        race(
            table,
            &twice,
            &rewritten,
            "rewritten within a tick",
            compiler,
        )?;
        // Renamed into place while the job is prepared: the object is of the one before or behind.
        let renamed = format!(
            "printf '#define V 1001\n' >g.h
            for n in $(seq 1002 {LAST}); do before=$((n-1)); printf '#define V %d\n' $n >t.h
                $CC -c b.c -o out/b$n.o & sleep 0.0$((n % 10)); mv t.h g.h; wait $! || exit 1
                cmp -s out/b$n.o objects/b$before.o || cmp out/b$n.o objects/b$n.o || exit 1; done
            $CC -c b.c -o out/b.o && cmp out/b.o objects/b{LAST}.o"
        );
        race(
            table,
            &twice,
            &renamed,
            "renamed while it is prepared",
            compiler,
        )?;
        // Not there at first: it fails as it would here, or succeeds.
        let made = format!(
            "for n in $(seq 1001 {LAST}); do rm -f g.h; printf '#define V %d\n' $n >t.h
                {{ sleep 0.0$((n % 10)); mv t.h g.h; }} & $CC -c b.c -o out/c$n.o 2>out/said && {{ cmp out/c$n.o objects/b$n.o || exit 1; }}; wait
                $CC -c b.c -o out/d$n.o || exit 1; cmp out/d$n.o objects/b$n.o || exit 1; done"
        );
        race(table, &twice, &made, "made while it is prepared", compiler)?;
    }
    Ok(())
}

/// Runs a script of compiles through floe that compares their objects itself.
fn race(
    table: &mut Table,
    twice: &Twice<'_>,
    script: &str,
    name: &str,
    compiler: &str,
) -> Result<()> {
    let name = format!("{name} ({compiler})");
    let begun = twice.records()?.len();
    let done = twice.shell(script, compiler, true)?;
    let new = twice.records_since(begun, LAST - 1000)?;
    let ways: Vec<Way> = new.iter().map(Way::of).collect();
    let by_files = ways
        .iter()
        .filter(|way| matches!(way, Way::Files(_)))
        .count();
    let other = ways.iter().find(|way| !matches!(way, Way::Files(_)));
    println!(
        "{name}: {by_files} of {} by files, else {other:?}",
        ways.len()
    );
    ensure!(!ways.is_empty(), "{name}: nothing was recorded");
    let alike = done
        .ok()
        .map(|_| Alike::Bytes)
        .context("a wrong object, or none");
    table.row(
        &name,
        Some(Files),
        &Way::Files(job::Input::Evaluated),
        &alike,
    );
    Ok(())
}
