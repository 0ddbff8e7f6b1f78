//! A blocking connection, for what is not measured: filling, asking, loading the script.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};

use crate::reply::{self, Reply};
use crate::server::Endpoint;

/// No command here takes this long, unless the server hangs.
const REPLY_TIMEOUT: Duration = Duration::from_mins(1);

/// Bytes of commands sent before their replies are read. Smaller than what the sockets hold of
/// replies, so that neither side waits for the other for ever.
const BATCH_LEN_MAX: usize = 64 << 10;

trait Duplex: Read + Write + Send {}
impl<T: Read + Write + Send> Duplex for T {}

/// The connection.
pub(crate) struct Client {
    stream: Box<dyn Duplex>,
    input: Vec<u8>,
}

impl Client {
    /// Connects.
    pub(crate) fn connect(endpoint: &Endpoint) -> anyhow::Result<Self> {
        let stream: Box<dyn Duplex> = match endpoint {
            Endpoint::Tcp(address) => {
                let stream = TcpStream::connect(address)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(REPLY_TIMEOUT))?;
                Box::new(stream)
            }
            Endpoint::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(REPLY_TIMEOUT))?;
                Box::new(stream)
            }
        };
        Ok(Self { stream, input: Vec::new() })
    }

    /// Sends one command and gives its reply, as text where it is text.
    pub(crate) fn call(&mut self, words: &[&[u8]]) -> anyhow::Result<Answer> {
        let mut out = Vec::new();
        reply::push_command(&mut out, words);
        self.stream.write_all(&out)?;
        self.next_answer()
    }

    /// As [`Self::call`], for a reply that is a number.
    pub(crate) fn number(&mut self, words: &[&[u8]]) -> anyhow::Result<i64> {
        match self.call(words)? {
            Answer::Integer(number) => Ok(number),
            other => bail!("expected a number, got {other:?}"),
        }
    }

    /// As [`Self::call`], for a reply that is text.
    pub(crate) fn text(&mut self, words: &[&[u8]]) -> anyhow::Result<String> {
        match self.call(words)? {
            Answer::Text(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            other => bail!("expected text, got {other:?}"),
        }
    }

    /// Sends `count` commands in pipelines; each must be answered `+OK`.
    pub(crate) fn all_ok(
        &mut self,
        count: usize,
        mut command: impl FnMut(usize, &mut Vec<u8>),
    ) -> anyhow::Result<()> {
        let mut out = Vec::new();
        let mut pending = 0;
        for index in 0..count {
            command(index, &mut out);
            pending += 1;
            if out.len() >= BATCH_LEN_MAX || index + 1 == count {
                crate::interrupt::check()?;
                self.stream.write_all(&out)?;
                out.clear();
                for _ in 0..std::mem::take(&mut pending) {
                    let answer = self.next_answer()?;
                    ensure!(answer == Answer::Text(b"OK".to_vec()), "expected OK, got {answer:?}");
                }
            }
        }
        Ok(())
    }

    fn next_answer(&mut self) -> anyhow::Result<Answer> {
        loop {
            if let Some((reply, len)) = reply::take(&self.input)? {
                let answer = match reply {
                    Reply::Simple(text) | Reply::Bulk(text) => Answer::Text(text.to_vec()),
                    Reply::Integer(number) => Answer::Integer(number),
                    Reply::Null => Answer::Null,
                };
                self.input.drain(..len);
                return Ok(answer);
            }
            let mut chunk = [0; 16 << 10];
            let read = self.stream.read(&mut chunk).context("no reply from the server")?;
            ensure!(read > 0, "the server closed the connection");
            self.input.extend_from_slice(&chunk[..read]);
        }
    }
}

/// An owned reply.
#[derive(PartialEq, Eq)]
pub(crate) enum Answer {
    Text(Vec<u8>),
    Integer(i64),
    Null,
}

/// Session data never reaches an error message: text shows as its length unless it is short.
impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) if text.len() <= 16 => {
                write!(f, "{:?}", String::from_utf8_lossy(text))
            }
            Self::Text(text) => write!(f, "{} bytes", text.len()),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Null => f.write_str("null"),
        }
    }
}
