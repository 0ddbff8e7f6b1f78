//! Those who wait for one key.

use std::collections::VecDeque;
use std::sync::Arc;

use super::ticket::Ticket;

/// One who waits, and what for.
pub(crate) struct Waiter<R> {
    pub(crate) ticket: Arc<Ticket>,
    pub(crate) request: R,
}

/// A queue of waiters, first come, first served.
///
/// A wait is given up without the shard's lock, so that those who gave up stay in the queue until
/// they are met, or until they could be half of it.
pub(crate) struct WaitQueue<R> {
    waiters: VecDeque<Waiter<R>>,
    /// Length at which the queue is rid of those who gave up.
    prune_at: usize,
}

/// A queue shorter than this is not searched for those who gave up.
const PRUNE_LEN_MIN: usize = 16;

impl<R> Default for WaitQueue<R> {
    fn default() -> Self {
        WaitQueue { waiters: VecDeque::new(), prune_at: PRUNE_LEN_MIN }
    }
}

impl<R> WaitQueue<R> {
    /// Adds one at the end.
    pub(crate) fn push(&mut self, ticket: &Arc<Ticket>, request: R) {
        if self.waiters.len() >= self.prune_at {
            self.prune();
        }
        self.waiters.push_back(Waiter { ticket: Arc::clone(ticket), request });
    }

    /// Drops those who gave up; returns how many are left.
    pub(crate) fn prune(&mut self) -> usize {
        self.waiters.retain(|waiter| waiter.ticket.is_waiting());
        self.prune_at = PRUNE_LEN_MIN.max(self.waiters.len() * 2);
        self.waiters.len()
    }

    /// Those who wait, in their order.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = &Waiter<R>> {
        self.waiters.iter().filter(|waiter| waiter.ticket.is_waiting())
    }

    /// Whether nobody is queued, not even one who gave up.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiters.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.waiters.clear();
    }

    /// Where the first stands who waits and whose request `fits`.
    pub(crate) fn find(&mut self, fits: impl Fn(&R) -> bool) -> Option<usize> {
        while self.waiters.front().is_some_and(|first| !first.ticket.is_waiting()) {
            self.waiters.pop_front();
        }
        self.waiters.iter().position(|w| w.ticket.is_waiting() && fits(&w.request))
    }

    /// The request of the one at `at`.
    pub(crate) fn request(&self, at: usize) -> &R {
        &self.waiters[at].request
    }

    /// Takes the one at `at` out, and with it the right to serve; `None` if it gave up just now.
    pub(crate) fn serve(&mut self, at: usize) -> Option<Waiter<R>> {
        self.waiters.remove(at).filter(|waiter| waiter.ticket.serve())
    }
}
