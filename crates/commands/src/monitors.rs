//! `MONITOR`: clients that are shown every command that runs.
//!
//! A command is shown once it has run, while its shards are still locked: so commands on one key are
//! shown in the order in which they ran. The lines go the way of published messages, by the mailbox
//! of the monitor's thread. While nobody watches, a command pays for one load.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::client::{Client, ClientCard};
use crate::context::{Caller, Context};
use crate::execute::Call;
use crate::pubsub::{Addressed, Publication};
use crate::secrets::without_secrets;
use crate::spec::{CommandSpec, Flags};

/// The clients that watch; shared by all threads.
#[derive(Default)]
pub struct Monitors {
    count: AtomicUsize,
    ids: Mutex<Vec<u64>>,
}

impl Monitors {
    /// Whether anybody watches.
    pub fn any(&self) -> bool {
        self.count.load(Ordering::Relaxed) > 0
    }

    fn change(&self, change: impl FnOnce(&mut Vec<u64>)) {
        let mut ids = self.ids.lock();
        change(&mut ids);
        self.count.store(ids.len(), Ordering::Relaxed);
    }

    fn ids(&self) -> Vec<u64> {
        self.ids.lock().clone()
    }
}

impl Client {
    /// Whether it is shown what others do.
    pub fn is_monitor(&self) -> bool {
        self.is_monitor
    }

    /// Makes it a monitor.
    pub(crate) fn begin_monitoring(&mut self, monitors: &Monitors) {
        self.is_monitor = true;
        self.card.details.lock().is_monitor = true;
        monitors.change(|ids| ids.push(self.card.id));
    }

    /// Shows it nothing more.
    pub fn end_monitoring(&mut self, monitors: &Monitors) {
        if std::mem::take(&mut self.is_monitor) {
            self.card.details.lock().is_monitor = false;
            monitors.change(|ids| ids.retain(|id| *id != self.card.id));
        }
    }
}

/// Whether a command is shown. Operators' commands are not: what they say may be secret as a whole.
fn is_shown(spec: &CommandSpec, caller: Caller) -> bool {
    let hidden = spec.flags.contains(Flags::ADMIN) || spec.flags.contains(Flags::SKIP_MONITOR);
    caller != Caller::Log && !hidden
}

/// Shows a script before what it calls.
pub(crate) fn show_script(call: &Call<'_>, cx: &Context<'_, '_>) {
    if call.spec.flags.contains(Flags::SCRIPT) && cx.caller != Caller::Log {
        show(call, cx);
    }
}

/// Shows a command that has run, if it is one that is shown.
pub(crate) fn show_command(call: &Call<'_>, cx: &Context<'_, '_>) {
    if is_shown(call.spec, cx.caller) {
        show(call, cx);
    }
}

fn show(call: &Call<'_>, cx: &Context<'_, '_>) {
    let micros = cx.host.now_micros();
    let mut line = Vec::with_capacity(128);
    let (s, us, db) = (micros / 1_000_000, micros % 1_000_000, cx.client.db);
    let from = if cx.caller == Caller::Script { "lua".into() } else { origin(&cx.client.card) };
    write!(line, "{s}.{us:06} [{db} {from}]").expect("writing to memory cannot fail");
    for arg in without_secrets(call) {
        line.push(b' ');
        quote(&mut line, arg);
    }
    let publication = Arc::new(Publication::seen(line, cx.client.card.id));
    let clients = cx.host.observations().monitors.ids();
    cx.host.spread(vec![Addressed { publication, clients }], 0);
}

/// Where a client is: a Unix socket is told by the port 0, which no TCP peer has.
fn origin(card: &ClientCard) -> String {
    match card.addr.strip_suffix(":0") {
        Some(path) => format!("unix:{path}"),
        None => card.addr.clone(),
    }
}

