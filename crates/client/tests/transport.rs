//! Connections to a real redis-server: what is said when, what is kept, what is replaced.

#![allow(missing_docs, reason = "tests")]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use guarda_client::{
    Budget, Commit, Committed, Connection, Endpoint, Error, IDLE_MAX, Keys, Lock, Open, Opened,
    Pool, Status, random,
};
use guarda_session::lock_token;
use guarda_testkit::deadline::await_true;
use guarda_testkit::server::{Program, Server, ServerSpec};
use support::{Proxy, SECOND, answering, endpoint};

const TTL: Duration = Duration::from_secs(1000);

fn server() -> Server {
    Server::start(ServerSpec::new(Program::reference())).expect("starts")
}

fn at(server: &Server, query: &str) -> Endpoint {
    endpoint(&format!("tcp://127.0.0.1:{}?{query}", server.port()))
}

fn raw(server: &Server, command: &str) -> String {
    let args: Vec<&str> = command.split(' ').collect();
    let mut connection = server.connect().expect("connects");
    connection.call(&args).expect("an answer").to_string()
}

/// A session that is open.
struct Opening {
    connection: Box<Connection>,
    keys: Keys,
    token: String,
    locked: bool,
    opened: Opened,
}

fn open(pool: &mut Pool, to: &Endpoint, key: &str, locked: bool) -> Result<Opening, Error> {
    let mut budget = Budget::start(10 * SECOND);
    let mut connection = pool.take(to, &budget)?;
    let token = lock_token(&random()?);
    let keys = Keys::new(key.as_bytes().to_vec());
    let lock = Lock { lease: 60 * SECOND, wait: SECOND, waiters_max: None };
    let lock = locked.then_some(lock);
    let open = Open { token: &token, lock, ttl: None, must_exist: false, holder: None };
    let opened = connection.open(&keys, &open, &mut budget)?;
    assert_eq!(opened.status, Status::Open);
    Ok(Opening { connection, keys, token, locked, opened })
}

impl Opening {
    fn commit(mut self, pool: &mut Pool, tag: Option<&[u8]>) -> Result<Committed, Error> {
        let commit = Commit {
            token: &self.token,
            opened: &self.opened,
            ttl: TTL,
            locked: self.locked,
            recreate: false,
            tag,
            data: b"n|i:1;",
        };
        let budget = Budget::start(10 * SECOND);
        let committed = self.connection.commit(&self.keys, &commit, &budget)?;
        pool.put(self.connection);
        Ok(committed)
    }
}

/// One locked request, as PHP makes it.
fn request(pool: &mut Pool, to: &Endpoint, key: &str) -> Result<Committed, Error> {
    open(pool, to, key, true)?.commit(pool, None)
}

/// How often the server was told which command.
fn told(server: &Server) -> BTreeMap<String, u64> {
    let text = raw(server, "INFO commandstats");
    let calls = text.split("cmdstat_").skip(1).filter_map(|line| {
        let (name, rest) = line.split_once(":calls=")?;
        Some((name.to_owned(), rest.split(',').next()?.parse().ok()?))
    });
    calls.filter(|(name, _)| name != "info").collect()
}

/// What it was told since.
fn told_since(server: &Server, before: &BTreeMap<String, u64>) -> String {
    let since = told(server).into_iter().filter_map(|(name, calls)| {
        let more = calls - before.get(&name).copied().unwrap_or_default();
        (more > 0).then(|| format!("{more} {name}"))
    });
    since.collect::<Vec<_>>().join(", ")
}

