//! One stream, as this end sees it.

use std::collections::VecDeque;

use crate::id::ResetCode;

/// What waits to be sent on a stream, in its order.
#[derive(Debug)]
pub(super) enum Item {
    /// Payload of the opening frame.
    Open(Vec<u8>),
    /// Payload of a message frame.
    Message(Vec<u8>),
    /// Raw bytes, and how many of them are sent.
    Data(Vec<u8>, usize),
    End,
    Reset(ResetCode),
}

/// In which list a stream waits for its turn to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listed {
    No,
    Reset,
    Urgent,
    Bulk,
}

/// How far a reset by this end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resetting {
    No,
    /// Waits to be sent. `acknowledges`: the other end's reset has come, so this one ends the stream.
    Queued {
        acknowledges: bool,
    },
    /// Sent when so many pings had been sent; the other end's confirmation is awaited.
    Sent {
        pings: u64,
    },
}

#[derive(Debug)]
pub(super) struct Stream {
    pub(super) queue: VecDeque<Item>,
    /// Bytes of data in `queue` that are not sent.
    pub(super) queued: usize,
    /// Bytes of data that may be sent.
    pub(super) credit: u64,
    pub(super) listed: Listed,
    /// [`Item::End`] was put into the queue.
    pub(super) finished: bool,
    /// It was sent.
    pub(super) end_sent: bool,
    /// Data was refused for want of room: an event follows when there is some.
    pub(super) wants_room: bool,
    /// Bytes of data that the other end may still send.
    pub(super) allowed: u64,
    /// What `allowed` is when nothing is unread.
    pub(super) window: u64,
    /// Bytes of data received and not granted anew.
    pub(super) unreturned: u64,
    /// Credit that the other end is not told of yet.
    pub(super) owed: u64,
    pub(super) owed_listed: bool,
    pub(super) peer_ended: bool,
    pub(super) resetting: Resetting,
}

impl Stream {
    pub(super) fn new(credit: u32, window: u32) -> Self {
        Self {
            queue: VecDeque::new(),
            queued: 0,
            credit: credit.into(),
            listed: Listed::No,
            finished: false,
            end_sent: false,
            wants_room: false,
            allowed: window.into(),
            window: window.into(),
            unreturned: 0,
            owed: 0,
            owed_listed: false,
            peer_ended: false,
            resetting: Resetting::No,
        }
    }

    /// Whether the owner may still use it.
    pub(super) fn is_alive(&self) -> bool {
        self.resetting == Resetting::No
    }

    /// Where it should wait, as its queue stands.
    pub(super) fn wanted_list(&self) -> Listed {
        match self.queue.front() {
            None => Listed::No,
            Some(Item::Data(..)) if self.credit == 0 => Listed::No,
            Some(Item::Data(..)) => Listed::Bulk,
            Some(Item::Reset(_)) => Listed::Reset,
            Some(_) => Listed::Urgent,
        }
    }

    /// Appends data to what waits.
    pub(super) fn push_data(&mut self, bytes: &[u8]) {
        self.queued += bytes.len();
        // Few large blocks rather than many small ones, and none so large that growing it hurts.
        if let Some(Item::Data(last, _)) = self.queue.back_mut()
            && last.len() + bytes.len() <= crate::limits::PIECE * 4
        {
            last.extend_from_slice(bytes);
        } else {
            self.queue.push_back(Item::Data(bytes.to_vec(), 0));
        }
    }

    /// Takes up to `most` bytes of the data at the front of the queue into `out`.
    pub(super) fn pull_data(&mut self, most: usize, out: &mut Vec<u8>) {
        let mut left = most;
        while let Some(Item::Data(block, sent)) = self.queue.front_mut()
            && left > 0
        {
            let part = left.min(block.len() - *sent);
            out.extend_from_slice(&block[*sent..*sent + part]);
            *sent += part;
            left -= part;
            self.queued -= part;
            self.credit -= part as u64;
            if *sent == block.len() {
                self.queue.pop_front();
            }
        }
    }

    /// Bytes of data that stand at the front of the queue without a message or an end between them.
    pub(super) fn data_in_front(&self, most: usize) -> usize {
        let mut sum = 0;
        for item in &self.queue {
            let Item::Data(block, sent) = item else { break };
            sum += block.len() - sent;
            if sum >= most {
                return most;
            }
        }
        sum
    }

    /// Drops what waits, except the opening: numbers have no gaps.
    pub(super) fn clear_queue(&mut self) {
        self.queue.retain(|item| matches!(item, Item::Open(_)));
        self.queued = 0;
    }
}
