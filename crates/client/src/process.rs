//! Which process this is, without asking the system each time; and random bytes, in bulk.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::error::Error;

static FORKS_ARE_TOLD: AtomicBool = AtomicBool::new(false);
/// Zero: not known.
static ID: AtomicU32 = AtomicU32::new(0);

/// Promises that [`note_fork`] will be called in every child that this process makes by `fork`, and
/// they by theirs, before anything else of this crate is used there. From then on
/// [`process_id`] and [`random`](crate::random) ask the system once in a while instead of each time.
pub fn tell_forks() {
    FORKS_ARE_TOLD.store(true, Ordering::Relaxed);
}

/// This process is a fork's child. Safe in a handler of `pthread_atfork`: it takes no lock.
pub fn note_fork() {
    ID.store(0, Ordering::Relaxed);
}

/// This process's id.
pub fn process_id() -> u32 {
    if !FORKS_ARE_TOLD.load(Ordering::Relaxed) {
        return std::process::id();
    }
    match ID.load(Ordering::Relaxed) {
        0 => {
            let id = std::process::id();
            ID.store(id, Ordering::Relaxed);
            id
        }
        id => id,
    }
}

/// Random bytes fetched at once.
const STOCK_LEN: usize = 256;

/// Bytes that nobody was given yet, and the process that they are for.
struct Stock {
    bytes: [u8; STOCK_LEN],
    left: usize,
    owner: u32,
}

thread_local! {
    static STOCK: RefCell<Stock> =
        const { RefCell::new(Stock { bytes: [0; STOCK_LEN], left: 0, owner: 0 }) };
}

/// Sixteen bytes for the first time and the last: those given out are wiped here, and a fork's child
/// fetches its own.
pub(crate) fn random() -> Result<[u8; 16], Error> {
    STOCK.with_borrow_mut(|stock| {
        let owner = process_id();
        if stock.left < 16 || stock.owner != owner {
            stock.left = 0;
            getrandom::fill(&mut stock.bytes).map_err(|_| Error::Random)?;
            (stock.left, stock.owner) = (STOCK_LEN, owner);
        }
        stock.left -= 16;
        let mut taken = [0; 16];
        taken.swap_with_slice(&mut stock.bytes[stock.left..stock.left + 16]);
        Ok(taken)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_bytes_are_given_twice() {
        let all: HashSet<[u8; 16]> = (0..1000).map(|_| random().unwrap()).collect();
        assert_eq!(all.len(), 1000);
        assert!(!all.contains(&[0; 16]));
    }

    #[test]
    fn the_stock_of_another_process_is_not_touched() {
        random().unwrap();
        let before = STOCK.with_borrow_mut(|stock| {
            stock.owner += 1;
            stock.bytes
        });
        let taken = random().unwrap();
        assert!(!before.as_chunks::<16>().0.contains(&taken));
    }

    #[test]
    fn a_child_asks_for_its_own_id() {
        tell_forks();
        assert_eq!(process_id(), std::process::id());
        // As in a child: what is known is another's.
        ID.store(1, Ordering::Relaxed);
        note_fork();
        assert_eq!(process_id(), std::process::id());
    }
}
