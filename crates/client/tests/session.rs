//! The session protocol on real servers: redis-server, and guarda where `GUARDA_TEST_BINARY` names it.

#![allow(missing_docs, reason = "tests")]

use std::thread;
use std::time::Duration;

use guarda_client::{
    Budget, Commit, Committed, Connection, Endpoint, Keys, List, Lock, Open, Opened, Pool, Renewed,
    Status, Touched, random,
};
use guarda_session::{SavePath, lock_token};
use guarda_testkit::server::{Program, Server, ServerSpec};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_hours(1);

fn programs() -> Vec<Program> {
    let guarda = std::env::var_os("GUARDA_TEST_BINARY");
    let guarda = guarda.map(|path| Program::Guarda(path.into()));
    std::iter::once(Program::reference()).chain(guarda).collect()
}

fn endpoint(server: &Server, query: &str) -> Endpoint {
    let text = format!("tcp://127.0.0.1:{}?{query}", server.port());
    let path = SavePath::parse(&text).expect("a save_path");
    Endpoint::of(path.host(b"abcd"), Some(2 * SECOND), Some(5 * SECOND))
}

/// One request's view of one session.
struct Request {
    connection: Box<Connection>,
    keys: Keys,
    token: String,
    locked: bool,
    tag: Option<&'static [u8]>,
    opened: Option<Opened>,
}

impl Request {
    fn new(server: &Server, key: &str) -> Self {
        let budget = Budget::start(10 * SECOND);
        let connection = Pool::new().take(&endpoint(server, ""), &budget).expect("connects");
        let token = lock_token(&random().expect("random numbers"));
        let keys = Keys::new(key.as_bytes().to_vec());
        Self { connection, keys, token, locked: true, tag: None, opened: None }
    }

    fn unlocked(mut self) -> Self {
        self.locked = false;
        self
    }

    fn open_within(&mut self, wait: Duration, must_exist: bool) -> Opened {
        let lock = Lock { lease: 60 * SECOND, wait, waiters_max: None };
        let lock = self.locked.then_some(lock);
        let open = Open { token: &self.token, lock, ttl: None, must_exist, holder: None };
        let mut budget = Budget::start(10 * SECOND);
        let opened = self.connection.open(&self.keys, &open, &mut budget).expect("opens");
        self.opened = Some(opened.clone());
        opened
    }

    fn open(&mut self) -> Opened {
        self.open_within(Duration::ZERO, false)
    }

    fn commit(&mut self, data: &str) -> Committed {
        let opened = self.opened.as_ref().expect("opened before");
        let commit = Commit {
            token: &self.token,
            opened,
            ttl: HOUR,
            locked: self.locked,
            recreate: false,
            tag: self.tag,
            data: data.as_bytes(),
        };
        let budget = Budget::start(10 * SECOND);
        self.connection.commit(&self.keys, &commit, &budget).expect("an answer")
    }

    fn touch(&mut self) -> Touched {
        let budget = Budget::start(10 * SECOND);
        let (keys, token) = (&self.keys, &self.token);
        self.connection.touch(keys, token, HOUR, self.locked, &budget).expect("an answer")
    }

    fn destroy(&mut self) -> bool {
        let budget = Budget::start(10 * SECOND);
        let nonce = lock_token(&random().expect("random numbers"));
        let (keys, token) = (&self.keys, &self.token);
        self.connection.destroy(keys, token, &nonce, 900 * SECOND, &budget).expect("an answer")
    }

    fn renew(&mut self, lease: Duration, ttl: Option<Duration>) -> Renewed {
        let budget = Budget::start(10 * SECOND);
        let (keys, token) = (&self.keys, &self.token);
        self.connection.renew(keys, token, lease, ttl, &budget).expect("an answer")
    }

    fn release(&mut self) -> bool {
        let budget = Budget::start(10 * SECOND);
        self.connection.release(&self.keys, &self.token, &budget).expect("an answer")
    }
}

/// The server, and a way to do what others do to its keys.
struct Fixture {
    server: Server,
}

impl Fixture {
    fn request(&self, key: &str) -> Request {
        Request::new(&self.server, key)
    }

    fn raw(&self, command: &str) -> String {
        let args: Vec<&str> = command.split(' ').collect();
        let mut connection = self.server.connect().expect("connects");
        connection.call(&args).expect("an answer").to_string()
    }
}

fn on_every_server(test: impl Fn(&Fixture)) {
    for program in programs() {
        let server = Server::start(ServerSpec::new(program)).expect("starts");
        test(&Fixture { server });
    }
}

#[test]
fn open_commit_open_gives_what_was_committed() {
    on_every_server(|at| {
        let mut request = at.request("s");
        let opened = request.open();
        assert_eq!(*opened.generation(), *b"absent");
        assert_eq!((opened.status, opened.data, opened.nonce), (Status::Open, None, None));
        assert!(at.raw("GET s_LOCK").contains("guarda:"));
        assert_eq!(request.commit("n|i:1;"), Committed::Stored);
        assert!(at.raw("EXISTS s_LOCK").contains('0'), "commit releases the lock");
        let mut other = at.request("s");
        assert_eq!(other.open().data.as_deref(), Some(&b"n|i:1;"[..]));
        assert!(other.release());
        assert!(!other.release(), "once only");
    });
}

