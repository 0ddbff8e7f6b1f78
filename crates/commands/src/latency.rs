//! `LATENCY`: events that took longer than `latency-monitor-threshold`.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

/// Samples kept of each event.
const SAMPLES_MAX: usize = 160;

/// What is kept of one event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Samples {
    /// Unix seconds and milliseconds taken, oldest first; one a second, the longest.
    pub(crate) samples: VecDeque<(i64, u64)>,
    /// The longest ever, in milliseconds.
    pub(crate) longest_ms: u64,
}

/// The events so far.
#[derive(Default)]
pub struct LatencyMonitor {
    /// `latency-monitor-threshold`; 0: nothing is watched.
    threshold_ms: AtomicU64,
    events: Mutex<BTreeMap<&'static str, Samples>>,
}

impl LatencyMonitor {
    /// Takes `latency-monitor-threshold`, in milliseconds; 0 switches the monitor off.
    pub fn set_threshold(&self, threshold_ms: u64) {
        self.threshold_ms.store(threshold_ms, Ordering::Relaxed);
    }

    /// Whether anything is watched.
    pub fn is_on(&self) -> bool {
        self.threshold_ms.load(Ordering::Relaxed) > 0
    }

    /// Notes that `event` took so long, if that is worth it; `now_s` gives the time in Unix seconds.
    pub fn note(&self, event: &'static str, took: Duration, now_s: impl FnOnce() -> i64) {
        let threshold_ms = self.threshold_ms.load(Ordering::Relaxed);
        let took_ms = took.as_millis() as u64;
        if threshold_ms == 0 || took_ms < threshold_ms {
            return;
        }
        let mut events = self.events.lock();
        let event = events.entry(event).or_default();
        event.longest_ms = event.longest_ms.max(took_ms);
        let now_s = now_s();
        match event.samples.back_mut() {
            Some((at_s, ms)) if *at_s == now_s => *ms = took_ms.max(*ms),
            _ => event.samples.push_back((now_s, took_ms)),
        }
        if event.samples.len() > SAMPLES_MAX {
            event.samples.pop_front();
        }
    }

    pub(crate) fn events(&self) -> BTreeMap<&'static str, Samples> {
        self.events.lock().clone()
    }

    /// Forgets an event; returns how many of that name there were.
    pub(crate) fn forget(&self, event: &[u8]) -> usize {
        let mut events = self.events.lock();
        let before = events.len();
        events.retain(|name, _| name.as_bytes() != event);
        before - events.len()
    }

    /// Forgets all events; returns how many there were.
    pub(crate) fn forget_all(&self) -> usize {
        std::mem::take(&mut *self.events.lock()).len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Bench, array, bulk, int};

    #[test]
    fn an_event_is_the_longest_of_its_second() {
        let monitor = LatencyMonitor::default();
        let note = |at_s, ms| monitor.note("command", Duration::from_millis(ms), || at_s);
        note(1, 1000);
        assert!(monitor.events().is_empty(), "off until configured");
        monitor.set_threshold(5);
        for (at_s, ms) in [(1, 4), (1, 7), (1, 9), (1, 8), (2, 5)] {
            note(at_s, ms);
        }
        let samples = monitor.events()["command"].clone();
        assert_eq!(samples.samples, [(1, 9), (2, 5)]);
        assert_eq!(samples.longest_ms, 9);
        (3..1000).for_each(|at_s| note(at_s, 6));
        let samples = monitor.events()["command"].clone();
        assert_eq!(samples.samples.len(), SAMPLES_MAX);
        assert_eq!(samples.longest_ms, 9, "though its sample has gone");
    }

    #[test]
    fn events_are_shown_and_forgotten_by_name() {
        let mut bench = Bench::new();
        let millis = Duration::from_millis;
        bench.run("PING");
        bench.host.observations.latency.set_threshold(5);
        bench.host.observations.latency.note("command", millis(7), || 9);
        bench.host.observations.latency.note("fast-command", millis(6), || 8);
        let latest = [
            array([bulk("command"), int(9), int(7), int(7)]),
            array([bulk("fast-command"), int(8), int(6), int(6)]),
        ];
        bench.check("LATENCY LATEST", array(latest));
        bench.check("LATENCY HISTORY command", array([array([int(9), int(7)])]));
        bench.check("LATENCY HISTORY nosuch", array([]));
        bench.check("LATENCY RESET nosuch command command", int(1));
        bench.check("LATENCY RESET", int(1));
        bench.check("LATENCY LATEST", array([]));
    }
}
