//! Where systems that send headers were found to give wrong objects or to fail.

use std::time::Duration;

use acceptance::project::workshop;
use acceptance::twice::Twice;
use anyhow::{Context, Result};
use lab::Cluster;
use lab::Suite::Floe;

use super::{Here, Probe, Table, probe};

pub(super) fn probes() -> Vec<Probe> {
    let line = "$CC -O1 -c a.c -o out/a.o -MD -MF out/a.d";
    vec![
        probe(
            "A existence without inclusion",
            "mkdir i; printf 'int x;\n' >i/opt.h
             printf '#if __has_include(\"opt.h\")\nint has = 1;\n#else\nint has = 0;\n#endif\n' >a.c",
            "$CC -Ii -c a.c -o out/a.o",
        )
        .then("rm i/opt.h")
        .then("printf '#error read\n' >i/opt.h")
        .then("rm i/opt.h; mkdir i/opt.h"),
        probe(
            "B concatenated name",
            "printf 'int part;\n' >part_2.h
             printf '#define CAT(a,b) a##b\n#define X(a,b) CAT(a,b)\n#define STR2(x) #x\n#define STR(x) STR2(x)\n#define N 2\n#include STR(X(part_,N).h)\n' >a.c",
            line,
        ),
        probe(
            "C directive on two lines",
            "printf 'int part;\n' >part.h
             printf '#inc\\\\\nlude \"pa\\\\\nrt.h\"\n#  /* x\n */ include /* */ \"part.h\"\n' >a.c",
            "$CC -fcommon -c a.c -o out/a.o -MD -MF out/a.d",
        ),
        probe(
            "D #include_next",
            "mkdir one two; printf '#include_next <v.h>\nint one = V;\n' >one/v.h; printf '#define V 2\n' >two/v.h
             printf '#include <v.h>\n' >a.c",
            "$CC -Ione -Itwo -c a.c -o out/a.o -MD -MF out/a.d",
        ),
        probe(
            "E comments",
            "printf '/*\n#include \"none.h\"\n*/\n// \\\\\n#include \"none.h\"\nconst char *s = \"\\\\\n#include <none.h>\";\nint x;\n' >a.c",
            line,
        ),
        probe(
            "F name on the command line",
            "printf 'int part;\n' >part.h; printf '#include HDR\n' >a.c",
            "$CC -DHDR='\"part.h\"' -c a.c -o out/a.o -MD -MF out/a.d",
        ),
        probe(
            "G .incbin",
            "printf 'hello' >data.bin; printf '__asm__(\".data; .incbin \\\\\"data.bin\\\\\"; .text\");\nint x;\n' >a.c",
            line,
        ).goes(Here("remote_failed"))
        .then("printf 'other' >data.bin"),
        probe(
            "H contents change places",
            "printf '#define A 1\n' >a.h; printf '#define B 2\n' >b.h
             printf '#include \"a.h\"\n#include \"b.h\"\n#ifdef FIRST\n#endif\nint ab = A * 10 + B;\n' >a.c",
            line,
        )
        .then("printf '#define A 2\n' >a.h; printf '#define B 1\n' >b.h")
        .then("mv a.h t; mv b.h a.h; mv t b.h; sed -i 's/B/A/' a.h; sed -i 's/A/B/' b.h"),
        probe(
            "I edited header",
            "printf '#define V 1\n' >v.h; printf '#include \"v.h\"\nint v = V;\n' >a.c",
            line,
        )
        .then("printf '#define V 22\n' >v.h")
        .then("printf '#define V 3\n' >v.h")
        .then("printf '#define V 4\n' >t.h; mv t.h v.h")
        .then("touch -d 2001-01-01 v.h"),
        probe(
            "J shadowing header",
            "mkdir one two; printf '#define V 2\n' >two/v.h; printf '#include <v.h>\nint v = V;\n' >a.c",
            "$CC -Ione -Itwo -c a.c -o out/a.o -MD -MF out/a.d",
        )
        .then("printf '#define V 1\n' >one/v.h")
        .then("rm one/v.h"),
        probe(
            "K absent under one list of directories",
            "mkdir one two; printf '#define V 2\n' >two/v.h; printf '#include <v.h>\nint v = V;\n' >a.c",
            "$CC -Ione $(cat more) -c a.c -o out/a.o -MD -MF out/a.d",
        )
        .then("echo -Itwo >more")
        .then("rm more"),
    ]
}

/// What shows only between agents: their caches, and what they inherit.
pub(super) fn sessions(cluster: &Cluster, table: &mut Table) -> Result<()> {
    let host = cluster.host("submit")?;
    let place = workshop("probes/sessions")?;
    let runtime = place.join("runtime");
    let first = Twice::new(cluster, host, &place, &place);
    let second = Twice::new(cluster, host, &place, &place)
        .env("FLOE_RUNTIME_DIR", &runtime.display().to_string())
        .env("FLOE_AGENT_IDLE", "5");
    first
        .shell(
            "mkdir -m 700 runtime; mkdir out; printf '#define A 1\n' >a.h; printf '#define B 2\n' >b.h
             printf '#include \"a.h\"\n#include \"b.h\"\nint ab = A * 10 + B;\n' >a.c",
            "gcc",
            false,
        )?
        .ok()?;
    let line = "$CC -c a.c -o out/a.o";
    let (way, alike) = first.compare(line, "gcc")?;
    table.row("H before", Some(super::Files), &way, &alike);
    first
        .shell(
            "printf '#define A 2\n' >a.h; printf '#define B 1\n' >b.h",
            "gcc",
            false,
        )?
        .ok()?;
    // The first job of an agent, its messages going into a pipe: whoever reads it waits for its end.
    let began = std::time::Instant::now();
    let piped = cluster
        .client("submit", Floe, "sh")?
        .args(["-c", "$ICECC gcc -c a.c -o out/b.o 2>&1 | cat"])
        .env("FLOE_RUNTIME_DIR", &runtime)
        .env("FLOE_INPUTS", "headers")
        .env("FLOE_AGENT_IDLE", "50")
        .dir(&place)
        .run(Duration::from_secs(40));
    piped.context("L: the pipe stays open")?.ok()?;
    println!("L the pipe was closed after {:?}", began.elapsed());
    let (way, alike) = second.compare(line, "gcc")?;
    table.row("H after, another agent", Some(super::Files), &way, &alike);
    Ok(())
}
