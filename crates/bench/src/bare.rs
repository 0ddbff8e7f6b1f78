//! What the two round trips of a request cost by themselves: a client that does nothing but send what
//! phpredis sends without a lock, and read the answers. No handler that asks twice can be faster.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use crate::reply::{self, Reply};

/// As long as PHP's.
const KEY: &[u8] = b"PHPREDIS_SESSION:00112233445566778899aabbccddeeff";
/// More than an answer has.
const ANSWER_LEN_MAX: usize = 1 << 10;

/// A connection that stays, as a PHP worker's.
pub(crate) struct Bare {
    stream: TcpStream,
    /// What is stored.
    value: Vec<u8>,
    requests: u64,
    out: Vec<u8>,
}

impl Bare {
    /// Connects, and stores a first session.
    pub(crate) fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let mut bare = Self { stream, value: Vec::new(), requests: 0, out: Vec::new() };
        bare.store()?;
        Ok(bare)
    }

    /// One request: GET, and SETEX of something else.
    pub(crate) fn request(&mut self) -> io::Result<()> {
        self.ask(&[b"GET", KEY])?;
        let Self { stream, value, .. } = self;
        await_answer(stream, Reply::Bulk(value))?;
        self.store()
    }

    fn store(&mut self) -> io::Result<()> {
        self.requests += 1;
        let mut value = std::mem::take(&mut self.value);
        value.clear();
        value.extend_from_slice(b"n|i:");
        reply::push_decimal(&mut value, self.requests);
        value.push(b';');
        self.ask(&[b"SETEX", KEY, b"1440", &value])?;
        self.value = value;
        await_answer(&mut self.stream, Reply::Simple(b"OK"))
    }

    fn ask(&mut self, words: &[&[u8]]) -> io::Result<()> {
        self.out.clear();
        reply::push_command(&mut self.out, words);
        self.stream.write_all(&self.out)
    }
}

fn await_answer(stream: &mut TcpStream, expected: Reply<'_>) -> io::Result<()> {
    let mut input = [0; ANSWER_LEN_MAX];
    let mut filled = 0;
    loop {
        match stream.read(&mut input[filled..])? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => filled += count,
        }
        let answer = reply::take(&input[..filled]).map_err(io::Error::other)?;
        let Some((answer, len)) = answer else { continue };
        if answer == expected && len == filled {
            return Ok(());
        }
        return Err(io::Error::other("the server answered something else than was stored"));
    }
}