#[test]
fn a_locked_request_is_two_round_trips() {
    let spec = ServerSpec::new(Program::reference()).with_password("secret");
    let server = Server::start(spec).expect("starts");
    let proxy = Proxy::to(server.port());
    let to = endpoint(&format!("tcp://127.0.0.1:{}?auth=secret&database=3", proxy.port));
    let mut pool = Pool::new();
    // The first of all finds out that there are no SESSION commands, and loads two scripts.
    assert_eq!(request(&mut pool, &to, "s").expect("works"), Committed::Stored);
    assert_eq!(proxy.take(), (1, 5));
    assert_eq!(request(&mut pool, &to, "s").expect("works"), Committed::Stored);
    assert_eq!(proxy.take(), (0, 2), "kept");
    let mut statistics = server.connect().expect("connects");
    let mut scripts = || {
        let text = statistics.call(&["INFO", "commandstats"]).expect("an answer").to_string();
        text.split("\\r\\n")
            .filter(|line| line.contains("cmdstat_eval"))
            .map(str::to_owned)
            .collect()
    };
    let before: Vec<String> = scripts();
    assert_eq!(request(&mut pool, &to, "s").expect("works"), Committed::Stored);
    assert_eq!(scripts(), before, "a request that nobody disturbs runs no script");
    assert_eq!(proxy.take(), (0, 2), "without scripts");
    // What was found out holds for new connections of the same process.
    let other = endpoint(&format!("tcp://127.0.0.1:{}?auth=secret&database=4", proxy.port));
    assert_eq!(request(&mut pool, &other, "s").expect("works"), Committed::Stored);
    assert_eq!(proxy.take(), (1, 2), "AUTH and SELECT travel with the first command");
    let mut connection = server.connect().expect("connects");
    connection.call(&["SELECT", "4"]).expect("an answer");
    assert!(connection.call(&["EXISTS", "s"]).expect("an answer").to_string().contains('1'));
}

#[test]
fn a_request_that_nobody_disturbs_has_no_command_too_many() {
    let server = server();
    let (mut pool, to) = (Pool::new(), at(&server, ""));
    // The first of all finds out that there are no SESSION commands.
    request(&mut pool, &to, "s").expect("works");
    for (locked, expected) in [
        (false, "1 exec, 1 get, 1 mget, 1 multi, 1 set, 1 watch"),
        (true, "1 del, 1 exec, 1 get, 1 mget, 1 multi, 1 pttl, 2 set, 1 watch"),
    ] {
        let before = told(&server);
        let opening = open(&mut pool, &to, "s", locked).expect("opens");
        assert_eq!(opening.commit(&mut pool, None).expect("works"), Committed::Stored);
        assert_eq!(told_since(&server, &before), expected, "locked: {locked}");
    }
    // What is still watched is not watched any longer.
    drop(open(&mut pool, &to, "s", false).map(|opening| pool.put(opening.connection)));
    let before = told(&server);
    let opening = open(&mut pool, &to, "other", false).expect("opens");
    raw(&server, "SET s changed");
    assert_eq!(opening.commit(&mut pool, None).expect("works"), Committed::Stored);
    let expected = "1 exec, 1 get, 1 mget, 1 multi, 2 set, 1 unwatch, 1 watch";
    assert_eq!(told_since(&server, &before), expected);
}

#[test]
fn without_a_lock_those_of_others_disturb_nobody() {
    let server = server();
    let (mut pool, to) = (Pool::new(), at(&server, ""));
    request(&mut pool, &to, "s").expect("works");
    raw(&server, "SET s_LOCK another");
    let opening = open(&mut pool, &to, "s", false).expect("opens");
    raw(&server, "DEL s_LOCK");
    let before = told(&server);
    assert_eq!(opening.commit(&mut pool, None).expect("works"), Committed::Stored);
    assert_eq!(told_since(&server, &before), "1 exec, 1 multi, 1 set");
}

#[test]
fn a_tag_lives_as_long_as_its_session_whenever_it_came() {
    let server = server();
    let (mut pool, mut others, to) = (Pool::new(), Pool::new(), at(&server, ""));
    for pool in [&mut pool, &mut others] {
        request(pool, &to, "known").expect("works");
    }
    let left = || {
        let text = raw(&server, "TTL s_TAG");
        text.rsplit(' ').next().and_then(|n| n.trim_matches(':').parse::<i64>().ok())
    };
    for locked in [false, true] {
        raw(&server, "DEL s s_TAG");
        request(&mut pool, &to, "s").expect("works");
        if locked {
            open(&mut pool, &to, "s", true).unwrap().commit(&mut pool, Some(b"user")).unwrap();
            raw(&server, "EXPIRE s_TAG 7");
            request(&mut pool, &to, "s").expect("works");
        } else {
            // It comes while a request is open that has seen none, and that now asks again.
            let late = open(&mut pool, &to, "s", false).expect("opens");
            let tagging = open(&mut others, &to, "s", false).expect("opens");
            tagging.commit(&mut others, Some(b"user")).expect("works");
            raw(&server, "EXPIRE s_TAG 7");
            assert_eq!(late.commit(&mut pool, None).expect("works"), Committed::Stored);
        }
        assert!(left().is_some_and(|left| left > 900), "{}", raw(&server, "TTL s_TAG"));
        // A session that is new has none, whatever is left.
        raw(&server, "DEL s");
        open(&mut pool, &to, "s", locked).unwrap().commit(&mut pool, None).unwrap();
        assert!(raw(&server, "EXISTS s_TAG").contains('0'));
    }
}

