//! Newtypes for the numbers that identify things. None of them is ever an index or a size.

use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub u32);

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(out)
            }
        }
    };
}

id! {
    /// A job's number, given by the scheduler, never used twice by the same scheduler.
    JobId
}
id! {
    /// A daemon's own number for one of its client connections.
    ClientId
}
id! {
    /// A scheduler's number for one login of a daemon; a daemon that returns gets a new one.
    HostId
}
