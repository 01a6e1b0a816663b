//! What a client is answered whose compile ended, or is not made here after all.

use std::io::Read as _;
use std::time::Duration;

use icecream::chunk::Effort;
use icecream::{CompileResult, Message, chunk};
use job::{Trouble, answer};
use tokio::time::timeout;

use super::{End, Session};
use crate::core::{Refusal, code};
use crate::executor::{Finished, Output, Setback};
use crate::load::Lack;

/// A frame's limit of 1 MiB, less the rest of COMPILE_RESULT.
const MOST_OUTPUT: usize = (1 << 20) - 1024;
/// Of a compiler's words within an answer.
const LONGEST_DETAIL: usize = 200;
/// How long a client may take to read the answer that its compile failed here.
const LINGER: Duration = Duration::from_secs(2);

/// Slower than that, a client compiles sooner than it has the object.
const SLOWEST: u64 = 100_000;

/// How long a client may take for `bytes` of outputs.
pub(crate) fn patience(bytes: u64) -> Duration {
    Duration::from_secs(60 + bytes / SLOWEST)
}

impl Session {
    /// "Out of memory" is the one answer after which every client compiles locally.
    pub(super) async fn send_back(&mut self, why: &str) -> Result<(), End> {
        let result = CompileResult {
            stderr: why.as_bytes().to_vec(),
            stdout: Vec::new(),
            status: code::OUT_OF_MEMORY,
            out_of_memory: true,
            have_dwo: false,
        };
        self.channel.send(&Message::CompileResult(result)).await?;
        self.linger().await;
        Err(End::Closed)
    }

    /// The memory of a finished compile's files is in nobody's budget: no client keeps it for long.
    pub(super) async fn deliver(&mut self, finished: Finished) -> Result<(), End> {
        let outputs = finished.object.iter().chain(&finished.dwo);
        let limit = patience(outputs.map(|output| output.len).sum());
        timeout(limit, self.hand_over(finished))
            .await
            .unwrap_or(Err(End::Slow(limit)))
    }

    async fn hand_over(&mut self, mut finished: Finished) -> Result<(), End> {
        if let Some(setback) = finished.setback {
            return self.send_back(&told(setback, &finished.stderr)).await;
        }
        if finished.stderr.len() + finished.stdout.len() > MOST_OUTPUT {
            return self.send_back(Trouble::Messages.words()).await;
        }
        let result = CompileResult {
            stderr: std::mem::take(&mut finished.stderr),
            stdout: std::mem::take(&mut finished.stdout),
            status: finished.status,
            out_of_memory: false,
            have_dwo: finished.dwo.is_some(),
        };
        self.channel.feed(&Message::CompileResult(result))?;
        for output in finished.object.iter_mut().chain(&mut finished.dwo) {
            self.send_file(output).await?;
        }
        self.channel.flush().await?;
        Err(End::Closed)
    }

    async fn send_file(&mut self, output: &mut Output) -> Result<(), End> {
        let effort = Effort::Level(self.post.shop.config.compression);
        let mut buffer = vec![0; chunk::CHUNK_LEN];
        let mut left = output.len;
        while left > 0 {
            let length = buffer
                .len()
                .min(usize::try_from(left).unwrap_or(usize::MAX));
            let piece = &mut buffer[..length];
            // From the page cache: the compiler has just written it.
            let read = output.file.read_exact(piece);
            read.map_err(|error| End::Refused(format!("the object cannot be read back: {error}")))?;
            let piece =
                chunk::pack(piece, effort).map_err(|error| End::Refused(error.to_string()))?;
            self.channel.send(&Message::FileChunk(piece)).await?;
            left -= length as u64;
        }
        Ok(self.channel.feed(&Message::End)?)
    }

    /// Lets the client read the answer before the connection closes under the source text that it
    /// may still be sending: unread data at a close resets the connection, and the answer is lost.
    pub(super) async fn linger(&mut self) {
        let drain = async { while let Ok(Some(_)) = self.channel.receive().await {} };
        let _either_way = timeout(LINGER, drain).await;
    }
}

/// For the client, and the log.
pub(crate) fn refusal(why: Refusal) -> String {
    let answer = match why {
        Refusal::Full(Lack::Leave(_)) => answer::HANDED_BACK,
        Refusal::Full(Lack::Memory) => answer::MEMORY_FULL,
        Refusal::Full(Lack::Disk) => return Trouble::Disk.answer("the disk is full"),
        Refusal::Full(Lack::Sandbox) => {
            return Trouble::Host.answer("the sandbox does not work any more");
        }
        Refusal::TooLarge => answer::TOO_LARGE,
        Refusal::Crowded => answer::CROWDED,
        Refusal::Leaving => return Trouble::Host.answer("its daemon is being stopped"),
    };
    answer.to_owned()
}

/// What became of a compile that says nothing about its source: for the client, and the log.
pub(crate) fn told(setback: Setback, stderr: &[u8]) -> String {
    let trouble = setback.trouble();
    let text = String::from_utf8_lossy(stderr);
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let telling = lines.clone();
    let line = telling
        .filter(|line| Trouble::in_words(line.as_bytes()) == Some(trouble))
        .chain(lines.next())
        .next();
    let line: String = line
        .unwrap_or_default()
        .chars()
        .filter(|c| !c.is_control())
        .take(LONGEST_DETAIL)
        .collect();
    match setback {
        Setback::Signal(signal) => trouble.answer(format!("signal {signal} {line}").trim_end()),
        _ => trouble.answer(&line),
    }
}

/// For the client, and the log.
pub(crate) fn evicted(again: bool) -> &'static str {
    if again {
        answer::NOT_AGAIN
    } else {
        answer::TOO_LARGE
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::owner::Objection;

    #[test]
    fn a_large_object_may_take_longer() {
        assert_eq!(patience(0), Duration::from_secs(60));
        assert_eq!(patience(100 << 20), Duration::from_secs(60 + 1048));
    }

    #[test]
    fn a_death_is_told_with_its_cause_and_the_line_that_shows_it() {
        let said = b"e.cc: In function 'f':\n\ng++: internal compiler error: File size limit exceeded signal terminated program as\n";
        let tell = |setback| told(setback, said);
        let large = tell(Setback::Shown(Trouble::FileSize));
        assert!(large.starts_with(Trouble::FileSize.words()), "{large}");
        assert!(large.ends_with("signal terminated program as)"), "{large}");
        let crash = tell(Setback::Signal(11));
        assert!(crash.contains("crashed") && crash.contains("(signal 11 e.cc"));
        let memory = told(Setback::Memory, b"");
        assert_eq!(memory, Trouble::Memory.words());
    }

    #[test]
    fn the_owner_is_not_blamed_on_memory() {
        let leave = Refusal::Full(Lack::Leave(Objection::Battery));
        assert_eq!(refusal(leave), job::HANDED_BACK);
        assert!(!answer::lacks_memory(
            refusal(Refusal::Full(Lack::Sandbox)).as_bytes()
        ));
    }
}
