//! Random interleavings of several clients on one session, against a model that is plainly right.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use guarda_resp::{Frame, decode};

use super::tests::generation;
use crate::client::Client;
use crate::execute::{Worker, replay};
use crate::testing::{Bench, new_client};
use crate::waits::end_wait;

/// phpredis's own unlock, and how it names itself in its lock.
const UNLOCK: &str = r#"EVAL "if redis.call(\"get\",KEYS[1]) == ARGV[1] then return redis.call(\"del\",KEYS[1]) else return 0 end" 1 s_LOCK host|1"#;
const PHPREDIS: &str = "host|1";

/// What a request read: the data, and the tombstone that was there.
#[derive(Clone, Default)]
struct Read {
    data: Option<String>,
    nonce: Option<String>,
}

/// The session as it must be. Its data is `<number>.<unique>`: each acknowledged commit must count
/// one further.
#[derive(Default)]
struct Model {
    data: Option<String>,
    lock: Option<String>,
    nonce: Option<String>,
    tag: Option<String>,
    queue: VecDeque<usize>,
}

impl Model {
    fn release(&mut self, token: &str) -> bool {
        let own = self.lock.as_deref() == Some(token);
        if own {
            self.lock = None;
        }
        own
    }

    fn end(&mut self, nonce: String) {
        (self.data, self.tag, self.nonce) = (None, None, Some(nonce));
    }

    /// The rules of COMMIT, in their order.
    fn commit(&mut self, token: &str, read: &Read, locked: bool, new: &Commit) -> &'static str {
        let own = self.lock.as_deref() == Some(token);
        let answer = if self.nonce.is_some() && self.nonce != read.nonce {
            "DESTROYED"
        } else if self.data.as_ref() == Some(&new.data) || new.is_repeat {
            "OK"
        } else if locked && !own && self.lock.is_some() {
            "LOCKLOST"
        } else if read.data.is_some() && self.data.is_none() {
            "VANISHED"
        } else if locked && !own && self.data != read.data {
            "LOCKLOST"
        } else {
            "OK"
        };
        let stored_before = self.data.is_some();
        let is_new_for_it = !new.is_repeat || self.data.as_ref() == Some(&new.data);
        if answer == "OK" && is_new_for_it {
            self.data = Some(new.data.clone());
            if new.tag.is_some() {
                self.tag.clone_from(&new.tag);
            } else if !stored_before && read.data.is_none() {
                self.tag = None;
            }
        }
        self.release(token);
        answer
    }
}

struct Commit {
    data: String,
    tag: Option<String>,
    /// Sent before, by the same token, and answered OK.
    is_repeat: bool,
}

/// One client and its request under way.
struct Requester {
    client: Client,
    token: String,
    read: Option<Read>,
    locked: bool,
    waiting: bool,
    /// The last commit that was answered OK: its line, since the last OPEN.
    committed: Option<(String, String, Option<String>)>,
}

struct Run {
    bench: Bench,
    model: Model,
    requesters: Vec<Requester>,
    serial: u64,
    seed: u64,
    state: u64,
    /// Whether requests without a lock take part: then the last writer wins.
    unlocked: bool,
    acknowledged: u64,
}

fn number(data: Option<&String>) -> u64 {
    data.map_or(0, |data| data.split('.').next().expect("a number").parse().expect("a number"))
}

impl Run {
    fn new(seed: u64, unlocked: bool) -> Run {
        let bench = Bench::new();
        bench.host.settings.sessions.fair_window_ms.store(0, Ordering::Relaxed);
        let requester = |id| Requester {
            client: new_client(id),
            token: String::new(),
            read: None,
            locked: true,
            waiting: false,
            committed: None,
        };
        let requesters = (10..14).map(requester).collect();
        let state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let (model, serial, acknowledged) = (Model::default(), 0, 0);
        Run { bench, model, requesters, serial, seed, state, unlocked, acknowledged }
    }

