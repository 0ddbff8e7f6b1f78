//! `SLOWLOG`: the calls that took longest to run, newest first.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::execute::Call;
use crate::secrets::without_secrets;

/// Arguments kept of one call; the last says how many more there were.
const ARGS_MAX: usize = 32;
/// Bytes kept of one argument.
const ARG_LEN_MAX: usize = 128;

/// One slow call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SlowCall {
    /// Rises with each entry, never used again.
    pub(crate) id: u64,
    /// When it ended, in Unix seconds.
    pub(crate) at_s: i64,
    /// What it took, in microseconds.
    pub(crate) micros: i64,
    /// Its arguments, without secrets, clipped.
    pub(crate) args: Vec<Vec<u8>>,
    /// Address and name of the client.
    pub(crate) client: String,
    pub(crate) client_name: Vec<u8>,
}

/// The log and its limits.
pub struct SlowLog {
    /// `slowlog-log-slower-than`, in microseconds; negative: nothing is slow.
    slower_than: AtomicI64,
    len_max: AtomicUsize,
    entries: Mutex<(u64, VecDeque<SlowCall>)>,
}

impl Default for SlowLog {
    fn default() -> SlowLog {
        SlowLog {
            slower_than: AtomicI64::new(-1),
            len_max: AtomicUsize::new(128),
            entries: Mutex::default(),
        }
    }
}

impl SlowLog {
    /// Takes `slowlog-log-slower-than`, in microseconds, and `slowlog-max-len`.
    pub fn set_limits(&self, slower_than: i64, len_max: usize) {
        self.slower_than.store(slower_than, Ordering::Relaxed);
        self.len_max.store(len_max, Ordering::Relaxed);
        // No later call will be remembered, which would let the others go.
        if len_max == 0 {
            self.clear();
        }
    }

    /// Whether a call that took so long is remembered.
    pub(crate) fn is_slow(&self, micros: i64) -> bool {
        let slower_than = self.slower_than.load(Ordering::Relaxed);
        let is_kept = self.len_max.load(Ordering::Relaxed) > 0;
        is_kept && slower_than >= 0 && micros >= slower_than
    }

    /// Remembers a call.
    pub(crate) fn add(
        &self,
        call: &Call<'_>,
        at_s: i64,
        micros: i64,
        client: String,
        client_name: Vec<u8>,
    ) {
        let args = clipped(call);
        let (next_id, entries) = &mut *self.entries.lock();
        entries.push_front(SlowCall { id: *next_id, at_s, micros, args, client, client_name });
        *next_id += 1;
        entries.truncate(self.len_max.load(Ordering::Relaxed));
    }

    pub(crate) fn newest(&self, count: usize) -> Vec<SlowCall> {
        self.entries.lock().1.iter().take(count).cloned().collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.lock().1.len()
    }

    pub(crate) fn clear(&self) {
        self.entries.lock().1.clear();
    }
}

