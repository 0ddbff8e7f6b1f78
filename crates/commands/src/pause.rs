//! `CLIENT PAUSE`: clients stand still for a while, so that somebody can move the data or them.
//!
//! A command that has to wait is put back by its thread, whole and unlooked at, and begins anew once
//! the pause is over. Meanwhile nothing expires by itself: a key that is due is as good as gone for
//! whoever reads, but stays until the pause is over.

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::client::Client;
use crate::execute::{Call, as_slices};
use crate::families::scripting;
use crate::host::Host;
use crate::spec::{CommandSpec, Flags, Locks};

/// Which commands wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum PauseMode {
    /// Those that may change something.
    Writes = 1,
    /// All.
    All = 2,
}

/// The pause of all clients; shared by all threads.
#[derive(Default)]
pub struct Pause {
    /// A [`PauseMode`], or 0.
    mode: AtomicU8,
    /// When it ends, by the monotonic clock. Held while the mode is changed.
    until: Mutex<Duration>,
}

impl Pause {
    /// Whether there is one. One whose time has come counts until somebody ends it.
    pub fn is_on(&self) -> bool {
        self.mode.load(Ordering::Relaxed) != 0
    }

    /// Begins a pause. With one that is under way the longer and the stricter of the two count.
    pub(crate) fn begin(&self, mode: PauseMode, until: Duration) {
        let mut end = self.until.lock();
        let current = self.mode.load(Ordering::Relaxed);
        *end = if current == 0 { until } else { until.max(*end) };
        self.mode.store(current.max(mode as u8), Ordering::Relaxed);
    }

    /// Ends it.
    pub(crate) fn end(&self) {
        let _changing = self.until.lock();
        self.mode.store(0, Ordering::Relaxed);
    }

    /// How much of it is left, if anything is; ends one whose time has come.
    pub fn left(&self, now: Duration) -> Option<Duration> {
        if !self.is_on() {
            return None;
        }
        let until = self.until.lock();
        let left = until.saturating_sub(now);
        if left.is_zero() {
            self.mode.store(0, Ordering::Relaxed);
        }
        (!left.is_zero()).then_some(left)
    }
}

/// Whether a call has to wait for the end of the pause.
pub(crate) fn holds_back(call: &Call<'_>, client: &Client, host: &dyn Host) -> bool {
    let pause = host.pause();
    pause.left(host.monotonic()).is_some()
        && (pause.mode.load(Ordering::Relaxed) == PauseMode::All as u8
            || may_change(call, client, host))
}

/// Whether a call, or what a transaction has queued, may change something.
pub(crate) fn may_change(call: &Call<'_>, client: &Client, host: &dyn Host) -> bool {
    if call.spec.locks != Locks::Transaction {
        return may_change_by_itself(call.spec, call.args, host);
    }
    let mut queued = client.transaction.iter().flat_map(|transaction| &transaction.queued);
    queued.any(|queued| may_change_by_itself(queued.spec, &as_slices(&queued.args), host))
}

