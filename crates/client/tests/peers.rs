//! Peers that misbehave: every wait ends in time, in a message with the endpoint and no secret.

#![allow(missing_docs, reason = "tests")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::thread;
use std::time::{Duration, Instant};

use guarda_client::{Budget, Connection, Error, Keys};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen};
use support::{SECOND, answering, drain, endpoint, peer};

/// Far above any timeout in this file, far below "for ever".
const SOON: Duration = Duration::from_secs(20);

fn clock() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "real waits are what is tested")]
    Instant::now()
}

fn exists(save_path: &str, budget: Duration) -> Result<bool, Error> {
    let started = clock();
    let budget = Budget::start(budget);
    let answer = Connection::connect(&endpoint(save_path), &budget)
        .and_then(|mut connection| connection.exists(&Keys::new(b"s".to_vec()), &budget));
    assert!(started.elapsed() < SOON, "{save_path}: took {:?}", started.elapsed());
    if let Err(error) = &answer {
        let text = error.to_string();
        assert!(text.contains("127.0.0.1") || text.contains("unix:"), "no endpoint in: {text}");
        assert!(!text.contains("hunter2"), "a secret in: {text}");
    }
    answer
}

fn error(port: u16, query: &str, budget: Duration) -> Error {
    exists(&format!("tcp://127.0.0.1:{port}?{query}"), budget).expect_err("misbehaves")
}

#[test]
fn nobody_listening() {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("binds");
    let port = free.local_addr().expect("bound").port();
    drop(free);
    let error = error(port, "auth=hunter2", SOON);
    assert!(matches!(error, Error::Connect { .. }), "{error}");
    assert!(error.to_string().contains("is the server running"), "{error}");
}

