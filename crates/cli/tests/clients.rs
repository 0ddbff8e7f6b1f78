//! Clients among themselves: seen, killed, silenced, reset, gone.

#![allow(clippy::unwrap_used, reason = "clippy exempts tests, but not their helpers")]

mod support;

use guarda_testkit::connection::{Connection, encode};
use guarda_testkit::deadline::await_true;
use guarda_testkit::reply::Frame;
use guarda_testkit::server::Server;
use support::{SOON, await_count, call, count, field, start, text};

fn id(client: &mut Connection) -> String {
    call(client, "CLIENT ID")
}

/// Whether the server has closed the connection, and what it said before.
fn closed(client: &mut Connection) -> String {
    String::from_utf8(client.read_to_end().unwrap()).unwrap()
}

/// Several commands, one in a line, in one piece.
fn pipeline(client: &mut Connection, commands: &[&str]) {
    let mut bytes = Vec::new();
    for command in commands {
        encode(&mut bytes, &command.split_whitespace().collect::<Vec<_>>());
    }
    client.send_raw(&bytes).unwrap();
}

// Killing ----------------------------------------------------------------------------------------

#[test]
fn client_kill_closes_others_by_every_filter() {
    let server = start(&[("io-threads", "2")]);
    let mut control = server.connect().unwrap();
    let others = |n: usize| (0..n).map(|_| server.connect().unwrap()).collect::<Vec<_>>();
    // Connections on both threads, each by its own id.
    for mut other in others(4) {
        let victim = id(&mut other);
        assert_eq!(call(&mut control, &format!("CLIENT KILL ID {victim}")), "1");
        assert_eq!(closed(&mut other), "");
        assert_eq!(call(&mut control, &format!("CLIENT KILL ID {victim}")), "0");
    }
    let mut other = others(1).remove(0);
    assert_eq!(call(&mut other, "PING"), "PONG");
    assert_eq!(call(&mut control, &format!("CLIENT KILL {}", other.local_address())), "OK");
    assert_eq!(closed(&mut other), "");
    let gone = call(&mut control, &format!("CLIENT KILL {}", other.local_address()));
    assert_eq!(gone, "ERR No such client");
    let mut many = others(300);
    await_count(&mut control, "connected_clients", 301);
    assert_eq!(call(&mut control, "CLIENT KILL TYPE normal"), "300");
    for other in &mut many {
        assert_eq!(closed(other), "");
    }
    await_count(&mut control, "connected_clients", 1);
    let mut other = Connection::open(&server.unix()).unwrap();
    let line = call(&mut other, "CLIENT INFO");
    let laddr = field(&line, "laddr");
    assert_eq!(call(&mut control, &format!("CLIENT KILL LADDR {laddr}")), "1");
    assert_eq!(closed(&mut other), "");
    assert_eq!(call(&mut control, "CLIENT KILL USER default"), "0");
}

#[test]
fn a_client_that_kills_itself_hears_of_it_first() {
    let server = start(&[]);
    let mut client = server.connect().unwrap();
    let me = id(&mut client);
    assert_eq!(call(&mut client, &format!("CLIENT KILL ID {me}")), "0");
    pipeline(&mut client, &["PING", &format!("CLIENT KILL ID {me} SKIPME no"), "SET k v"]);
    assert_eq!(closed(&mut client), "+PONG\r\n:1\r\n");
    assert_eq!(call(&mut server.connect().unwrap(), "EXISTS k"), "0");
}

#[test]
fn a_transaction_dies_with_its_client() {
    let server = start(&[]);
    let mut control = server.connect().unwrap();
    let mut victim = server.connect().unwrap();
    pipeline(&mut victim, &["WATCH w", "MULTI", "SET k v"]);
    for expected in ["OK", "OK", "QUEUED"] {
        assert_eq!(text(&victim.read().unwrap()), expected);
    }
    let victim_id = call(&mut control, "CLIENT LIST")
        .lines()
        .find(|line| field(line, "multi") == "1")
        .map(|line| field(line, "id").to_owned());
    let kill = format!("CLIENT KILL ID {}", victim_id.unwrap());
    assert_eq!(call(&mut control, &kill), "1");
    assert_eq!(closed(&mut victim), "");
    assert_eq!(call(&mut control, "EXISTS k"), "0");
}

