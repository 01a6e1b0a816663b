//! Programs that a daemon runs must not inherit how it stands back from the kernel when memory ends
//! (proc(5), `oom_score_adj`): it is they that may have to go.

use std::fs;

const OWN: &str = "/proc/self/oom_score_adj";

/// Takes from a child the protection that this process has, if it has any.
pub(crate) fn unprotect(child: u32) {
    let own = fs::read_to_string(OWN).unwrap_or_default();
    unprotect_from(child, &own);
}

fn unprotect_from(child: u32, own: &str) {
    if own.starts_with('-') {
        // It may have ended already.
        let _ = fs::write(format!("/proc/{child}/oom_score_adj"), "0");
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_child_of_a_protected_process_is_as_any_other() {
        let mut child = Command::new("cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let file = format!("/proc/{}/oom_score_adj", child.id());
        let inherited = fs::read_to_string(&file).unwrap();
        fs::write(&file, "900").unwrap();
        unprotect_from(child.id(), "0\n");
        assert_eq!(fs::read_to_string(&file).unwrap(), "900\n");
        unprotect_from(child.id(), "-500\n");
        let after = fs::read_to_string(&file).unwrap();
        drop(child.stdin.take());
        child.wait().unwrap();
        // Where it was raised for all, not everybody may take it back to nothing.
        if inherited == "0\n" {
            assert_eq!(after, "0\n");
        }
    }
}