    fn random(&mut self, below: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 11) % below
    }

    fn fresh(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// Runs a line as a requester.
    fn say(&mut self, who: usize, line: &str) -> Frame {
        let own = std::mem::replace(&mut self.requesters[who].client, new_client(0));
        let before = self.bench.swap_client(own);
        let reply = self.bench.run(line);
        self.requesters[who].client = self.bench.swap_client(before);
        if reply.is_empty() { Frame::Null } else { decode(&reply).expect("whole").expect("one").0 }
    }

    fn expect(&mut self, who: usize, line: &str, answer: &str) {
        let reply = self.say(who, line);
        let text = match &reply {
            Frame::Integer(number) => number.to_string(),
            other => String::from_utf8_lossy(other.as_bytes().unwrap_or(b"nil")).into_owned(),
        };
        assert_eq!(text, answer, "seed {}: {line}", self.seed);
    }

    /// What OPEN must have answered one who now has read the session.
    fn opened(&mut self, who: usize, answer: &Frame) {
        let Frame::Array(items) = answer else { panic!("OPEN answered {answer:?}") };
        let text = |frame: &Frame| {
            frame.as_bytes().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
        };
        let (data, nonce) = (self.model.data.clone(), self.model.nonce.clone());
        let digest = data.as_ref().map_or("absent".to_owned(), |data| generation(data));
        assert_eq!(text(&items[0]).as_deref(), Some("OK"));
        assert_eq!((text(&items[1]), text(&items[2])), (data.clone(), Some(digest)));
        assert_eq!(text(&items[3]), nonce);
        let requester = &mut self.requesters[who];
        (requester.waiting, requester.committed) = (false, None);
        requester.read = Some(Read { data, nonce });
    }

    fn open(&mut self, who: usize) {
        let locked = !(self.unlocked && self.random(3) == 0);
        let waits = self.random(2) == 0;
        let token = format!("guarda:{:032x}", self.fresh());
        self.abandon(who);
        let options = if !locked {
            "NOLOCK"
        } else if waits {
            "WAIT 9000000"
        } else {
            "WAIT 0"
        };
        let answer = self.say(who, &format!("SESSION OPEN s {token} {options}"));
        let requester = &mut self.requesters[who];
        (requester.token, requester.locked, requester.read) = (token.clone(), locked, None);
        if !locked {
            self.opened(who, &answer);
        } else if self.model.lock.is_none() {
            self.model.lock = Some(token);
            self.opened(who, &answer);
        } else if waits {
            assert_eq!(answer, Frame::Null, "it must wait");
            requester.waiting = true;
            self.model.queue.push_back(who);
        } else {
            let Frame::Array(items) = &answer else { panic!("OPEN answered {answer:?}") };
            assert_eq!(items[0].as_bytes(), Some(&b"BUSY"[..]));
        }
    }

    /// A client with a lock from before leaves it behind only by going.
    fn abandon(&mut self, who: usize) {
        let mut gone = std::mem::replace(&mut self.requesters[who].client, new_client(0));
        self.bench.leave(&mut gone);
        let id = 100 + self.fresh();
        let requester = &mut self.requesters[who];
        (requester.client, requester.read, requester.waiting) = (new_client(id), None, false);
        requester.committed = None;
        let token = requester.token.clone();
        self.model.queue.retain(|&waiting| waiting != who);
        self.model.release(&token);
        self.grant();
    }

    fn commit(&mut self, who: usize) {
        let Some(read) = self.requesters[who].read.clone() else { return };
        let (token, locked) = (self.requesters[who].token.clone(), self.requesters[who].locked);
        let unique = self.fresh();
        let repeats = self.requesters[who].committed.clone().filter(|_| self.random(2) == 0);
        let is_repeat = repeats.is_some();
        let (line, data, tag) = repeats.unwrap_or_else(|| {
            let data = format!("{}.{unique}", number(read.data.as_ref()) + 1);
            let tag = unique.is_multiple_of(3).then(|| format!("user{}", unique % 4));
            let words = [
                read.nonce.as_ref().map(|nonce| format!("NONCE {nonce}")),
                (!locked).then(|| "NOLOCK".to_owned()),
                tag.as_ref().map(|tag| format!("TAG {tag}")),
            ];
            let words: Vec<String> = words.into_iter().flatten().collect();
            let digest = read.data.as_ref().map_or("absent".to_owned(), |data| generation(data));
            let words = words.join(" ");
            let line = format!("SESSION COMMIT s {token} {digest} TTL 9000000 {words} DATA {data}");
            (line, data, tag)
        });
        let before = number(self.model.data.as_ref());
        let stored_before = self.model.data.clone();
        let new = Commit { data: data.clone(), tag: tag.clone(), is_repeat };
        let answer = self.model.commit(&token, &read, locked, &new);
        self.expect(who, &line, answer);
        if answer == "OK" {
            if self.model.data != stored_before {
                self.acknowledged += 1;
                let exact = self.unlocked || number(Some(&data)) == before + 1;
                assert!(exact, "seed {}: {data} after {stored_before:?}", self.seed);
            }
            self.requesters[who].committed = Some((line, data, tag));
        }
    }

    /// Whoever is first in the queue has the lock once it is free.
    fn grant(&mut self) {
        let mut served = std::mem::take(&mut *self.bench.host.delivered.lock()).into_iter();
        while self.model.lock.is_none() {
            let Some(who) = self.model.queue.pop_front() else { break };
            let requester = &mut self.requesters[who];
            let (id, reply) = served.next().expect("the first in the queue is served");
            assert_eq!(id, requester.client.card.id, "in the order of arrival");
            end_wait(&mut requester.client, &reply, &self.bench.host, &mut self.bench.worker);
            self.model.lock = Some(requester.token.clone());
            let answer = decode(&reply).expect("whole").expect("one").0;
            self.opened(who, &answer);
        }
        assert!(served.next().is_none(), "nobody else is served");
    }

    fn phpredis(&mut self) {
        match self.random(4) {
            0 => {
                let free = self.model.lock.is_none();
                if free {
                    self.model.lock = Some(PHPREDIS.to_owned());
                }
                let answer = if free { "OK" } else { "nil" };
                self.plain(&format!("SET s_LOCK {PHPREDIS} NX PX 9000000"), answer);
            }
            // It looks before it writes.
            1 | 2 if self.model.lock.as_deref() == Some(PHPREDIS) => {
                let data = format!("{}.{}", number(self.model.data.as_ref()) + 1, self.fresh());
                self.plain(&format!("SETEX s 9000 {data}"), "OK");
                self.model.data = Some(data);
            }
            _ => {
                let answer = if self.model.release(PHPREDIS) { "1" } else { "0" };
                self.plain(UNLOCK, answer);
            }
        }
    }

    fn plain(&mut self, line: &str, answer: &str) {
        let reply = self.bench.frame(line);
        let text = match &reply {
            Frame::Integer(number) => number.to_string(),
            other => String::from_utf8_lossy(other.as_bytes().unwrap_or(b"nil")).into_owned(),
        };
        assert_eq!(text, answer, "seed {}: {line}", self.seed);
    }

    fn operation(&mut self) {
        let who = self.random(self.requesters.len() as u64) as usize;
        let token = self.requesters[who].token.clone();
        let is_idle = self.requesters[who].waiting || token.is_empty();
        let flag = |yes: bool| if yes { "1" } else { "0" };
        self.bench.advance(1);
        match self.random(30) {
            0..8 if !self.requesters[who].waiting => self.open(who),
            8..18 => self.commit(who),
            18..22 => self.phpredis(),
            22 => self.abandon(who),
            23 => {
                // As if the lock's lease had ended.
                let held = self.model.lock.take().is_some();
                self.plain("DEL s_LOCK", flag(held));
            }
            24 => {
                let there = self.model.data.take().is_some();
                self.plain("DEL s", flag(there));
            }
            25 => {
                let there = self.model.data.is_some();
                self.plain("SESSION KILL s", flag(there));
                if there {
                    let Frame::Bulk(nonce) = self.bench.frame("GET s_GONE") else {
                        panic!("a tombstone")
                    };
                    self.model.end(String::from_utf8(nonce).expect("hexadecimal"));
                }
            }
            _ if is_idle => {}
            26 => {
                let answer = flag(self.model.release(&token));
                self.expect(who, &format!("SESSION RELEASE s {token}"), answer);
            }
            27 => {
                let (there, nonce) = (self.model.data.is_some(), format!("n{}", self.fresh()));
                self.model.end(nonce.clone());
                self.model.release(&token);
                let line = format!("SESSION DESTROY s {token} NONCE {nonce}");
                self.expect(who, &line, flag(there));
            }
            28 => {
                let own = self.model.lock.as_deref() == Some(&token);
                let answer = if own { "OK" } else { "LOCKLOST" };
                self.expect(who, &format!("SESSION RENEW s {token} LEASE 9000000"), answer);
            }
            29 => {
                let lost = self.model.lock.as_ref().is_some_and(|lock| *lock != token);
                let answer = match (self.model.data.is_some(), lost) {
                    (false, _) => "MISSING",
                    (true, true) => "LOCKLOST",
                    (true, false) => "OK",
                };
                self.model.release(&token);
                self.expect(who, &format!("SESSION TOUCH s {token} TTL 9000000"), answer);
            }
            _ => {}
        }
        self.grant();
        let keys = ["s", "s_LOCK", "s_GONE", "s_TAG"];
        let model = &self.model;
        let all = [&model.data, &model.lock, &model.nonce, &model.tag].map(Clone::clone);
        for (key, value) in keys.into_iter().zip(all) {
            self.plain(&format!("GET {key}"), value.as_deref().unwrap_or("nil"));
        }
    }

    /// The log makes the same data again.
    fn replayed(mut self) {
        let mut again = Bench::new();
        again.now = self.bench.now;
        let (mut worker, mut scratch) = (Worker::default(), Vec::new());
        let mut client = new_client(1);
        for line in self.bench.journal() {
            let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
            let replayed = replay(&words, &mut client, &again.host, &mut worker, &mut scratch);
            replayed.unwrap_or_else(|error| panic!("{line}: {error}"));
        }
        for key in ["s", "s_LOCK", "s_GONE", "s_TAG"] {
            for question in ["GET", "PEXPIRETIME"] {
                let line = format!("{question} {key}");
                assert_eq!(again.frame(&line), self.bench.frame(&line), "{line}");
            }
        }
    }
}

fn check(unlocked: bool) {
    let mut acknowledged = 0;
    for seed in 1..=60 {
        let mut run = Run::new(seed, unlocked);
        for _ in 0..400 {
            run.operation();
        }
        acknowledged += run.acknowledged;
        run.replayed();
    }
    assert!(acknowledged > 1_000, "only {acknowledged} commits were worth anything");
}

#[test]
fn with_locks_no_interleaving_loses_an_update() {
    check(false);
}

#[test]
fn without_locks_the_rules_are_the_same_and_the_last_writer_wins() {
    check(true);
}