#[test]
fn what_gone_clients_watched_is_forgotten() {
    let server = start(&[]);
    let mut control = server.connect().unwrap();
    let keys: Vec<String> = (0..500).map(|n| format!("{}{n}", "k".repeat(100))).collect();
    let round = |control: &mut Connection| {
        for n in 0..20 {
            let mut watcher = server.connect().unwrap();
            let mut args = vec!["WATCH"];
            args.extend(keys.iter().map(String::as_str));
            assert_eq!(text(&watcher.call(&args).unwrap()), "OK");
            match n % 3 {
                0 => drop(watcher),
                1 => assert_eq!(call(&mut watcher, "RESET"), "RESET"),
                _ => assert_eq!(call(&mut watcher, "QUIT"), "OK"),
            }
        }
        await_count(control, "connected_clients", 1);
    };
    round(&mut control);
    let before = count(&mut control, "used_memory");
    for _ in 0..4 {
        round(&mut control);
    }
    // One round's watches would take 1 MB.
    let settled = || count(&mut control, "used_memory") < before + 500_000;
    assert!(await_true(SOON, settled), "watches of gone clients are kept");
}

// Seeing -----------------------------------------------------------------------------------------

#[test]
fn client_list_tells_what_a_client_is_doing() {
    let server = Server::start(support::spec().with_password("secret")).unwrap();
    let mut control = server.connect().unwrap();
    let mut client = server.connect().unwrap();
    for command in [
        "HELLO 3 SETNAME worker",
        "SELECT 5",
        "CLIENT SETINFO LIB-NAME phpredis",
        "CLIENT SETINFO LIB-VER 6.2.0",
        "CLIENT NO-EVICT on",
        "WATCH a b",
        "MULTI",
        "GET k",
    ] {
        let reply = call(&mut client, command);
        assert!(!reply.starts_with("ERR"), "{command}: {reply}");
    }
    let list = call(&mut control, "CLIENT LIST");
    let line = list.lines().find(|line| field(line, "name") == "worker").unwrap();
    for (name, expected) in [
        ("addr", client.local_address().as_str()),
        ("laddr", &format!("127.0.0.1:{}", server.port())),
        ("flags", "xe"),
        ("db", "5"),
        ("multi", "1"),
        ("qbuf", "0"),
        ("obl", "0"),
        ("user", "default"),
        ("resp", "3"),
        ("lib-name", "phpredis"),
        ("lib-ver", "6.2.0"),
    ] {
        assert_eq!(field(line, name), expected, "{name} in {line}");
    }
    let own = list.lines().find(|line| field(line, "cmd") == "client|list").unwrap();
    assert_eq!(field(own, "addr"), control.local_address());
    assert!(field(own, "id").parse::<u64>().unwrap() < field(line, "id").parse().unwrap());
    // Every field a monitoring tool of Redis 7.2 may ask for, in its order.
    let names: Vec<&str> =
        line.split(' ').filter_map(|word| Some(word.split_once('=')?.0)).collect();
    assert_eq!(
        names.join(" "),
        "id addr laddr fd name age idle flags db sub psub ssub multi qbuf qbuf-free argv-mem \
         multi-mem rbs rbp obl oll omem tot-mem events cmd user redir resp lib-name lib-ver"
    );
}

#[test]
fn client_list_tells_what_each_client_keeps() {
    let server = start(&[]);
    let mut control = server.connect().unwrap();
    let own = call(&mut control, "CLIENT INFO");
    // `*2 $6 CLIENT $4 INFO`, of which the words are arguments: as Redis tells it.
    assert_eq!((field(&own, "qbuf"), field(&own, "argv-mem")), ("26", "10"), "{own}");
    let line = |control: &mut Connection| {
        let list = call(control, "CLIENT LIST");
        list.lines().find(|line| field(line, "name") == "other").unwrap().to_owned()
    };
    let number = |line: &str, name| field(line, name).parse::<usize>().unwrap();
    let mut other = server.connect().unwrap();
    assert_eq!(call(&mut other, "CLIENT SETNAME other"), "OK");
    let idle = line(&mut control);
    for name in ["qbuf", "qbuf-free", "argv-mem", "multi-mem", "obl", "oll", "omem"] {
        assert_eq!(field(&idle, name), "0", "{name} in {idle}");
    }
    assert_eq!(call(&mut other, "MULTI"), "OK");
    assert_eq!(call(&mut other, &format!("SET k {}", "v".repeat(10_000))), "QUEUED");
    let queued = line(&mut control);
    assert!((10_000..11_000).contains(&number(&queued, "multi-mem")), "{queued}");
    assert_eq!(call(&mut other, "DISCARD"), "OK");
    // Half of an argument of a million bytes, then all of it but its end: never much more than has come.
    other.send_raw(b"*2\r\n$4\r\nECHO\r\n$1000000\r\n").unwrap();
    for sent in [500_000, 1_000_000] {
        other.send_raw(&vec![b'v'; 500_000]).unwrap();
        let come = await_true(SOON, || number(&line(&mut control), "qbuf") == sent);
        let half = line(&mut control);
        assert!(come && field(&half, "argv-mem") == "4", "{half}");
        assert!(number(&half, "tot-mem") <= 1_002_000, "{half}");
    }
    other.send_raw(b"\r\n").unwrap();
    assert_eq!(other.read_raw().unwrap().len(), 1_000_012);
    assert!(await_true(SOON, || line(&mut control).contains(" qbuf=0 qbuf-free=0 argv-mem=0 ")));
    assert_eq!(number(&line(&mut control), "tot-mem"), number(&idle, "tot-mem"));
}

