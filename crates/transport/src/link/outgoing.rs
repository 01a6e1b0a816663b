//! What a connection has to say, on its way to the socket.

use wire::Connection;

/// More is put behind what waits while that is less.
const LITTLE: usize = 16 << 10;

#[derive(Debug, Default)]
pub(super) struct Outgoing {
    bytes: Vec<u8>,
    /// How much of them is written.
    written: usize,
}

impl Outgoing {
    /// What is to be written next.
    pub(super) fn pending(&self) -> &[u8] {
        &self.bytes[self.written..]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.written == self.bytes.len()
    }

    pub(super) fn is_little(&self) -> bool {
        self.pending().len() < LITTLE
    }

    /// So much of it is written.
    pub(super) fn wrote(&mut self, count: usize) {
        self.written += count;
    }

    /// Takes the next from the connection, if all is written. False: there is nothing new.
    pub(super) fn fill(&mut self, connection: &mut Connection) -> bool {
        if !self.is_empty() {
            return false;
        }
        self.bytes.clear();
        self.written = 0;
        let more = connection.poll_transmit(&mut self.bytes);
        if !more {
            self.bytes = Vec::new();
        }
        more
    }

    /// The same behind what waits, while that is little.
    pub(super) fn add(&mut self, connection: &mut Connection) {
        if self.is_little() {
            connection.poll_transmit(&mut self.bytes);
        }
    }
}
