//! What is told and remembered of a compile that came to its end.

use std::time::Duration;

use job::{JobId, Trouble};

use crate::core::{Peak, Usage};
use crate::executor::{Finished, Setback};
use crate::session::answer::told;

/// What is remembered of a compile that had `bytes` at most and could have had `limit`. One that
/// says that it got too little, or that the kernel killed, is believed when it had much.
pub(super) fn peak(setback: Option<Setback>, bytes: u64, limit: u64) -> Peak {
    match setback.map(|setback| (setback, setback.trouble())) {
        Some((Setback::Memory, _)) => Peak::TooMuch,
        Some((_, Trouble::Memory | Trouble::Killed)) if bytes > limit / 2 => Peak::TooMuch,
        _ => Peak::Bytes(bytes),
    }
}

pub(super) fn finished_usage(usage: Usage, finished: &Finished) -> Usage {
    let outputs = finished.object.iter().chain(&finished.dwo);
    let spent = &finished.usage;
    Usage {
        exit_code: finished.status,
        user_msec: millis(spent.user),
        sys_msec: millis(spent.system),
        page_faults: u32::try_from(spent.major_faults).unwrap_or(u32::MAX),
        out_bytes: u32::try_from(outputs.map(|output| output.len).sum::<u64>()).unwrap_or(u32::MAX),
        ..usage
    }
}

pub(super) fn log_result(job: JobId, finished: &Finished) {
    let status = finished.status;
    if let Some(setback) = finished.setback {
        let why = told(setback, &finished.stderr);
        tracing::warn!("Remote compilation aborted with exit code {status} (job {job}): {why}");
        return;
    }
    let how = match status {
        0 => "completed",
        _ => "exited",
    };
    tracing::info!("Remote compilation {how} with exit code {status} (job {job})");
}

/// Flags, for the log.
pub(crate) fn shown<'a>(flags: impl Iterator<Item = &'a [u8]>) -> String {
    flags
        .map(String::from_utf8_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}

pub(super) fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

pub(super) fn count(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crashed_compiler_does_not_count_as_too_large() {
        let hunger = Some(Setback::Shown(Trouble::Memory));
        assert_eq!(peak(hunger, 50, 100), Peak::Bytes(50));
        assert_eq!(peak(hunger, 51, 100), Peak::TooMuch);
        assert_eq!(peak(Some(Setback::Memory), 10, 100), Peak::TooMuch);
        assert_eq!(peak(Some(Setback::Signal(11)), 90, 100), Peak::Bytes(90));
        assert_eq!(peak(Some(Setback::Signal(9)), 90, 100), Peak::TooMuch);
        assert_eq!(peak(Some(Setback::Signal(9)), 40, 100), Peak::Bytes(40));
        let crash = Some(Setback::Shown(Trouble::Crashed));
        assert_eq!(peak(crash, 90, 100), Peak::Bytes(90));
        assert_eq!(peak(None, 90, 100), Peak::Bytes(90));
    }
}