#[test]
fn a_held_lock_makes_others_wait_until_it_is_free() {
    on_every_server(|at| {
        let mut first = at.request("s");
        first.open();
        let mut second = at.request("s");
        assert_eq!(second.open_within(Duration::from_millis(30), false).status, Status::Busy);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| second.open_within(10 * SECOND, false));
            assert_eq!(first.commit("x"), Committed::Stored);
            let opened = waiting.join().expect("no panic");
            assert_eq!((opened.status, opened.data.as_deref()), (Status::Open, Some(&b"x"[..])));
        });
    });
}

#[test]
fn a_session_that_must_exist_and_does_not_takes_no_lock() {
    on_every_server(|at| {
        assert_eq!(at.request("s").open_within(Duration::ZERO, true).status, Status::Missing);
        assert!(at.raw("EXISTS s_LOCK").contains('0'));
    });
}

#[test]
fn a_destroyed_session_does_not_come_back() {
    on_every_server(|at| {
        for locked in [true, false] {
            let key = if locked { "locked" } else { "unlocked" };
            at.raw(&format!("SET {key} old EX 1000"));
            let mut late = at.request(key).unlocked();
            late.open();
            let mut logout = at.request(key);
            logout.locked = locked;
            logout.open();
            assert!(logout.destroy());
            assert_eq!(late.commit("resurrected"), Committed::Destroyed);
            assert!(at.raw(&format!("EXISTS {key}")).contains('0'));
            // The id may be used again by whoever opens it afterwards.
            let mut next = at.request(key);
            assert!(next.open().nonce.is_some());
            assert_eq!(next.commit("new"), Committed::Stored);
        }
    });
}

#[test]
fn a_lost_lock_is_noticed_when_somebody_came_in_between() {
    on_every_server(|at| {
        let mut slow = at.request("s");
        slow.open();
        at.raw("DEL s_LOCK");
        at.raw("SET s other EX 1000");
        assert_eq!(slow.commit("mine"), Committed::LockLost);
        assert!(at.raw("GET s").contains("other"));

        let mut slow = at.request("t");
        slow.open();
        at.raw("SET t_LOCK phpredis EX 1000");
        assert_eq!(slow.commit("mine"), Committed::LockLost);
        assert_eq!(slow.touch(), Touched::Missing, "nothing is there to be refreshed");
        at.raw("SET t there EX 1000");
        assert_eq!(slow.touch(), Touched::LockLost);
        assert!(at.raw("GET t_LOCK").contains("phpredis"), "another's lock stays");
    });
}

#[test]
fn a_lock_that_ran_out_unnoticed_harms_nothing() {
    on_every_server(|at| {
        let mut slow = at.request("s");
        slow.open();
        at.raw("DEL s_LOCK");
        assert_eq!(slow.commit("mine"), Committed::Stored);
    });
}

#[test]
fn a_session_that_vanished_is_not_made_again() {
    on_every_server(|at| {
        at.raw("SET s old EX 1000");
        let mut request = at.request("s");
        request.open();
        at.raw("DEL s");
        assert_eq!(request.commit("new"), Committed::Vanished);
        assert!(at.raw("EXISTS s s_LOCK").contains('0'));

        at.raw("SET t old EX 1000");
        let mut request = at.request("t");
        request.open();
        at.raw("DEL t t_LOCK");
        assert_eq!(request.commit("new"), Committed::Vanished, "and its lock with it");
    });
}

#[test]
fn identical_bytes_are_a_success_however_often() {
    on_every_server(|at| {
        let mut request = at.request("s");
        request.open();
        assert_eq!(request.commit("same"), Committed::Stored);
        assert_eq!(request.commit("same"), Committed::Stored);
    });
}

#[test]
fn touch_refreshes_and_makes_nothing() {
    on_every_server(|at| {
        at.raw("SET s old EX 10");
        let mut request = at.request("s");
        request.open();
        assert_eq!(request.touch(), Touched::Refreshed);
        assert!(at.raw("TTL s").contains("36") || at.raw("TTL s").contains("359"));
        let mut absent = at.request("t");
        absent.open();
        assert_eq!(absent.touch(), Touched::Missing);
        assert!(at.raw("EXISTS t s_LOCK t_LOCK").contains('0'));
    });
}

#[test]
fn unlocked_requests_are_last_writer_wins() {
    on_every_server(|at| {
        let (mut one, mut two) = (at.request("s").unlocked(), at.request("s").unlocked());
        one.open();
        two.open();
        assert_eq!(one.commit("1"), Committed::Stored);
        assert_eq!(two.commit("2"), Committed::Stored);
        assert!(at.raw("GET s").contains('2'));
    });
}

