//! A daemon of an account whose home directory it may not enter, as service accounts often have it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::time::Duration;

use acceptance::need;
use acceptance::skip::Need;
use anyhow::{Context, Result, ensure};
use lab::{HostSpec, Kind, Lab, LabOptions, Programs, Suite};

const NOBODY: u32 = 65534;
const SOON: Duration = Duration::from_secs(60);

#[test]
fn a_daemon_without_a_usable_home_starts_elsewhere_or_says_what_to_do() -> Result<()> {
    need!(Need::Namespaces, Need::Suite(Suite::Floe));
    let floe = Programs::locate(Suite::Floe)?.floe.context("floe")?;
    let mut lab = Lab::with(Kind::Namespaces, LabOptions::default())?;
    let host = lab.host(&HostSpec::new("host"))?;
    let home = lab.shared().join("shut");
    let own = lab.shared().join("own");
    for directory in [&home, &own] {
        fs::create_dir(directory)?;
        fs::set_permissions(directory, fs::Permissions::from_mode(0o700))?;
    }
    chown(&own, Some(NOBODY), Some(NOBODY))?;
    let (home, own) = (home.display(), own.display());
    let socket = format!("ICECC_TEST_SOCKET={own}/socket ");
    for (environment, arguments, code, said) in [
        (
            String::new(),
            String::new(),
            1,
            &["/shut/.cache/floe/daemon: Permission denied", "with -b"][..],
        ),
        (
            String::new(),
            format!("-b {own}/base"),
            1,
            &[
                "/shut/.iceccd.socket: Permission denied",
                "check that its directory",
            ],
        ),
        // The configuration file that nobody named is no reason not to start. `timeout` ends it.
        (
            socket.clone(),
            format!("-b {own}/base"),
            124,
            &["supported features"],
        ),
        (
            format!("{socket}XDG_CACHE_HOME={own}/cache "),
            String::new(),
            124,
            &["supported features"],
        ),
        // Named ones are meant.
        (
            socket,
            format!("-b {own}/base --config {home}/daemon.toml"),
            1,
            &[
                "/shut/daemon.toml cannot be read: Permission denied",
                "--config",
            ],
        ),
    ] {
        let text = format!(
            "unset XDG_CONFIG_HOME XDG_CACHE_HOME; HOME={home} {environment}timeout 2 {} daemon {arguments} 2>&1; echo \"ended with $?\"",
            floe.display()
        );
        let output = host.shell(&text).user(NOBODY, NOBODY).run(SOON)?.ok()?;
        ensure!(
            output.ends_with(&format!("ended with {code}\n")),
            "{text}:\n{output}"
        );
        for part in said {
            ensure!(output.contains(part), "no word of {part:?}:\n{output}");
        }
        let named = arguments.contains("--config");
        ensure!(
            named || output.contains("goes on without"),
            "nothing of the file:\n{output}"
        );
    }
    Ok(())
}
