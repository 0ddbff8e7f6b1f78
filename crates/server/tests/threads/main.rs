//! An I/O thread's inbox among threads, in very many of the orders in which those may run: its
//! source, compiled with shuttle's locks. A failure prints a schedule that `shuttle::replay` repeats.

#![allow(clippy::unwrap_used, reason = "clippy exempts test functions and not their helpers")]

#[path = "../../src/io/inbox.rs"]
mod inbox;
mod sync;

use std::sync::Arc;

use shuttle::sync::{Condvar, Mutex};
use shuttle::thread;

use inbox::Inbox;

/// Orders that are played, by each of shuttle's two ways to choose them.
const ORDERS: usize = 1_000;
/// Changes of thread at bad moments that the second way places.
const DEPTH: usize = 4;
const SENDERS: usize = 3;
const EACH: usize = 3;

/// Stands for the waker and the poll: a wake is remembered until the thread sees it.
#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Bell {
    fn ring(&self) {
        *self.rung.lock().unwrap() = true;
        self.changed.notify_one();
    }

    fn wait(&self) {
        let rung = self.changed.wait_while(self.rung.lock().unwrap(), |rung| !*rung);
        *rung.unwrap() = false;
    }
}

/// A thread that slept beside a message would sleep for ever here, which shuttle reports.
#[test]
fn a_thread_is_woken_for_every_message_and_gets_each_once_and_in_order() {
    let test = || {
        let (inbox, bell) = (Arc::new(Inbox::new()), Arc::new(Bell::default()));
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| {
                let (inbox, bell) = (Arc::clone(&inbox), Arc::clone(&bell));
                thread::spawn(move || {
                    let leave = |must_wake| {
                        if must_wake {
                            bell.ring();
                        }
                    };
                    leave(inbox.put((sender, 0)));
                    leave(inbox.put_all(Vec::new()));
                    leave(inbox.put_all((1..EACH).map(|n| (sender, n)).collect()));
                })
            })
            .collect();
        let mut taken = Vec::new();
        while taken.len() < SENDERS * EACH {
            bell.wait();
            taken.extend(inbox.take());
        }
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        for sender in 0..SENDERS {
            let own = taken.iter().filter(|(from, _)| *from == sender).map(|(_, n)| *n);
            assert!(own.eq(0..EACH), "of {sender}: {taken:?}");
        }
        assert_eq!(inbox.take(), []);
    };
    shuttle::check_random(test, ORDERS);
    shuttle::check_pct(test, ORDERS, DEPTH);
}
