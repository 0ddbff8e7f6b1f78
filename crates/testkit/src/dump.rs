//! A whole server as text: every key with type, value and expiry, in one canonical order.

use std::fmt::Write as _;

use crate::connection::{Connection, ConnectionError};
use crate::diff::mask::with_plain_doubles;
use crate::reply::{Frame, escape};

/// Databases that a server has unless configured otherwise.
pub const DATABASES_DEFAULT: u16 = 16;
/// Keys asked for in one pipeline: their commands fit the socket buffers.
const BATCH: usize = 200;

/// What to look at besides type, value and expiry.
#[derive(Clone, Copy, Debug)]
pub struct DumpOptions {
    /// How many databases to walk.
    pub databases: u16,
    /// Whether OBJECT ENCODING belongs to the comparison.
    pub encoding: bool,
}

impl Default for DumpOptions {
    fn default() -> Self {
        Self { databases: DATABASES_DEFAULT, encoding: false }
    }
}

/// One key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// Database number.
    pub database: u16,
    /// The key's name.
    pub key: Vec<u8>,
    /// What TYPE says.
    pub kind: String,
    /// The value as canonical text.
    pub value: String,
    /// What PEXPIRETIME says: milliseconds since 1970, or -1 for never.
    pub expires_at_ms: i64,
    /// What OBJECT ENCODING says, or empty when it was not asked for.
    pub encoding: String,
}

/// Every key of a server at one moment, ordered by database and name.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Dump {
    /// The keys.
    pub entries: Vec<Entry>,
}

impl Dump {
    /// Reads everything through `connection`, which must speak RESP2; it ends up in database 0.
    ///
    /// Not atomic: the caller sees to it that nobody writes meanwhile.
    ///
    /// # Errors
    ///
    /// If the connection fails, or the server refuses a command that the dump needs.
    pub fn take(connection: &mut Connection, options: DumpOptions) -> Result<Self, DumpError> {
        let mut entries = Vec::new();
        for database in 0..options.databases {
            let select = args(&["SELECT", &database.to_string()]);
            let replies = connection.pipeline(&[select, args(&["KEYS", "*"])])?;
            expect_no_error("SELECT", &replies[0])?;
            let mut keys = texts("KEYS", &replies[1])?;
            keys.sort();
            for batch in keys.chunks(BATCH) {
                read_batch(connection, database, batch, options, &mut entries)?;
            }
        }
        expect_no_error("SELECT", &connection.call(&["SELECT", "0"])?)?;
        Ok(Self { entries })
    }

    /// One line per key.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for entry in &self.entries {
            let _ = writeln!(text, "{}", entry.line());
        }
        text
    }

    /// A number that differs, for all practical purposes, when the text does (FNV-1a, 64 bits).
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.to_text().bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Where `other` says something else, at most `limit` places; empty when they agree.
    ///
    /// Expiries may lie `tolerance_ms` apart: two servers that were told "in ten seconds" were not
    /// told so in the same millisecond. Zero asks for equality.
    #[must_use]
    pub fn differences(&self, other: &Self, tolerance_ms: u64, limit: usize) -> Vec<String> {
        let mut found = Vec::new();
        let (mut left, mut right) =
            (self.entries.iter().peekable(), other.entries.iter().peekable());
        while found.len() < limit {
            let order = match (left.peek(), right.peek()) {
                (None, None) => break,
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some(ours), Some(theirs)) => ours.place().cmp(&theirs.place()),
            };
            match order {
                std::cmp::Ordering::Less => {
                    found.extend(left.next().map(|entry| format!("only first:  {}", entry.line())));
                }
                std::cmp::Ordering::Greater => {
                    found
                        .extend(right.next().map(|entry| format!("only second: {}", entry.line())));
                }
                std::cmp::Ordering::Equal => {
                    if let (Some(ours), Some(theirs)) = (left.next(), right.next())
                        && !ours.agrees(theirs, tolerance_ms)
                    {
                        found.push(format!("first:  {}\nsecond: {}", ours.line(), theirs.line()));
                    }
                }
            }
        }
        found
    }
}

