//! When waits of parked clients end, and when shards want to be tended.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// Timers of one I/O thread, by the monotonic clock.
#[derive(Default)]
pub(crate) struct Waits {
    /// Deadline, slot, client id. Those served meanwhile stay until their time and are then ignored.
    deadlines: BinaryHeap<Reverse<(Duration, usize, u64)>>,
    /// When replies held back may go: time, slot, client id.
    holds: BinaryHeap<Reverse<(Duration, usize, u64)>>,
    /// When, and which shard.
    tends: BinaryHeap<Reverse<(Duration, usize)>>,
}

impl Waits {
    pub(crate) fn add(&mut self, deadline: Duration, slot: usize, client: u64) {
        self.deadlines.push(Reverse((deadline, slot, client)));
    }

    /// Replies of this client are held back until `at`.
    pub(crate) fn hold(&mut self, at: Duration, slot: usize, client: u64) {
        self.holds.push(Reverse((at, slot, client)));
    }

    pub(crate) fn tend(&mut self, at: Duration, shard: usize) {
        self.tends.push(Reverse((at, shard)));
    }

    /// How long the event loop may sleep; `None` for ever.
    pub(crate) fn next_check(&self, now: Duration) -> Option<Duration> {
        let deadline = self.deadlines.peek().map(|Reverse((at, _, _))| *at);
        let tend = self.tends.peek().map(|Reverse((at, _))| *at);
        let hold = self.holds.peek().map(|Reverse((at, _, _))| *at);
        [deadline, hold, tend].into_iter().flatten().min().map(|at| at.saturating_sub(now))
    }

    /// Takes a wait whose time has come: slot and client id.
    pub(crate) fn take_due(&mut self, now: Duration) -> Option<(usize, u64)> {
        take_due(&mut self.deadlines, now)
    }

    /// Takes a client whose replies may go now: slot and client id.
    pub(crate) fn take_released(&mut self, now: Duration) -> Option<(usize, u64)> {
        take_due(&mut self.holds, now)
    }

    /// Takes a shard that is to be tended now.
    pub(crate) fn take_tend(&mut self, now: Duration) -> Option<usize> {
        let Reverse((at, shard)) = *self.tends.peek()?;
        (at <= now).then(|| {
            self.tends.pop();
            shard
        })
    }
}

fn take_due(
    timers: &mut BinaryHeap<Reverse<(Duration, usize, u64)>>,
    now: Duration,
) -> Option<(usize, u64)> {
    let Reverse((at, slot, client)) = *timers.peek()?;
    (at <= now).then(|| {
        timers.pop();
        (slot, client)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_end_in_the_order_of_their_deadlines_whatever_the_order_they_came_in() {
        let ms = Duration::from_millis;
        let mut waits = Waits::default();
        assert_eq!(waits.next_check(ms(0)), None);
        waits.add(ms(30), 1, 10);
        waits.add(ms(20), 2, 20);
        waits.tend(ms(25), 7);
        assert_eq!(waits.next_check(ms(5)), Some(ms(15)));
        assert_eq!(waits.take_due(ms(19)), None);
        assert_eq!(waits.take_due(ms(20)), Some((2, 20)));
        assert_eq!((waits.take_due(ms(20)), waits.take_tend(ms(20))), (None, None));
        assert_eq!(waits.next_check(ms(20)), Some(ms(5)));
        assert_eq!((waits.take_tend(ms(40)), waits.take_tend(ms(40))), (Some(7), None));
        assert_eq!(waits.take_due(ms(40)), Some((1, 10)));
        assert_eq!(waits.next_check(ms(40)), None);
    }
}
