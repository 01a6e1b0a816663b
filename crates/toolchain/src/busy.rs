//! Programs that were written a moment ago. One may still be open in a process that another thread has forked and
//! that has not become its own program yet: then it cannot be run, and a moment later it can.

use std::thread::sleep;
use std::time::Duration;

const TIMES: usize = 5;
const PAUSE: Duration = Duration::from_millis(20);

/// What `run` gives, the last of several times if that was because of a busy program.
pub(crate) fn again_while_busy<T>(mut run: impl FnMut() -> T, is_busy: impl Fn(&T) -> bool) -> T {
    let mut given = run();
    for _ in 0..TIMES {
        if !is_busy(&given) {
            break;
        }
        sleep(PAUSE);
        given = run();
    }
    given
}

/// Whether somebody who could not start a program says that.
pub(crate) fn tells_of_it(said: &str) -> bool {
    said.contains("Text file busy")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_tried_until_it_works_or_fails_otherwise() {
        let mut left = vec!["fine", "x: Text file busy"];
        assert_eq!(
            again_while_busy(|| left.pop().unwrap(), |said| tells_of_it(said)),
            "fine"
        );
        let mut times = 0;
        let mut always = || {
            times += 1;
            "Text file busy"
        };
        again_while_busy(&mut always, |said| tells_of_it(said));
        assert_eq!(times, 1 + TIMES);
    }
}
