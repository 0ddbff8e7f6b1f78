//! Connections that mean no good.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use guarda_testkit::connection::{Connection, encode};
use guarda_testkit::server::Server;

use crate::support::text;

/// What the greedy ask for, and how often in one turn.
const BIG: &str = "load:big";
const BIG_LEN: usize = 256 << 10;
const ASKED: usize = 8;
/// What those who do not read are told, and where.
const NEWS: &str = "load:news";
const NEWS_LEN: usize = 128 << 10;
/// How many turns pass between two attacks that cost the machine more than a few bytes.
const GREEDY_EVERY: usize = 64;
const REFUSED_EVERY: usize = 16;
const STORM_EVERY: usize = 8;

/// Beginnings of frames that never end, which the server waits for.
const HALVES: [&[u8]; 4] =
    [b"*3\r\n$3\r\nSET\r\n$5\r\nhal", b"*2\r\n$3\r\nGE", b"*", b"SET half without an end"];
/// Lengths up to the limits: nothing must be set aside for them.
const CLAIMS: [&[u8]; 3] = [
    b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\nonly this much",
    b"*1048576\r\n$3\r\nSET\r\n",
    b"*2\r\n$3\r\nGET\r\n$500000000\r\n",
];
/// Lengths beyond them, and what is no length: each is answered by an error and the end.
const REFUSED: [&[u8]; 4] = [
    b"*2147483648\r\n",
    b"*1\r\n$536870913\r\n",
    b"*1\r\n$-7\r\n",
    b"*1\r\n$99999999999999999999\r\n",
];
/// Sent one byte in each turn.
const SLOW: &[u8] = b"*3\r\n$3\r\nSET\r\n$4\r\nslow\r\n$4\r\nword\r\n";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Half,
    Claim,
    Refused,
    /// Asks for much and reads nothing.
    Greedy,
    /// Subscribes and reads nothing.
    Deaf,
    Storm,
    Slow,
}

/// What each hundred of them is made of.
const KINDS: [(Kind, usize); 7] = [
    (Kind::Half, 20),
    (Kind::Claim, 15),
    (Kind::Refused, 10),
    (Kind::Greedy, 10),
    (Kind::Deaf, 15),
    (Kind::Storm, 10),
    (Kind::Slow, 20),
];

/// One of them, with the connection that it has just now.
pub(crate) struct Hostile {
    kind: Kind,
    stream: TcpStream,
    /// Turns on this connection.
    turns: usize,
    /// How often it came back because the server had closed, or because it is one of a storm.
    returns: usize,
    /// Answers to whole frames that were sent slowly.
    answers: usize,
    /// The server has closed the connection.
    is_closed: bool,
}

/// Lays out what they ask for.
pub(crate) fn prepare(control: &mut Connection) {
    let set = control.call(&["SET", BIG, &"b".repeat(BIG_LEN)]).unwrap();
    assert_eq!(text(&set), "OK");
}

/// Tells something to those who do not listen.
pub(crate) fn publish(control: &mut Connection) {
    let told = control.call(&["PUBLISH", NEWS, &"n".repeat(NEWS_LEN)]).unwrap();
    assert!(told.integer().is_some(), "{told}");
}

/// Whether every kind has done what it is there for, and was met as it should be.
pub(crate) fn check(hostile: &[Hostile]) {
    for (kind, share) in KINDS {
        let ones = || hostile.iter().filter(|one| one.kind == kind);
        let returns: usize = ones().map(|one| one.returns).sum();
        let answers: usize = ones().map(|one| one.answers).sum();
        println!("{kind:?}: {share}, {returns} returns, {answers} answers");
        assert_eq!(ones().count() * 100, share * hostile.len(), "{kind:?}");
        match kind {
            // What may yet become a frame is waited for.
            Kind::Half | Kind::Claim => assert_eq!(returns, 0, "{kind:?}"),
            Kind::Slow => assert!(returns == 0 && answers >= share, "{answers} answers"),
            Kind::Refused | Kind::Storm => assert!(returns > 10 * share, "{kind:?}: {returns}"),
            Kind::Greedy | Kind::Deaf => assert!(returns > 0, "{kind:?}"),
        }
    }
}

impl Hostile {
    /// The `n`th of them.
    pub(crate) fn new(server: &Server, n: usize) -> Hostile {
        let shares = KINDS.iter().flat_map(|(kind, share)| std::iter::repeat_n(*kind, *share));
        let kind = shares.cycle().nth(n).expect("there are kinds");
        let stream = open(server);
        let mut new = Hostile { kind, stream, turns: 0, returns: n, answers: 0, is_closed: false };
        new.greet();
        new.returns = 0;
        new
    }

    /// What it says once on each connection.
    fn greet(&mut self) {
        let said: &[u8] = match self.kind {
            Kind::Half => HALVES[self.returns % HALVES.len()],
            Kind::Claim => CLAIMS[self.returns % CLAIMS.len()],
            Kind::Deaf => b"SUBSCRIBE load:news\r\n",
            _ => b"",
        };
        self.say(said);
    }

    /// Sends what the kernel takes of it now.
    fn say(&mut self, bytes: &[u8]) {
        let said = self.stream.write(bytes);
        self.is_closed |= said.is_err_and(|error| error.kind() != ErrorKind::WouldBlock);
    }

    fn come_back(&mut self, server: &Server) {
        self.stream = open(server);
        (self.turns, self.is_closed) = (0, false);
        self.returns += 1;
        self.greet();
    }

    /// Does its worst once more.
    pub(crate) fn turn(&mut self, server: &Server) {
        let is_due = |every| self.turns % every == every - 1;
        match self.kind {
            Kind::Refused if is_due(REFUSED_EVERY) => {
                self.say(REFUSED[self.returns % REFUSED.len()]);
            }
            Kind::Greedy if is_due(GREEDY_EVERY) => {
                let mut bytes = Vec::new();
                (0..ASKED).for_each(|_| encode(&mut bytes, &["GET", BIG]));
                self.say(&bytes);
            }
            // Notices by this that it was cut off.
            Kind::Deaf if is_due(REFUSED_EVERY) => self.say(b"PING\r\n"),
            Kind::Storm if is_due(STORM_EVERY) => {
                self.say([&b"*2\r\n$3\r\nGE"[..], b"WATCH k\r\nMULTI\r\n"][self.returns % 2]);
                self.is_closed = true;
            }
            Kind::Slow => {
                let at = self.turns % SLOW.len();
                self.say(&SLOW[at..=at]);
            }
            // It is not their turn, or they have said all.
            _ => {}
        }
        self.turns += 1;
        if self.kind.reads() {
            self.read();
        }
        if self.is_closed {
            self.come_back(server);
        }
    }

    fn read(&mut self) {
        let mut bytes = [0; 256];
        match self.stream.read(&mut bytes) {
            Ok(0) => self.is_closed = true,
            Ok(length) => {
                self.answers += bytes[..length].windows(3).filter(|part| part == b"+OK").count();
            }
            Err(error) => self.is_closed |= error.kind() != ErrorKind::WouldBlock,
        }
    }
}

impl Kind {
    fn reads(self) -> bool {
        !matches!(self, Kind::Greedy | Kind::Deaf)
    }
}

fn open(server: &Server) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, server.port())).unwrap();
    stream.set_nonblocking(true).unwrap();
    stream.set_nodelay(true).unwrap();
    // They end by a reset: that is rude, and it leaves no port in TIME_WAIT.
    rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
    stream
}
