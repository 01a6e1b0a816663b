//! The text that a compile reads, on its way from the client to the compiler.

use std::collections::VecDeque;

use icecream::{FileChunk, Message};

/// Compressed bytes kept for a compile that has no slot yet, or whose compiler reads slowly.
/// Beyond that the client's connection is not read.
const MOST_WAITING: usize = 2 << 20;

/// What a message did to the source.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    More,
    Complete,
    /// The client may say nothing but chunks and one END.
    Nonsense,
}

#[derive(Debug, Default)]
pub(super) struct Source {
    waiting: VecDeque<FileChunk>,
    bytes: usize,
    /// The client has sent all of it.
    pub(super) complete: bool,
    /// For the report.
    pub(super) compressed: usize,
    pub(super) uncompressed: usize,
}

impl Source {
    pub(super) fn take(&mut self, message: Message) -> Step {
        match message {
            Message::FileChunk(chunk) if !self.complete => {
                self.bytes += chunk.data.len();
                self.compressed += chunk.data.len();
                self.uncompressed += usize::try_from(chunk.uncompressed_len).unwrap_or(usize::MAX);
                self.waiting.push_back(chunk);
                Step::More
            }
            Message::End if !self.complete => {
                self.complete = true;
                Step::Complete
            }
            _ => Step::Nonsense,
        }
    }

    /// Whether the connection should be read: for more text, or to notice that it ends.
    pub(super) fn listens(&self) -> bool {
        self.complete || self.bytes < MOST_WAITING
    }

    pub(super) fn pop(&mut self) -> Option<FileChunk> {
        let chunk = self.waiting.pop_front()?;
        self.bytes -= chunk.data.len();
        Some(chunk)
    }

    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(size: usize) -> Message {
        let data = vec![0; size];
        Message::FileChunk(FileChunk {
            uncompressed_len: 10,
            compression: 1,
            data,
        })
    }

    #[test]
    fn a_full_buffer_stops_reading_until_the_compiler_takes_some() {
        let mut source = Source::default();
        while source.listens() {
            assert_eq!(source.take(chunk(900_000)), Step::More);
        }
        assert_eq!(source.compressed, 2_700_000);
        assert!(source.pop().is_some());
        assert!(source.listens());
    }

    #[test]
    fn nothing_may_follow_the_end() {
        let mut source = Source::default();
        assert_eq!(source.take(Message::End), Step::Complete);
        assert!(source.listens(), "to notice a client that leaves");
        assert_eq!(source.take(Message::End), Step::Nonsense);
        assert_eq!(source.take(chunk(1)), Step::Nonsense);
    }

    #[test]
    fn other_messages_are_nonsense() {
        assert_eq!(Source::default().take(Message::Ping), Step::Nonsense);
    }
}
