//! A non-blocking connection with at most one round trip under way.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};

use crate::clock;
use crate::mix::Expect;
use crate::payload::Payloads;
use crate::reply;
use crate::server::Endpoint;

/// First size of the input buffer; it grows for longer replies.
const INPUT_LEN: usize = 16 << 10;

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    fn connect(endpoint: &Endpoint) -> io::Result<Self> {
        match endpoint {
            Endpoint::Tcp(address) => connect_tcp(*address).map(Self::Tcp),
            Endpoint::Unix(path) => UnixStream::connect(path).map(Self::Unix),
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
        }
    }

    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(buffer),
            Self::Unix(stream) => stream.write(buffer),
        }
    }

    fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        match self {
            Self::Tcp(stream) => registry.register(stream, token, interest),
            Self::Unix(stream) => registry.register(stream, token, interest),
        }
    }
}

fn connect_tcp(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The connection. `written <= out.len()`, `filled <= input.len()`, `answered <= expects.len()`.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: Stream,
    out: Vec<u8>,
    written: usize,
    input: Vec<u8>,
    filled: usize,
    expects: Vec<Expect>,
    answered: usize,
    started: Instant,
}

impl Connection {
    /// Connects and registers for events under `token`.
    pub(crate) fn open(
        endpoint: &Endpoint,
        registry: &Registry,
        token: Token,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            stream: open_stream(endpoint, registry, token)?,
            out: Vec::with_capacity(INPUT_LEN),
            written: 0,
            input: vec![0; INPUT_LEN],
            filled: 0,
            expects: Vec::new(),
            answered: 0,
            started: clock::now(),
        })
    }

    /// Closes the connection and opens another in its place.
    pub(crate) fn reopen(
        &mut self,
        endpoint: &Endpoint,
        registry: &Registry,
        token: Token,
    ) -> anyhow::Result<()> {
        self.stream = open_stream(endpoint, registry, token)?;
        Ok(())
    }

    /// Begins a round trip at `started`: `fill` gives the commands and what they must give.
    pub(crate) fn start(
        &mut self,
        started: Instant,
        fill: impl FnOnce(&mut Vec<u8>, &mut Vec<Expect>),
    ) -> anyhow::Result<()> {
        debug_assert!(self.is_idle(), "one round trip at a time");
        self.out.clear();
        self.expects.clear();
        (self.written, self.answered, self.started) = (0, 0, started);
        fill(&mut self.out, &mut self.expects);
        self.flush()
    }

    /// Whether nothing is under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.answered == self.expects.len()
    }

    /// When the present or last round trip began.
    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    /// Goes on after an event. Gives the number of commands when this ended the round trip.
    pub(crate) fn advance(&mut self, payloads: &Payloads) -> anyhow::Result<Option<usize>> {
        if self.is_idle() {
            return Ok(None); // Late news of a connection since replaced, or of a sent request.
        }
        self.flush()?;
        while !self.is_idle() {
            if self.filled == self.input.len() {
                self.input.resize(self.filled * 2, 0);
            }
            match self.stream.read(&mut self.input[self.filled..]) {
                Ok(0) => anyhow::bail!("the server closed the connection"),
                Ok(read) => self.filled += read,
                Err(error) if is_later(&error) => return Ok(None),
                Err(error) => return Err(error).context("reading a reply"),
            }
            self.verify(payloads)?;
        }
        // Not read until it would block: nothing more can come before the next request, and news
        // of later bytes is an event of its own.
        ensure!(self.filled == 0, "the server answered more than was asked");
        Ok(Some(self.expects.len()))
    }

    /// Verifies the complete replies of the input and removes them.
    fn verify(&mut self, payloads: &Payloads) -> anyhow::Result<()> {
        let mut used = 0;
        while self.answered < self.expects.len() {
            let Some((reply, len)) = reply::take(&self.input[used..self.filled])? else { break };
            self.expects[self.answered].verify(reply, payloads)?;
            self.answered += 1;
            used += len;
        }
        self.input.copy_within(used..self.filled, 0);
        self.filled -= used;
        Ok(())
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        while self.written < self.out.len() {
            match self.stream.write(&self.out[self.written..]) {
                Ok(written) => self.written += written,
                Err(error) if is_later(&error) => break,
                Err(error) => return Err(error).context("sending a request"),
            }
        }
        Ok(())
    }
}

fn open_stream(endpoint: &Endpoint, registry: &Registry, token: Token) -> anyhow::Result<Stream> {
    let mut stream = Stream::connect(endpoint).context(
        "cannot connect (with a connection per request, perhaps no local port is left: see \
         net.ipv4.tcp_tw_reuse)",
    )?;
    stream.register(registry, token)?;
    Ok(stream)
}

/// Not now: the socket is full or empty, or its connection not yet made.
fn is_later(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected | io::ErrorKind::Interrupted
    )
}
