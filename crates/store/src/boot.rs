//! Which boot of the machine this is (random(4)).

use std::fs;

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// None where the kernel does not say: then every start counts as a new boot.
pub(crate) fn current() -> Option<String> {
    let id = fs::read_to_string(BOOT_ID).ok()?;
    Some(id.trim().to_owned()).filter(|id| !id.is_empty())
}
