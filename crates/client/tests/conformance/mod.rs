//! One table of cases for both implementations of the session protocol: Guarda's `SESSION` commands,
//! and the scripts on other servers. The cases are text, one step a line:
//!
//! ```text
//! A open = open old           client A opens session `s`: what it read (`-`: nothing)
//! A open nolock mustexist     steps without `=` may answer anything
//! B waits                     begins to wait for the lock; on when it has been refused once
//! B answered = open new       what that wait came to
//! > SET s new = OK            a plain command, as phpredis or an operator sends it
//! > UNLOCK host|1 = 1         phpredis's unlock, as it sends it
//! > PTTL s ~ 90000            up to five seconds less than that
//! guarda: …  redis: …         a step for one of the implementations only
//! ```
//!
//! All steps of a case run in their order, whoever makes them: that is how races are played.

mod cases;

use std::collections::BTreeMap;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use guarda_client::{
    Budget, Commit, Connection, Endpoint, Keys, Lock, Open, Opened, Status, random,
};
use guarda_session::{PHPREDIS_UNLOCK_SHA1, SavePath, lock_token};
use guarda_testkit::deadline::await_true;
use guarda_testkit::reply::Frame;
use guarda_testkit::server::{Program, Server, ServerSpec};

/// phpredis's unlock script.
const UNLOCK: &str = "if redis.call(\"get\",KEYS[1]) == ARGV[1] then return \
                      redis.call(\"del\",KEYS[1]) else return 0 end";
const LONG: Duration = Duration::from_secs(30);
const HOUR: Duration = Duration::from_hours(1);
const TOMBSTONE: Duration = Duration::from_mins(15);

/// Runs every case, on connections that know the server already or find out what it is.
pub(crate) fn check(program: &Program, knows_server: bool) {
    let server = Server::start(ServerSpec::new(program.clone())).expect("starts");
    for (name, steps) in cases::CASES {
        let mut stage = Stage::new(&server, matches!(program, Program::Guarda(_)), knows_server);
        stage.plain("FLUSHALL");
        for line in steps.lines().map(str::trim).filter(|line| !line.is_empty()) {
            stage.step(name, line);
        }
    }
}

/// One client: a request for session `s`.
struct Actor {
    /// Away while it waits.
    connection: Option<Connection>,
    token: String,
    locked: bool,
    opened: Option<Opened>,
    /// Of its last destroy.
    nonce: String,
    /// Data and options of its last commit.
    committed: Vec<String>,
    waiting: Option<JoinHandle<(Connection, Opened)>>,
}

struct Stage<'a> {
    server: &'a Server,
    control: guarda_testkit::connection::Connection,
    is_guarda: bool,
    /// Connections know the server from the start: what needs no script there is done without one.
    knows_server: bool,
    actors: BTreeMap<String, Actor>,
}

fn budget() -> Budget {
    Budget::start(LONG)
}

fn new_token() -> String {
    lock_token(&random().expect("random numbers"))
}

fn keys() -> Keys {
    Keys::new(b"s".to_vec())
}

/// The value of an option `name=value` in milliseconds.
fn option(words: &[&str], name: &str) -> Option<Duration> {
    let value = words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='))?;
    Some(Duration::from_millis(value.parse().expect("milliseconds")))
}

fn told(opened: &Opened) -> String {
    let read = |opened: &Opened| {
        let data = opened.data.as_ref().map(|data| String::from_utf8_lossy(data).into_owned());
        data.unwrap_or_else(|| "-".to_owned())
    };
    let gone = if opened.nonce.is_some() { " gone" } else { "" };
    match opened.status {
        Status::Open => format!("open {}{gone}", read(opened)),
        Status::Missing => format!("missing{gone}"),
        Status::Busy => "busy".to_owned(),
        Status::Full => "full".to_owned(),
    }
}

impl<'a> Stage<'a> {
    fn new(server: &'a Server, is_guarda: bool, knows_server: bool) -> Self {
        let control = server.connect().expect("connects");
        Self { server, control, is_guarda, knows_server, actors: BTreeMap::new() }
    }

