//! The same in an unprivileged container, imitated: a user namespace with a map of its own, a
//! `/proc` of which parts are covered, and so no right to mount another one.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use crate::Case;
use crate::stage::Stage;

pub(crate) const CASES: &[Case] = &[
    ("works_as_a_containers_user", works_as_a_containers_user),
    (
        "works_as_a_containers_only_root",
        works_as_a_containers_only_root,
    ),
];

/// Covers what podman covers. The last mount must fail, or this is no imitation.
const CONTAINER: &str = r#"
set -e
mount -t proc proc /proc
if [ -e /proc/keys ]; then mount --bind /dev/null /proc/keys; fi
mount --bind /proc/sys /proc/sys
mount -o remount,bind,ro /proc/sys
mount -t tmpfs -o ro tmpfs /proc/irq
if unshare --user --map-current-user --mount --pid --fork mount -t proc proc /proc 2>/dev/null; then
    echo "a new /proc can be mounted" >&2
    exit 9
fi
exec "$@"
"#;

/// Cases that together use files, processes, the kernel, limits and a compiler.
const INSIDE: [&str; 6] = [
    "reads_no_file_of_the_host",
    "leaves_nobody_behind",
    "calls_only_what_compilers_call",
    "fills_no_more",
    "compiles_on_every_rung",
    "takes_no_longer_than_it_may",
];

fn works_as_a_containers_user(stage: &Stage) {
    contained(
        stage,
        &["unshare", "--user", "--map-user=1000", "--map-group=1000"],
    );
}

/// As without subordinate user ids: what is root there is an ordinary user, and the only one.
fn works_as_a_containers_only_root(stage: &Stage) {
    contained(stage, &[]);
}

fn contained(stage: &Stage, user: &[&str]) {
    // Somewhere that the container's user can read.
    let program = stage.base.path().join("hostile");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let enter = [
        "--user",
        "--map-root-user",
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
    ];
    let possible = Command::new("unshare")
        .args(enter)
        .arg("true")
        .stderr(Stdio::null())
        .status();
    if !possible.is_ok_and(|status| status.success()) {
        println!("SKIPPED: no user namespace to imitate a container with");
        return;
    }
    let output = Command::new("unshare")
        .args(enter)
        .args(["sh", "-c", CONTAINER, "container"])
        .args(user)
        .arg(&program)
        .args(INSIDE)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{said}");
    for case in INSIDE {
        assert!(said.contains(&format!("test {case}")), "{said}");
    }
}
