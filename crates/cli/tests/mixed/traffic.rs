//! The traffic: sessions, a cache, queues, messages and scripts.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::Scope;
use std::time::Duration;

use guarda_testkit::connection::{Connection, ConnectionError};
use guarda_testkit::prng::Prng;
use guarda_testkit::reply::Frame;
use guarda_testkit::server::Server;

use crate::support::sessions::{Opened, token};
use crate::support::{SOON, call, text};

/// After so many rounds a worker ends its connection and opens another, as PHP's do.
const ROUNDS_PER_CONNECTION: usize = 300;
const SESSIONS: usize = 300;
const CACHE_KEYS: usize = 200_000;
const CACHE_BATCH: usize = 20;
/// The longest time to live in the cache: so long that most entries are evicted, and some expire.
const CACHE_TTL_MAX: usize = 300;
/// What a queue may grow to before its producer waits for the consumers.
const QUEUE_LEN_MAX: u64 = 200;
/// A rate limiter, as frameworks have it.
const LIMITER: &str = "local n = redis.call('INCR', KEYS[1]) \
    if n == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end \
    return {n, redis.call('PTTL', KEYS[1]), cjson.encode({n = n})}";

/// What is under way, and how much of it was done.
#[derive(Default)]
pub(crate) struct Mix {
    pub(crate) is_over: AtomicBool,
    pub(crate) jobs: AtomicU64,
    pub(crate) jobs_done: AtomicU64,
    relayed: AtomicU64,
    requests: AtomicU64,
    cached: AtomicU64,
    scripts: AtomicU64,
    told: AtomicU64,
    heard: AtomicU64,
}

/// One round of a worker.
type Round = fn(&Mix, &mut Connection, &mut Prng);

