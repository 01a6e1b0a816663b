//! The bytes of a channel that have arrived and are not read yet.

/// The least that a read is offered, and what an idle channel keeps.
const SMALL: usize = 4096;
/// A buffer that grew beyond this is given back once it is empty.
const LARGE: usize = 256 * 1024;

/// A byte queue that grows with what arrives, never with what a peer merely announces.
#[derive(Debug, Default)]
pub(crate) struct Input {
    /// All initialised; `start..end` holds what has arrived.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Input {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Free room for a read, at least [`SMALL`] bytes and, up to `wanted`, as much as is already
    /// there: a bulk transfer soon reads large pieces, a claim alone buys nothing.
    pub(crate) fn space(&mut self, wanted: usize) -> &mut [u8] {
        let held = self.end - self.start;
        let room = wanted.min(held).max(SMALL);
        if self.buffer.len() - self.end < room {
            self.buffer.copy_within(self.start..self.end, 0);
            self.start = 0;
            self.end = held;
            if self.buffer.len() - self.end < room {
                self.buffer.resize(self.end + room, 0);
            }
        }
        &mut self.buffer[self.end..]
    }

    /// Says that the first `count` bytes of the space were filled.
    pub(crate) fn filled(&mut self, count: usize) {
        self.end = self.buffer.len().min(self.end + count);
    }

    pub(crate) fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let space = self.space(bytes.len());
            let count = space.len().min(bytes.len());
            space[..count].copy_from_slice(&bytes[..count]);
            bytes = &bytes[count..];
            self.filled(count);
        }
    }

    pub(crate) fn consume(&mut self, count: usize) {
        self.start = self.end.min(self.start + count);
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
            if self.buffer.len() > LARGE {
                self.buffer = Vec::new();
            }
        }
    }

    /// What this queue has allocated.
    pub(crate) fn allocated(&self) -> usize {
        self.buffer.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_alone_allocates_little() {
        let mut input = Input::default();
        input.feed(&[0, 15, 0, 0]);
        input.space(1 << 20);
        assert!(input.allocated() < 4 * SMALL, "{}", input.allocated());
    }

    #[test]
    fn bytes_come_out_as_they_went_in() {
        let mut input = Input::default();
        let sent: Vec<u8> = (0..100_000_u32).map(|i| i as u8).collect();
        let mut got = Vec::new();
        for piece in sent.chunks(7_777) {
            input.feed(piece);
            let count = input.bytes().len() / 2;
            got.extend_from_slice(&input.bytes()[..count]);
            input.consume(count);
        }
        got.extend_from_slice(input.bytes());
        assert_eq!(got, sent);
    }
}
