//! Who waits at a terminal for a toolchain's first journey is told so, once; a log is not.

use std::fs;
use std::path::Path;
use std::time::Duration;

use acceptance::need;
use acceptance::skip::Need;
use anyhow::{Result, ensure};
use lab::{Cluster, LinkSpec, Suite};

const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn toolchains_on_their_way_are_told_to_a_terminal() -> Result<()> {
    need!(
        Need::Namespaces,
        Need::Suite(Suite::Floe),
        Need::Program("script")
    );
    // gcc's archive needs some seconds at this rate.
    let slow = LinkSpec {
        rate: Some(100_000_000),
        ..LinkSpec::default()
    };
    let cluster = Cluster::builder()
        .scheduler(Suite::Floe)
        .executor("executor", Suite::Floe, 2)
        .submitter("submit", Suite::Floe, 0)
        .link(slow)
        .start()?;
    let wrapper = lab::Programs::locate(Suite::Floe)?.client;
    let submit = cluster.host("submit")?;
    let place = cluster.lab().shared().join("notice");
    fs::create_dir(&place)?;
    for name in ["a", "b", "c"] {
        fs::write(place.join(format!("{name}.c")), format!("int {name};\n"))?;
    }
    // script(1) gives what it runs a terminal, and prints what that shows.
    let line = |name: &str| format!("{} gcc -c {name}.c -o {name}.o", wrapper.display());
    let both = format!("{} & {} & wait", line("a"), line("b"));
    let shown = |command: &str| -> Result<String> {
        let said = submit
            .command("script")
            .args(["-q", "-e", "-c", command, "/dev/null"])
            .dir(&place)
            .run(PATIENCE)?;
        ensure!(said.status.success(), "{said:?}");
        Ok(String::from_utf8_lossy(&said.stdout).into_owned())
    };
    let text = shown(&both)?;
    let sending = text.matches("icecc: sending /usr/bin/gcc to ").count();
    ensure!(sending == 1, "{text:?}\n{}", cluster.logs());
    let again = shown(&line("c"))?;
    ensure!(!again.contains("icecc:"), "{again:?}");
    ensure!(
        ["a.o", "b.o", "c.o"]
            .iter()
            .all(|name| place.join(Path::new(name)).exists())
    );
    Ok(())
}
