//! An executor's answer, checked as it comes: what was asked for, in order, each once and as long as
//! announced. Knows no socket.
//!
//! The lengths and packing of what goes into files are checked where it is unpacked ([`crate::outputs`]).

use job::{Reason, Trouble};
use transport::Incoming;
use wire::message::{Finished, Message, Output, OutputKind, Refused, Usage};

use super::words;
use crate::cluster::unpack::Unpacker;
use crate::cluster::{Failure, Verdict};

/// The most that a compiler may say.
const MOST_SAID: u64 = 32 << 20;

/// What is to be done with what came.
#[derive(Debug)]
pub(super) enum Step {
    Nothing,
    /// The first output begins, or the end came without one.
    File(Output),
    Bytes(Vec<u8>),
    Refused(Box<Refused>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Sent,
    Accepted,
    Started,
    Finished,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Answer {
    wanted: Vec<OutputKind>,
    stage: Stage,
    came: Vec<OutputKind>,
    said: Option<Unpacker>,
    verdict: Verdict,
    finished: Option<Finished>,
}

impl Answer {
    pub(super) fn to(wanted: Vec<OutputKind>) -> Self {
        Self {
            wanted,
            stage: Stage::Sent,
            came: Vec::new(),
            said: None,
            verdict: Verdict::default(),
            finished: None,
        }
    }

    /// Whether outputs are coming: then the rest follows soon.
    pub(super) fn is_under_way(&self) -> bool {
        !self.came.is_empty() || self.finished.is_some()
    }

    pub(super) fn take(&mut self, arrived: Incoming) -> Result<Step, Failure> {
        match arrived {
            Incoming::Data(bytes) => self.data(bytes),
            Incoming::Message(message) => match *message {
                Message::Refused(refused) if self.stage != Stage::Finished => {
                    Ok(Step::Refused(Box::new(refused)))
                }
                Message::Accepted(_) if self.stage == Stage::Sent => {
                    self.stage = Stage::Accepted;
                    Ok(Step::Nothing)
                }
                Message::Started(_) if self.stage == Stage::Accepted => {
                    self.stage = Stage::Started;
                    Ok(Step::Nothing)
                }
                Message::Output(output) if self.stage == Stage::Started => self.output(output),
                Message::Finished(finished) if self.stage == Stage::Started => {
                    self.end_of_output()?;
                    self.stage = Stage::Finished;
                    let came = u32::try_from(self.came.len()).unwrap_or(u32::MAX);
                    if finished.outputs.get() != came {
                        return Err(incomplete(format!(
                            "{came} outputs came of {}",
                            finished.outputs.get()
                        )));
                    }
                    self.finished = Some(finished);
                    Ok(Step::Nothing)
                }
                other => Err(out_of_order(other.name())),
            },
        }
    }

    fn output(&mut self, output: Output) -> Result<Step, Failure> {
        self.end_of_output()?;
        if !self.wanted.contains(&output.kind) {
            let detail = format!("{:?} came and was not asked for", output.kind);
            return Err(Failure::elsewhere(Reason::PeerProtocol, detail));
        }
        if self.came.contains(&output.kind) {
            let detail = format!("{:?} came twice", output.kind);
            return Err(Failure::elsewhere(Reason::PeerProtocol, detail));
        }
        self.came.push(output.kind);
        match output.kind {
            OutputKind::StandardOutput | OutputKind::StandardError => {
                let size = output.size.get();
                if size > MOST_SAID {
                    let detail = format!("the compiler said {size} bytes");
                    return Err(Failure::here(Reason::RemoteLimit, detail));
                }
                let unpacker = Unpacker::new(output.packing, size);
                self.said = Some(unpacker.map_err(|wrong| incomplete(wrong.to_string()))?);
                Ok(Step::Nothing)
            }
            OutputKind::Object | OutputKind::SplitDwarf => {
                self.verdict.has_dwo |= output.kind == OutputKind::SplitDwarf;
                Ok(Step::File(output))
            }
        }
    }

    fn data(&mut self, bytes: Vec<u8>) -> Result<Step, Failure> {
        if self.stage == Stage::Finished {
            return Err(out_of_order("data"));
        }
        let (Some(kind), said) = (self.came.last(), &mut self.said) else {
            return Err(out_of_order("data"));
        };
        let Some(unpacker) = said else {
            return Ok(Step::Bytes(bytes));
        };
        let into = match kind {
            OutputKind::StandardOutput => &mut self.verdict.stdout,
            _ => &mut self.verdict.stderr,
        };
        let fed = unpacker.feed(&bytes, &mut |plain| {
            into.extend_from_slice(plain);
            Ok::<(), std::convert::Infallible>(())
        });
        match fed {
            Ok(Ok(())) => Ok(Step::Nothing),
            Ok(Err(never)) => match never {},
            Err(wrong) => Err(incomplete(wrong.to_string())),
        }
    }

    fn end_of_output(&mut self) -> Result<(), Failure> {
        match self.said.take() {
            Some(unpacker) => unpacker
                .finish()
                .map_err(|wrong| incomplete(wrong.to_string())),
            None => Ok(()),
        }
    }

    /// The end came: what it all amounts to.
    pub(super) fn end(self) -> Result<(Verdict, Usage), Failure> {
        let Some(finished) = self.finished else {
            return Err(incomplete("the answer ended early".to_owned()));
        };
        let status = match (finished.exit_code, finished.signal) {
            (Some(code), None) => i32::try_from(code.get()).unwrap_or(i32::MAX),
            (None, Some(signal)) => {
                let number = i32::try_from(signal.get()).unwrap_or(i32::MAX);
                let trouble = Trouble::of_signal(number);
                return Err(Failure {
                    retry: trouble.is_the_hosts(),
                    ..Failure::here(
                        trouble.reason(),
                        format!("signal {number} ended the compiler"),
                    )
                });
            }
            _ => {
                let detail = "the compiler ended neither with a status nor by a signal";
                return Err(Failure::elsewhere(Reason::PeerProtocol, detail));
            }
        };
        if status == 0 && !self.came.contains(&OutputKind::Object) {
            return Err(incomplete("no object came".to_owned()));
        }
        let verdict = Verdict {
            status,
            ..self.verdict
        };
        Ok((verdict, finished.usage))
    }
}

fn incomplete(detail: String) -> Failure {
    Failure::elsewhere(Reason::ResultIncomplete, detail)
}

fn out_of_order(what: &str) -> Failure {
    let detail = format!("{what} came where it means nothing");
    Failure::elsewhere(Reason::PeerProtocol, detail)
}

/// The executor says that it does not have the toolchain.
pub(super) fn lacks_toolchain(refused: &Refused) -> bool {
    refused.reason == wire::message::Refusal::ToolchainMissing
}

/// Why it refused, in the words of the job's record.
pub(super) fn why(refused: &Refused) -> Failure {
    words::refused(refused)
}

#[cfg(test)]
mod tests;
