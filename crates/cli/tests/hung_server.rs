//! A client whose server says nothing while it waits for a lock: is it asked to be patient, or is nobody there?

#![allow(clippy::unwrap_used, reason = "clippy exempts tests, but not their helpers")]

mod support;

use std::fs;
use std::time::{Duration, Instant};

use guarda_client::{Budget, Connection, Endpoint, Error, Keys, Lock, Open, Opened, Status};
use guarda_session::SavePath;
use guarda_testkit::deadline::await_true;
use guarda_testkit::server::Server;
use rustix::process::{Pid, Signal, kill_process};
use support::sessions::token;
use support::{SOON, await_count, count, start};

const LONG: Duration = Duration::from_secs(30);
/// What an answer may take.
const SHORT: Duration = Duration::from_millis(300);

/// A connection on which the server has answered: it is known to have `SESSION` commands.
fn connect(server: &Server) -> Connection {
    let path = SavePath::parse(format!("tcp://127.0.0.1:{}", server.port())).unwrap();
    let endpoint = Endpoint::of(path.host(b"abcd"), Some(LONG), Some(SHORT));
    let mut connection = Connection::connect(&endpoint, &Budget::start(LONG)).unwrap();
    open(&mut connection, "other", Duration::ZERO).unwrap();
    connection
}

fn open(connection: &mut Connection, key: &str, wait: Duration) -> Result<Opened, Error> {
    let lock = Lock { lease: LONG, wait, waiters_max: None };
    let (token, lock, ttl, must_exist, holder) = (&*token(), Some(lock), None, false, None);
    let open = Open { token, lock, ttl, must_exist, holder };
    connection.open(&Keys::new(key.into()), &open, &mut Budget::start(LONG))
}

/// Whether all threads of a process are.
fn is_stopped(pid: Pid) -> bool {
    let tasks = fs::read_dir(format!("/proc/{}/task", pid.as_raw_nonzero())).unwrap();
    tasks.flatten().all(|task| {
        let status = fs::read_to_string(task.path().join("status")).unwrap_or_default();
        status.contains("State:\tT")
    })
}

#[test]
#[allow(clippy::disallowed_methods, reason = "what is tested is how long it takes")]
fn a_server_that_hangs_is_not_waited_for_as_a_lock_is() {
    let server = start(&[]);
    let mut connection = connect(&server);
    let pid = Pid::from_raw(i32::try_from(server.pid().unwrap()).unwrap()).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    assert!(await_true(SOON, || is_stopped(pid)));
    let began = Instant::now();
    let error = open(&mut connection, "s", LONG).unwrap_err();
    let took = began.elapsed();
    kill_process(pid, Signal::CONT).unwrap();
    assert!(matches!(error, Error::Timeout { .. }), "{error}");
    assert!(took < LONG / 2, "{took:?}");
}

#[test]
fn a_lock_is_waited_for_longer_than_an_answer_may_take() {
    let server = start(&[]);
    let mut holder = connect(&server);
    assert_eq!(open(&mut holder, "s", Duration::ZERO).unwrap().status, Status::Open);
    let mut waiter = connect(&server);
    let mut control = server.connect().unwrap();
    let connected = count(&mut control, "total_connections_received");
    let waiting = std::thread::spawn(move || open(&mut waiter, "s", LONG));
    // Until it has asked on another connection whether the server is there.
    await_count(&mut control, "total_connections_received", connected + 1);
    drop(holder);
    let opened = waiting.join().unwrap().unwrap();
    assert_eq!(opened.status, Status::Open);
    assert!(opened.waited >= SHORT, "{:?}", opened.waited);
}
