//! Sets of entries, short on the wire.

use super::entry::EntryId;
use crate::field::{Field, Invalid};

/// Numbers of entries, ascending, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ids(Vec<EntryId>);

impl Ids {
    /// A job reads fewer files than that.
    pub const MOST: usize = 200_000;

    /// Sorts them.
    ///
    /// # Errors
    ///
    /// When they are more than [`Ids::MOST`].
    pub fn new(mut ids: Vec<EntryId>) -> Result<Self, Invalid> {
        ids.sort_unstable();
        ids.dedup();
        if ids.len() > Self::MOST {
            return Err(Invalid::new(format!("{} entries", ids.len())));
        }
        Ok(Self(ids))
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = EntryId> {
        self.0.iter().copied()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn contains(&self, id: EntryId) -> bool {
        self.0.binary_search(&id).is_ok()
    }
}

impl Field for Ids {
    type Wire = Vec<u8>;

    fn read(wire: Vec<u8>) -> Result<Self, Invalid> {
        let mut ids = Vec::new();
        let mut rest = &wire[..];
        let mut last = None::<u32>;
        while !rest.is_empty() {
            let step = varint(&mut rest).ok_or_else(|| Invalid::new("a number is cut off"))?;
            let step = u32::try_from(step).map_err(|_| Invalid::new("a number is too large"))?;
            let next = match last {
                None => Some(step),
                Some(_) if step == 0 => None,
                Some(last) => last.checked_add(step),
            };
            let next = next.ok_or_else(|| Invalid::new("numbers do not ascend"))?;
            if ids.len() >= Self::MOST {
                return Err(Invalid::new("too many entries"));
            }
            ids.push(EntryId(next));
            last = Some(next);
        }
        Ok(Self(ids))
    }

    fn write(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.len() * 2);
        let mut last = 0;
        for id in &self.0 {
            put_varint(&mut bytes, u64::from(id.0 - last));
            last = id.0;
        }
        bytes
    }

    fn describe() -> String {
        format!("at most {} ascending numbers below 2^32", Self::MOST)
    }
}

pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        // Seven bits and the mark that more follow.
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(super) fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && bits > 1 {
            return None;
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(numbers: &[u32]) -> Ids {
        Ids::new(numbers.iter().copied().map(EntryId).collect()).unwrap()
    }

    #[test]
    fn sets_come_back() {
        for numbers in [
            &[][..],
            &[0],
            &[7],
            &[0, 1, 2, 3],
            &[5, 300, 70_000, u32::MAX],
        ] {
            let set = ids(numbers);
            assert_eq!(Ids::read(set.write()).unwrap(), set);
        }
        assert_eq!(ids(&[3, 1, 3]), ids(&[1, 3]));
        // What the files of a usual job cost: near a byte each.
        let dense: Vec<u32> = (1000..1500).collect();
        assert!(ids(&dense).write().len() < 502);
    }

    #[test]
    fn other_bytes_are_refused() {
        for bad in [
            &[0x80][..],
            &[1, 0],
            &[0xff; 11],
            &[0xff, 0xff, 0xff, 0xff, 0x0f, 1],
        ] {
            assert!(Ids::read(bad.to_vec()).is_err(), "{bad:?}");
        }
    }
}
