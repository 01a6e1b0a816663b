//! What a compile says is what the local compiler says, byte for byte, wherever the object was made.

use std::fs;
use std::time::Duration;

use acceptance::need;
use acceptance::skip::Need;
use acceptance::until::until;
use anyhow::{Context, Result, ensure};
use job::record::PhaseTime;
use job::{Compiled, JobRecord, Phase, Reason};
use lab::{Cluster, Suite};

const LIMIT: Duration = Duration::from_secs(60);

const HEADER: &str = "#define BIGGER(a, b) ((a) > (b) ? (a) : (b))
static inline int bigger(unsigned a, int b)
{
\treturn BIGGER(a, b);
}
";

const C: &str = "#include <stdio.h>
#include \"h.h\"
int f(int a, unsigned b)
{
\tint unused;
\tprintf(\"%d\\n\", \"text\");
\tif (a = 3)
\t\treturn strlen(\"no header\");
\treturn BIGGER(a, b) + bigger(b, a);
}
";

const CXX: &str = "#include <vector>
template <class T> struct Box {
\tbool less(unsigned u, T t) { int unused; return u < t; }
};
int f(const std::vector<int> &v)
{
\tBox<int> box;
\tfor (int i = 0; i < v.size(); i++)
\t\tif (box.less(1, v[i])) return i;
\treturn 0;
}
";

const LATE: &str = "int f(int a)
{
\tint value;
\tif (a > 3) value = a;
\treturn value;
}
";

const FALLS: &str = "int f(int a, int unused)
{
\tswitch (a) {
\tcase 1: a++;
\tcase 2: return a;
\t}
\treturn 0;
}
";

#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    /// Nothing but the text was looked at here.
    Remote,
    /// The front end spoke here.
    FrontEnd,
    /// It was all compiled again.
    Again,
}

#[test]
fn warnings_are_the_local_compilers_own() -> Result<()> {
    need!(
        Need::Namespaces,
        Need::Suite(Suite::Floe),
        Need::Program("clang")
    );
    let cluster = Cluster::builder()
        .scheduler(Suite::Floe)
        .executor("executor", Suite::Floe, 2)
        .submitter("submit", Suite::Floe, 0)
        .start()?;
    let state = cluster.host("submit")?.home().join(".local/state/floe");
    let cases = [
        ("silent", "a.c", LATE, "gcc -O2 -MD", Way::Remote),
        ("c", "a.c", C, "gcc -O2 -g -Wall -Wextra -MD", Way::FrontEnd),
        (
            "pedantic",
            "a.c",
            C,
            "gcc -std=c99 -pedantic -Wall",
            Way::FrontEnd,
        ),
        (
            "colour",
            "a.c",
            C,
            "gcc -Wall -fdiagnostics-color=always",
            Way::FrontEnd,
        ),
        ("cxx", "a.cc", CXX, "g++ -O2 -Wall -Wextra", Way::FrontEnd),
        (
            "unnumbered",
            "a.c",
            C,
            "gcc -Wall -fno-diagnostics-show-line-numbers",
            Way::Again,
        ),
        ("late", "a.c", LATE, "gcc -O2 -Wall", Way::Again),
        ("falls", "a.c", FALLS, "gcc -O2 -Wall -Wextra", Way::Again),
        (
            "untagged",
            "a.c",
            LATE,
            "gcc -O2 -Wall -fno-diagnostics-show-option",
            Way::Again,
        ),
        ("clang", "a.c", C, "clang -Wall -Wextra", Way::Remote),
    ];
    for (at, (name, file, source, command, way)) in cases.into_iter().enumerate() {
        let mut said = Vec::new();
        for floe in [false, true] {
            let base = cluster.lab().shared().join(name);
            let _ = fs::remove_dir_all(&base);
            fs::create_dir_all(&base)?;
            fs::write(base.join("h.h"), HEADER)?;
            fs::write(base.join(file), source)?;
            let wrapper = if floe { "$ICECC " } else { "" };
            let line = format!("{wrapper}{command} -o a.o -c {file}");
            let launch = cluster.client("submit", Suite::Floe, "sh")?;
            let output = launch.args(["-c", &line]).dir(&base).run(LIMIT)?;
            let mut files = Vec::new();
            for entry in fs::read_dir(&base)? {
                let path = entry?.path();
                files.push((path.clone(), fs::read(path)?));
            }
            files.sort();
            said.push((output.stderr, output.stdout, files));
        }
        let shown = |at: usize| String::from_utf8_lossy(&said[at].0).into_owned();
        ensure!(
            said[0].0 == said[1].0,
            "{name}: plain\n{}floe\n{}",
            shown(0),
            shown(1)
        );
        ensure!(said[0].1 == said[1].1, "{name}: standard output");
        ensure!(
            way == Way::Remote || !said[0].0.is_empty(),
            "{name}: a warning"
        );
        let names = |at: usize| said[at].2.iter().map(|(name, _)| name).collect::<Vec<_>>();
        ensure!(
            names(0) == names(1),
            "{name}: {:?} {:?}",
            names(0),
            names(1)
        );
        ensure!(
            command.contains("-g ") || said[0].2 == said[1].2,
            "{name}: other files than without floe"
        );
        let mut newest = None;
        until("the job's record", LIMIT, || {
            let records = handover::log::read_newest_first(&state).unwrap_or_default();
            newest = records.first().cloned();
            Ok(records.len() == at + 1)
        })?;
        let record = newest.context("no record")?;
        ensure!(way_of(&record) == Some(way), "{name}: {record:?}");
    }
    Ok(())
}

fn way_of(record: &JobRecord) -> Option<Way> {
    let asked = |time: &PhaseTime| time.phase() == Phase::Warnings;
    match (record.compiled(), record.reason()) {
        (Compiled::Remote, _) if record.phases.iter().any(asked) => Some(Way::FrontEnd),
        (Compiled::Remote, _) => Some(Way::Remote),
        (Compiled::Here, Reason::Diagnostics) => Some(Way::Again),
        _ => None,
    }
}