/// Why there is no dump.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// The connection failed.
    #[error("while reading the database: {0}")]
    Connection(#[from] ConnectionError),
    /// The server answered something that a dump cannot be made of.
    #[error("while reading the database: {command} was answered by {reply}")]
    Refused {
        /// The command.
        command: String,
        /// The answer.
        reply: String,
    },
}

impl Entry {
    fn place(&self) -> (u16, &[u8]) {
        (self.database, &self.key)
    }

    fn agrees(&self, other: &Self, tolerance_ms: u64) -> bool {
        let expiry_agrees = self.expires_at_ms == other.expires_at_ms
            || (self.expires_at_ms >= 0
                && other.expires_at_ms >= 0
                && self.expires_at_ms.abs_diff(other.expires_at_ms) <= tolerance_ms);
        expiry_agrees
            && self.kind == other.kind
            && self.value == other.value
            && self.encoding == other.encoding
    }

    /// The key as one line of text.
    #[must_use]
    pub fn line(&self) -> String {
        let mut line = format!(
            "db{} \"{}\" {} expires={} {}",
            self.database,
            escape(&self.key),
            self.kind,
            self.expires_at_ms,
            self.value
        );
        if !self.encoding.is_empty() {
            let _ = write!(line, " encoding={}", self.encoding);
        }
        line
    }
}

fn read_batch(
    connection: &mut Connection,
    database: u16,
    keys: &[Vec<u8>],
    options: DumpOptions,
    entries: &mut Vec<Entry>,
) -> Result<(), DumpError> {
    let ask = |command: &[&str]| -> Vec<Vec<Vec<u8>>> {
        keys.iter().map(|key| with_key(command, key)).collect()
    };
    let kinds = connection.pipeline(&ask(&["TYPE"]))?;
    let expiries = connection.pipeline(&ask(&["PEXPIRETIME"]))?;
    let encodings = if options.encoding {
        connection.pipeline(&ask(&["OBJECT", "ENCODING"]))?
    } else {
        Vec::new()
    };
    let mut reads = Vec::new();
    for (key, kind) in keys.iter().zip(&kinds) {
        let kind = kind.text().ok_or_else(|| refused("TYPE", kind))?;
        let (command, tail): (&[&str], &[&str]) = match kind {
            b"string" => (&["GET"], &[]),
            b"hash" => (&["HGETALL"], &[]),
            b"set" => (&["SMEMBERS"], &[]),
            b"list" => (&["LRANGE"], &["0", "-1"]),
            b"zset" => (&["ZRANGE"], &["0", "-1", "WITHSCORES"]),
            b"stream" => (&["XRANGE"], &["-", "+"]),
            // Gone between KEYS and here: its time was up.
            _ => (&["TYPE"], &[]),
        };
        let mut read = with_key(command, key);
        read.extend(tail.iter().map(|arg| arg.as_bytes().to_vec()));
        reads.push(read);
    }
    let values = connection.pipeline(&reads)?;
    for (index, key) in keys.iter().enumerate() {
        let kind = String::from_utf8_lossy(kinds[index].text().unwrap_or_default()).into_owned();
        if kind == "none" || values[index].is_null() {
            continue;
        }
        entries.push(Entry {
            database,
            key: key.clone(),
            value: canonical(&kind, &values[index])?,
            kind,
            expires_at_ms: expiries[index]
                .integer()
                .ok_or_else(|| refused("PEXPIRETIME", &expiries[index]))?,
            encoding: encodings
                .get(index)
                .and_then(Frame::text)
                .map(|text| String::from_utf8_lossy(text).into_owned())
                .unwrap_or_default(),
        });
    }
    Ok(())
}

