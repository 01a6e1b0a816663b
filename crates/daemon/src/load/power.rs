//! Whether this host runs on battery, as the kernel's power supply class tells it
//! (Documentation/ABI/testing/sysfs-class-power).

use std::fs;
use std::path::Path;

/// True when a battery is being used up and no other supply is connected.
pub(super) fn on_battery(supplies: &Path) -> bool {
    let Ok(entries) = fs::read_dir(supplies) else {
        return false; // no such thing: a server or a virtual machine
    };
    let mut discharging = false;
    for supply in entries.flatten().map(|entry| entry.path()) {
        let says = |name: &str, word: &str| {
            fs::read_to_string(supply.join(name)).is_ok_and(|text| text.trim() == word)
        };
        // Mice have batteries too.
        if says("scope", "Device") {
            continue;
        }
        if says("type", "Battery") {
            discharging |= says("status", "Discharging");
        } else if says("online", "1") {
            return false;
        }
    }
    discharging
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_discharging_battery_counts_unless_something_else_feeds_the_host() {
        let dir = tempfile::tempdir().unwrap();
        let supply = |name: &str, says: &[(&str, &str)]| {
            fs::create_dir_all(dir.path().join(name)).unwrap();
            for (file, text) in says {
                fs::write(dir.path().join(name).join(file), format!("{text}\n")).unwrap();
            }
        };
        assert!(!on_battery(&dir.path().join("none")));
        supply(
            "mouse",
            &[
                ("type", "Battery"),
                ("status", "Discharging"),
                ("scope", "Device"),
            ],
        );
        assert!(!on_battery(dir.path()));
        supply("BAT0", &[("type", "Battery"), ("status", "Discharging")]);
        supply("AC", &[("type", "Mains"), ("online", "0")]);
        assert!(on_battery(dir.path()));
        supply("AC", &[("online", "1")]);
        assert!(!on_battery(dir.path()));
    }
}