#[test]
fn a_first_command_that_writes_waits_for_auth_and_select() {
    let server = server();
    let proxy = Proxy::to(server.port());
    let to = endpoint(&format!("tcp://127.0.0.1:{}?database=99", proxy.port));
    let budget = Budget::start(10 * SECOND);
    let mut connection = Connection::connect(&to, &budget).expect("connects");
    let error = connection.ask(&["SET", "s", "x"], Duration::ZERO, &budget).expect_err("no 99");
    assert!(matches!(error, Error::Database { database: 99, .. }), "{error}");
    assert!(raw(&server, "EXISTS s").contains('0'), "nothing was written to database 0");
    assert!(connection.is_broken());
}

#[test]
fn refusals_say_what_is_wrong_and_no_secret() {
    let spec = ServerSpec::new(Program::reference()).with_password("right");
    let server = Server::start(spec).expect("starts");
    for (query, part) in [
        ("auth=hunter2", "WRONGPASS"),
        ("auth[]=user&auth[]=hunter2", "WRONGPASS"),
        ("auth=right&database=99", "no database 99"),
        ("auth_file=/nonexistent/secret", "/nonexistent/secret"),
        ("", "NOAUTH"),
        ("database=1", "NOAUTH"),
    ] {
        let to = at(&server, query);
        let error = request(&mut Pool::new(), &to, "s").expect_err("refused");
        let text = error.to_string();
        assert!(text.contains(part) && text.contains("127.0.0.1"), "{text}");
        assert!(!text.contains("hunter2") && !text.contains("right"), "{text}");
        assert!(!format!("{to:?}").contains("hunter2"), "{to:?}");
    }
    let open = self::server();
    let error = request(&mut Pool::new(), &at(&open, "auth=hunter2"), "s").expect_err("refused");
    assert!(error.to_string().contains("take `auth` out"), "{error}");
}

#[test]
fn a_password_is_read_from_the_first_line_of_a_file() {
    let spec = ServerSpec::new(Program::reference()).with_password("right");
    let server = Server::start(spec.with_file("secret", "right\r\nmore\n")).expect("starts");
    let file = server.dir().join("secret");
    let to = at(&server, &format!("auth_file={}", file.display()));
    assert_eq!(request(&mut Pool::new(), &to, "s").expect("works"), Committed::Stored);
}

#[test]
fn a_connection_closed_between_requests_is_replaced() {
    let server = server();
    let (mut pool, to) = (Pool::new(), at(&server, ""));
    let budget = Budget::start(10 * SECOND);
    let keys = Keys::new(b"s".to_vec());
    let mut connection = pool.take(&to, &budget).expect("connects");
    assert!(!connection.exists(&keys, &budget).expect("answers"));
    pool.put(connection);
    raw(&server, "CLIENT KILL TYPE normal");
    let mut connection = pool.take(&to, &budget).expect("connects");
    assert!(!connection.exists(&keys, &budget).expect("answers"));
    // While the request has it, too.
    raw(&server, "CLIENT KILL TYPE normal");
    assert!(!connection.exists(&keys, &budget).expect("answers"));
    pool.put(connection);
    assert_eq!(pool.len(), 1);
}

