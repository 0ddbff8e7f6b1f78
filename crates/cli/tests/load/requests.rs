//! Requests of PHP, as the server sees them.

use std::time::Duration;

use guarda_testkit::connection::Connection;
use guarda_testkit::deadline::{Deadline, await_true};
use guarda_testkit::server::Server;

use crate::support::sessions::{Opened, token};
use crate::support::{call, text};

/// How a request asks for its session.
#[derive(Clone, Copy)]
pub(crate) enum Manner {
    /// `SESSION OPEN` and `COMMIT`, which wait in a queue.
    Session,
    /// What phpredis sends with `redis.session.locking_enabled`.
    Phpredis,
}

/// How long a request waits for its session's lock.
const LOCK_WAIT: Duration = Duration::from_mins(1);
/// Frees a lock if it is still the caller's.
const RELEASE: &str =
    "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0";

/// The key of a session.
pub(crate) fn session(index: usize) -> String {
    format!("PHPREDIS_SESSION:load{index}")
}

/// A connection of a PHP worker.
pub(crate) fn connect(server: &Server) -> Connection {
    let connection = server.connect().unwrap();
    connection.set_timeout(LOCK_WAIT).unwrap();
    connection
}

/// One request: adds one to what its session counts. Notes how long each answer took that did not
/// have to wait for somebody else's request.
pub(crate) fn serve(
    connection: &mut Connection,
    index: usize,
    manner: Manner,
    took: &mut Vec<Duration>,
) {
    let (key, token) = (session(index), token());
    match manner {
        Manner::Session => by_session(connection, &key, &token, took),
        Manner::Phpredis => as_phpredis(connection, &key, &token, took),
    }
}

fn by_session(connection: &mut Connection, key: &str, token: &str, took: &mut Vec<Duration>) {
    let wait_ms = LOCK_WAIT.as_millis();
    let open = format!("SESSION OPEN {key} {token} WAIT {wait_ms} TTL 1440000");
    connection.send(&open.split(' ').collect::<Vec<_>>()).unwrap();
    let opened = Opened::from(&connection.read().unwrap());
    assert_eq!(opened.status, "OK", "{opened:?}");
    let count = incremented(opened.data.as_deref().unwrap_or_default());
    let generation = &opened.generation;
    let commit = format!("SESSION COMMIT {key} {token} {generation} TTL 1440000 DATA {count}");
    assert_eq!(timed(connection, &commit, took), "OK");
}

fn as_phpredis(connection: &mut Connection, key: &str, token: &str, took: &mut Vec<Duration>) {
    let lock = format!("SET {key}_LOCK {token} NX PX 60000");
    let locked = await_true(LOCK_WAIT, || timed(connection, &lock, took) == "OK");
    assert!(locked, "the lock of {key} was never free");
    let data = connection.call(&["GET", key]).unwrap();
    let count = incremented(data.text().unwrap_or_default());
    assert_eq!(timed(connection, &format!("SETEX {key} 1440 {count}"), took), "OK");
    let lock = format!("{key}_LOCK");
    let released = connection.call(&["EVAL", RELEASE, "1", &lock, token]).unwrap();
    assert_eq!(text(&released), "1");
}

fn incremented(data: &[u8]) -> u64 {
    let text = std::str::from_utf8(data).unwrap();
    if text.is_empty() { 1 } else { text.parse::<u64>().unwrap() + 1 }
}

fn timed(connection: &mut Connection, command: &str, took: &mut Vec<Duration>) -> String {
    let begin = Deadline::after(LOCK_WAIT);
    let answer = call(connection, command);
    took.push(LOCK_WAIT.saturating_sub(begin.remaining()));
    answer
}
