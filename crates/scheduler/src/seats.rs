//! A bounded number of seats for connections, of which no address holds more than a quarter: one
//! host that opens connections and says nothing turns away nobody but itself.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Debug)]
pub(crate) struct Seats {
    all: usize,
    taken: Mutex<HashMap<IpAddr, usize>>,
}

/// Given back when dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    seats: Arc<Seats>,
    address: IpAddr,
}

/// Why there is no seat; the number is how many connections are too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Full {
    #[error("{0} are open")]
    Everywhere(usize),
    #[error("{0} of this address are open, its share")]
    Share(usize),
}

impl Seats {
    pub(crate) fn new(all: usize) -> Arc<Self> {
        Arc::new(Self {
            all,
            taken: Mutex::default(),
        })
    }

    pub(crate) fn take(self: &Arc<Self>, address: IpAddr) -> Result<Seat, Full> {
        let share = self.all.div_ceil(4);
        let mut taken = self.taken();
        // The share bounds how many addresses there can be: at most one for each seat.
        if taken.values().sum::<usize>() >= self.all {
            return Err(Full::Everywhere(self.all));
        }
        let own = taken.entry(address).or_default();
        if *own >= share {
            return Err(Full::Share(share));
        }
        *own += 1;
        Ok(Seat {
            seats: Arc::clone(self),
            address,
        })
    }

    /// Counts are whole between two statements, whoever panicked.
    fn taken(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken();
        if let Some(own) = taken.get_mut(&self.address) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[test]
    fn one_address_takes_a_quarter_and_the_others_the_rest() {
        let seats = Seats::new(8);
        let mut held: Vec<_> = (0..2).map(|_| seats.take(address(1)).unwrap()).collect();
        assert_eq!(seats.take(address(1)).unwrap_err(), Full::Share(2));
        for last in [2, 2, 3, 3, 4, 4] {
            held.push(seats.take(address(last)).unwrap());
        }
        assert_eq!(seats.take(address(5)).unwrap_err(), Full::Everywhere(8));
        drop(held.remove(0));
        assert!(seats.take(address(5)).is_ok());
        drop(held);
        assert!(seats.taken().is_empty());
    }
}
