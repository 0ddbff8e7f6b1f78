//! A real redis-server in a scratch directory, reached over its Unix socket, and a way to look at
//! everything it holds.

#![allow(dead_code, reason = "each test binary uses a part of this")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use guarda_journal::rdb::{RdbEntry, RdbEvent, RdbReader, RdbValue};

/// A directory that is removed at the end.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("guarda-journal-{}-{n}", std::process::id()));
        fs::create_dir_all(&path).expect("a scratch directory can be created");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A reply of the server.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reply {
    Line(String),
    Integer(i64),
    Bulk(Option<Vec<u8>>),
    Array(Vec<Reply>),
}

impl Reply {
    fn bytes(self) -> Vec<u8> {
        match self {
            Self::Bulk(Some(bytes)) => bytes,
            Self::Line(line) => line.into_bytes(),
            other => panic!("not a string: {other:?}"),
        }
    }

    fn list(self) -> Vec<Vec<u8>> {
        match self {
            Self::Array(items) => items.into_iter().map(Self::bytes).collect(),
            other => panic!("not an array: {other:?}"),
        }
    }
}

/// A running redis-server.
pub(crate) struct Redis {
    child: Child,
    stream: BufReader<UnixStream>,
}

impl Redis {
    /// Starts a server that works in `dir`; waits until it answers. Panics with its log otherwise.
    pub(crate) fn start(dir: &Path, options: &[&str]) -> Self {
        Self::try_start(dir, options)
            .unwrap_or_else(|log| panic!("redis-server did not start:\n{log}"))
    }

    /// As `start`; `Err` has the log of a server that ended by itself.
    pub(crate) fn try_start(dir: &Path, options: &[&str]) -> Result<Self, String> {
        let socket = dir.join("redis.sock");
        let mut child = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--enable-debug-command", "local"])
            .arg("--unixsocket")
            .arg(&socket)
            .arg("--dir")
            .arg(dir)
            .args(options)
            .stdout(Stdio::piped())
            .spawn()
            .expect("redis-server is installed");
        let stdout = child.stdout.take().expect("stdout is piped");
        let mut log = String::new();
        let mut lines = BufReader::new(stdout);
        loop {
            let from = log.len();
            if lines.read_line(&mut log).expect("the log is text") == 0 {
                child.wait().expect("the server can be waited for");
                return Err(log);
            }
            if log[from..].contains("ready to accept connections at") {
                break;
            }
        }
        // Whatever it says later must not block it.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        let stream = BufReader::new(UnixStream::connect(&socket).expect("the server listens"));
        Ok(Self { child, stream })
    }

    /// Sends a command, returns the reply.
    pub(crate) fn call(&mut self, args: &[&[u8]]) -> Reply {
        let mut request = format!("*{}\r\n", args.len()).into_bytes();
        for arg in args {
            request.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
            request.extend_from_slice(arg);
            request.extend_from_slice(b"\r\n");
        }
        self.stream.get_mut().write_all(&request).expect("the server reads");
        self.reply()
    }

    /// As `call`, from words; an error reply fails the test.
    pub(crate) fn run(&mut self, command: &str) -> Reply {
        let words: Vec<&[u8]> = command.split(' ').map(str::as_bytes).collect();
        let reply = self.call(&words);
        assert!(
            !matches!(&reply, Reply::Line(line) if line.starts_with('-')),
            "{command}: {reply:?}"
        );
        reply
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("the server answers");
        assert!(line.ends_with("\r\n"), "the server closed the connection");
        line.trim_end().to_owned()
    }

    fn reply(&mut self) -> Reply {
        let line = self.line();
        let number = || line[1..].parse::<i64>().expect("a number");
        match line.as_bytes()[0] {
            b'+' => Reply::Line(line[1..].to_owned()),
            b':' => Reply::Integer(number()),
            b'$' => match usize::try_from(number()) {
                Err(_) => Reply::Bulk(None),
                Ok(len) => {
                    let mut bytes = vec![0; len + 2];
                    self.stream.read_exact(&mut bytes).expect("the server answers in full");
                    bytes.truncate(len);
                    Reply::Bulk(Some(bytes))
                }
            },
            b'*' => Reply::Array((0..number()).map(|_| self.reply()).collect()),
            _ => Reply::Line(line),
        }
    }

