//! Clients that read more slowly than they are answered, and when to give up on them.

use std::collections::BTreeMap;
use std::time::Duration;

use guarda_commands::listed_output;

/// How long a client may leave its replies unread without taking a single byte. Its connection
/// holds up to [`OUTPUT_PAUSE`](super::connection::OUTPUT_PAUSE) bytes of memory meanwhile.
pub(crate) const STALL_MAX: Duration = Duration::from_mins(1);

/// How often backlogs are looked at without any event.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);

/// One class of `client-output-buffer-limit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct OutputLimit {
    /// Bytes, as [`listed_output`] counts them, beyond which the client is closed at once; 0 = none.
    pub(crate) hard: usize,
    /// Bytes, as [`listed_output`] counts them, beyond which the client is closed after `soft_for`; 0 = none.
    pub(crate) soft: usize,
    pub(crate) soft_for: Duration,
}

impl OutputLimit {
    /// Whether a client with so much to be sent is closed at once.
    pub(crate) fn is_exceeded_by(self, unsent: usize) -> bool {
        self.hard > 0 && listed_output(unsent) > self.hard
    }
}

/// `client-output-buffer-limit`: `normal` and `pubsub`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct OutputLimits {
    pub(crate) normal: OutputLimit,
    pub(crate) subscribers: OutputLimit,
}

impl OutputLimits {
    /// That of monitors: `normal`, as in Redis, but where that is none, `pubsub`. A monitor that does not
    /// keep up would otherwise take all memory, since it is sent lines unasked.
    pub(crate) fn monitors(&self) -> OutputLimit {
        if self.normal.hard == 0 { self.subscribers } else { self.normal }
    }
}

/// Why a slow client is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    OverHard,
    OverSoft,
    /// It took nothing for [`STALL_MAX`].
    Stalled,
}

impl Fault {
    /// For the log.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Fault::OverHard => "its replies exceed the hard client-output-buffer-limit",
            Fault::OverSoft => "its replies exceeded the soft client-output-buffer-limit too long",
            Fault::Stalled => "it has read none of its replies for a minute",
        }
    }
}

struct Backlog {
    id: u64,
    unsent: usize,
    progress_at: Duration,
    over_soft_since: Option<Duration>,
}

impl Backlog {
    fn fault(&self, limit: OutputLimit, now: Duration) -> Option<Fault> {
        if limit.is_exceeded_by(self.unsent) {
            return Some(Fault::OverHard);
        }
        if self.over_soft_since.is_some_and(|since| now.saturating_sub(since) > limit.soft_for) {
            return Some(Fault::OverSoft);
        }
        (now.saturating_sub(self.progress_at) >= STALL_MAX).then_some(Fault::Stalled)
    }
}

/// The slow clients of one I/O thread, by slot.
#[derive(Default)]
pub(crate) struct Backlogs {
    by_slot: BTreeMap<usize, Backlog>,
    check_at: Duration,
}

impl Backlogs {
    /// Notes that client `id` in `slot` has `unsent` bytes waiting, after taking some if `moved`.
    pub(crate) fn note(
        &mut self,
        (slot, id): (usize, u64),
        unsent: usize,
        moved: bool,
        limit: OutputLimit,
        now: Duration,
    ) -> Option<Fault> {
        if self.by_slot.is_empty() {
            self.check_at = now + CHECK_INTERVAL;
        }
        let new = || Backlog { id, unsent, progress_at: now, over_soft_since: None };
        let backlog = self.by_slot.entry(slot).or_insert_with(new);
        if backlog.id != id {
            *backlog = new();
        }
        backlog.unsent = unsent;
        if moved {
            backlog.progress_at = now;
        }
        if limit.soft > 0 && listed_output(unsent) > limit.soft {
            backlog.over_soft_since.get_or_insert(now);
        } else {
            backlog.over_soft_since = None;
        }
        backlog.fault(limit, now)
    }