#[test]
fn a_connection_with_bytes_that_nobody_asked_for_is_replaced() {
    let chatty = support::peer(|mut stream| {
        use std::io::{Read as _, Write as _};
        let mut chunk = [0; 100];
        while matches!(stream.read(&mut chunk), Ok(1..)) {
            assert!(stream.write_all(b":0\r\n").is_ok());
            std::thread::sleep(Duration::from_millis(30));
            assert!(stream.write_all(b":1\r\n").is_ok());
        }
    });
    let quiet = answering(b":0\r\n");
    let (mut pool, budget) = (Pool::new(), Budget::start(30 * SECOND));
    let keys = Keys::new(b"s".to_vec());
    for (port, is_kept) in [(quiet, true), (chatty, false)] {
        let proxy = Proxy::to(port);
        let to = endpoint(&format!("tcp://127.0.0.1:{}", proxy.port));
        let mut connection = pool.take(&to, &budget).expect("connects");
        assert!(!connection.exists(&keys, &budget).expect("answers"));
        pool.put(connection);
        assert_eq!(proxy.take().0, 1);
        // What nobody asked for may come at any time.
        let replaced = await_true(if is_kept { SECOND / 10 } else { 20 * SECOND }, || {
            let connection = pool.take(&to, &budget).expect("connects");
            pool.put(connection);
            proxy.take().0 > 0
        });
        assert_eq!(replaced, !is_kept);
    }
}

#[test]
fn connections_are_shared_only_where_nothing_differs() {
    let server = server();
    raw(&server, "SET s there");
    raw(&server, "ACL SETUSER u on >p ~* +@all");
    let keys = Keys::new(b"s".to_vec());
    let (mut pool, budget) = (Pool::new(), Budget::start(10 * SECOND));
    let mut count = 0;
    for (query, there) in [
        ("database=5", false),
        ("database=0", true),
        ("database=5", false),
        ("", true),
        ("auth[]=u&auth[]=p", true),
        ("persistent_id=a", true),
        ("persistent_id=b", true),
        ("timeout=3", true),
        ("read_timeout=3", true),
        ("retry_interval=3", true),
        ("prefix=other", true),
    ] {
        let mut connection = pool.take(&at(&server, query), &budget).expect("connects");
        assert_eq!(connection.exists(&keys, &budget).expect("answers"), there, "{query}");
        pool.put(connection);
        // The second `database=5` is the first again; a prefix changes nothing for the server.
        count += usize::from(count == 0 || !matches!(query, "prefix=other"));
    }
    assert_eq!(pool.len(), count - 1);
}

#[test]
fn a_pool_has_a_limit_and_the_oldest_goes() {
    let server = server();
    let (mut pool, budget) = (Pool::new(), Budget::start(60 * SECOND));
    let to = |number: usize| at(&server, &format!("persistent_id={number}"));
    let mut id_of = |number: usize| {
        let mut connection = pool.take(&to(number), &budget).expect("connects");
        let id = connection.ask(&["CLIENT", "ID"], Duration::ZERO, &budget).expect("an answer");
        pool.put(connection);
        (id, pool.len())
    };
    let (first, _) = id_of(0);
    assert_eq!(id_of(0), (first.clone(), 1), "kept");
    for number in 1..=IDLE_MAX {
        assert_eq!(id_of(number).1, (number + 1).min(IDLE_MAX));
    }
    assert_eq!(id_of(IDLE_MAX).1, IDLE_MAX);
    assert_ne!(id_of(0).0, first);
}

#[test]
fn retry_interval_bridges_a_restart_within_the_budget() {
    let mut server = server();
    let mut pool = Pool::new();
    let (once, again) = (at(&server, "persistent_id=x"), at(&server, "retry_interval=100"));
    assert_eq!(request(&mut pool, &once, "s").expect("works"), Committed::Stored);
    assert_eq!(request(&mut pool, &again, "s").expect("works"), Committed::Stored);
    server.kill9();
    let error = request(&mut pool, &once, "s").expect_err("down");
    assert!(matches!(error, Error::Connect { .. }), "{error}");
    // Eleven tries, 100 ms apart, end before the budget does.
    let started = Budget::start(30 * SECOND);
    let error = request(&mut pool, &again, "s").expect_err("down");
    assert!(matches!(error, Error::Connect { .. }), "{error}");
    assert!(started.left().expect("in time") > 20 * SECOND);
    server.restart().expect("starts");
    let patient = at(&server, "retry_interval=1000");
    assert_eq!(request(&mut pool, &patient, "s").expect("works"), Committed::Stored);
    server.kill9();
    std::thread::scope(|scope| {
        scope.spawn(|| server.restart().expect("starts"));
        assert_eq!(request(&mut pool, &patient, "s").expect("works"), Committed::Stored);
    });
}