    /// A field of INFO.
    pub(crate) fn info(&mut self, field: &str) -> String {
        let info = String::from_utf8(self.run("INFO").bytes()).expect("INFO is text");
        let prefix = format!("{field}:");
        info.lines()
            .find_map(|line| line.strip_prefix(&prefix))
            .unwrap_or_else(|| panic!("no {field} in INFO"))
            .to_owned()
    }

    /// Polls until a field of INFO has this value; the server's own answer paces it.
    pub(crate) fn await_info(&mut self, field: &str, value: &str) {
        for _ in 0..100_000 {
            if self.info(field) == value {
                return;
            }
        }
        panic!("{field} never became {value}");
    }

    /// Everything in it.
    pub(crate) fn contents(&mut self) -> Contents {
        let mut contents = Contents::new();
        for db in 0..16 {
            self.run(&format!("SELECT {db}"));
            for key in self.run("KEYS *").list() {
                let kind = self.call(&[b"TYPE", &key]).bytes();
                let value = match kind.as_slice() {
                    b"string" => RdbValue::String(self.call(&[b"GET", &key]).bytes()),
                    b"list" => RdbValue::List(self.call(&[b"LRANGE", &key, b"0", b"-1"]).list()),
                    b"set" => RdbValue::Set(self.call(&[b"SMEMBERS", &key]).list()),
                    b"hash" => RdbValue::Hash(pairs(&self.call(&[b"HGETALL", &key]).list())),
                    b"zset" => {
                        let flat = self.call(&[b"ZRANGE", &key, b"0", b"-1", b"WITHSCORES"]).list();
                        let score = |text: Vec<u8>| -> f64 {
                            String::from_utf8(text).expect("text").parse().expect("a score")
                        };
                        let members = pairs(&flat).into_iter().map(|(m, s)| (m, score(s)));
                        RdbValue::SortedSet(members.collect())
                    }
                    other => panic!("unexpected type {other:?}"),
                };
                let Reply::Integer(at) = self.call(&[b"PEXPIRETIME", &key]) else {
                    panic!("PEXPIRETIME gives a number")
                };
                let expiry = (at >= 0).then_some(at);
                contents.insert((db, key), (expiry, canonical(value)));
            }
        }
        self.run("SELECT 0");
        contents
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Database and key to expiry and value; unordered collections are sorted.
pub(crate) type Contents = BTreeMap<(u32, Vec<u8>), (Option<i64>, RdbValue)>;

fn pairs(flat: &[Vec<u8>]) -> Vec<(Vec<u8>, Vec<u8>)> {
    flat.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
}

pub(crate) fn canonical(mut value: RdbValue) -> RdbValue {
    match &mut value {
        RdbValue::Set(items) => items.sort(),
        RdbValue::Hash(fields) => fields.sort(),
        RdbValue::SortedSet(members) => {
            members.sort_by(|a, b| a.1.total_cmp(&b.1).then_with(|| a.0.cmp(&b.0)));
        }
        _ => {}
    }
    value
}

/// Adds what an event says to `contents`.
pub(crate) fn collect(contents: &mut Contents, db: &mut u32, event: RdbEvent) {
    match event {
        RdbEvent::SelectDb(selected) => *db = selected,
        RdbEvent::Entry(RdbEntry { key, expiry_ms, value, .. }) => {
            let before = contents.insert((*db, key), (expiry_ms, canonical(value)));
            assert!(before.is_none(), "a key comes once");
        }
        _ => {}
    }
}

/// Everything in an RDB file, read by us.
pub(crate) fn read_rdb(bytes: &[u8]) -> Contents {
    let (mut contents, mut db) = (Contents::new(), 0);
    let mut reader = RdbReader::new(bytes).expect("a header");
    while let Some(event) = reader.next_event().expect("a sound file") {
        collect(&mut contents, &mut db, event);
    }
    assert_eq!(reader.offset(), bytes.len() as u64);
    contents
}

/// Fails with the first differences, named by key.
pub(crate) fn assert_same(ours: &Contents, theirs: &Contents) {
    for (key, value) in theirs {
        let found = ours.get(key);
        assert!(
            found == Some(value),
            "db {} key {:?}: {found:?} instead of {value:?}",
            key.0,
            String::from_utf8_lossy(&key.1)
        );
    }
    assert_eq!(ours.len(), theirs.len(), "as many keys");
}

/// Runs one of Redis's checkers.
pub(crate) fn check(program: &str, args: &[&Path]) -> Output {
    Command::new(program).args(args).output().expect("Redis's tools are installed")
}

/// Fails with the checker's output when it did not accept its file.
pub(crate) fn assert_checked(program: &str, args: &[&Path]) {
    let output = check(program, args);
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stdout));
}

