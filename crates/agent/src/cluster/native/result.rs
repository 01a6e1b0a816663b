//! An executor's answer, checked as it comes: what was asked for, in order, each once and as long as
//! announced. Knows no socket.
//!
//! The lengths and packing of what goes into files are checked where it is unpacked ([`crate::outputs`]),
//! and what proves that it is this job's is compared when all is there.

use job::{Digest, Reason, Trouble};
use transport::Incoming;
use wire::message::{Finished, Message, Output, OutputKind, Refused, Usage};
use wire::{Proof, ProofKey};

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
    key: ProofKey,
    said: Option<(Unpacker, Proof)>,
    /// What would prove that which the compiler said.
    proofs: Vec<(OutputKind, Digest)>,
    verdict: Verdict,
    finished: Option<Finished>,
}

impl Answer {
    pub(super) fn to(wanted: Vec<OutputKind>, key: ProofKey) -> Self {
        Self {
            wanted,
            stage: Stage::Sent,
            came: Vec::new(),
            key,
            said: None,
            proofs: Vec::new(),
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
                let unpacker = unpacker.map_err(|wrong| incomplete(wrong.to_string()))?;
                self.said = Some((unpacker, self.key.begin(output.kind)));
                Ok(Step::Nothing)
            }
            OutputKind::Object | OutputKind::SplitDwarf | OutputKind::Dependencies => {
                self.verdict.has_dwo |= output.kind == OutputKind::SplitDwarf;
                self.verdict.has_dependencies |= output.kind == OutputKind::Dependencies;
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
        let Some((unpacker, proof)) = said else {
            return Ok(Step::Bytes(bytes));
        };
        let into = match kind {
            OutputKind::StandardOutput => &mut self.verdict.stdout,
            _ => &mut self.verdict.stderr,
        };
        let fed = unpacker.feed(&bytes, &mut |plain| {
            proof.update(plain);
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
        if let Some((unpacker, proof)) = self.said.take() {
            let whole = unpacker.finish();
            whole.map_err(|wrong| incomplete(wrong.to_string()))?;
            // It is the last that came.
            self.proofs
                .extend(self.came.last().map(|kind| (*kind, proof.finish())));
        }
        Ok(())
    }

    /// The end came: what it all amounts to, and what has to prove the files.
    pub(super) fn end(self) -> Result<(Verdict, Usage, Vec<Digest>), Failure> {
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
        let lacks = |kind| self.wanted.contains(&kind) && !self.came.contains(&kind);
        if status == 0 && lacks(OutputKind::Object) {
            return Err(incomplete("no object came".to_owned()));
        }
        let given = &finished.proofs[..];
        if given.len() != self.came.len() {
            return Err(not_this_jobs("not every output is proved to be"));
        }
        let mut files = Vec::new();
        for (kind, given) in self.came.iter().zip(given) {
            match self.proofs.iter().find(|(said, _)| said == kind) {
                Some((_, proof)) if proof != given => {
                    return Err(not_this_jobs("what the compiler said is not"));
                }
                Some(_) => {}
                None => files.push(*given),
            }
        }
        let verdict = Verdict {
            status,
            ..self.verdict
        };
        Ok((verdict, finished.usage, files))
    }
}

/// A result that was damaged, mixed up, or is another job's.
pub(super) fn not_this_jobs(what: &str) -> Failure {
    Failure::elsewhere(Reason::ResultWrong, format!("{what} this job's"))
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
