//! The one way this crate uses several cores: numbered work, results in order.

use std::sync::mpsc::{Receiver, sync_channel};

/// Finished results that a worker may hold before the consumer takes them.
const AHEAD: usize = 2;

/// No more: packing a toolchain is a small part of what a build does meanwhile.
const MOST: usize = 8;

/// Computes `work(0)` to `work(count - 1)` on several threads and hands each result to `consume`,
/// in order. The first error ends everything.
pub(crate) fn in_order<T, E, W, C>(count: usize, work: W, mut consume: C) -> Result<(), E>
where
    T: Send,
    E: Send,
    W: Fn(usize) -> Result<T, E> + Sync,
    C: FnMut(T) -> Result<(), E>,
{
    let threads = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .clamp(1, MOST)
        .min(count.max(1));
    let work = &work;
    std::thread::scope(|scope| {
        let lanes: Vec<Receiver<Result<T, E>>> = (0..threads)
            .map(|first| {
                let (sender, receiver) = sync_channel(AHEAD);
                scope.spawn(move || {
                    for index in (first..count).step_by(threads) {
                        // A consumer that has gone wants nothing more.
                        if sender.send(work(index)).is_err() {
                            return;
                        }
                    }
                });
                receiver
            })
            .collect();
        for index in 0..count {
            match lanes[index % threads].recv() {
                Ok(result) => consume(result?)?,
                // The worker panicked; the scope repeats the panic.
                Err(_) => break,
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_and_the_first_error_ends_it() {
        let mut seen = Vec::new();
        in_order::<_, (), _, _>(
            100,
            |n| Ok(n * 2),
            |n| {
                seen.push(n);
                Ok(())
            },
        )
        .unwrap();
        assert_eq!(seen, (0..100).map(|n| n * 2).collect::<Vec<_>>());
        let mut count = 0;
        let failed = in_order(
            100,
            |n| if n == 7 { Err(n) } else { Ok(n) },
            |_| {
                count += 1;
                Ok(())
            },
        );
        assert_eq!((failed, count), (Err(7), 7));
        in_order::<(), (), _, _>(0, |_| Ok(()), |()| Ok(())).unwrap();
    }
}
