//! The text that a compile reads, on its way from the client to the compiler, more than once if need
//! be.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use icecream::{FileChunk, Message};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::spool::{Mark, Open, Spool};

/// Bytes kept for each compile that has no slot yet, or whose compiler reads slowly. More is taken
/// as long as [`Room`] for all of them lasts, then the client's connection is not read; the kernel
/// breaks one that is not read for 9 s (`TCP_USER_TIMEOUT`, which counts for closed windows too).
const MOST_WAITING: usize = 2 << 20;

/// The same for a compile of a member, whose connection has many of them: what is not taken waits in
/// its stream, and holds up no other.
const MOST_OF_STREAM: usize = 256 << 10;

/// For all compiles together.
const MOST_ROOM: usize = 256 << 20;

/// For all compiles of one member: the texts of some twenty C++ sources, packed.
const MOST_OF_MEMBER: usize = 64 << 20;

/// In [`FileChunk::compression`], of a piece that is none of icecream's chunks.
const RAW: u32 = u32::MAX;

/// The unit in which room is counted.
const UNIT: usize = 1024;

/// Memory for long texts that wait.
#[derive(Clone, Debug)]
pub(crate) struct Room(Arc<Semaphore>);

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MOST_ROOM / UNIT)))
    }
}

impl Room {
    /// For the compiles of one member.
    pub(crate) fn of_member() -> Self {
        Self(Arc::new(Semaphore::new(MOST_OF_MEMBER / UNIT)))
    }

    /// For a whole frame.
    fn is_left(&self) -> bool {
        self.0.available_permits() > icecream::MAX_FRAME.div_ceil(UNIT)
    }

    fn take(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let units = u32::try_from(bytes.div_ceil(UNIT)).ok()?;
        Arc::clone(&self.0).try_acquire_many_owned(units).ok()
    }
}

/// Memory that a chunk takes: an empty one takes some too.
pub(super) fn occupied(chunk: &FileChunk) -> usize {
    chunk.data.len() + size_of::<Waiting>()
}

/// A chunk, and what it occupies of the room for all.
struct Waiting {
    chunk: FileChunk,
    _rooms: [Option<OwnedSemaphorePermit>; 2],
}

/// What a message did to the source.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    More,
    Complete,
    /// The client may say nothing but chunks and one END.
    Nonsense,
}

#[derive(Default)]
pub(crate) struct Source {
    waiting: VecDeque<Waiting>,
    /// What it may have without asking for room.
    own: usize,
    room: Room,
    of_member: Option<Room>,
    bytes: usize,
    /// What the compiler has been given.
    spool: Spool,
    /// It is given that once more, from here.
    again: Option<Mark>,
    /// The client has sent all of it.
    pub(crate) complete: bool,
    /// For the report.
    pub(super) compressed: usize,
    pub(super) uncompressed: usize,
}

impl Source {
    pub(crate) fn new(room: &Room) -> Self {
        Self {
            own: MOST_WAITING,
            room: room.clone(),
            ..Self::default()
        }
    }

    /// For a text that a member sends on a stream.
    pub(crate) fn of_member(room: &Room, of_member: &Room) -> Self {
        Self {
            own: MOST_OF_STREAM,
            room: room.clone(),
            of_member: Some(of_member.clone()),
            ..Self::default()
        }
    }

    pub(crate) fn take(&mut self, message: Message) -> Step {
        match message {
            Message::FileChunk(chunk) if !self.complete => {
                self.uncompressed += usize::try_from(chunk.uncompressed_len).unwrap_or(usize::MAX);
                self.keep(chunk);
                Step::More
            }
            Message::End if !self.complete => {
                self.complete = true;
                Step::Complete
            }
            _ => Step::Nonsense,
        }
    }

    /// Takes bytes of a stream.
    pub(crate) fn take_bytes(&mut self, data: Vec<u8>) {
        self.keep(FileChunk {
            uncompressed_len: 0,
            compression: RAW,
            data,
        });
    }

    fn keep(&mut self, chunk: FileChunk) {
        let occupied = occupied(&chunk);
        self.bytes += occupied;
        self.compressed += chunk.data.len();
        let mut rooms = [None, None];
        if self.bytes > self.own {
            let of_member = self.of_member.as_ref();
            rooms = [
                self.room.take(occupied),
                of_member.and_then(|room| room.take(occupied)),
            ];
        }
        self.waiting.push_back(Waiting {
            chunk,
            _rooms: rooms,
        });
    }

