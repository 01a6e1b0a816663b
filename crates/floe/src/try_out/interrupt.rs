//! Ctrl-C during a try: nothing that it started stays behind.

use std::path::{Path, PathBuf};

use tokio::signal::unix::{SignalKind, signal};

/// What a shell reports for a program that SIGINT ended.
const INTERRUPTED: i32 = 130;

/// From now on SIGINT, SIGTERM and SIGHUP end the cluster below `directory`, remove it (unless it
/// is to be kept) and end this process.
pub(super) fn guard(directory: &Path, keep: bool) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let directory: PathBuf = directory.to_owned();
    let (mut interrupt, mut terminate, mut hangup) = {
        let _entered = runtime.enter();
        (
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
        )
    };
    std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
        });
        lab::sweep_below(&directory);
        if !keep {
            // What cannot be removed is below the user's temporary directory.
            let _left = std::fs::remove_dir_all(&directory);
        }
        std::process::exit(INTERRUPTED);
    });
    Ok(())
}