#[test]
fn a_tag_comes_and_goes_with_its_session() {
    on_every_server(|at| {
        let budget = Budget::start(10 * SECOND);
        let mut request = at.request("s");
        request.open();
        request.tag = Some(b"user1");
        assert_eq!(request.commit("1"), Committed::Stored);
        let tag = request.connection.tag(&request.keys, &budget).expect("an answer");
        assert_eq!(tag.as_deref(), Some(&b"user1"[..]));
        request.open();
        request.tag = None;
        assert_eq!(request.commit("2"), Committed::Stored);
        assert!(at.raw("GET s_TAG").contains("user1"), "kept");
        request.open();
        request.tag = Some(b"");
        assert_eq!(request.commit("2"), Committed::Stored);
        assert_eq!(request.connection.tag(&request.keys, &budget).expect("an answer"), None);
    });
}

#[test]
fn renewing_needs_the_lock() {
    on_every_server(|at| {
        at.raw("SET s old PX 50000");
        let mut request = at.request("s");
        assert_eq!(request.renew(SECOND, None), Renewed::LockLost);
        request.open();
        assert_eq!(request.renew(90 * SECOND, None), Renewed::Held);
        assert!(at.raw("TTL s_LOCK").contains("90") || at.raw("TTL s_LOCK").contains("89"));
        assert!(at.raw("TTL s").contains("90") || at.raw("TTL s").contains("89"));
        assert_eq!(request.renew(SECOND, Some(HOUR)), Renewed::Held);
        assert!(at.raw("TTL s").contains("36") || at.raw("TTL s").contains("359"));
        at.raw("SET s_LOCK phpredis EX 100");
        assert_eq!(request.renew(90 * SECOND, None), Renewed::LockLost);
    });
}

#[test]
fn data_set_aside_leaves_the_session_as_it_is() {
    on_every_server(|at| {
        let budget = Budget::start(10 * SECOND);
        let mut request = at.request("s");
        let keys = request.keys.clone();
        let mut set_aside = || {
            let answer = request.connection.set_aside(&keys, HOUR, &budget);
            answer.expect("an answer")
        };
        assert!(!set_aside());
        at.raw("SET s corrupt EX 100");
        assert!(set_aside());
        assert!(at.raw("GET s_CORRUPT").contains("corrupt"));
        assert!(at.raw("TTL s").contains("100") || at.raw("TTL s").contains("99"));
    });
}

#[test]
fn sessions_are_listed_and_ended_by_tag() {
    on_every_server(|at| {
        let budget = Budget::start(10 * SECOND);
        for (key, tag) in [("p:a", "one"), ("p:b", "two"), ("q:c", "one")] {
            at.raw(&format!("SET {key} data EX 100"));
            at.raw(&format!("SET {key}_TAG {tag} EX 100"));
        }
        at.raw("SET p:gone_TAG one EX 100");
        at.raw("SET p:d untagged");
        at.raw("RPUSH p:list 1");
        let mut holder = at.request("p:b");
        holder.open();
        let mut connection = at.request("unused").connection;
        let mut list = |pattern: Option<&[u8]>, tag: Option<&[u8]>| {
            let (mut cursor, mut seen) = (0, Vec::new());
            loop {
                let list = List { pattern, tag, count: 2 };
                let page = connection.list(cursor, &list, &budget).expect("a page");
                seen.extend(page.sessions);
                let Some(next) = page.next else { break };
                cursor = next;
            }
            seen.sort_by(|a, b| a.key.cmp(&b.key));
            seen.dedup();
            seen
        };
        let all = list(Some(b"p:*"), None);
        let shown: Vec<_> = all.iter().map(|s| (&s.key[..], s.size, s.locked)).collect();
        assert_eq!(shown, [(&b"p:a"[..], 4, false), (b"p:b", 4, true), (b"p:d", 8, false)]);
        assert_eq!((all[2].ttl, &all[2].tag), (None, &None));
        assert!(all[0].ttl.is_some_and(|ttl| ttl <= 100 * SECOND && ttl > 90 * SECOND));
        assert_eq!(all[1].tag.as_deref(), Some(&b"two"[..]));
        assert_eq!(list(None, Some(b"one")).len(), 2);

        let mut kill = |tag: &[u8], pattern: Option<&[u8]>| {
            connection.kill_tagged(tag, pattern, 900 * SECOND, &budget).expect("an answer")
        };
        assert_eq!(kill(b"one", Some(b"q:*")), 1);
        assert_eq!(kill(b"one", None), 1);
        assert_eq!(kill(b"one", None), 0);
        assert!(at.raw("EXISTS p:a q:c p:a_TAG q:c_TAG").contains('0'));
        assert!(at.raw("EXISTS p:a_GONE q:c_GONE p:b p:d").contains('4'));
        let keys = [Keys::new(b"p:b".to_vec()), Keys::new(b"p:x".to_vec())];
        assert_eq!(connection.kill(&keys, 900 * SECOND, &budget).expect("an answer"), 1);
        assert!(at.raw("EXISTS p:b_LOCK p:b_GONE").contains('2'), "the lock stays its holder's");
    });
}
