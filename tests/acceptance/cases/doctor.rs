//! `floe doctor` names what would keep jobs from travelling.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use acceptance::need;
use acceptance::skip::Need;
use anyhow::{Context, Result, ensure};
use lab::{HostSpec, Kind, Lab, LabOptions, Programs, Suite};

const SOON: Duration = Duration::from_secs(60);

#[test]
fn a_healthy_host_passes_and_each_fault_has_its_own_finding() -> Result<()> {
    need!(Need::Namespaces, Need::Suite(Suite::Floe));
    let floe = Programs::locate(Suite::Floe)?.floe.context("floe")?;
    let mut lab = Lab::with(Kind::Namespaces, LabOptions::default())?;
    let host = lab.host(&HostSpec::new("host"))?;
    let broken = lab.shared().join("broken-gcc");
    fs::write(&broken, "#!/bin/sh\necho licence expired >&2; exit 7\n")?;
    fs::set_permissions(&broken, fs::Permissions::from_mode(0o755))?;
    let broken = broken.display();
    for (uid, arguments, code, said) in [
        (
            0,
            String::new(),
            0,
            &[
                "foreign jobs run in: namespaces",
                "/usr/bin/gcc: 12.",
                "C travels: a trial compile",
                "C++ travels: a trial compile",
            ][..],
        ),
        (
            65534,
            "gcc".into(),
            0,
            &["namespaces, without root", "/usr/bin/gcc: "],
        ),
        (
            65534,
            "gcc /no/such/gcc".into(),
            1,
            &["/no/such/gcc", "No such file", "run here"],
        ),
        (
            65534,
            "/bin/ls".into(),
            1,
            &["/bin/ls is not a compiler that floe knows"],
        ),
        (
            65534,
            broken.to_string(),
            1,
            &["broken-gcc", "licence expired", "run here"],
        ),
        (
            65534,
            "--json gcc".into(),
            0,
            &["\"travels\"", "\"any_toolchain\": true"],
        ),
        // Where it is installed, it comes without its C++.
        (
            65534,
            "riscv64-linux-gnu-gcc".into(),
            0,
            &["C travels: a trial", "C++ stays: g++ is not installed"],
        ),
    ] {
        if arguments.starts_with("riscv64") && !Path::new("/usr/bin/riscv64-linux-gnu-gcc").exists()
        {
            println!("SKIPPED: no gcc without its C++ is installed (gcc-riscv64-linux-gnu)");
            continue;
        }
        let text = format!(
            "{} doctor {arguments} 2>&1; echo \"ended with $?\"",
            floe.display()
        );
        let output = host.shell(&text).user(uid, uid).run(SOON)?.ok()?;
        let ended = format!("ended with {code}\n");
        ensure!(
            output.ends_with(&ended),
            "doctor {arguments} as {uid}:\n{output}"
        );
        for part in said {
            ensure!(
                output.contains(part),
                "{arguments}: no word of {part:?}:\n{output}"
            );
        }
    }
    Ok(())
}