impl Mix {
    /// Starts all workers; they end when it is over.
    pub(crate) fn start<'scope>(
        &'scope self,
        server: &'scope Server,
        scope: &'scope Scope<'scope, '_>,
    ) {
        let rounds: [Round; 8] = [
            Mix::session,
            Mix::session,
            Mix::cache,
            Mix::produce,
            Mix::consume,
            Mix::relay,
            Mix::tell,
            Mix::script,
        ];
        for (seed, round) in (1..).zip(rounds) {
            scope.spawn(move || {
                let mut prng = Prng::new(seed);
                while !self.is_over() {
                    let mut connection = server.connect().unwrap();
                    connection.set_timeout(SOON).unwrap();
                    for _ in 0..ROUNDS_PER_CONNECTION {
                        if !self.is_over() {
                            round(self, &mut connection, &mut prng);
                        }
                    }
                }
            });
        }
        scope.spawn(move || self.hear(server));
    }

    /// Every kind of traffic was there.
    pub(crate) fn check(&self) {
        for (name, count) in [
            ("requests of sessions", &self.requests),
            ("entries cached", &self.cached),
            ("jobs done", &self.jobs_done),
            ("jobs relayed", &self.relayed),
            ("scripts", &self.scripts),
            ("messages told", &self.told),
            ("messages heard", &self.heard),
        ] {
            let count = count.load(Ordering::Relaxed);
            println!("{name}: {count}");
            assert!(count > 100, "{name}: {count}");
        }
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    fn session(&self, connection: &mut Connection, prng: &mut Prng) {
        let (key, token) = (format!("PHPREDIS_SESSION:{}", prng.below(SESSIONS)), token());
        let open = format!("SESSION OPEN {key} {token} WAIT 20000 TTL 1440000");
        let frame = connection.call(&open.split(' ').collect::<Vec<_>>()).unwrap();
        let opened = Opened::from(&frame);
        assert_eq!(opened.status, "OK", "{opened:?}");
        let data = "s".repeat(100 + prng.below(3_000));
        let generation = &opened.generation;
        let commit = format!("SESSION COMMIT {key} {token} {generation} TTL 1440000 DATA {data}");
        let said = call(connection, &commit);
        // Eviction samples: it may have met the session or its lock, and says so here.
        assert!(["OK", "LOCKLOST", "VANISHED"].contains(&said.as_str()), "{said}");
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    fn cache(&self, connection: &mut Connection, prng: &mut Prng) {
        let mut commands = Vec::new();
        for _ in 0..CACHE_BATCH {
            let key = format!("cache:{}", prng.below(CACHE_KEYS));
            let ttl = (1 + prng.below(CACHE_TTL_MAX)).to_string();
            let value = "c".repeat(1_000 + prng.below(10_000));
            commands.push(vec!["GET".to_owned(), key.clone()]);
            commands.push(vec!["SET".to_owned(), key, value, "EX".to_owned(), ttl]);
        }
        for reply in connection.pipeline(&commands).unwrap() {
            assert!(!reply.is_error(), "{reply}");
        }
        self.cached.fetch_add(CACHE_BATCH as u64, Ordering::Relaxed);
    }

    fn produce(&self, connection: &mut Connection, prng: &mut Prng) {
        let job = "j".repeat(20 + prng.below(500));
        let jobs = vec![job.as_str(); 1 + prng.below(10)];
        let length = connection.call(&[&["RPUSH", "queue"], &jobs[..]].concat()).unwrap();
        self.jobs.fetch_add(jobs.len() as u64, Ordering::Relaxed);
        // The same work as a consumer's keeps it from running ahead.
        for _ in QUEUE_LEN_MAX..length.integer().unwrap().unsigned_abs() {
            self.consume(connection, prng);
        }
    }

    fn consume(&self, connection: &mut Connection, _prng: &mut Prng) {
        let popped = connection.call(&["BLPOP", "relayed", "queue", "0.5"]).unwrap();
        if popped.elements().is_some() {
            self.jobs_done.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Moves a job to another queue, and consumes one, which may be another's: so it stays short.
    fn relay(&self, connection: &mut Connection, prng: &mut Prng) {
        let moved = ["BLMOVE", "queue", "relayed", "LEFT", "RIGHT", "0.5"];
        let moved = connection.call(&moved).unwrap();
        assert!(!moved.is_error(), "{moved}");
        self.relayed.fetch_add(u64::from(moved.text().is_some()), Ordering::Relaxed);
        self.consume(connection, prng);
    }

    fn tell(&self, connection: &mut Connection, prng: &mut Prng) {
        let message = "m".repeat(1 + prng.below(2_000));
        let told = connection.call(&["PUBLISH", "news", &message]).unwrap();
        self.told.fetch_add(told.integer().unwrap().unsigned_abs(), Ordering::Relaxed);
    }

    fn hear(&self, server: &Server) {
        while !self.is_over() {
            let mut connection = server.connect().unwrap();
            connection.set_timeout(Duration::from_secs(1)).unwrap();
            connection.call(&["SUBSCRIBE", "news"]).unwrap();
            for _ in 0..ROUNDS_PER_CONNECTION * 10 {
                match connection.read() {
                    Ok(message) => assert_eq!(message.elements().map(<[Frame]>::len), Some(3)),
                    Err(ConnectionError::TimedOut { .. }) if self.is_over() => return,
                    Err(ConnectionError::TimedOut { .. }) => continue,
                    Err(error) => panic!("{error}"),
                }
                self.heard.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn script(&self, connection: &mut Connection, prng: &mut Prng) {
        let key = format!("limit:{}", prng.below(1_000));
        let window = (100 + prng.below(2_000)).to_string();
        let answer = connection.call(&["EVAL", LIMITER, "1", &key, &window]).unwrap();
        let parts = answer.elements().unwrap_or_else(|| panic!("{answer}"));
        let count = parts[0].integer().unwrap();
        assert_eq!(text(&parts[2]), format!("{{\"n\":{count}}}"));
        self.scripts.fetch_add(1, Ordering::Relaxed);
    }
}

/// Jobs that nobody has done yet.
pub(crate) fn jobs_left(control: &mut Connection) -> u64 {
    ["queue", "relayed"]
        .iter()
        .map(|key| call(control, &format!("LLEN {key}")).parse::<u64>().unwrap())
        .sum()
}