    fn step(&mut self, case: &str, line: &str) {
        let line = match line.split_once(": ") {
            Some(("guarda", rest)) if self.is_guarda => rest,
            Some(("redis", rest)) if !self.is_guarda => rest,
            Some(("guarda" | "redis", _)) => return,
            _ => line,
        };
        let (step, expected, about) = match (line.rsplit_once(" = "), line.rsplit_once(" ~ ")) {
            (Some((step, expected)), _) => (step, Some(expected), false),
            (None, Some((step, expected))) => (step, Some(expected), true),
            (None, None) => (line, None, false),
        };
        let answer = match step.strip_prefix("> ") {
            Some(command) => self.plain(command),
            None => self.act(step),
        };
        let Some(expected) = expected else { return };
        let server = if self.is_guarda { "guarda" } else { "redis" };
        if about {
            let (number, most): (i64, i64) =
                (answer.parse().expect("a number"), expected.parse().expect("a number"));
            let fits = (most - 5_000..=most).contains(&number);
            assert!(fits, "{case} on {server}: `{line}` answered {number}");
        } else {
            assert_eq!(answer, expected, "{case} on {server}: `{line}`");
        }
    }

    fn plain(&mut self, command: &str) -> String {
        let mut words: Vec<&str> = command.split(' ').collect();
        if let ["UNLOCK", secret] = words[..] {
            words = vec!["EVALSHA", PHPREDIS_UNLOCK_SHA1, "1", "s_LOCK", secret];
            let answer = self.control.call(&words).expect("an answer");
            if matches!(answer, Frame::Integer(_)) {
                return shown(&answer);
            }
            (words[0], words[1]) = ("EVAL", UNLOCK);
        }
        shown(&self.control.call(&words).expect("an answer"))
    }

    fn connect(&self) -> Connection {
        let text = format!("tcp://127.0.0.1:{}", self.server.port());
        let path = SavePath::parse(&text).expect("a save_path");
        let endpoint = Endpoint::of(path.host(b"abcd"), Some(LONG), Some(LONG));
        let mut connection = Connection::connect(&endpoint, &budget()).expect("connects");
        if self.knows_server {
            // Whatever is asked first finds out whether there are SESSION commands.
            let other = Keys::new(b"other".to_vec());
            connection.release(&other, "guarda:none", &budget()).expect("an answer");
        }
        connection
    }

    fn act(&mut self, step: &str) -> String {
        let words: Vec<&str> = step.split(' ').collect();
        let (name, words) = words.split_first().expect("a name");
        let (verb, options) = words.split_first().expect("what to do");
        if *verb == "vanishes" {
            self.actors.remove(*name);
            return String::new();
        }
        let mut actor = self.actors.remove(*name).unwrap_or_else(|| Actor {
            connection: Some(self.connect()),
            token: new_token(),
            locked: true,
            opened: None,
            nonce: String::new(),
            committed: Vec::new(),
            waiting: None,
        });
        let answer = match *verb {
            "waits" => {
                self.begin_wait(&mut actor);
                String::new()
            }
            "answered" => actor.end_wait(),
            other => actor.act(other, options),
        };
        self.actors.insert((*name).to_owned(), actor);
        answer
    }

    /// Begins OPEN in a thread; returns when it was refused and waits for another turn.
    fn begin_wait(&mut self, actor: &mut Actor) {
        let before = self.refusals();
        let mut connection = actor.connection.take().expect("not waiting already");
        let token = actor.token.clone();
        actor.waiting = Some(thread::spawn(move || {
            let lock = Lock { lease: LONG, wait: LONG, waiters_max: None };
            let (ttl, must_exist, holder) = (None, false, None);
            let open = Open { token: &token, lock: Some(lock), ttl, must_exist, holder };
            let opened = connection.open(&keys(), &open, &mut budget()).expect("an answer");
            (connection, opened)
        }));
        assert!(await_true(LONG, || self.refusals() > before), "it never asked");
    }

    /// How often a client has been told to wait.
    fn refusals(&mut self) -> u64 {
        let field = if self.is_guarda { "session_waits:" } else { "cmdstat_set:calls=" };
        let info = self.plain("INFO everything");
        let number = info.lines().find_map(|line| line.strip_prefix(field));
        let digits = number.map(|rest| rest.split([',', '\r']).next().unwrap_or_default());
        digits.map_or(0, |digits| digits.parse().expect("a number"))
    }
}

