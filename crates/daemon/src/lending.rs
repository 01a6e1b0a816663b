//! Whether this host takes compiles of others now, and if not why and until when: for people, in the
//! answer to "how are you".

use std::path::Path;

use membership::Roles;

use crate::load::{Lack, Pressure, Reading};
use crate::owner::{Objection, Owner};

/// What the answer is made of.
#[derive(Debug)]
pub struct Lending<'a> {
    /// Why no foreign compile is run at all.
    pub never: Option<Never>,
    /// Why the cluster sends none.
    pub barred: Option<Barred>,
    pub slots: u32,
    pub owner: &'a Owner,
    pub base_dir: &'a Path,
    /// None: not measured yet.
    pub reading: Option<Reading>,
    /// What runs stands still.
    pub frozen: bool,
    /// The next one waits for memory of those that run.
    pub hungry: bool,
}

/// What a restart alone can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Never {
    /// The host is no member of a cluster, and not open to icecream's protocol.
    Alone,
    /// Somebody said so.
    NoRemote,
    NoSandbox,
}

impl Never {
    fn closed(self) -> Closed {
        let (why, until) = match self {
            Self::Alone => (
                "this host is no member of a cluster",
                "after `floe join LINE`, with a line of `floe cluster invite`, and a restart",
            ),
            Self::NoRemote => (
                "it takes none at all (--no-remote)",
                "after a restart without --no-remote",
            ),
            Self::NoSandbox => (
                "it takes none at all: no sandbox works here",
                "after a restart, with what `floe doctor` says",
            ),
        };
        Closed {
            why: why.to_owned(),
            until: until.to_owned(),
        }
    }
}

/// What keeps a member from getting any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Barred {
    /// It is a member no more.
    Fallen,
    /// Execute is not among its roles.
    Role(Roles),
}

/// Why no compile of another host starts now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    pub why: String,
    /// When that will change.
    pub until: String,
}

impl Lending<'_> {
    pub fn closed(&self) -> Option<Closed> {
        let closed = |why: &str, until: &str| {
            Some(Closed {
                why: why.to_owned(),
                until: until.to_owned(),
            })
        };
        if let Some(never) = self.never {
            return Some(never.closed());
        }
        match self.barred {
            Some(Barred::Fallen) => {
                return closed(
                    "this host is no member of its cluster any more",
                    "after floe join LINE and a restart",
                );
            }
            Some(Barred::Role(roles)) => {
                return closed(
                    &format!("its membership has not the role execute, only {roles}"),
                    "after joining anew with a line of `floe cluster invite` that gives this role",
                );
            }
            None => {}
        }
        if self.slots == 0 {
            return closed("it has no slots (-m 0)", "after a restart with another -m");
        }
        let Some(reading) = self.reading else {
            return closed("its load is not measured yet", "in a few seconds");
        };
        match reading.pressure {
            Pressure::Full(Lack::Leave(objection)) => Some(self.objected(&objection, &reading)),
            Pressure::Full(Lack::Disk) => closed(
                &format!("the disk of {} is nearly full", self.base_dir.display()),
                "when there is room on it, or after a restart with another -b",
            ),
            Pressure::Full(Lack::Memory) => {
                closed("its memory is used up", "when some of it is free")
            }
            Pressure::Full(Lack::Sandbox) => closed(
                "its sandbox's helper process died",
                "after a restart of the daemon",
            ),
            Pressure::Busy => closed(
                "its processors have nothing left for others",
                "a few seconds after that has changed",
            ),
            Pressure::Open if self.frozen => closed(
                "those that run stand still for the owner (--max-load)",
                "when the load average has fallen",
            ),
            Pressure::Open if self.hungry => closed(
                "those that run have the memory that they may have together (--memory)",
                "when one of them ends",
            ),
            Pressure::Open => None,
        }
    }

    fn objected(&self, objection: &Objection, reading: &Reading) -> Closed {
        let why = objection.to_string();
        match objection {
            Objection::Load { .. } => Closed {
                why: format!("{why}, it is {}", f64::from(reading.averages[0]) / 1000.0),
                until: "when it has fallen below that".to_owned(),
            },
            Objection::Hours(hours) => Closed {
                why,
                until: format!("at {}", hours.begin()),
            },
            Objection::Battery => Closed {
                why,
                until: "when it is plugged in".to_owned(),
            },
        }
    }

    /// How those that run are kept from the owner's way.
    pub fn manner(&self) -> &'static str {
        if self.owner.idle_only {
            "taken, with processor time that nothing else wants (--idle-only)"
        } else {
            "taken"
        }
    }
}

#[cfg(test)]
mod tests {
    use membership::Role;

    use super::*;

    fn lending(owner: &Owner, pressure: Pressure) -> Lending<'_> {
        Lending {
            never: None,
            barred: None,
            slots: 2,
            owner,
            base_dir: Path::new("/base"),
            reading: Some(Reading {
                pressure,
                averages: [2500, 0, 0],
                ..Reading::default()
            }),
            frozen: false,
            hungry: false,
        }
    }

    #[test]
    fn each_reason_is_named_with_its_end() {
        let owner = Owner::default();
        let leave = |objection| Pressure::Full(Lack::Leave(objection));
        let hours = "22-6".parse().unwrap();
        for (pressure, why, until) in [
            (leave(Objection::Hours(hours)), "--hours", "at 22:00"),
            (leave(Objection::Battery), "--not-on-battery", "plugged in"),
            (
                leave(Objection::Load { limit: 2000 }),
                "above 2 (--max-load), it is 2.5",
                "fallen",
            ),
            (Pressure::Full(Lack::Disk), "/base", "-b"),
            (Pressure::Full(Lack::Memory), "memory", "free"),
            (Pressure::Full(Lack::Sandbox), "sandbox", "restart"),
            (Pressure::Busy, "processors", "seconds"),
        ] {
            let closed = lending(&owner, pressure).closed().unwrap();
            assert!(closed.why.contains(why), "{closed:?}");
            assert!(closed.until.contains(until), "{closed:?}");
        }
        assert_eq!(lending(&owner, Pressure::Open).closed(), None);
    }

    #[test]
    fn what_no_load_shows_is_named_as_well() {
        let owner = Owner {
            idle_only: true,
            ..Owner::default()
        };
        let open = || lending(&owner, Pressure::Open);
        assert!(open().manner().contains("--idle-only"));
        for (lending, why) in [
            (
                Lending {
                    never: Some(Never::NoRemote),
                    ..open()
                },
                "--no-remote",
            ),
            (
                Lending {
                    never: Some(Never::NoSandbox),
                    ..open()
                },
                "no sandbox",
            ),
            (
                Lending {
                    never: Some(Never::Alone),
                    ..open()
                },
                "no member of a cluster",
            ),
            (
                Lending {
                    barred: Some(Barred::Role(Roles::only(Role::Monitor))),
                    ..open()
                },
                "role execute, only monitor",
            ),
            (
                Lending {
                    barred: Some(Barred::Fallen),
                    ..open()
                },
                "no member",
            ),
            (Lending { slots: 0, ..open() }, "-m 0"),
            (
                Lending {
                    reading: None,
                    ..open()
                },
                "not measured",
            ),
            (
                Lending {
                    frozen: true,
                    ..open()
                },
                "stand still",
            ),
            (
                Lending {
                    hungry: true,
                    ..open()
                },
                "--memory",
            ),
        ] {
            let closed = lending.closed().unwrap();
            assert!(closed.why.contains(why), "{closed:?}");
        }
    }
}