// Silencing --------------------------------------------------------------------------------------

#[test]
fn client_reply_off_and_skip_hold_across_a_pipeline() {
    let server = start(&[]);
    let mut client = server.connect().unwrap();
    pipeline(
        &mut client,
        &[
            "SET n 0",
            "CLIENT REPLY SKIP",
            "INCR n",
            "INCR n",
            "CLIENT REPLY OFF",
            "INCR n",
            "NOSUCH",
            "CLIENT REPLY SKIP",
            "INCR n",
            "CLIENT REPLY ON",
            "CLIENT REPLY SKIP",
            "CLIENT REPLY SKIP",
            "INCR n",
            "GET n",
        ],
    );
    // n: 1 unheard, 2 heard, 3 and 4 unheard, 5 unheard.
    for expected in ["OK", "2", "OK", "5"] {
        assert_eq!(text(&client.read().unwrap()), expected);
    }
    assert_eq!(call(&mut client, "PING"), "PONG");
}

#[test]
fn changes_that_nobody_is_told_of_are_logged_all_the_same() {
    let mut server = start(&[("appendonly", "yes")]);
    let mut client = server.connect().unwrap();
    let mut commands = vec!["CLIENT REPLY OFF".to_owned()];
    commands.extend((0..1_000).map(|n| format!("SET key:{n} {n}")));
    pipeline(&mut client, &commands.iter().map(String::as_str).collect::<Vec<_>>());
    let mut control = server.connect().unwrap();
    assert!(await_true(SOON, || call(&mut control, "DBSIZE") == "1000"));
    // Readers of those keys depend on their records: after this answer they are with the kernel.
    assert_eq!(call(&mut control, "GET key:999"), "999");
    server.kill9();
    server.restart().unwrap();
    assert_eq!(call(&mut server.connect().unwrap(), "DBSIZE"), "1000");
}

// Ending and beginning anew ------------------------------------------------------------------------

#[test]
fn nothing_behind_quit_is_executed() {
    let server = start(&[]);
    let mut client = server.connect().unwrap();
    pipeline(&mut client, &["SET a 1", "QUIT", "SET a 2", "PING"]);
    assert_eq!(closed(&mut client), "+OK\r\n+OK\r\n");
    assert_eq!(call(&mut server.connect().unwrap(), "GET a"), "1");
}

#[test]
fn reset_makes_a_new_client_of_an_old_one() {
    let server = Server::start(support::spec().with_password("secret")).unwrap();
    let mut client = server.connect().unwrap();
    for command in ["HELLO 3 SETNAME me", "SELECT 3", "WATCH k", "MULTI", "SET k v"] {
        call(&mut client, command);
    }
    assert_eq!(call(&mut client, "RESET"), "RESET");
    assert!(call(&mut client, "PING").starts_with("NOAUTH"));
    assert_eq!(call(&mut client, "AUTH secret"), "OK");
    let line = call(&mut client, "CLIENT INFO");
    for (name, expected) in [("name", ""), ("db", "0"), ("multi", "-1"), ("resp", "2")] {
        assert_eq!(field(&line, name), expected, "{line}");
    }
    assert_eq!(client.call(&["GET", "k"]).unwrap(), Frame::NullBulk);
    assert_eq!(call(&mut client, "EXEC"), "ERR EXEC without MULTI");
}
