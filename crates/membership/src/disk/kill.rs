//! `kill -9` at a chosen step: that step and all after it do not happen, tidying included.

use std::cell::Cell;
use std::io;

thread_local! {
    static LEFT: Cell<Option<u32>> = const { Cell::new(None) };
}

pub(super) fn step() -> io::Result<()> {
    LEFT.with(|left| match left.get() {
        None => Ok(()),
        Some(0) => Err(io::Error::other("killed")),
        Some(more) => {
            left.set(Some(more - 1));
            Ok(())
        }
    })
}

/// Does `work` as a process that is killed before its step number `steps`, and says whether it was.
pub(crate) fn after<T>(steps: u32, work: impl FnOnce() -> T) -> (T, bool) {
    LEFT.set(Some(steps));
    let done = work();
    let killed = LEFT.replace(None) == Some(0);
    (done, killed)
}

/// For each instant at which `work` can be killed: prepares, is killed there, and checks what it left.
/// The last round is not killed.
pub(crate) fn everywhere<S, T>(
    mut prepare: impl FnMut() -> S,
    mut work: impl FnMut(&mut S) -> T,
    mut check: impl FnMut(S, T, bool),
) {
    for steps in 0..1000 {
        let mut state = prepare();
        let (done, killed) = after(steps, || work(&mut state));
        check(state, done, killed);
        if !killed {
            assert!(steps > 3, "nothing was written");
            return;
        }
    }
    panic!("the work has no end");
}
