//! A server without sockets for the families' tests: real gates, locks and keyspace, a host that
//! remembers what was journalled, and time as a field.
//!
//! ```text
//! let mut bench = Bench::new();
//! bench.check("SET k v NX XX", err("ERR syntax error"));
//! bench.check(r#"SET k "a\r\n\x00""#, ok());
//! assert_eq!(bench.journal(), ["SET k a\\r\\n\\x00"]);
//! ```

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use guarda_resp::{Frame, ReplyWriter, decode};
use guarda_store::{HashValue, HashedKey, UnixMillis, Value};

use super::{FakeHost, NoScripts, START};
use crate::client::{AuthState, Client, ClientCard};
use crate::execute::{Worker, execute, note_refusal};
use crate::gates::{Admission, admit};
use crate::overview::Overview;

/// A database, one client and the time.
pub(crate) struct Bench {
    /// The server as commands see it.
    pub(crate) host: FakeHost,
    /// The client that [`Bench::call`] speaks for; swap it to speak for another.
    pub(crate) client: Client,
    /// Counters and scratch of the one thread.
    pub(crate) worker: Worker,
    /// What the next command takes for the present.
    pub(crate) now: UnixMillis,
}

impl Bench {
    /// An empty server with 16 databases and a client on database 0.
    pub(crate) fn new() -> Bench {
        Bench {
            host: FakeHost::new(16, Arc::new(NoScripts::default())),
            client: new_client(1),
            worker: Worker::default(),
            now: START,
        }
    }

    /// Lets `millis` pass.
    pub(crate) fn advance(&mut self, millis: i64) {
        self.now.0 += millis;
        self.host.now_ms.store(self.now.0, Ordering::Relaxed);
        self.host.monotonic_ms.fetch_add(millis as u64, Ordering::Relaxed);
    }

    /// Puts a hash `{f: v}` at `key` behind the commands' back, for tests of other types.
    pub(crate) fn make_hash(&mut self, key: &str) {
        let mut hash = HashValue::default();
        hash.set(b"f", b"v", self.host.settings.hash_limits());
        let key = HashedKey::new(key.as_bytes());
        self.host.keyspace.with_shard(key.shard(), |shard| {
            shard.set_value(self.client.db, key, Value::Hash(hash), None, self.now);
        });
    }

    /// Makes another client the one that speaks; returns the one that spoke.
    pub(crate) fn swap_client(&mut self, other: Client) -> Client {
        std::mem::replace(&mut self.client, other)
    }

    /// Runs one command as the server would and returns its reply.
    pub(crate) fn call(&mut self, args: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        match admit(args, &mut self.client, &self.host) {
            Admission::Run(call) => {
                let patience = Duration::from_secs(10);
                let (client, host) = (&mut self.client, &self.host);
                execute(&call, client, host, &mut self.worker, self.now, patience, &mut out)
                    .expect("nobody else holds a lock");
            }
            Admission::Dropped => {}
            Admission::Postponed => out.extend_from_slice(b"(postponed)"),
            Admission::Queued(_) => {
                ReplyWriter::new(&mut out, self.client.protocol).simple("QUEUED");
            }
            Admission::Refused(error) => {
                note_refusal(args, &error.wire(), &mut self.worker.effects);
                ReplyWriter::new(&mut out, self.client.protocol).error_bytes(&error.wire());
            }
        }
        out
    }

    /// Runs a command line; words are separated by blanks, `"…"` quotes with `\r \n \" \\ \xNN`.
    pub(crate) fn run(&mut self, line: &str) -> Vec<u8> {
        let words = words(line);
        let args: Vec<&[u8]> = words.iter().map(|word| &word[..]).collect();
        self.call(&args)
    }

    /// Runs a command line and compares the reply byte for byte.
    #[track_caller]
    pub(crate) fn check(&mut self, line: &str, expected: impl AsRef<[u8]>) {
        let reply = self.run(line);
        assert_eq!(escaped(&reply), escaped(expected.as_ref()), "{line}");
    }

    /// Runs a command line and returns the decoded reply.
    pub(crate) fn frame(&mut self, line: &str) -> Frame {
        let reply = self.run(line);
        decode(&reply).expect("well formed").expect("whole").0
    }

    /// What INFO would count.
    pub(crate) fn overview(&self) -> Overview {
        Overview::of(&mut self.host.keyspace.lock_none(), self.now)
    }

