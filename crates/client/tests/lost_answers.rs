//! Answers that never come, and answers that say no: what the client makes of them.

#![allow(missing_docs, reason = "tests")]
#![allow(clippy::unwrap_used, reason = "clippy exempts tests, but not their helpers")]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use guarda_client::{
    Budget, Commit, Committed, Connection, Endpoint, Error, Keys, Lock, Open, Opened,
};
use guarda_session::SavePath;
use guarda_testkit::forgetful;
use guarda_testkit::server::{Program, Server, ServerSpec};

const LONG: Duration = Duration::from_secs(20);
const TOKEN: &str = "guarda:00000000000000000000000000000001";
/// The data of the commit whose answer is lost.
const MARK: &str = "this answer is lost";

fn connect(port: u16) -> Connection {
    let path = SavePath::parse(format!("tcp://127.0.0.1:{port}")).unwrap();
    let endpoint = Endpoint::of(path.host(b"abcd"), Some(LONG), Some(LONG));
    Connection::connect(&endpoint, &Budget::start(LONG)).unwrap()
}

fn open(connection: &mut Connection) -> Result<Opened, Error> {
    let lock = Lock { lease: LONG, wait: Duration::ZERO, waiters_max: None };
    let (lock, ttl, must_exist, holder) = (Some(lock), None, false, None);
    let open = Open { token: TOKEN, lock, ttl, must_exist, holder };
    connection.open(&Keys::new(b"s".to_vec()), &open, &mut Budget::start(LONG))
}

fn commit(connection: &mut Connection, opened: &Opened) -> Result<Committed, Error> {
    let commit = Commit {
        token: TOKEN,
        opened,
        ttl: LONG,
        locked: true,
        recreate: false,
        tag: None,
        data: MARK.as_bytes(),
    };
    connection.commit(&Keys::new(b"s".to_vec()), &commit, &Budget::start(LONG))
}

fn stored(server: &Server) -> String {
    server.connect().unwrap().call(&["GET", "s"]).unwrap().to_string()
}

/// Runs the test on a server of its own behind a forgetful one.
pub(crate) fn behind_forgetful(program: Program, test: impl Fn(&Server, &mut Connection)) {
    let server = Server::start(ServerSpec::new(program)).unwrap();
    let mut connection = connect(forgetful(server.port(), MARK));
    test(&server, &mut connection);
}

#[test]
fn elsewhere_a_commit_whose_answer_is_lost_is_not_repeated() {
    behind_forgetful(Program::reference(), |server, connection| {
        let opened = open(connection).unwrap();
        let error = commit(connection, &opened).unwrap_err();
        assert!(matches!(error, Error::OutcomeUnknown { .. }), "{error}");
        assert!(stored(server).contains(MARK), "it was done, this time");
    });
}

/// A server of one's own that answers every command with the same line, and counts them.
fn stubborn(answer: &'static str) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let mut buffer = vec![0; 65_536];
            while let Ok(1..) = client.read(&mut buffer) {
                count.fetch_add(1, Ordering::SeqCst);
                client.write_all(answer.as_bytes()).unwrap();
            }
        }
    });
    (port, asked)
}

#[test]
fn a_missing_permission_is_an_error_and_no_reason_to_try_another_way() {
    for answer in [
        "-NOPERM this user has no permissions to run the 'session|open' command\r\n",
        "-NOAUTH Authentication required.\r\n",
        "-ERR syntax error\r\n",
    ] {
        let (port, asked) = stubborn(answer);
        let error = open(&mut connect(port)).unwrap_err();
        let Error::Server { code, .. } = &error else { panic!("{error}") };
        assert!(answer.starts_with(&format!("-{code}")), "{error}");
        assert_eq!(asked.load(Ordering::SeqCst), 1, "asked once, and not by script: {answer}");
    }
}

#[test]
fn a_user_who_may_run_no_scripts_learns_that() {
    let server = Server::start(ServerSpec::new(Program::reference())).unwrap();
    let mut control = server.connect().unwrap();
    control.call(&["ACL", "SETUSER", "default", "-@scripting"]).unwrap();
    let error = open(&mut connect(server.port())).unwrap_err();
    assert!(matches!(&error, Error::Server { code, .. } if code == "NOPERM"), "{error}");
}

#[test]
fn a_connection_that_answers_something_else_than_was_asked_is_not_used_again() {
    for answer in ["+OK\r\n", ":1\r\n", "*1\r\n$4\r\nOKAY\r\n"] {
        let (port, _) = stubborn(answer);
        let mut connection = connect(port);
        let error = open(&mut connection).unwrap_err();
        assert!(matches!(error, Error::Protocol { .. }), "{answer}: {error}");
        assert!(connection.is_broken(), "what comes next may be another's session: {answer}");
    }
}