/// Appends an argument in quotes, in printable ASCII.
fn quote(out: &mut Vec<u8>, arg: &[u8]) {
    out.push(b'"');
    for &byte in arg {
        match byte {
            b'\\' | b'"' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x07 => out.extend_from_slice(b"\\a"),
            0x08 => out.extend_from_slice(b"\\b"),
            b' '..=b'~' => out.push(byte),
            _ => write!(out, "\\x{byte:02x}").expect("writing to memory cannot fail"),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use guarda_resp::Protocol;

    use crate::testing::{Bench, bulk, err, int, new_client, nil, ok, simple};

    /// The lines shown since the last call, without their time.
    fn shown(bench: &Bench) -> Vec<String> {
        let spread = std::mem::take(&mut *bench.host.spread.lock());
        let line = |addressed: &crate::pubsub::Addressed| {
            assert_eq!(addressed.clients, [9]);
            let mut out = Vec::new();
            addressed.publication.write(&mut out, Protocol::Resp3);
            let line = String::from_utf8(out).expect("ASCII");
            let line = line.strip_prefix("+1700000000.123000 ").expect("the bench's time");
            line.trim_end().to_owned()
        };
        spread.iter().map(line).collect()
    }

    fn watched_bench() -> Bench {
        let mut bench = Bench::new();
        let own = bench.swap_client(new_client(9));
        bench.check("MONITOR", ok());
        bench.swap_client(own);
        bench
    }

    #[test]
    fn commands_are_shown_in_quotes_with_where_they_come_from() {
        let mut bench = watched_bench();
        bench.run(r#"set k "a b\x00\"q\\z\n\r\xff""#);
        let line = r#"[0 127.0.0.1:1] "set" "k" "a b\x00\"q\\z\n\r\xff""#;
        assert_eq!(shown(&bench), [line]);
        bench.check("SELECT 3", ok());
        bench.check("GET k", nil());
        let lines = [r#"[3 127.0.0.1:1] "SELECT" "3""#, r#"[3 127.0.0.1:1] "GET" "k""#];
        assert_eq!(shown(&bench), lines);
    }

    #[test]
    fn a_transaction_is_shown_as_it_runs() {
        let mut bench = watched_bench();
        for line in ["MULTI", "SET a 1", "LPUSH a 1", "EXEC"] {
            bench.run(line);
        }
        let lines = [
            r#"[0 127.0.0.1:1] "MULTI""#,
            r#"[0 127.0.0.1:1] "SET" "a" "1""#,
            r#"[0 127.0.0.1:1] "LPUSH" "a" "1""#,
            r#"[0 127.0.0.1:1] "EXEC""#,
        ];
        assert_eq!(shown(&bench), lines);
    }

    #[test]
    fn neither_refused_commands_nor_operators_nor_secrets_are_shown() {
        let mut bench = watched_bench();
        for line in ["GET", "NOSUCH", "CONFIG GET x", "CLIENT LIST", "ACL SETUSER bob >pw"] {
            bench.run(line);
        }
        assert!(shown(&bench).is_empty());
        let token = "guarda:0123456789abcdef0123456789abcdef";
        for (line, seen) in [
            ("AUTH bob pw", r#""AUTH" "(redacted)" "(redacted)""#.to_owned()),
            (
                "HELLO 3 AUTH u pw SETNAME n",
                r#""HELLO" "3" "AUTH" "(redacted)" "(redacted)" "SETNAME" "n""#.to_owned(),
            ),
            (
                &format!("SESSION OPEN s {token}"),
                r#""SESSION" "OPEN" "s" "(redacted)""#.to_owned(),
            ),
            (
                &format!("SESSION COMMIT s {token} absent TTL 1000 NONCE n TAG DATA DATA secret"),
                r#""SESSION" "COMMIT" "s" "(redacted)" "absent" "TTL" "1000" "NONCE" "(redacted)" "TAG" "DATA" "DATA" "(redacted)""#
                    .to_owned(),
            ),
        ] {
            bench.run(line);
            assert_eq!(shown(&bench), [format!("[0 127.0.0.1:1] {seen}")]);
        }
    }

    #[test]
    fn a_monitor_has_no_business_with_keys_and_can_go_back() {
        let mut bench = Bench::new();
        bench.check("MULTI", ok());
        bench.check("MONITOR", simple("QUEUED"));
        let refused = "*1\r\n-ERR MONITOR isn't allowed for DENY BLOCKING client\r\n";
        bench.check("EXEC", refused);
        bench.check("MONITOR", ok());
        bench.check("MONITOR", "");
        bench.check("PING", simple("PONG"));
        for line in ["GET k", "SET k v", "DBSIZE", "PUBLISH a b", "EVAL x 0"] {
            bench.check(line, err("ERR Replica can't interact with the keyspace"));
        }
        assert!(bench.host.observations.monitors.any());
        bench.check("RESET", simple("RESET"));
        assert!(!bench.host.observations.monitors.any());
        bench.check("DBSIZE", int(0));
        bench.check("ECHO x", bulk("x"));
    }
}
