//! Limits on what clients may send, leave unread and hold, seen from outside.

#![allow(clippy::unwrap_used, reason = "clippy exempts tests, but not their helpers")]

mod support;

use std::time::Duration;

use guarda_testkit::connection::{Connection, ConnectionError, encode};
use guarda_testkit::deadline::await_true;
use guarda_testkit::prng::Prng;
use guarda_testkit::reply::Frame;
use guarda_testkit::server::Server;
use support::{SOON, await_count, call, count, field, info, rss, start, text};

const MIB: usize = 1 << 20;

/// What a server answers to raw bytes until it closes the connection.
fn last_words(connection: &mut Connection, bytes: &[u8]) -> String {
    // The server may close before everything is sent.
    let _ = connection.send_raw(bytes);
    String::from_utf8(connection.read_to_end().unwrap()).unwrap()
}

// Frames -------------------------------------------------------------------------------------------

#[test]
fn commands_that_arrive_byte_by_byte_are_understood() {
    let server = start(&[]);
    let mut client = server.connect().unwrap();
    let mut bytes = Vec::new();
    encode(&mut bytes, &["SET", "key", "a\r\nb"]);
    bytes.extend_from_slice(b"\r\nGET   \"key\"\r\n*0\r\n");
    encode(&mut bytes, &["STRLEN", "key"]);
    for byte in bytes {
        client.send_raw(&[byte]).unwrap();
    }
    assert_eq!(client.read().unwrap(), Frame::Simple(b"OK".to_vec()));
    assert_eq!(client.read().unwrap(), Frame::Bulk(b"a\r\nb".to_vec()));
    assert_eq!(client.read().unwrap(), Frame::Integer(4));
}

#[test]
fn a_half_received_command_costs_about_what_was_received() {
    let server = start(&[]);
    let mut control = server.connect().unwrap();
    let before = rss(server.pid().unwrap());
    let mut halves = Vec::new();
    for _ in 0..2_000 {
        let mut half = Connection::open(&server.tcp()).unwrap();
        half.send_raw(b"*2").unwrap();
        half.send_raw(b"\r\n$3\r\nGET\r\n$10").unwrap();
        halves.push(half);
    }
    let list_shows_them = await_true(SOON, || {
        // What is understood counts no more: the header and the first argument.
        let shown = |line: &&str| field(line, "qbuf") == "3" && field(line, "argv-mem") == "3";
        call(&mut control, "CLIENT LIST").lines().filter(shown).count() == 2_000
    });
    assert!(list_shows_them, "CLIENT LIST does not show 2000 query buffers of 3 bytes");
    let each = (rss(server.pid().unwrap()).saturating_sub(before)) / 2_000;
    assert!(each < 3_000, "{each} bytes for each half command");
}

#[test]
fn frames_have_smaller_limits_before_authentication() {
    let server = Server::start(support::spec().with_password("secret")).unwrap();
    let open = || Connection::open(&server.tcp()).unwrap();
    let args = |n: usize| {
        let mut bytes = Vec::new();
        encode(&mut bytes, &vec!["x"; n]);
        bytes
    };
    let bulk = |len: usize| {
        let mut bytes = Vec::new();
        encode(&mut bytes, &["ECHO".to_owned(), "x".repeat(len)]);
        bytes
    };
    for within in [args(10), bulk(16_384)] {
        let mut client = open();
        client.send_raw(&within).unwrap();
        assert!(client.read().unwrap().is_error());
        // The connection goes on, and after AUTH the limits are the large ones.
        assert_eq!(call(&mut client, "AUTH secret"), "OK");
        client.send_raw(&bulk(16_385)).unwrap();
        assert_eq!(client.read().unwrap(), Frame::Bulk(vec![b'x'; 16_385]));
        client.send_raw(&args(11)).unwrap();
        assert!(text(&client.read().unwrap()).contains("unknown command"));
    }
    let refused = last_words(&mut open(), b"*11\r\n");
    assert_eq!(refused, "-ERR Protocol error: unauthenticated multibulk length\r\n");
    let refused = last_words(&mut open(), b"*2\r\n$4\r\nECHO\r\n$16385\r\n");
    assert_eq!(refused, "-ERR Protocol error: unauthenticated bulk length\r\n");
    // AUTH and what it allows may come in one piece.
    let mut client = open();
    let mut bytes = Vec::new();
    encode(&mut bytes, &["AUTH", "secret"]);
    bytes.extend_from_slice(&bulk(20_000));
    client.send_raw(&bytes).unwrap();
    assert_eq!(text(&client.read().unwrap()), "OK");
    assert_eq!(client.read().unwrap(), Frame::Bulk(vec![b'x'; 20_000]));
}

