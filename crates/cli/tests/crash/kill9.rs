//! `kill -9` under load: every acknowledged write is found again, and nothing of half a transaction.
//!
//! Each writer has a database of its own and knows what it must hold, so that what a crash left is
//! compared whole: it must be the state after the acknowledged operations and the first so many of
//! those that were under way.

use std::sync::{Arc, RwLock};
use std::thread;
use std::time::Duration;

use guarda_testkit::connection::{Connection, ConnectionError, encode};
use guarda_testkit::dump::Entry;
use guarda_testkit::prng::Prng;
use guarda_testkit::server::{Program, Server, ServerSpec};

use crate::common::{all_well, await_idle, call, check_files, dump, is_long, seed, unix_ms, words};
use crate::model::{Model, Op, Sent, settle};

const WRITERS: usize = 4;
/// The database that nobody writes to while there is load.
const STILL_DB: u16 = 9;
/// Keys there: they make a snapshot last.
const STILL_KEYS: usize = 3_000;
const BATCH_MAX: usize = 24;

/// What goes on beside the writers.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Beside {
    Nothing,
    Rewrites,
    Saves,
    Flushes,
    Everything,
}

const SCENES: [Beside; 5] =
    [Beside::Nothing, Beside::Rewrites, Beside::Saves, Beside::Flushes, Beside::Everything];

/// A writer's knowledge: what was acknowledged, and what was sent since.
#[derive(Debug, Default)]
struct Book {
    model: Model,
    pending: Vec<Sent>,
    acknowledged: u64,
}

/// Whether FLUSHALL was sent: then everything is there, or nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Flushed {
    #[default]
    No,
    Sent,
}

struct Scene {
    books: Vec<Book>,
    flushed: Flushed,
    has_still: bool,
    killed_at: i64,
}

/// Held by writers while anything is unanswered; `true` once the server is gone.
type Gate = RwLock<bool>;

/// Writes until the connection breaks.
fn write(mut connection: Connection, db: usize, mut book: Book, seed: u64, gate: &Gate) -> Book {
    let mut prng = Prng::new(seed);
    if connection.call(&words(&format!("SELECT {db}"))).is_err() {
        return book;
    }
    loop {
        let is_over = gate.read().unwrap();
        if *is_over {
            return book;
        }
        let len = if prng.percent(50) { 1 } else { 1 + prng.below(BATCH_MAX) };
        let at = unix_ms();
        let ops: Vec<Op> = (0..len).map(|_| Op::random(&mut prng)).collect();
        let mut bytes = Vec::new();
        for op in &ops {
            op.commands().iter().for_each(|command| encode(&mut bytes, command));
        }
        book.pending.extend(ops.iter().map(|op| Sent { op: op.clone(), at }));
        if connection.send_raw(&bytes).is_err() {
            return book;
        }
        for op in ops {
            let mut last = None;
            for command in op.commands() {
                match connection.read() {
                    Ok(reply) => {
                        let name = String::from_utf8_lossy(&command[0]).into_owned();
                        assert!(!reply.is_error(), "{name}: {reply}");
                        last = Some(reply);
                    }
                    Err(ConnectionError::Closed { .. } | ConnectionError::Io(_)) => return book,
                    Err(error) => panic!("{error}"),
                }
            }
            book.model.apply(&op, at, unix_ms());
            book.model.check_reply(&op, &last.expect("at least one command"));
            book.pending.remove(0);
            book.acknowledged += 1;
        }
        drop(is_over);
    }
}

/// Asks for a rewrite or a save again as soon as one ended, until the connection breaks.
fn keep_asking(mut connection: Connection, commands: &[&str]) {
    for command in commands.iter().cycle() {
        // Refused while one is under way: then it is asked again.
        if connection.call(&words(command)).is_err() {
            return;
        }
        thread::sleep(Duration::from_millis(3));
    }
}

fn fill_still(server: &Server) {
    let mut connection = server.connect().unwrap();
    call(&mut connection, &format!("SELECT {STILL_DB}"));
    let commands: Vec<_> = (0..STILL_KEYS).map(still_command).collect();
    all_well(&mut connection, &commands);
}

fn still_command(n: usize) -> Vec<Vec<u8>> {
    let value = vec![b'a' + (n % 26) as u8; 200 + n % 100];
    vec![b"SET".to_vec(), format!("still{n}").into_bytes(), value]
}

