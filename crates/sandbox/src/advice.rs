//! What the owner of a host can do when its sandbox is less than it could be.

use std::fs::read_to_string;
use std::path::Path;

use crate::{Rung, StartError, Step};

/// A switch by which a distribution or an administrator forbids user namespaces.
struct Switch {
    /// Below /proc/sys.
    file: &'static str,
    forbids: fn(&str) -> bool,
    advice: &'static str,
}

const SWITCHES: [Switch; 4] = [
    Switch {
        file: "kernel/apparmor_restrict_unprivileged_userns",
        forbids: |value| value == "1",
        advice: "AppArmor forbids user namespaces to programs without a profile (kernel.apparmor_restrict_unprivileged_userns is 1): install contrib/apparmor/floe as /etc/apparmor.d/floe and run `apparmor_parser -r /etc/apparmor.d/floe`, or `sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`",
    },
    Switch {
        file: "kernel/unprivileged_userns_clone",
        forbids: |value| value == "0",
        advice: "kernel.unprivileged_userns_clone is 0: `sysctl -w kernel.unprivileged_userns_clone=1` lets ordinary users make user namespaces (a line in /etc/sysctl.d keeps it so)",
    },
    Switch {
        file: "user/max_user_namespaces",
        forbids: |value| value == "0",
        advice: "user.max_user_namespaces is 0: `sysctl -w user.max_user_namespaces=10000` allows user namespaces (a line in /etc/sysctl.d keeps it so)",
    },
    Switch {
        file: "user/max_net_namespaces",
        forbids: |value| value == "0",
        advice: "user.max_net_namespaces is 0: `sysctl -w user.max_net_namespaces=10000` allows network namespaces",
    },
];

const CONTAINER: &str = "in a container, allow it to make user namespaces: with podman it is enough not to drop them, with docker start it with `--security-opt seccomp=unconfined` or a seccomp profile that allows clone, unshare, setns, mount, move_mount, open_tree, mount_setattr, fsopen, fsconfig, fsmount, pivot_root and umount2";
const ROOT: &str = "start `floe daemon` as root and name a user for the jobs (-u): it can then do without user namespaces";
const LANDLOCK: &str = "boot with Landlock: add landlock to the kernel's lsm= list (Linux 5.13 or newer with CONFIG_SECURITY_LANDLOCK)";

/// For a host where these rungs failed, and no rung that takes any toolchain works.
pub(crate) fn advice(failed: &[(Rung, StartError)]) -> Vec<String> {
    advise(
        failed,
        |file| read_to_string(Path::new("/proc/sys").join(file)).ok(),
        in_container(),
    )
}

fn advise(
    failed: &[(Rung, StartError)],
    read: impl Fn(&str) -> Option<String>,
    in_container: bool,
) -> Vec<String> {
    let mut advice: Vec<String> = SWITCHES
        .iter()
        .filter(|switch| read(switch.file).is_some_and(|value| (switch.forbids)(value.trim())))
        .map(|switch| switch.advice.to_owned())
        .collect();
    if in_container {
        advice.push(CONTAINER.to_owned());
    }
    let tried_root = failed.iter().any(|(rung, _)| rung.keeps_root());
    if !tried_root && !in_container {
        advice.push(ROOT.to_owned());
    }
    if failed
        .iter()
        .any(|(_, failure)| failure.step == Step::Filters)
    {
        advice.push(LANDLOCK.to_owned());
    }
    advice
}

/// By the marks that podman, docker and systemd-nspawn leave.
fn in_container() -> bool {
    [
        "/run/.containerenv",
        "/.dockerenv",
        "/run/host/container-manager",
    ]
    .iter()
    .any(|mark| Path::new(mark).exists())
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;

    fn failure(step: Step) -> StartError {
        StartError {
            step,
            errno: Errno::PERM,
        }
    }

    #[test]
    fn the_switch_that_is_set_is_named() {
        let failed = [(Rung::Namespaces, failure(Step::UserNamespace))];
        for (file, value, name) in [
            (
                "kernel/unprivileged_userns_clone",
                "0\n",
                "kernel.unprivileged_userns_clone=1",
            ),
            (
                "kernel/apparmor_restrict_unprivileged_userns",
                "1\n",
                "contrib/apparmor/floe",
            ),
            (
                "user/max_user_namespaces",
                "0\n",
                "user.max_user_namespaces=10000",
            ),
        ] {
            let read = |asked: &str| (asked == file).then(|| value.to_owned());
            let advice = advise(&failed, read, false);
            assert!(advice[0].contains(name), "{advice:?}");
            assert_eq!(advice[1..], [ROOT.to_owned()]);
        }
    }

    #[test]
    fn what_was_tried_already_is_not_recommended() {
        let failed = [
            (Rung::Namespaces, failure(Step::UserNamespace)),
            (Rung::Chroot, failure(Step::ChangeRoot)),
            (Rung::Installed, failure(Step::Filters)),
        ];
        assert_eq!(
            advise(&failed, |_| Some("1".to_owned()).filter(|_| false), true),
            [CONTAINER.to_owned(), LANDLOCK.to_owned()]
        );
    }
}
