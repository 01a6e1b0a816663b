//! What a text may have lost of which only the includes were resolved, looked for while it is made.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use invocation::{ClockScan, CounterScan, EnteredFiles, Family};
use job::Reason;

use super::{NoText, Pragmas};

/// One text under examination. Macros are expanded elsewhere, by another compiler of `family`.
pub(super) struct Doubts {
    clock: ClockScan,
    counter: Option<CounterScan>,
    headers: Option<(EnteredFiles, Arc<Pragmas>)>,
}

impl Doubts {
    pub(super) fn new(family: Family, arguments: &[OsString], pragmas: &Arc<Pragmas>) -> Self {
        let clang = family == Family::Clang;
        Self {
            clock: ClockScan::default(),
            counter: clang.then(|| CounterScan::new(arguments)),
            headers: (!clang).then(|| (EnteredFiles::default(), Arc::clone(pragmas))),
        }
    }

    /// Looks at the next piece.
    pub(super) fn feed(&mut self, text: &[u8]) -> Result<(), NoText> {
        if let Some(name) = self.clock.feed(text) {
            return Err(NoText {
                reason: Reason::ClockInSource,
                detail: name.to_owned(),
            });
        }
        if self
            .counter
            .as_mut()
            .is_some_and(|counter| counter.feed(text))
        {
            return Err(counted());
        }
        if let Some((entered, _)) = &mut self.headers {
            entered.feed(text);
        }
        Ok(())
    }

    /// The text is complete. Files are named relative to `directory`.
    pub(super) fn settle(self, directory: &Path) -> Result<(), NoText> {
        if self.counter.is_some_and(CounterScan::finish) {
            return Err(counted());
        }
        let Some((entered, pragmas)) = self.headers else {
            return Ok(());
        };
        match pragmas.offender(directory, entered.into_paths()) {
            Ok(None) => Ok(()),
            Ok(Some(header)) => Err(NoText {
                reason: Reason::NotInText,
                detail: format!(
                    "{}: #pragma pop_macro or redefine_extname",
                    header.display()
                ),
            }),
            Err(error) => Err(NoText {
                reason: Reason::PreprocessorFailed,
                detail: format!("reading a header again: {error}"),
            }),
        }
    }
}

fn counted() -> NoText {
    NoText {
        reason: Reason::NotInText,
        detail: "__COUNTER__ in a condition".to_owned(),
    }
}
