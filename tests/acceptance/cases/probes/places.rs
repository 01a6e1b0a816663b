//! Projects at odd places, and of ordinary users.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};

use acceptance::project::workshop;
use acceptance::twice::Twice;
use anyhow::{Context, Result};
use lab::Cluster;

use super::{Expected, Files, Table};

const PREPARE: &str = "set -e; mkdir out i; printf '#define V 1\n' >i/v.h; printf '#include <v.h>\n#include \"w.h\"\nint v = V + W;\nconst char *f = __FILE__;\n' >a.c; printf '#define W 1\n' >w.h";
const LINE: &str = "$CC -g -Ii -c a.c -o out/a.o -MD -MF out/a.d";

pub(super) fn places(cluster: &Cluster, table: &mut Table) -> Result<()> {
    let host = cluster.host("submit")?;
    let odd = workshop("probes/places")?;
    let places: [(&str, PathBuf, PathBuf); 6] = [
        ("below /tmp", "/tmp/probe".into(), host.tmp().join("probe")),
        (
            "below /var/tmp",
            "/var/tmp/probe/deep".into(),
            host.var_tmp().join("probe/deep"),
        ),
        (
            "in the home",
            host.home().join("probe"),
            host.home().join("probe"),
        ),
        ("a name with spaces", odd.join("a  b"), odd.join("a  b")),
        ("a name with a newline", odd.join("a\nb"), odd.join("a\nb")),
        (
            "a name that is not UTF-8",
            odd.join(not_text()),
            odd.join(not_text()),
        ),
    ];
    for (name, place, base) in places {
        std::fs::create_dir_all(&base).with_context(|| base.display().to_string())?;
        let twice = Twice::new(cluster, host, &place, &base);
        // gcc quotes it in the text that it may become, and the protocol takes no such name.
        let expected = (!name.contains("newline")).then_some(Files);
        compare(&twice, table, name, LINE, expected)?;
    }
    for (name, line) in [
        (
            "another working directory",
            "cd link; $CC -g -Ii -c a.c -o out/a.o -MD -MF out/a.d",
        ),
        (
            "another working directory, PWD wrong",
            "cd link; PWD=/usr $CC -g -Ii -c a.c -o out/a.o -MD -MF out/a.d",
        ),
        (
            "another working directory, no PWD",
            "cd link; unset PWD; env -u PWD $CC -g -Ii -c a.c -o out/a.o",
        ),
        (
            "names of another working directory",
            "cd link; $CC -g -I$PWD/i -c $PWD/a.c -o out/a.o -MD -MF out/a.d",
        ),
        (
            "a directory below",
            "cd i; $CC -g -I. -I.. -c ../a.c -o ../out/a.o -MD -MF ../out/a.d",
        ),
    ] {
        let place = workshop("probes/linked")?;
        let twice = Twice::new(cluster, host, &place, &place);
        twice.shell("ln -s . link", "gcc", false)?.ok()?;
        compare(&twice, table, name, line, Some(Files))?;
    }
    ordinary_user(cluster, table)
}

fn not_text() -> &'static Path {
    Path::new(OsStr::from_bytes(b"a\xffb"))
}

fn compare(
    twice: &Twice<'_>,
    table: &mut Table,
    name: &str,
    line: &str,
    expected: Option<Expected>,
) -> Result<()> {
    twice
        .shell(PREPARE, "gcc", false)?
        .ok()
        .context(name.to_owned())?;
    for compiler in ["gcc", "clang"] {
        let (way, alike) = twice.compare(line, compiler)?;
        table.row(&format!("{name} ({compiler})"), expected, &way, &alike);
    }
    Ok(())
}

/// Whom a file's mode concerns.
fn ordinary_user(cluster: &Cluster, table: &mut Table) -> Result<()> {
    let host = cluster.host("submit")?;
    let base = host.var_tmp().join("user");
    std::fs::create_dir(&base)?;
    let home = host.var_tmp().join("user-home");
    std::fs::create_dir(&home)?;
    for directory in [&base, &home] {
        chown(directory, Some(1234), Some(1234))?;
    }
    let twice = Twice::new(cluster, host, Path::new("/var/tmp/user"), &base).user(
        1234,
        "/var/tmp/user-home",
        &home,
    );
    compare(&twice, table, "an ordinary user's", LINE, Some(Files))?;
    for (name, change) in [
        ("unreadable header", "chmod 000 w.h"),
        (
            "unreadable header in front",
            "chmod 644 w.h; mkdir j; printf '#define V 3\n' >j/v.h; chmod 000 j/v.h; rm -r i; ln -s j i",
        ),
        ("unreadable directory", "chmod 644 j/v.h; chmod 000 j"),
        ("directory that may only be passed", "chmod 111 j"),
    ] {
        twice.shell(change, "gcc", false)?.ok()?;
        for compiler in ["gcc", "clang"] {
            let (way, alike) = twice.compare(LINE, compiler)?;
            table.row(&format!("{name} ({compiler})"), None, &way, &alike);
        }
    }
    twice.shell("chmod 755 j", "gcc", false)?.ok()?;
    Ok(())
}
