//! The deadlines of a connection. There is one at a time.

use crate::error::Fault;
use crate::limits::{Moment, Patience};

/// So many bytes of an unfinished frame count as a sign of life: a slow link brings that much, and
/// somebody who sends a byte now and then does not.
const SIGN_OF_LIFE: usize = 4 << 10;

#[derive(Debug)]
enum Awaiting {
    Hello,
    AnyFrame,
    Answer,
}

#[derive(Debug)]
pub(super) struct Watch {
    patience: Patience,
    awaiting: Awaiting,
    until: Moment,
    heard: bool,
    /// Bytes since the last whole frame or sign of life.
    unfinished: usize,
}

impl Watch {
    pub(super) fn new(patience: Patience, now: Moment) -> Self {
        Self {
            patience,
            awaiting: Awaiting::Hello,
            until: now.after(patience.hello),
            heard: false,
            unfinished: 0,
        }
    }

    /// A whole frame has come.
    pub(super) fn frame(&mut self) {
        self.heard = true;
        self.unfinished = 0;
    }

    /// Bytes have come that do not end a frame.
    pub(super) fn bytes(&mut self, count: usize) {
        self.unfinished += count;
        if self.unfinished >= SIGN_OF_LIFE {
            self.frame();
        }
    }

    pub(super) fn next(&self) -> Moment {
        self.until
    }

    /// It is `now`: whether a ping is due.
    pub(super) fn at(&mut self, now: Moment, greeted: bool) -> Result<bool, Fault> {
        if now < self.until {
            return Ok(false);
        }
        let heard = std::mem::take(&mut self.heard);
        match self.awaiting {
            Awaiting::Hello if !greeted => return Err(Fault::HelloTooLate),
            Awaiting::AnyFrame if !heard => {
                self.awaiting = Awaiting::Answer;
                self.until = now.after(self.patience.answer);
                return Ok(true);
            }
            Awaiting::Answer if !heard => return Err(Fault::Silent),
            _ => {}
        }
        self.awaiting = Awaiting::AnyFrame;
        self.until = now.after(self.patience.quiet);
        Ok(false)
    }
}
