//! Waiting for something that is going to happen.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Asks again and again until `condition` holds; gives how long that took. The message of the error
/// says `what` did not happen within `limit`.
pub fn until(
    what: &str,
    limit: Duration,
    mut condition: impl FnMut() -> Result<bool>,
) -> Result<Duration> {
    let start = Instant::now();
    while !condition()? {
        if start.elapsed() > limit {
            bail!("after {limit:?} still not: {what}");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(start.elapsed())
}