    /// The client in `slot` has been sent everything, or has gone.
    pub(crate) fn clear(&mut self, slot: usize) {
        self.by_slot.remove(&slot);
    }

    /// Whether everybody has been sent everything.
    pub(crate) fn is_empty(&self) -> bool {
        self.by_slot.is_empty()
    }

    /// How long the event loop may sleep; `None` for ever.
    pub(crate) fn next_check(&self, now: Duration) -> Option<Duration> {
        (!self.by_slot.is_empty()).then(|| self.check_at.saturating_sub(now))
    }

    /// Clients to give up on, when it is time to look; the limit is told by the slot.
    pub(crate) fn overdue(
        &mut self,
        limit_of: impl Fn(usize) -> OutputLimit,
        now: Duration,
    ) -> Vec<(usize, Fault)> {
        if self.by_slot.is_empty() || now < self.check_at {
            return Vec::new();
        }
        self.check_at = now + CHECK_INTERVAL;
        let slots = self.by_slot.iter();
        slots
            .filter_map(|(slot, b)| b.fault(limit_of(*slot), now).map(|fault| (*slot, fault)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: OutputLimit = OutputLimit { hard: 0, soft: 0, soft_for: Duration::ZERO };

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_client_that_takes_nothing_for_a_minute_is_given_up() {
        let mut backlogs = Backlogs::default();
        assert_eq!(backlogs.next_check(s(0)), None);
        assert_eq!(backlogs.note((3, 7), 100, false, NONE, s(0)), None);
        assert!(backlogs.next_check(s(0)).is_some());
        assert_eq!(backlogs.overdue(|_| NONE, s(59)), []);
        assert_eq!(backlogs.overdue(|_| NONE, s(60)), [(3, Fault::Stalled)]);
    }

    #[test]
    fn every_byte_taken_starts_the_minute_anew() {
        let mut backlogs = Backlogs::default();
        assert_eq!(backlogs.note((3, 7), 100, false, NONE, s(0)), None);
        assert_eq!(backlogs.note((3, 7), 99, true, NONE, s(50)), None);
        assert_eq!(backlogs.note((3, 7), 200, false, NONE, s(100)), None);
        assert_eq!(backlogs.overdue(|_| NONE, s(109)), []);
        assert_eq!(backlogs.overdue(|_| NONE, s(110)), [(3, Fault::Stalled)]);
    }

    #[test]
    fn a_new_client_in_the_slot_does_not_inherit_the_wait() {
        let mut backlogs = Backlogs::default();
        assert_eq!(backlogs.note((3, 7), 100, false, NONE, s(0)), None);
        assert_eq!(backlogs.note((3, 8), 100, false, NONE, s(70)), None);
        backlogs.clear(3);
        assert_eq!(backlogs.overdue(|_| NONE, s(1000)), []);
        assert_eq!(backlogs.next_check(s(1000)), None);
    }

    #[test]
    fn the_hard_limit_is_at_once_and_the_soft_one_after_its_time() {
        let limit = OutputLimit { hard: 40 << 10, soft: 20 << 10, soft_for: s(10) };
        let mut backlogs = Backlogs::default();
        assert_eq!(backlogs.note((1, 1), 56 << 10, true, limit, s(0)), None);
        assert_eq!(backlogs.note((1, 1), (56 << 10) + 1, true, limit, s(0)), Some(Fault::OverHard));
        assert_eq!(backlogs.note((2, 2), (36 << 10) + 1, true, limit, s(0)), None);
        assert_eq!(backlogs.note((2, 2), (36 << 10) + 1, true, limit, s(10)), None);
        assert_eq!(
            backlogs.note((2, 2), (36 << 10) + 1, true, limit, s(11)),
            Some(Fault::OverSoft)
        );
        // Below the limit for a moment: the time begins again.
        assert_eq!(backlogs.note((2, 2), 36 << 10, true, limit, s(11)), None);
        assert_eq!(backlogs.note((2, 2), (36 << 10) + 1, true, limit, s(12)), None);
    }
}