#[test]
fn frames_have_limits_after_authentication() {
    let server = start(&[("proto-max-bulk-len", "1mb")]);
    let mut client = server.connect().unwrap();
    let value = "v".repeat(MIB);
    assert_eq!(text(&client.call(&["SET", "k", &value]).unwrap()), "OK");
    let inline = format!("ECHO {}\r\n", "x".repeat(60_000));
    client.send_raw(inline.as_bytes()).unwrap();
    assert_eq!(client.read().unwrap(), Frame::Bulk(vec![b'x'; 60_000]));
    let mut bytes = Vec::new();
    encode(&mut bytes, &vec!["x"; 1_048_576]);
    client.send_raw(&bytes).unwrap();
    assert!(text(&client.read().unwrap()).contains("unknown command"));
    for (frame, error) in [
        (&b"*1048577\r\n"[..], "invalid multibulk length"),
        (b"*2\r\n$4\r\nECHO\r\n$1048577\r\n", "invalid bulk length"),
        (b"*2\r\n$4\r\nECHO\r\n$-1\r\n", "invalid bulk length"),
        (b"*1\r\n:4\r\n", "expected '$', got ':'"),
        (b"GET \"x\r\n", "unbalanced quotes in request"),
    ] {
        let mut client = server.connect().unwrap();
        let expected = format!("-ERR Protocol error: {error}\r\n");
        assert_eq!(last_words(&mut client, frame), expected);
    }
    let mut client = server.connect().unwrap();
    assert_eq!(
        last_words(&mut client, &vec![b'x'; 64 * 1024 + 1]),
        "-ERR Protocol error: too big inline request\r\n"
    );
}

#[test]
fn a_bad_frame_is_answered_after_the_commands_before_it() {
    let server = start(&[]);
    let mut client = server.connect().unwrap();
    let words = last_words(&mut client, b"PING\r\nSET k v\r\n*1\r\n!\r\nSET k w\r\n");
    assert_eq!(words, "+PONG\r\n+OK\r\n-ERR Protocol error: expected '$', got '!'\r\n");
    assert_eq!(call(&mut server.connect().unwrap(), "GET k"), "v");
}