impl Actor {
    fn end_wait(&mut self) -> String {
        let waiting = self.waiting.take().expect("it waits");
        let (connection, opened) = waiting.join().expect("no panic");
        self.connection = Some(connection);
        let told = told(&opened);
        self.opened = Some(opened);
        told
    }

    fn act(&mut self, verb: &str, options: &[&str]) -> String {
        let connection = self.connection.as_mut().expect("it does not wait");
        let (keys, budget, token) = (keys(), budget(), self.token.as_str());
        let answer = match verb {
            "open" => return self.open(options),
            "commit" | "recommit" => return self.commit(verb, options),
            "touch" => {
                let answer = connection.touch(&keys, token, HOUR, self.locked, &budget);
                format!("{:?}", answer.expect("an answer"))
            }
            "renew" => {
                let lease = option(options, "lease").unwrap_or(LONG);
                let ttl = option(options, "ttl");
                let answer = connection.renew(&keys, token, lease, ttl, &budget);
                format!("{:?}", answer.expect("an answer"))
            }
            "release" => connection.release(&keys, token, &budget).expect("an answer").to_string(),
            "destroy" | "redestroy" => {
                if verb == "destroy" {
                    self.nonce = new_token();
                }
                let answer = connection.destroy(&keys, token, &self.nonce, TOMBSTONE, &budget);
                answer.expect("an answer").to_string()
            }
            "kills" => connection.kill(&[keys], TOMBSTONE, &budget).expect("an answer").to_string(),
            "kills_tag" => {
                let tag = options[0].as_bytes();
                let killed = connection.kill_tagged(tag, None, TOMBSTONE, &budget);
                killed.expect("an answer").to_string()
            }
            "sets_aside" => {
                connection.set_aside(&keys, HOUR, &budget).expect("an answer").to_string()
            }
            "tag" => {
                let tag = connection.tag(&keys, &budget).expect("an answer").unwrap_or_default();
                String::from_utf8(tag).expect("text")
            }
            other => panic!("no client can `{other}`"),
        };
        answer.to_lowercase()
    }

    fn open(&mut self, options: &[&str]) -> String {
        if !options.contains(&"again") {
            self.token = new_token();
        }
        self.locked = !options.contains(&"nolock");
        let lease = option(options, "lease").unwrap_or(LONG);
        let lock = Lock { lease, wait: Duration::ZERO, waiters_max: None };
        let open = Open {
            token: &self.token,
            lock: self.locked.then_some(lock),
            ttl: option(options, "ttl"),
            must_exist: options.contains(&"mustexist"),
            holder: None,
        };
        let connection = self.connection.as_mut().expect("it does not wait");
        let opened = connection.open(&keys(), &open, &mut budget()).expect("an answer");
        let told = told(&opened);
        self.opened = Some(opened);
        told
    }

    fn commit(&mut self, verb: &str, options: &[&str]) -> String {
        if verb == "commit" {
            self.committed = options.iter().map(|&word| word.to_owned()).collect();
        }
        let words: Vec<&str> = self.committed.iter().map(String::as_str).collect();
        let tag = words.iter().find_map(|word| word.strip_prefix("tag="));
        let opened = self.opened.as_ref().expect("opened before");
        let commit = Commit {
            token: &self.token,
            opened,
            ttl: option(&words, "ttl").unwrap_or(HOUR),
            locked: self.locked,
            recreate: words.contains(&"recreate"),
            tag: tag.map(str::as_bytes),
            data: words[0].as_bytes(),
        };
        let connection = self.connection.as_mut().expect("it does not wait");
        let answer = connection.commit(&keys(), &commit, &budget()).expect("an answer");
        format!("{answer:?}").to_lowercase()
    }
}

fn shown(frame: &Frame) -> String {
    match frame {
        Frame::Error(text) | Frame::Simple(text) | Frame::Bulk(text) | Frame::Verbatim(text) => {
            String::from_utf8_lossy(text).into_owned()
        }
        Frame::Integer(number) => number.to_string(),
        other if matches!(other.to_string().as_str(), "$-1" | "_") => "-".to_owned(),
        other => other.to_string(),
    }
}