    /// What was journalled since the last call: one line a record, arguments separated by blanks
    /// and escaped, preceded by `<db>:` for databases other than 0.
    pub(crate) fn journal(&mut self) -> Vec<String> {
        let commands = self.host.log.take().into_iter().flatten();
        commands
            .map(|(db, args)| {
                let args: Vec<String> = args.iter().map(|arg| escaped(arg)).collect();
                let db = if db == 0 { String::new() } else { format!("{db}:") };
                format!("{db}{}", args.join(" "))
            })
            .collect()
    }

    /// Runs a command line and compares what it journalled.
    #[track_caller]
    pub(crate) fn check_journal(&mut self, line: &str, expected: &[&str]) {
        self.journal();
        let reply = self.run(line);
        assert_eq!(self.journal(), expected, "{line} answered {}", escaped(&reply));
    }
}

/// A client that just connected, authenticated.
pub(crate) fn new_client(id: u64) -> Client {
    let card = ClientCard::new(id, "127.0.0.1:1".into(), "127.0.0.1:2".into(), 9, START);
    Client::new(Arc::new(card), AuthState::Granted)
}

// Expected replies ---------------------------------------------------------------------------------

/// `+OK`.
pub(crate) fn ok() -> Vec<u8> {
    simple("OK")
}

/// A simple string.
pub(crate) fn simple(text: &str) -> Vec<u8> {
    format!("+{text}\r\n").into_bytes()
}

/// An error; `text` without the `-`.
pub(crate) fn err(text: &str) -> Vec<u8> {
    format!("-{text}\r\n").into_bytes()
}

/// The error for a value of another type.
pub(crate) fn wrong_type() -> Vec<u8> {
    err("WRONGTYPE Operation against a key holding the wrong kind of value")
}

/// An integer.
pub(crate) fn int(value: i64) -> Vec<u8> {
    format!(":{value}\r\n").into_bytes()
}

/// A bulk string.
pub(crate) fn bulk(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    [format!("${}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

/// No value, in RESP2.
pub(crate) fn nil() -> Vec<u8> {
    b"$-1\r\n".to_vec()
}

/// An array of replies.
#[allow(clippy::needless_pass_by_value, reason = "a list of expected replies is written in place")]
pub(crate) fn array<const N: usize>(items: [Vec<u8>; N]) -> Vec<u8> {
    [format!("*{N}\r\n").into_bytes(), items.concat()].concat()
}

/// An array of bulk strings.
pub(crate) fn bulks<const N: usize>(items: [&str; N]) -> Vec<u8> {
    array(items.map(bulk))
}

/// Splits a command line into words.
fn words(line: &str) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut rest = line.trim_start().as_bytes();
    while let Some(&first) = rest.first() {
        let mut word = Vec::new();
        if first == b'"' {
            rest = &rest[1..];
            while rest[0] != b'"' {
                let (byte, used) = unescaped(rest);
                word.push(byte);
                rest = &rest[used..];
            }
            rest = &rest[1..];
        } else {
            let end = rest.iter().position(|&byte| byte == b' ').unwrap_or(rest.len());
            word.extend_from_slice(&rest[..end]);
            rest = &rest[end..];
        }
        words.push(word);
        rest = rest.trim_ascii_start();
    }
    words
}

fn unescaped(text: &[u8]) -> (u8, usize) {
    match text {
        [b'\\', b'x', high, low, ..] => {
            let digit = |c: u8| char::from(c).to_digit(16).expect("two hexadecimal digits");
            ((digit(*high) * 16 + digit(*low)) as u8, 4)
        }
        [b'\\', b'r', ..] => (b'\r', 2),
        [b'\\', b'n', ..] => (b'\n', 2),
        [b'\\', other, ..] => (*other, 2),
        [plain, ..] => (*plain, 1),
        [] => panic!("a quote is not closed"),
    }
}

fn escaped(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

#[test]
fn a_command_line_is_split_as_redis_cli_splits_it() {
    let expected: [&[u8]; 4] = [b"SET", b"a b", b"\x00\r\n\"", b"x\"y"];
    assert_eq!(words(r#" SET "a b"  "\x00\r\n\"" x"y "#), expected);
    assert_eq!(words(r#"GET """#), [&b"GET"[..], b""]);
}

#[test]
fn a_bench_admits_executes_and_replies() {
    let mut bench = Bench::new();
    bench.check("MULTI", ok());
    bench.check("NOSUCH a", err("ERR unknown command 'NOSUCH', with args beginning with: 'a' "));
    bench.check("EXEC", err("EXECABORT Transaction discarded because of previous errors."));
    let other = bench.swap_client(new_client(2));
    assert_eq!((other.card.id, bench.client.card.id), (1, 2));
}