/// The arguments that are shown of a call: without secrets, and not all of what is long.
fn clipped(call: &Call<'_>) -> Vec<Vec<u8>> {
    let args = without_secrets(call);
    let shown = if args.len() > ARGS_MAX { ARGS_MAX - 1 } else { args.len() };
    let clip = |arg: &&[u8]| match arg.len().checked_sub(ARG_LEN_MAX) {
        Some(more @ 1..) => {
            [&arg[..ARG_LEN_MAX], format!("... ({more} more bytes)").as_bytes()].concat()
        }
        _ => arg.to_vec(),
    };
    let mut kept: Vec<Vec<u8>> = args[..shown].iter().map(clip).collect();
    if shown < args.len() {
        kept.push(format!("... ({} more arguments)", args.len() - shown).into_bytes());
    }
    kept
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::testing::{Bench, int, ok};

    fn args(bench: &Bench) -> Vec<String> {
        let entries = bench.host.observations.slow.newest(usize::MAX);
        let text = |arg: &Vec<u8>| String::from_utf8_lossy(arg).into_owned();
        let line = |entry: &SlowCall| entry.args.iter().map(text).collect::<Vec<_>>().join(" ");
        entries.iter().rev().map(line).collect()
    }

    #[test]
    fn calls_are_kept_without_secrets_and_clipped() {
        let mut bench = Bench::new();
        bench.host.observations.slow.set_limits(0, 100);
        let long = "x".repeat(ARG_LEN_MAX);
        let many = vec!["a"; ARGS_MAX - 2].join(" ");
        let cases = [
            ("AUTH bob pw".to_owned(), "AUTH (redacted) (redacted)".to_owned()),
            (
                "HELLO 3 AUTH u pw SETNAME n".into(),
                "HELLO 3 AUTH (redacted) (redacted) SETNAME n".into(),
            ),
            (
                "HELLO 3 SETNAME n AUTH u pw".into(),
                "HELLO 3 SETNAME n AUTH (redacted) (redacted)".into(),
            ),
            (
                "HELLO 3 SETNAME auth AUTH u pw".into(),
                "HELLO 3 SETNAME auth AUTH (redacted) (redacted)".into(),
            ),
            (
                "HELLO 3 AUTH auth pw SETNAME n AUTH u2 pw2".into(),
                "HELLO 3 AUTH (redacted) (redacted) SETNAME n AUTH (redacted) (redacted)".into(),
            ),
            ("ACL SETUSER bob >pw".into(), "ACL SETUSER (redacted) (redacted)".into()),
            ("ACL DELUSER bob".into(), "ACL DELUSER (redacted)".into()),
            ("ACL GETUSER bob".into(), "ACL GETUSER (redacted)".into()),
            (
                "CONFIG SET maxmemory 0 RequirePass pw".into(),
                "CONFIG SET maxmemory 0 RequirePass (redacted)".into(),
            ),
            ("CONFIG SET requirepass".into(), String::new()),
            (format!("SET k {long}"), format!("SET k {long}")),
            (format!("SET k {long}yz"), format!("SET k {long}... (2 more bytes)")),
            (format!("DEL k {many}"), format!("DEL k {many}")),
            (format!("DEL k {many} b"), format!("DEL k {} ... (2 more arguments)", &many[2..])),
        ];
        for (line, shown) in cases {
            bench.host.observations.slow.clear();
            bench.run(&line);
            assert_eq!(args(&bench).concat(), shown, "{line}");
        }
    }

    #[test]
    fn the_log_keeps_the_newest_and_nothing_quicker_than_asked() {
        let mut bench = Bench::new();
        let slow = |bench: &Bench| bench.host.observations.slow.len();
        bench.run("GET k");
        assert_eq!(slow(&bench), 0, "off until configured");
        bench.host.observations.slow.set_limits(2000, 2);
        bench.run("GET k");
        assert_eq!(slow(&bench), 0);
        for key in ["a", "b", "c"] {
            bench.host.monotonic_ms.fetch_add(2, Ordering::Relaxed);
            bench.run(&format!("GET {key}"));
        }
        assert_eq!(args(&bench), ["GET b", "GET c"]);
        bench.check("SLOWLOG LEN", int(2));
        let expected = "*1\r\n*6\r\n:2\r\n:1700000000\r\n:2000\r\n*2\r\n$3\r\nGET\r\n$1\r\nc\r\n\
                        $11\r\n127.0.0.1:1\r\n$0\r\n\r\n";
        bench.check("SLOWLOG GET 1", expected);
        bench.check("SLOWLOG RESET", ok());
        bench.check("SLOWLOG LEN", int(0));
        // Where nothing is kept, nothing is counted.
        bench.host.observations.slow.set_limits(0, 0);
        bench.check("SLOWLOG LEN", int(0));
        bench.run("GET k");
        bench.host.observations.slow.set_limits(0, 2);
        bench.run("GET k");
        assert_eq!(bench.host.observations.slow.newest(1)[0].id, 3);
    }
}