fn may_change_by_itself(spec: &CommandSpec, args: &[&[u8]], host: &dyn Host) -> bool {
    let may = spec.flags.contains(Flags::WRITE) || spec.flags.contains(Flags::MAY_REPLICATE);
    may && !(spec.flags.contains(Flags::SCRIPT) && scripting::declares_no_writes(args, host))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::testing::{Bench, err, int, nil, ok, simple};

    /// Whether a command has to wait.
    fn waits(bench: &mut Bench, line: &str) -> bool {
        bench.run(line) == b"(postponed)"
    }

    #[test]
    fn writes_wait_and_reads_do_not() {
        let mut bench = Bench::new();
        bench.check("SET k v", ok());
        bench.check("CLIENT PAUSE 1000 WRITE", ok());
        for line in [
            "SET k w",
            "EVAL x 0",
            "EVALSHA x 0",
            "PUBLISH a b",
            "SPUBLISH a b",
            "FLUSHALL",
            "GETEX k",
            "SORT k",
            "BLPOP l 0",
            "BLPOP l x",
            "SWAPDB 0 1",
            "SESSION RELEASE s t",
        ] {
            assert!(waits(&mut bench, line), "{line}");
        }
        for line in [
            "GET k",
            "TTL k",
            "SORT_RO l",
            "SCRIPT LOAD x",
            "CONFIG GET x",
            "SUBSCRIBE a",
            "SET",
            "NOSUCH",
            "SESSION INFO s",
        ] {
            assert!(!waits(&mut bench, line), "{line}");
        }
        bench.run("RESET");
        bench.check("CLIENT UNPAUSE", ok());
        assert!(!waits(&mut bench, "SET k w"));
    }

    #[test]
    fn everything_that_is_a_command_waits_for_the_end_of_a_full_pause() {
        let mut bench = Bench::new();
        bench.check("CLIENT PAUSE 1000", ok());
        for line in ["PING", "GET k", "CLIENT UNPAUSE", "MULTI", "QUIT"] {
            assert!(waits(&mut bench, line), "{line}");
        }
        bench.check("NOSUCH", err("ERR unknown command 'NOSUCH', with args beginning with: "));
        bench.advance(999);
        assert!(waits(&mut bench, "PING"));
        bench.advance(1);
        bench.check("PING", simple("PONG"));
    }

    #[test]
    fn a_transaction_waits_if_it_writes_unless_it_made_the_pause() {
        let mut bench = Bench::new();
        for line in ["MULTI", "SET k 1", "CLIENT PAUSE 1000 WRITE"] {
            bench.run(line);
        }
        assert!(!waits(&mut bench, "SET k 2"), "nothing is paused yet");
        bench.check("EXEC", "*3\r\n+OK\r\n+OK\r\n+OK\r\n");
        bench.check("GET k", "$1\r\n2\r\n");
        bench.check("MULTI", ok());
        bench.check("GET k", simple("QUEUED"));
        assert!(waits(&mut bench, "SET k 3"), "not even queued");
        bench.check("EXEC", "*1\r\n$1\r\n2\r\n");
        bench.check("CLIENT UNPAUSE", ok());
        for line in ["MULTI", "SET k 3"] {
            bench.run(line);
        }
        bench.host.pause.begin(PauseMode::Writes, Duration::from_secs(1000));
        assert!(waits(&mut bench, "EXEC"));
        bench.check("DISCARD", ok());
    }

    #[test]
    fn of_two_pauses_the_longer_and_the_stricter_counts() {
        let pause = Pause::default();
        let s = Duration::from_secs;
        assert_eq!(pause.left(s(0)), None);
        pause.begin(PauseMode::Writes, s(10));
        pause.begin(PauseMode::Writes, s(5));
        assert_eq!(pause.left(s(1)), Some(s(9)));
        pause.begin(PauseMode::All, s(3));
        pause.begin(PauseMode::Writes, s(12));
        assert_eq!(pause.left(s(4)), Some(s(8)));
        assert_eq!(pause.mode.load(Ordering::Relaxed), PauseMode::All as u8);
        assert_eq!((pause.left(s(12)), pause.is_on()), (None, false));
        pause.begin(PauseMode::Writes, s(13));
        assert_eq!(pause.left(s(12)), Some(s(1)));
        pause.end();
        assert_eq!(pause.left(s(12)), None);
    }

    #[test]
    fn what_is_due_is_hidden_and_stays_while_writes_are_paused() {
        let mut bench = Bench::new();
        bench.run("SET k v PX 100");
        bench.check("CLIENT PAUSE 1000 WRITE", ok());
        bench.advance(100);
        bench.journal();
        bench.check("GET k", nil());
        bench.check("EXISTS k", int(0));
        bench.check("TTL k", int(-2));
        bench.check("DBSIZE", int(1));
        assert!(bench.journal().is_empty());
        bench.advance(900);
        bench.check_journal("GET k", &["DEL k"]);
        bench.check("DBSIZE", int(0));
    }

    #[test]
    fn malformed_pauses_are_refused() {
        let mut bench = Bench::new();
        for (line, error) in [
            ("CLIENT PAUSE", "ERR wrong number of arguments for 'client|pause' command"),
            ("CLIENT PAUSE x", "ERR timeout is not an integer or out of range"),
            ("CLIENT PAUSE 1.5", "ERR timeout is not an integer or out of range"),
            ("CLIENT PAUSE -1", "ERR timeout is negative"),
            ("CLIENT PAUSE 9223372036854775807", "ERR timeout is out of range"),
            ("CLIENT PAUSE 10 SOME", "ERR CLIENT PAUSE mode must be WRITE or ALL"),
            ("CLIENT UNPAUSE now", "ERR wrong number of arguments for 'client|unpause' command"),
        ] {
            bench.check(line, err(error));
        }
        bench.check("CLIENT PAUSE 0", ok());
        bench.check("PING", simple("PONG"));
    }
}
