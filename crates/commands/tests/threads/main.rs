//! Tickets and their queue among threads, in very many of the orders in which those may run: the
//! source, compiled with shuttle's locks and atomics. A failure prints a schedule that
//! `shuttle::replay` repeats.

#![allow(clippy::unwrap_used, reason = "clippy exempts test functions and not their helpers")]

mod waits;

use std::sync::Arc;
use std::time::Duration;

use shuttle::sync::Mutex;
use shuttle::sync::atomic::{AtomicBool, Ordering};
use shuttle::thread::{self, JoinHandle};

use waits::queue::WaitQueue;
use waits::ticket::{Awaited, LogWanted, Ticket};

/// What the ticket needs of the rest of the crate.
mod sessions {
    /// Which lock a session's wait is for.
    #[derive(Clone)]
    pub(crate) struct SessionLock;
}

/// Orders that each test plays, by each of shuttle's two ways to choose them.
const ORDERS: usize = 1_000;
/// Changes of thread at bad moments that the second way places.
const DEPTH: usize = 4;
const WAITERS: usize = 3;

fn play(test: fn()) {
    shuttle::check_random(test, ORDERS);
    shuttle::check_pct(test, ORDERS, DEPTH);
}

fn join(threads: impl IntoIterator<Item = JoinHandle<()>>) {
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// One key: who waits for it, its elements, and who was given which.
#[derive(Default)]
struct Shard {
    queue: WaitQueue<usize>,
    elements: Vec<usize>,
    delivered: Vec<(usize, usize)>,
}

impl Shard {
    /// As whoever fills the key does before the shard is let go.
    fn fill(&mut self, element: usize) {
        self.elements.push(element);
        while !self.elements.is_empty() {
            let Some(at) = self.queue.find(|_| true) else { return };
            let Some(waiter) = self.queue.serve(at) else { continue };
            self.delivered.push((waiter.request, self.elements.remove(0)));
        }
    }
}

fn waiting(shard: &mut Shard) -> Vec<Arc<Ticket>> {
    let add = |waiter| {
        let ticket = Arc::new(Ticket::new(Awaited::Element, Duration::ZERO, None));
        shard.queue.push(&ticket, waiter);
        ticket
    };
    (0..WAITERS).map(add).collect()
}

#[test]
fn a_waiter_is_served_once_or_cancelled_and_no_element_is_lost() {
    play(|| {
        let mut shard = Shard::default();
        let tickets = waiting(&mut shard);
        let shard = Arc::new(Mutex::new(shard));
        let cancelled: Vec<Arc<AtomicBool>> = tickets.iter().map(|_| Arc::default()).collect();
        let fills = (0..2).map(|element| {
            let shard = Arc::clone(&shard);
            thread::spawn(move || shard.lock().unwrap().fill(element))
        });
        // The first two run out of time, at any moment.
        let ends = tickets.iter().zip(&cancelled).take(2).map(|(ticket, cancelled)| {
            let (ticket, cancelled) = (Arc::clone(ticket), Arc::clone(cancelled));
            thread::spawn(move || cancelled.store(ticket.cancel(), Ordering::SeqCst))
        });
        join(fills.chain(ends).collect::<Vec<_>>());

        let mut shard = shard.lock().unwrap();
        let served = |waiter| shard.delivered.iter().filter(|(to, _)| *to == waiter).count();
        for (waiter, ticket) in tickets.iter().enumerate() {
            let outcomes = served(waiter) + usize::from(cancelled[waiter].load(Ordering::SeqCst));
            assert_eq!(outcomes + usize::from(ticket.is_waiting()), 1, "waiter {waiter}");
            assert!(waiter == 2 || !ticket.is_waiting(), "its time was up");
        }
        let turns: Vec<usize> = shard.delivered.iter().map(|(waiter, _)| *waiter).collect();
        assert!(turns.is_sorted(), "out of turn: {turns:?}");
        let mut all: Vec<usize> = shard.delivered.iter().map(|(_, element)| *element).collect();
        all.extend(&shard.elements);
        all.sort_unstable();
        assert_eq!(all, [0, 1], "an element is lost, or was given twice");
        let left = shard.queue.find(|_| true).is_some();
        assert!(!left || shard.elements.is_empty(), "somebody waits beside an element");
    });
}

#[test]
fn a_queue_is_rid_only_of_those_who_gave_up() {
    play(|| {
        let mut shard = Shard::default();
        let tickets = waiting(&mut shard);
        let shard = Arc::new(Mutex::new(shard));
        let pruning = Arc::clone(&shard);
        let gives_up = Arc::clone(&tickets[1]);
        join([
            thread::spawn(move || assert!(pruning.lock().unwrap().queue.prune() >= 2)),
            thread::spawn(move || assert!(gives_up.cancel())),
        ]);
        let mut shard = shard.lock().unwrap();
        (0..3).for_each(|element| shard.fill(element));
        assert_eq!(shard.delivered, [(0, 0), (2, 1)]);
        assert_eq!(shard.elements, [2]);
    });
}

#[test]
fn one_who_waits_for_the_log_is_answered_once() {
    play(|| {
        let wanted = LogWanted { local: true, replicas: false, is_synced: false.into() };
        let awaited = Awaited::Log(Arc::new(wanted));
        let ticket = Arc::new(Ticket::new(awaited, Duration::ZERO, None));
        let answers = Arc::new(Mutex::new(0));
        let tell = |answer: fn(&Ticket) -> bool| {
            let (ticket, answers) = (Arc::clone(&ticket), Arc::clone(&answers));
            thread::spawn(move || *answers.lock().unwrap() += usize::from(answer(&ticket)))
        };
        join([
            tell(|ticket| ticket.note_synced().is_some()),
            tell(|ticket| ticket.note_log_off().is_some()),
            tell(Ticket::cancel),
        ]);
        assert_eq!(*answers.lock().unwrap(), 1);
        assert!(!ticket.is_waiting());
    });
}