impl Scene {
    /// One load and one crash; afterwards the server runs again and the books are settled.
    fn round(&mut self, server: &mut Server, prng: &mut Prng, beside: Beside) -> u64 {
        if !self.has_still {
            fill_still(server);
            self.has_still = true;
        }
        let gate = Arc::new(Gate::new(false));
        let writers: Vec<_> = std::mem::take(&mut self.books)
            .into_iter()
            .enumerate()
            .map(|(db, book)| {
                let (gate, connection) = (Arc::clone(&gate), server.connect().unwrap());
                let seed = prng.next_u64();
                thread::spawn(move || write(connection, db, book, seed, &gate))
            })
            .collect();
        let mut helpers = Vec::new();
        let commands: &[&str] = match beside {
            Beside::Nothing | Beside::Flushes => &[],
            Beside::Rewrites => &["BGREWRITEAOF"],
            Beside::Saves => &["BGSAVE"],
            Beside::Everything => &["BGREWRITEAOF", "BGSAVE SCHEDULE"],
        };
        if !commands.is_empty() {
            let connection = server.connect().unwrap();
            helpers.push(thread::spawn(move || keep_asking(connection, commands)));
        }
        let flushing = matches!(beside, Beside::Flushes | Beside::Everything);
        let flush_at_end = flushing && prng.percent(50);
        thread::sleep(Duration::from_millis(30 + prng.below(250) as u64));
        if flush_at_end {
            // With nothing unanswered: what is there afterwards is everything or nothing.
            let mut is_over = gate.write().unwrap();
            let mut connection = server.connect().unwrap();
            connection.send(&[b"FLUSHALL"]).unwrap();
            self.flushed = Flushed::Sent;
            let waits_for_answer = prng.percent(50);
            let answered =
                waits_for_answer && connection.read().is_ok_and(|reply| !reply.is_error());
            thread::sleep(Duration::from_micros(prng.below(3_000) as u64));
            self.kill(server);
            *is_over = true;
            drop(is_over);
            self.join(writers, helpers);
            if answered {
                self.forget_all();
            }
        } else {
            // An end in good order, in the middle of the load, must lose nothing either.
            if prng.percent(20) {
                server.terminate().unwrap();
            }
            self.kill(server);
            self.join(writers, helpers);
        }
        server.restart().unwrap_or_else(|error| panic!("{error}"));
        self.settle(server);
        self.books.iter_mut().map(|book| std::mem::take(&mut book.acknowledged)).sum()
    }

    fn kill(&mut self, server: &mut Server) {
        server.kill9();
        self.killed_at = unix_ms();
    }

    fn join(
        &mut self,
        writers: Vec<thread::JoinHandle<Book>>,
        helpers: Vec<thread::JoinHandle<()>>,
    ) {
        self.books = writers.into_iter().map(|writer| writer.join().unwrap()).collect();
        for helper in helpers {
            helper.join().unwrap();
        }
    }

    fn forget_all(&mut self) {
        self.books.iter_mut().for_each(|book| book.model.clear());
        self.has_still = false;
        self.flushed = Flushed::No;
    }

    /// Compares what is there with the books, and goes on with what is there.
    fn settle(&mut self, server: &Server) {
        let from = unix_ms();
        let found = dump(server);
        let until = unix_ms();
        let of = |db: usize| -> Vec<&Entry> {
            found.entries.iter().filter(|entry| usize::from(entry.database) == db).collect()
        };
        if std::mem::take(&mut self.flushed) == Flushed::Sent {
            assert!(self.books.iter().all(|book| book.pending.is_empty()), "the gate was shut");
            if found.is_empty() {
                return self.forget_all();
            }
        }
        let still = of(usize::from(STILL_DB)).len();
        assert_eq!(still, if self.has_still { STILL_KEYS } else { 0 }, "keys that nobody touched");
        for (db, book) in self.books.iter_mut().enumerate() {
            let pending = std::mem::take(&mut book.pending);
            let model = std::mem::take(&mut book.model);
            match settle(model, &pending, self.killed_at, &of(db), (from, until)) {
                Ok(model) => book.model = model,
                Err(why) => panic!("writer {db}: {why}"),
            }
        }
    }
}

fn rounds(policy: &str, count: usize) {
    let seed = seed();
    let mut prng = Prng::new(seed);
    let spec = ServerSpec::new(Program::subject(env!("CARGO_BIN_EXE_guarda")))
        .with("appendonly", "yes")
        .with("appendfsync", policy);
    let mut server = Server::start(spec).unwrap();
    let books = (0..WRITERS).map(|_| Book::default()).collect();
    let mut scene = Scene { books, flushed: Flushed::No, has_still: false, killed_at: 0 };
    let mut acknowledged = 0;
    for round in 0..count {
        let beside = SCENES[round % SCENES.len()];
        acknowledged += scene.round(&mut server, &mut prng, beside);
    }
    assert!(acknowledged > 10 * count as u64, "there was load: {acknowledged} operations");
    await_idle(&mut server.connect().unwrap());
    server.terminate().unwrap();
    check_files(&server);
    server.restart().unwrap();
    scene.settle(&server);
}

fn round_count() -> usize {
    if is_long() { 100 } else { 10 }
}

#[test]
fn everysec_loses_no_acknowledged_write() {
    rounds("everysec", round_count());
}

#[test]
fn always_loses_no_acknowledged_write() {
    rounds("always", round_count());
}