#[test]
fn a_full_backlog_ends_with_the_connect_timeout() {
    let listener = rustix::net::socket_with(
        AddressFamily::INET,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )
    .expect("a socket");
    bind(&listener, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("binds");
    listen(&listener, 0).expect("listens");
    let listener = TcpListener::from(listener);
    let address = listener.local_addr().expect("bound");
    let mut fillers = Vec::new();
    while let Ok(stream) =
        std::net::TcpStream::connect_timeout(&address, Duration::from_millis(100))
    {
        fillers.push(stream);
    }
    for (query, budget) in [("timeout=0.2", SOON), ("timeout=100", Duration::from_millis(200))] {
        let error = error(address.port(), query, budget);
        assert!(matches!(error, Error::Connect { .. }), "{error}");
    }
}

#[test]
fn a_full_backlog_of_a_unix_socket_ends_with_the_connect_timeout() {
    let dir = std::env::temp_dir().join(format!("guarda-peers-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("makes a directory");
    let path = dir.join("full.sock");
    let socket = || -> OwnedFd {
        let (family, flags) = (AddressFamily::UNIX, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK);
        rustix::net::socket_with(family, SocketType::STREAM, flags, None).expect("a socket")
    };
    let address = SocketAddrUnix::new(&path).expect("a short path");
    let listener = socket();
    bind(&listener, &address).expect("binds");
    listen(&listener, 0).expect("listens");
    let mut fillers = Vec::new();
    loop {
        let filler = socket();
        if rustix::net::connect(&filler, &address).is_err() {
            break;
        }
        fillers.push(filler);
    }
    let save_path = format!("unix://{}?timeout=0.2", path.display());
    let error = exists(&save_path, SOON).expect_err("full");
    assert!(matches!(error, Error::Connect { .. }), "{error}");
    std::fs::remove_dir_all(&dir).expect("removes it");
}

#[test]
fn silence_half_an_answer_and_drops_end_with_the_read_timeout_or_the_budget() {
    let silent = peer(drain);
    let half = answering(b":");
    let dripping = peer(|mut stream| {
        // A line without end, a byte at a time: each arrives in time, the answer never does.
        while stream.write_all(b"+").is_ok() {
            thread::sleep(Duration::from_millis(20));
        }
    });
    for port in [silent, half, dripping] {
        for (query, budget) in
            [("read_timeout=0.2", SOON), ("read_timeout=-1", Duration::from_millis(200))]
        {
            let error = error(port, query, budget);
            let Error::Timeout { waited, .. } = error else { panic!("{error}") };
            assert!(waited < SOON);
        }
    }
}

#[test]
fn what_is_no_answer_is_refused() {
    for answer in [
        &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
        b"$99999999999\r\n",
        b"*99999999999\r\n",
        b"$-7\r\n",
        b":1\r\n:1\r\n",
        b"+OK\r\n",
        b"\0\0\0\0",
    ] {
        let error = error(answering(answer), "", SOON);
        assert!(matches!(error, Error::Protocol { .. }), "{answer:?}: {error}");
    }
    let alert = error(answering(&[0x15, 3, 3, 0, 2, 2, 70]), "", SOON);
    assert!(alert.to_string().contains("write tls://"), "{alert}");
}

#[test]
fn hanging_up_is_a_lost_connection() {
    let at_once = peer(drop);
    let after_the_request = peer(|mut stream| {
        let mut chunk = [0; 100];
        assert!(stream.read(&mut chunk).is_ok());
    });
    let half_way = peer(|mut stream| {
        let mut chunk = [0; 100];
        assert!(stream.read(&mut chunk).is_ok() && stream.write_all(b"$100\r\nabc").is_ok());
    });
    for port in [at_once, after_the_request, half_way] {
        let error = error(port, "auth=hunter2&database=1", SOON);
        assert!(matches!(error, Error::Lost { .. }), "{error}");
    }
}

/// What servers have against a new connection, as redis-server 7.0 words it.
#[test]
fn refusals_name_what_to_do() {
    for (query, answer, part) in [
        ("auth=hunter2", &b"-WRONGPASS invalid username-password pair or user is disabled.\r\n"[..], "compare `auth`"),
        ("auth=hunter2", b"-ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?\r\n", "take `auth` out"),
        ("auth=hunter2", b"-ERR Client sent AUTH, but no password is set\r\n", "take `auth` out"),
        ("auth[]=u&auth[]=hunter2", b"-ERR wrong number of arguments for 'auth' command\r\n", "the password alone"),
        ("auth=hunter2", b"-LOADING Redis is loading the dataset in memory\r\n", "still loading"),
        ("auth=hunter2", b"-DENIED Redis is running in protected mode because protected mode is enabled\r\n", "protected mode"),
        ("auth=hunter2", b"-ERR max number of clients reached\r\n", "maxclients"),
        ("database=7", b"-ERR DB index is out of range\r\n", "no database 7"),
        ("database=7", b"-NOAUTH Authentication required.\r\n", "auth_file"),
        ("database=7", b"-NOPERM this user has no permissions to run the 'select' command\r\n", "ACL SETUSER"),
        ("database=7", b"-ERR max number of clients reached\r\n", "maxclients"),
        ("", b"-ERR max number of clients reached\r\n", "maxclients"),
        ("", b"-DENIED Redis is running in protected mode because protected mode is enabled\r\n", "requirepass"),
        ("", b"-READONLY You can't write against a read only replica.\r\n", "must name the master"),
        ("", b"-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.\r\n", "lost its master"),
        ("", b"-MOVED 3999 127.0.0.1:6381\r\n", "Redis Cluster"),
        ("", b"-CLUSTERDOWN Hash slot not served\r\n", "Redis Cluster"),
        ("", b"-OOM command not allowed when used memory > 'maxmemory'.\r\n", "maxmemory"),
        ("", b"-MISCONF Redis is configured to save RDB snapshots\r\n", "save to disk"),
        ("", b"-NOPERM this user has no permissions\r\n", "ACL SETUSER"),
        ("", b"-ERR hunter2\r\n", "refused"),
    ] {
        let error = error(answering(answer), query, SOON);
        assert!(error.to_string().contains(part), "{query} {answer:?}: {error}");
    }
}

#[test]
fn a_refusal_before_anything_was_asked_is_read() {
    // As redis-server does with maxclients: it says why and hangs up without reading.
    let port = peer(|mut stream| {
        assert!(stream.write_all(b"-ERR max number of clients reached\r\n").is_ok());
        drain(stream);
    });
    let error = error(port, "", 10 * SECOND);
    assert!(error.to_string().contains("maxclients"), "{error}");
}

#[test]
fn a_dead_peer_in_the_handshake_ends_with_the_connect_timeout() {
    let silent = peer(drain);
    let closing = peer(drop);
    let plain = answering(b"-ERR unknown command\r\n");
    for (port, part) in [(silent, "timed out"), (closing, ""), (plain, "does not speak TLS")] {
        let save_path = format!("tls://127.0.0.1:{port}?timeout=0.3&auth=hunter2");
        let error = exists(&save_path, SOON).expect_err("no TLS");
        assert!(error.to_string().contains(part), "{error}");
        assert!(matches!(error, Error::Connect { .. } | Error::Tls { .. }), "{error}");
    }
}