/// The value as text, sorted where the server's order means nothing.
fn canonical(kind: &str, value: &Frame) -> Result<String, DumpError> {
    expect_no_error(kind, value)?;
    Ok(match kind {
        "hash" => {
            let mut pairs = value.pairs().ok_or_else(|| refused("HGETALL", value))?;
            pairs.sort();
            Frame::Map(pairs).to_string()
        }
        "set" => {
            let mut members = value.elements().ok_or_else(|| refused("SMEMBERS", value))?.to_vec();
            members.sort();
            Frame::Set(members).to_string()
        }
        // Scores are compared as numbers: servers differ in how they write them.
        "zset" => with_plain_doubles(value).to_string(),
        _ => value.to_string(),
    })
}

fn args(words: &[&str]) -> Vec<Vec<u8>> {
    words.iter().map(|word| word.as_bytes().to_vec()).collect()
}

fn with_key(command: &[&str], key: &[u8]) -> Vec<Vec<u8>> {
    let mut all = args(command);
    all.push(key.to_vec());
    all
}

fn refused(command: &str, reply: &Frame) -> DumpError {
    DumpError::Refused { command: command.to_owned(), reply: reply.to_string() }
}

fn expect_no_error(command: &str, reply: &Frame) -> Result<(), DumpError> {
    if reply.is_error() { Err(refused(command, reply)) } else { Ok(()) }
}

fn texts(command: &str, reply: &Frame) -> Result<Vec<Vec<u8>>, DumpError> {
    let elements = reply.elements().ok_or_else(|| refused(command, reply))?;
    Ok(elements.iter().filter_map(|frame| frame.text().map(<[u8]>::to_vec)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::{Program, Server, ServerSpec};

    fn call(connection: &mut Connection, command: &str) {
        let words: Vec<&str> = command.split(' ').collect();
        let reply = connection.call(&words).unwrap();
        assert!(!reply.is_error(), "{command}: {reply}");
    }

    #[test]
    fn a_dump_shows_every_type_and_says_where_two_servers_differ() {
        let [first, second] =
            [(); 2].map(|()| Server::start(ServerSpec::new(Program::reference())).unwrap());
        let mut connections = [first.connect().unwrap(), second.connect().unwrap()];
        for (index, connection) in connections.iter_mut().enumerate() {
            for command in [
                "SET s 1",
                "RPUSH l b a",
                "ZADD z 1.5 m",
                "XADD x 1-1 f v",
                "SELECT 3",
                "SET t v PXAT 33177117420000",
            ] {
                call(connection, command);
            }
            // Written in another order, so that only sorting makes them equal.
            let fields = if index == 0 { ["f1 v1", "f2 v2"] } else { ["f2 v2", "f1 v1"] };
            let members = if index == 0 { "m1 m2" } else { "m2 m1" };
            for pair in fields {
                call(connection, &format!("HSET h {pair}"));
            }
            call(connection, &format!("SADD m {members}"));
        }
        let options = DumpOptions { encoding: true, ..DumpOptions::default() };
        let dumps = connections.each_mut().map(|c| Dump::take(c, options).unwrap());
        assert_eq!(dumps[0].to_text(), dumps[1].to_text());
        assert_eq!(dumps[0].digest(), dumps[1].digest());
        assert_eq!(dumps[0].len(), 7);
        assert!(dumps[0].to_text().contains("db3 \"t\" string expires=33177117420000 \"v\""));

        for command in ["SET s 2", "DEL l", "SET new v", "SELECT 3", "PEXPIREAT t 33177117420001"] {
            call(&mut connections[1], command);
        }
        let changed = Dump::take(&mut connections[1], options).unwrap();
        assert_ne!(dumps[0].digest(), changed.digest());
        assert_eq!(dumps[0].differences(&changed, 0, 10).len(), 4);
        assert_eq!(dumps[0].differences(&changed, 1, 10).len(), 3);
        assert_eq!(dumps[0].differences(&changed, 0, 2).len(), 2);
    }
}