/// Fills a server with every type, small enough to be packed and too large for it, so that every
/// encoding of its version appears.
pub(crate) fn fill(redis: &mut Redis) {
    let far = "4102444800000"; // the year 2100
    redis.run("SET empty _");
    redis.call(&[b"SET", b"really-empty", b""]);
    for number in [
        "0",
        "12",
        "-1",
        "127",
        "128",
        "-128",
        "-129",
        "32767",
        "-32769",
        "70000",
        "2147483647",
        "-2147483649",
        "9223372036854775807",
        "007",
        "1.5",
    ] {
        redis.run(&format!("SET number:{number} {number}"));
        redis.run(&format!("RPUSH numbers {number}"));
        redis.run(&format!("HSET numbers-hash {number} {number}"));
    }
    let binary: Vec<u8> = (0..=255).collect();
    redis.call(&[b"SET", b"binary", &binary]);
    redis.call(&[b"SET", &binary, b"binary key"]);
    let session = b"user|a:2:{s:4:\"name\";s:5:\"maria\";s:4:\"cart\";a:0:{}}".repeat(40);
    redis.call(&[b"SET", b"session", &session, b"PXAT", far.as_bytes()]);
    redis.call(&[b"SET", b"long", &noise(70_000)]);
    // Lengths around each boundary of a listpack's own length fields.
    redis.run("CONFIG SET hash-max-listpack-value 100000");
    redis.run("CONFIG SET zset-max-listpack-value 100000");
    redis.run("CONFIG SET list-max-listpack-size -5");
    for len in [
        0, 1, 63, 64, 120, 124, 125, 126, 127, 128, 4094, 4095, 4096, 4097, 16_375, 16_376, 16_377,
        16_378, 16_379, 16_380, 16_381, 16_382, 16_383, 16_384, 16_385, 40_000,
    ] {
        let value = noise(len);
        let field = format!("{len}");
        redis.call(&[b"HSET", b"boundaries", field.as_bytes(), &value]);
        redis.call(&[b"RPUSH", b"boundaries-list", &value]);
        redis.call(&[b"ZADD", b"boundaries-zset", field.as_bytes(), &value]);
    }
    for n in -4100..=4100_i32 {
        if n.abs() < 140 || n.abs() > 4085 {
            redis.run(&format!("RPUSH small-ints {n}"));
        }
    }
    redis.run("CONFIG SET hash-max-listpack-value 64");
    redis.run("CONFIG SET zset-max-listpack-value 64");
    redis.run("CONFIG SET list-max-listpack-size -2");
    for (name, count) in [("small", 5), ("large", 1500)] {
        for n in 0..count {
            redis.run(&format!("RPUSH list:{name} element-{n}"));
            redis.run(&format!("SADD set:{name} member-{n}"));
            redis.run(&format!("SADD intset:{name} {}", n * 3 - 7));
            redis.run(&format!("HSET hash:{name} field-{n} value-{n}"));
            redis.run(&format!("ZADD zset:{name} {} member-{n}", f64::from(n) * 1.37 - 3.0));
        }
    }
    redis.run("SADD intset:32 100000 -100000");
    redis.run("SADD intset:64 10000000000 -10000000000");
    redis.run("ZADD zset:inf inf top -inf bottom 0.1 tenth 1e300 huge");
    redis.run("ZADD zset:inf2 inf top");
    redis.call(&[b"ZADD", b"zset:inf2", b"-inf", &noise(100)]);
    redis.call(&[b"RPUSH", b"list:plain", &noise(20_000), b"after", &session]);
    redis.call(&[b"RPUSH", b"list:plain", &noise(200_000)]);
    redis.run(&format!("PEXPIREAT hash:small {far}"));
    redis.run("SELECT 3");
    redis.run("SET other database");
    redis.run(&format!("SET expiring value PXAT {far}"));
    redis.run("SELECT 15");
    redis.run("SET last database");
    redis.run("SELECT 0");
}

/// Bytes without a pattern, always the same.
pub(crate) fn noise(len: usize) -> Vec<u8> {
    let mut state = len as u64 ^ 0x9E37_79B9_7F4A_7C15;
    (0..len)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
        .collect()
}
