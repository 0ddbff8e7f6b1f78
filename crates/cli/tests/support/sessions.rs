//! Requests that open and commit one session.

use std::sync::atomic::{AtomicU64, Ordering};

use guarda_testkit::connection::Connection;
use guarda_testkit::reply::Frame;
use guarda_testkit::server::Server;

use super::{await_count, call, text};

pub(crate) const KEY: &str = "PHPREDIS_SESSION:abc";
pub(crate) const LOCK: &str = "PHPREDIS_SESSION:abc_LOCK";
/// A new token, as a client makes one for each request.
pub(crate) fn token() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("guarda:{:032x}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// What OPEN answered.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) status: String,
    pub(crate) data: Option<Vec<u8>>,
    pub(crate) generation: String,
    pub(crate) nonce: Option<String>,
    pub(crate) waited_ms: i64,
}

impl Opened {
    pub(crate) fn from(frame: &Frame) -> Opened {
        let parts = frame.elements().unwrap_or_else(|| panic!("OPEN answered {frame}"));
        Opened {
            status: text(&parts[0]),
            data: parts[1].text().map(<[u8]>::to_vec),
            generation: text(&parts[2]),
            nonce: parts[3].text().map(|nonce| String::from_utf8_lossy(nonce).into_owned()),
            waited_ms: parts[4].integer().unwrap(),
        }
    }
}

pub(crate) fn open(connection: &mut Connection, token: &str, options: &str) -> Opened {
    send_open(connection, token, options);
    Opened::from(&connection.read().unwrap())
}

/// Sends OPEN and does not wait for its answer.
pub(crate) fn send_open(connection: &mut Connection, token: &str, options: &str) {
    let command = format!("SESSION OPEN {KEY} {token} {options}");
    connection.send(&command.split_whitespace().collect::<Vec<_>>()).unwrap();
}

pub(crate) fn commit(
    connection: &mut Connection,
    token: &str,
    opened: &Opened,
    data: &str,
) -> String {
    let nonce = opened.nonce.as_ref().map_or(String::new(), |nonce| format!("NONCE {nonce}"));
    let generation = &opened.generation;
    call(
        connection,
        &format!("SESSION COMMIT {KEY} {token} {generation} TTL 1440000 {nonce} DATA {data}"),
    )
}

/// A server whose first request has the lock, and the connection that holds it.
pub(crate) fn with_holder(server: &Server) -> (Connection, String, Opened) {
    let mut holder = server.connect().unwrap();
    let token = token();
    let opened = open(&mut holder, &token, "");
    assert_eq!(opened.status, "OK");
    (holder, token, opened)
}

/// Sends OPEN from a new connection and waits until it is queued as the `n`th.
pub(crate) fn queued(server: &Server, control: &mut Connection, n: u64) -> (Connection, String) {
    let mut waiter = server.connect().unwrap();
    let token = token();
    send_open(&mut waiter, &token, "WAIT 60000");
    await_count(control, "session_waiters", n);
    (waiter, token)
}

pub(crate) fn answer(connection: &mut Connection) -> Opened {
    Opened::from(&connection.read().unwrap())
}