#[test]
fn input_beyond_the_query_buffer_limit_closes_the_client() {
    let server = start(&[("client-query-buffer-limit", "1mb")]);
    let mut control = server.connect().unwrap();
    let counter = "client_query_buffer_limit_disconnections";
    // As much as fits is served.
    let mut client = server.connect().unwrap();
    let value = "v".repeat(MIB - 100);
    assert_eq!(text(&client.call(&["SET", "k", &value]).unwrap()), "OK");
    assert_eq!(count(&mut control, counter), 0);
    // What is announced counts before it comes.
    assert_eq!(last_words(&mut client, b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1048577\r\n"), "");
    await_count(&mut control, counter, 1);
    // Many small arguments of one command count too.
    let mut client = server.connect().unwrap();
    let mut bytes = b"*1000000\r\n".to_vec();
    bytes.extend(b"$1\r\nx\r\n".repeat(300_000));
    assert_eq!(last_words(&mut client, &bytes), "");
    await_count(&mut control, counter, 2);
    assert_eq!(call(&mut control, "STRLEN k"), (MIB - 100).to_string());
    assert!(server.log().contains("client-query-buffer-limit"), "{}", server.log());
}

#[test]
fn the_queue_of_a_transaction_counts_as_query_buffer() {
    let server = start(&[("client-query-buffer-limit", "1mb")]);
    let mut control = server.connect().unwrap();
    let mut client = server.connect().unwrap();
    let queue_kib = |client: &mut Connection, n: usize| {
        assert_eq!(call(client, "MULTI"), "OK");
        let value = "v".repeat(1000);
        for sent in 0..n {
            match client.call(&["SET", "k", &value]) {
                Ok(reply) => assert_eq!(text(&reply), "QUEUED"),
                Err(ConnectionError::Closed { .. } | ConnectionError::Io(_)) => return sent,
                Err(other) => panic!("{other}"),
            }
        }
        n
    };
    // Each transaction begins anew.
    for _ in 0..3 {
        assert_eq!(queue_kib(&mut client, 800), 800);
        assert_eq!(client.call(&["EXEC"]).unwrap().elements().unwrap().len(), 800);
    }
    let queued = queue_kib(&mut client, 2_000);
    assert!((800..1_048).contains(&queued), "{queued} KB were queued");
    await_count(&mut control, "client_query_buffer_limit_disconnections", 1);
}

// Replies ------------------------------------------------------------------------------------------

/// Sends GETs of a 1 MiB value, `n` in all, and reads nothing.
fn ask_and_not_read(server: &Server, n: usize) -> Connection {
    let mut client = server.connect().unwrap();
    assert_eq!(text(&client.call(&["SET", "big", &"b".repeat(MIB)]).unwrap()), "OK");
    assert_eq!(call(&mut client, "CLIENT SETNAME slow"), "OK");
    client.send_raw(&b"GET big\r\n".repeat(n)).unwrap();
    client
}

/// The line of CLIENT LIST about the client called `slow`.
fn slow_line(control: &mut Connection) -> Option<String> {
    let list = call(control, "CLIENT LIST");
    list.lines().find(|line| field(line, "name") == "slow").map(str::to_owned)
}

fn unread(control: &mut Connection) -> usize {
    slow_line(control).map_or(0, |line| unread_of(&line))
}

/// What waits for the client of this line of CLIENT LIST.
fn unread_of(line: &str) -> usize {
    let waiting = |name| field(line, name).parse::<usize>().unwrap();
    waiting("obl") + waiting("omem")
}

#[test]
fn a_client_that_never_reads_is_paused_and_then_served_to_the_end() {
    const ASKED: usize = 200;
    let server = start(&[]);
    let mut control = server.connect().unwrap();
    let before = rss(server.pid().unwrap());
    let mut slow = ask_and_not_read(&server, ASKED);
    let paused = await_true(SOON, || unread(&mut control) >= 32 * MIB);
    assert!(paused, "{:?}", slow_line(&mut control));
    // Other clients do not notice.
    for _ in 0..100 {
        assert_eq!(call(&mut control, "PING"), "PONG");
        assert!(unread(&mut control) < 34 * MIB);
    }
    let grown = rss(server.pid().unwrap()) - before;
    assert!(grown < 120 * MIB as u64, "{} MiB for one slow reader", grown >> 20);
    for reply in 0..ASKED {
        let bytes = slow.read_raw().unwrap();
        assert_eq!(bytes.len(), MIB + 12, "reply {reply}");
    }
    assert_eq!(call(&mut slow, "PING"), "PONG");
    assert!(await_true(SOON, || unread(&mut control) == 0));
    // What the backlog took is given back.
    let given_back = await_true(SOON, || {
        call(&mut control, "PING");
        count(&mut control, "used_memory") < 16 * MIB as u64
    });
    assert!(given_back, "used_memory is {}", info(&mut control, "used_memory"));
}

#[test]
fn a_paused_client_that_goes_away_frees_its_backlog() {
    let server = start(&[]);
    let mut control = server.connect().unwrap();
    let slow = ask_and_not_read(&server, 100);
    assert!(await_true(SOON, || unread(&mut control) >= 32 * MIB));
    drop(slow);
    await_count(&mut control, "connected_clients", 1);
    assert!(await_true(SOON, || count(&mut control, "used_memory") < 16 * MIB as u64));
}

#[test]
fn replies_beyond_the_hard_limit_close_the_client() {
    let server = start(&[("client-output-buffer-limit", "normal 8mb 0 0")]);
    let mut control = server.connect().unwrap();
    let mut slow = ask_and_not_read(&server, 100);
    await_count(&mut control, "client_output_buffer_limit_disconnections", 1);
    await_count(&mut control, "connected_clients", 1);
    assert!(slow.read_to_end().unwrap().len() < 100 * MIB);
    assert!(server.log().contains("hard client-output-buffer-limit"), "{}", server.log());
    // Within the limit nothing happens, and CONFIG SET changes it.
    let set = control.call(&["CONFIG", "SET", "client-output-buffer-limit", "normal 64mb 0 0"]);
    assert_eq!(text(&set.unwrap()), "OK");
    let mut slow = ask_and_not_read(&server, 100);
    assert!(await_true(SOON, || unread(&mut control) >= 32 * MIB));
    for _ in 0..100 {
        assert_eq!(slow.read_raw().unwrap().len(), MIB + 12);
    }
}

#[test]
fn a_reply_beyond_the_hard_limit_is_not_sent_and_its_transaction_is_carried_out() {
    let server = start(&[("client-output-buffer-limit", "normal 100000 0 0")]);
    let mut control = server.connect().unwrap();
    assert_eq!(text(&control.call(&["SET", "big", &"b".repeat(60_000)]).unwrap()), "OK");
    let mut client = server.connect().unwrap();
    assert_eq!(client.call_raw(&["GET", "big"]).unwrap().len(), 60_010);
    client.send_raw(b"MULTI\r\nGET big\r\nGET big\r\nSET k v\r\nEXEC\r\n").unwrap();
    let received = client.read_to_end().unwrap();
    assert!(received.len() < 60_000, "{} bytes", received.len());
    assert_eq!(call(&mut control, "GET k"), "v");
    await_count(&mut control, "client_output_buffer_limit_disconnections", 1);
}

#[test]
fn what_a_fixed_buffer_would_hold_is_not_counted() {
    let server = start(&[("client-output-buffer-limit", "normal 100000 0 0")]);
    let mut control = server.connect().unwrap();
    for (len, is_sent) in [(98_000, true), (117_000, false)] {
        assert_eq!(text(&control.call(&["SET", "k", &"b".repeat(len)]).unwrap()), "OK");
        let mut client = server.connect().unwrap();
        client.send_raw(b"GET k\r\nQUIT\r\n").unwrap();
        assert_eq!(client.read_to_end().unwrap().len() > len, is_sent, "{len}");
    }
    await_count(&mut control, "client_output_buffer_limit_disconnections", 1);
}

#[test]
fn draws_beyond_the_hard_limit_close_the_client_and_take_no_memory() {
    let server = start(&[("client-output-buffer-limit", "normal 1000000 0 0")]);
    let mut control = server.connect().unwrap();
    for line in ["HSET h f v", "SADD s m", "ZADD z 1 m"] {
        assert_eq!(call(&mut control, line), "1");
    }
    let draws = ["HRANDFIELD h", "SRANDMEMBER s", "ZRANDMEMBER z"];
    for (n, command) in draws.into_iter().enumerate() {
        let mut client = server.connect().unwrap();
        client.send_raw(format!("PING\r\n{command} -999999999\r\nPING\r\n").as_bytes()).unwrap();
        assert_eq!(client.read_to_end().unwrap(), b"+PONG\r\n", "{command}");
        await_count(&mut control, "client_output_buffer_limit_disconnections", n as u64 + 1);
    }
    // In a transaction too, whose other commands are carried out; a script is told.
    let mut client = server.connect().unwrap();
    client.send_raw(b"MULTI\r\nHRANDFIELD h -999999999\r\nSET k v\r\nEXEC\r\n").unwrap();
    let received = client.read_to_end().unwrap();
    assert_eq!(received, b"+OK\r\n+QUEUED\r\n+QUEUED\r\n");
    assert_eq!(call(&mut control, "GET k"), "v");
    let script = ["EVAL", "return redis.pcall('HRANDFIELD', 'h', -999999999)", "0"];
    assert_eq!(text(&control.call(&script).unwrap()), "ERR value is out of range");
    assert!(server.log().contains("hard client-output-buffer-limit"), "{}", server.log());
    // Without such a limit they are refused.
    let set = control.call(&["CONFIG", "SET", "client-output-buffer-limit", "normal 0 0 0"]);
    assert_eq!(text(&set.unwrap()), "OK");
    assert_eq!(call(&mut control, "HRANDFIELD h -999999999"), "ERR value is out of range");
    assert!(count(&mut control, "used_memory") < 16 * MIB as u64);
}

#[test]
fn replies_beyond_the_soft_limit_close_the_client_after_its_time() {
    let server = start(&[("client-output-buffer-limit", "normal 0 4mb 1")]);
    let mut control = server.connect().unwrap();
    let _slow = ask_and_not_read(&server, 100);
    // Nobody sends or reads anything meanwhile: the server looks by itself.
    await_count(&mut control, "client_output_buffer_limit_disconnections", 1);
    await_count(&mut control, "connected_clients", 1);
    assert!(server.log().contains("soft client-output-buffer-limit"), "{}", server.log());
}

#[test]
fn a_huge_reply_reaches_a_slow_reader_whole() {
    let server = start(&[]);
    let mut client = server.connect().unwrap();
    let value: Vec<u8> = (0..64 * MIB).map(|n| (n * 7 % 251) as u8).collect();
    client.call(&[&b"SET"[..], b"k", &value]).unwrap();
    let reply = client.call_raw(&["GET", "k"]).unwrap();
    let body = &reply[b"$67108864\r\n".len()..reply.len() - 2];
    assert!(body == value, "the value came back changed");
}

#[test]
fn a_stranger_that_never_reads_is_paused_early() {
    let server = Server::start(support::spec().with_password("secret")).unwrap();
    let mut control = server.connect().unwrap();
    let mut stranger = Connection::open(&server.tcp()).unwrap();
    stranger.set_timeout(Duration::from_millis(50)).unwrap();
    // What the server takes is answered by errors of ten times its size, until it reads no more.
    let flood = b"GET\r\n".repeat(50_000);
    let largest = |control: &mut Connection| {
        let list = call(control, "CLIENT LIST");
        list.lines().map(unread_of).max().unwrap()
    };
    let is_paused = await_true(SOON, || {
        let _ = stranger.send_raw(&flood);
        largest(&mut control) >= 64 << 10
    });
    assert!(is_paused, "{}", call(&mut control, "CLIENT LIST"));
    for _ in 0..10 {
        let _ = stranger.send_raw(&flood);
        assert!(largest(&mut control) < 256 << 10);
    }
    assert_eq!(call(&mut control, "PING"), "PONG");
}

#[test]
fn noise_is_answered_or_dropped_and_hurts_nobody() {
    const WORDS: &[&[u8]] = &[
        b"*",
        b"$",
        b"\r\n",
        b"*3\r\n",
        b"$3\r\n",
        b"SET",
        b"\"",
        b"'",
        b"-1",
        b"99999999999",
        b"\0",
        b"*1\r\n$4\r\nPING\r\n",
        b"PING\r\n",
        b"\xff\xfe",
        b" ",
        b"+OK\r\n",
        b"MULTI\r\n",
    ];
    let seed = u64::from(std::process::id());
    let mut prng = Prng::new(seed);
    let server = start(&[]);
    let mut control = server.connect().unwrap();
    let mut noisy = Vec::new();
    for _ in 0..400 {
        let mut client = Connection::open(&server.tcp()).unwrap();
        let count = 1 + prng.below(40);
        let bytes: Vec<u8> =
            (0..count).flat_map(|_| WORDS[prng.below(WORDS.len())]).copied().collect();
        // It may be refused before the last byte.
        for piece in bytes.chunks(1 + prng.below(30)) {
            let _ = client.send_raw(piece);
        }
        noisy.push(client);
    }
    assert_eq!(call(&mut control, "PING"), "PONG", "seed {seed}");
    drop(noisy);
    await_count(&mut control, "connected_clients", 1);
    assert!(!server.log().contains("defect"), "seed {seed}: {}", server.log());
}

// Connections --------------------------------------------------------------------------------------

#[test]
fn a_client_that_sends_and_closes_at_once_is_answered_and_forgotten() {
    let server = start(&[]);
    let mut control = server.connect().unwrap();
    for endpoint in [server.tcp(), server.unix()] {
        for _ in 0..200 {
            let mut client = Connection::open(&endpoint).unwrap();
            client.send_raw(b"INCR n\r\n").unwrap();
            client.finish_sending().unwrap();
            assert!(client.read_to_end().unwrap().starts_with(b":"));
        }
    }
    // Data and the end of it may come in one event; nobody reads the answer here.
    for endpoint in [server.tcp(), server.unix()] {
        for _ in 0..200 {
            let mut client = Connection::open(&endpoint).unwrap();
            client.send_raw(b"INCR n\r\n").unwrap();
        }
    }
    assert!(await_true(SOON, || call(&mut control, "GET n") == "800"));
    await_count(&mut control, "connected_clients", 1);
}

#[test]
fn storms_of_connections_leave_nothing_behind() {
    let server = start(&[]);
    let mut control = server.connect().unwrap();
    // Accepted by now, and the only one: those that awaited the start are gone.
    await_count(&mut control, "connected_clients", 1);
    let descriptors =
        || std::fs::read_dir(format!("/proc/{}/fd", server.pid().unwrap())).unwrap().count();
    let before = descriptors();
    for round in 0..4 {
        let mut storm = Vec::new();
        for n in 0..1_000 {
            let mut client = Connection::open(&server.tcp()).unwrap();
            match (n + round) % 4 {
                0 => {}
                1 => client.send_raw(b"*2\r\n$3\r\nGE").unwrap(),
                2 => client.send_raw(b"PING\r\nPING\r\n").unwrap(),
                _ => client.send_raw(b"WATCH k\r\nMULTI\r\nSET k v\r\n").unwrap(),
            }
            storm.push(client);
        }
        drop(storm);
    }
    await_count(&mut control, "connected_clients", 1);
    assert!(await_true(SOON, || descriptors() <= before), "descriptors leak");
    assert_eq!(call(&mut control, "EXISTS k"), "0");
}

#[test]
fn a_storm_is_spread_over_the_threads() {
    let server = start(&[("io-threads", "2")]);
    let mut control = server.connect().unwrap();
    let storm: Vec<_> = (0..500).map(|_| Connection::open(&server.tcp()).unwrap()).collect();
    await_count(&mut control, "connected_clients", 501);
    // Each thread still answers all of its own.
    for mut client in storm {
        assert_eq!(call(&mut client, "PING"), "PONG");
    }
}

#[test]
fn a_client_beyond_maxclients_is_told_so() {
    let server = start(&[("maxclients", "3")]);
    let mut first = server.connect().unwrap();
    await_count(&mut first, "connected_clients", 1);
    let _second = server.connect().unwrap();
    let third = server.connect().unwrap();
    await_count(&mut first, "connected_clients", 3);
    let refused = |server: &Server| {
        let mut fourth = Connection::open(&server.tcp()).unwrap();
        String::from_utf8(fourth.read_to_end().unwrap()).unwrap()
    };
    assert_eq!(refused(&server), "-ERR max number of clients reached\r\n");
    assert_eq!(count(&mut first, "rejected_connections"), 1);
    // One that goes makes room, and CONFIG SET does.
    drop(third);
    await_count(&mut first, "connected_clients", 2);
    let _third = server.connect().unwrap();
    await_count(&mut first, "connected_clients", 3);
    assert_eq!(refused(&server), "-ERR max number of clients reached\r\n");
    assert_eq!(call(&mut first, "CONFIG SET maxclients 4"), "OK");
    assert_eq!(call(&mut server.connect().unwrap(), "PING"), "PONG");
}

#[test]
fn accepting_goes_on_when_descriptors_are_back() {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};
    let server = start(&[]);
    let mut control = server.connect().unwrap();
    let mut held: Vec<_> = (0..20).map(|_| server.connect().unwrap()).collect();
    await_count(&mut control, "connected_clients", 21);
    let fds = std::fs::read_dir(format!("/proc/{}/fd", server.pid().unwrap())).unwrap().count();
    let pid = Pid::from_raw(i32::try_from(server.pid().unwrap()).unwrap());
    let limit = Rlimit { current: Some(fds as u64), maximum: Some(20_000) };
    prlimit(pid, Resource::Nofile, limit).unwrap();
    // These wait in the kernel's queue; none is announced a second time.
    let mut waiting: Vec<_> = (0..5).map(|_| Connection::open(&server.tcp()).unwrap()).collect();
    let refused = || server.log().contains("could not be accepted");
    assert!(await_true(SOON, refused), "{}", server.log());
    held.truncate(5);
    for client in &mut waiting {
        assert_eq!(call(client, "PING"), "PONG");
    }
}

#[test]
fn idle_clients_are_closed_after_timeout() {
    let server = start(&[("timeout", "1")]);
    let mut busy = server.connect().unwrap();
    let mut idle = server.connect().unwrap();
    idle.set_timeout(SOON).unwrap();
    let closed = std::thread::spawn(move || idle.read_to_end().unwrap());
    // The one that says something now and then stays.
    let finished = await_true(SOON, || {
        assert_eq!(call(&mut busy, "PING"), "PONG");
        closed.is_finished()
    });
    assert!(finished, "the idle client was not closed");
    assert_eq!(closed.join().unwrap(), b"");
    assert_eq!(call(&mut busy, "CONFIG SET timeout 0"), "OK");
    busy.set_timeout(Duration::from_secs(2)).unwrap();
    assert!(matches!(busy.read(), Err(ConnectionError::TimedOut { .. })));
    assert_eq!(call(&mut busy, "PING"), "PONG");
}

#[test]
fn a_request_that_holds_a_session_is_not_idle() {
    let server = start(&[("timeout", "1"), ("session-lock-max-hold", "4")]);
    let mut holder = server.connect().unwrap();
    call(&mut holder, "SESSION OPEN s guarda:0123456789abcdef0123456789abcdef");
    let mut idle = server.connect().unwrap();
    call(&mut idle, "PING");
    idle.set_timeout(SOON).unwrap();
    assert_eq!(idle.read_to_end().unwrap(), b"", "it came later and is closed first");
    assert_eq!(call(&mut holder, "EXISTS s_LOCK"), "1");
    // Only as long as it may hold it.
    holder.set_timeout(SOON).unwrap();
    assert_eq!(holder.read_to_end().unwrap(), b"");
}

/// The promise is per connection: what PHP's persistent connections cost while they do nothing.
#[test]
fn an_idle_connection_costs_less_than_two_kilobytes() {
    const CONNECTIONS: usize = 5_000;
    let spec = support::spec().with_password("secret").with("maxclients", "6000");
    let server = Server::start(spec).unwrap();
    let pid = server.pid().unwrap();
    let connect = |n: usize| {
        let mut client = server.connect().unwrap();
        let key = format!("PHPREDIS_SESSION:{}", n % 100);
        let set = client.call(&["SETEX", &key, "1440", &"s".repeat(500)]).unwrap();
        assert_eq!(text(&set), "OK");
        assert_eq!(client.call(&["GET", &key]).unwrap(), Frame::Bulk(vec![b's'; 500]));
        client
    };
    let mut clients: Vec<_> = (0..200).map(connect).collect();
    let before = rss(pid);
    clients.extend((0..CONNECTIONS).map(connect));
    let grown = rss(pid).saturating_sub(before);
    let each = grown / CONNECTIONS as u64;
    assert!(each < 2_048, "{each} bytes for each idle connection");
    let mut control = clients.pop().unwrap();
    assert_eq!(count(&mut control, "connected_clients"), CONNECTIONS as u64 + 200);
}