    /// The client has sent all, and it unpacked to so many bytes.
    pub(super) fn unpacked(&mut self, bytes: u64) {
        self.uncompressed = usize::try_from(bytes).unwrap_or(usize::MAX);
    }

    /// Whether the connection should be read: for more text, or to notice that it ends.
    pub(crate) fn listens(&self) -> bool {
        self.complete
            || self.bytes < self.own
            || self.room.is_left() && self.of_member.as_ref().is_none_or(Room::is_left)
    }

    /// The next chunk for the compiler, handed to `unpack`; `None`: there is none now.
    pub(super) fn pop<T>(
        &mut self,
        open: &Open<'_>,
        unpack: impl FnOnce(&FileChunk) -> T,
    ) -> io::Result<Option<T>> {
        if let Some(mark) = &mut self.again {
            match self.spool.next(mark)? {
                Some(chunk) => return Ok(Some(unpack(&chunk))),
                None => self.again = None,
            }
        }
        let Some(Waiting { chunk, .. }) = self.waiting.pop_front() else {
            return Ok(None);
        };
        self.bytes -= occupied(&chunk);
        let text = unpack(&chunk);
        self.spool.keep(chunk, open);
        Ok(Some(text))
    }

    /// Whether [`Source::pop`] is worth a try.
    pub(super) fn has_waiting(&self) -> bool {
        self.again.is_some() || !self.waiting.is_empty()
    }

    /// Another compiler begins at the first byte. False: the text is no longer all there.
    pub(super) fn rewind(&mut self) -> bool {
        self.again = Some(Mark::default());
        self.spool.is_whole()
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
        let room = Room::default();
        let whole = room.0.available_permits();
        let mut long = Source::new(&room);
        while long.listens() {
            assert_eq!(long.take(chunk(900_000)), Step::More);
        }
        assert!(long.compressed > MOST_ROOM && long.compressed < MOST_ROOM + (4 << 20));
        let mut source = Source::new(&room);
        while source.listens() {
            assert_eq!(source.take(chunk(900_000)), Step::More);
        }
        assert_eq!(source.compressed, 2_700_000);
        drop(long);
        assert!(room.0.available_permits() == whole && source.listens());
        let no_file: &Open<'_> = &|| Err(io::Error::other("none"));
        let popped = source.pop(no_file, |chunk| chunk.data.len());
        assert_eq!(popped.unwrap(), Some(900_000));
    }

    #[test]
    fn empty_chunks_fill_it_too() {
        let room = Room(Arc::new(Semaphore::new(0)));
        let mut source = Source::new(&room);
        let most = MOST_WAITING / size_of::<FileChunk>();
        assert!((0..most).any(|_| {
            source.take(chunk(0));
            !source.listens()
        }));
    }

    #[test]
    fn a_text_begins_again_and_goes_on_where_it_had_come_to() {
        let numbered = |number| {
            Message::FileChunk(FileChunk {
                uncompressed_len: number,
                compression: 1,
                data: vec![0; 10],
            })
        };
        let next = |source: &mut Source| {
            let open: &Open<'_> = &tempfile::tempfile;
            let popped = source.pop(open, |chunk| chunk.uncompressed_len);
            popped.unwrap()
        };
        let mut source = Source::new(&Room::default());
        for number in 1..=3 {
            source.take(numbered(number));
        }
        assert_eq!([next(&mut source), next(&mut source)], [Some(1), Some(2)]);
        assert!(source.rewind() && source.has_waiting());
        source.take(numbered(4));
        let all: Vec<_> = std::iter::from_fn(|| next(&mut source)).collect();
        assert_eq!(all, [1, 2, 3, 4]);
        assert!(source.rewind());
        let all: Vec<_> = std::iter::from_fn(|| next(&mut source)).collect();
        assert_eq!(all, [1, 2, 3, 4]);
        assert!(!source.has_waiting());
    }

    #[test]
    fn nothing_may_follow_the_end() {
        let mut source = Source::new(&Room::default());
        assert_eq!(source.take(Message::End), Step::Complete);
        assert!(source.listens(), "to notice a client that leaves");
        assert_eq!(source.take(Message::End), Step::Nonsense);
        assert_eq!(source.take(chunk(1)), Step::Nonsense);
    }

    #[test]
    fn other_messages_are_nonsense() {
        assert_eq!(
            Source::new(&Room::default()).take(Message::Ping),
            Step::Nonsense
        );
    }
}
