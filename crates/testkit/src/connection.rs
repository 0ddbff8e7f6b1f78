//! A small blocking RESP client that keeps the exact bytes of every reply.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use crate::reply::{BadReply, Frame, Scanner, escape};

/// How long a read waits unless [`Connection::set_timeout`] says otherwise.
pub const READ_TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);

/// Where a server listens.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Endpoint {
    /// A TCP port on the loopback address.
    Tcp(u16),
    /// A Unix socket.
    Unix(PathBuf),
}

/// Why there is no reply.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// The server closed the connection; `partial` had arrived before.
    #[error("closed by the server after `{}`", escape(.partial))]
    Closed {
        /// Bytes that no reply was made of yet.
        partial: Vec<u8>,
    },
    /// Nothing, or not enough, came in time.
    #[error("no reply in time; so far `{}`", escape(.partial))]
    TimedOut {
        /// Bytes that no reply was made of yet.
        partial: Vec<u8>,
    },
    /// What came is not RESP.
    #[error("{fault}, in `{}`", escape(.bytes))]
    BadReply {
        /// Where and why.
        fault: BadReply,
        /// All bytes that were waiting.
        bytes: Vec<u8>,
    },
    /// The operating system refused.
    #[error("{0}")]
    Io(#[from] io::Error),
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// One client connection to a server under test.
///
/// Invariant: `buffer` holds bytes that were received and belong to no reply handed out yet.
pub struct Connection {
    stream: Stream,
    buffer: Vec<u8>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Connection({})", self.local_address())
    }
}

impl Connection {
    /// Connects, with [`READ_TIMEOUT_DEFAULT`] for reads.
    ///
    /// # Errors
    ///
    /// If nobody listens there.
    pub fn open(endpoint: &Endpoint) -> io::Result<Self> {
        let stream = match endpoint {
            Endpoint::Tcp(port) => {
                let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, *port))?;
                stream.set_nodelay(true)?;
                Stream::Tcp(stream)
            }
            Endpoint::Unix(path) => Stream::Unix(UnixStream::connect(path)?),
        };
        let connection = Self { stream, buffer: Vec::new() };
        connection.set_timeout(READ_TIMEOUT_DEFAULT)?;
        Ok(connection)
    }

    /// Sets how long reads and writes wait.
    ///
    /// # Errors
    ///
    /// If the operating system refuses, as it does for zero.
    pub fn set_timeout(&self, timeout: Duration) -> io::Result<()> {
        match &self.stream {
            Stream::Tcp(stream) => {
                stream.set_read_timeout(Some(timeout))?;
                stream.set_write_timeout(Some(timeout))
            }
            Stream::Unix(stream) => {
                stream.set_read_timeout(Some(timeout))?;
                stream.set_write_timeout(Some(timeout))
            }
        }
    }

    /// This end's address as the server's `CLIENT LIST` shows it; empty for a Unix socket.
    #[must_use]
    pub fn local_address(&self) -> String {
        match &self.stream {
            Stream::Tcp(stream) => {
                stream.local_addr().as_ref().map(SocketAddr::to_string).unwrap_or_default()
            }
            Stream::Unix(_) => String::new(),
        }
    }

    /// Sends one command as an array of bulk strings.
    ///
    /// # Errors
    ///
    /// If the bytes cannot be written.
    pub fn send<A: AsRef<[u8]>>(&mut self, args: &[A]) -> io::Result<()> {
        let mut bytes = Vec::new();
        encode(&mut bytes, args);
        self.send_raw(&bytes)
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    ///
    /// If they cannot be written.
    pub fn send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.stream {
            Stream::Tcp(stream) => stream.write_all(bytes),
            Stream::Unix(stream) => stream.write_all(bytes),
        }
    }

    /// Tells the server that nothing more will be sent; replies can still be read.
    ///
    /// # Errors
    ///
    /// If the operating system refuses.
    pub fn finish_sending(&mut self) -> io::Result<()> {
        match &self.stream {
            Stream::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Stream::Unix(stream) => stream.shutdown(Shutdown::Write),
        }
    }

    /// Reads the exact bytes of one reply.
    ///
    /// # Errors
    ///
    /// If the connection ends, time runs out or the bytes are not RESP.
    pub fn read_raw(&mut self) -> Result<Vec<u8>, ConnectionError> {
        let mut scanner = Scanner::default();
        loop {
            match scanner.extent(&self.buffer) {
                Ok(Some(length)) => {
                    let rest = self.buffer.split_off(length);
                    return Ok(std::mem::replace(&mut self.buffer, rest));
                }
                Ok(None) => {}
                Err(fault) => {
                    return Err(ConnectionError::BadReply {
                        fault,
                        bytes: std::mem::take(&mut self.buffer),
                    });
                }
            }
            if self.receive()? == 0 {
                return Err(ConnectionError::Closed { partial: std::mem::take(&mut self.buffer) });
            }
        }
    }

    /// Reads one reply and decodes it.
    ///
    /// # Errors
    ///
    /// As [`Connection::read_raw`].
    pub fn read(&mut self) -> Result<Frame, ConnectionError> {
        let bytes = self.read_raw()?;
        match Frame::decode(&bytes) {
            Ok((frame, _)) => Ok(frame),
            Err(fault) => Err(ConnectionError::BadReply { fault, bytes }),
        }
    }

    /// Sends one command and reads its reply.
    ///
    /// # Errors
    ///
    /// As [`Connection::read_raw`].
    pub fn call<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Result<Frame, ConnectionError> {
        self.send(args)?;
        self.read()
    }

    /// Sends one command and reads the exact bytes of its reply.
    ///
    /// # Errors
    ///
    /// As [`Connection::read_raw`].
    pub fn call_raw<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Result<Vec<u8>, ConnectionError> {
        self.send(args)?;
        self.read_raw()
    }

    /// Sends all `commands` in one piece, then reads as many replies.
    ///
    /// Everything is written before anything is read, so keep it to what fits socket buffers.
    ///
    /// # Errors
    ///
    /// As [`Connection::read_raw`].
    pub fn pipeline<A: AsRef<[u8]>>(
        &mut self,
        commands: &[Vec<A>],
    ) -> Result<Vec<Frame>, ConnectionError> {
        let mut bytes = Vec::new();
        for args in commands {
            encode(&mut bytes, args);
        }
        self.send_raw(&bytes)?;
        commands.iter().map(|_| self.read()).collect()
    }

    /// Reads all there is until the server closes the connection.
    ///
    /// A reset counts as the end: it is what a close looks like when the server had not read
    /// everything that was sent.
    ///
    /// # Errors
    ///
    /// If time runs out first.
    pub fn read_to_end(&mut self) -> Result<Vec<u8>, ConnectionError> {
        while self.receive()? > 0 {}
        Ok(std::mem::take(&mut self.buffer))
    }

    /// Bytes received that belong to no reply handed out yet.
    #[must_use]
    pub fn unread(&self) -> &[u8] {
        &self.buffer
    }

    /// Appends what has arrived to the buffer; zero means that the server closed.
    fn receive(&mut self) -> Result<usize, ConnectionError> {
        let mut chunk = [0_u8; 16 * 1024];
        loop {
            let received = match &mut self.stream {
                Stream::Tcp(stream) => stream.read(&mut chunk),
                Stream::Unix(stream) => stream.read(&mut chunk),
            };
            match received {
                Ok(length) => {
                    self.buffer.extend_from_slice(&chunk[..length]);
                    return Ok(length);
                }
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => return Ok(0),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                        return Err(ConnectionError::TimedOut { partial: self.buffer.clone() });
                    }
                    _ => return Err(error.into()),
                },
            }
        }
    }
}

/// Appends one command as an array of bulk strings.
pub fn encode<A: AsRef<[u8]>>(bytes: &mut Vec<u8>, args: &[A]) {
    bytes.extend_from_slice(format!("*{}\r\n", args.len()).as_bytes());
    for arg in args {
        let arg = arg.as_ref();
        bytes.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        bytes.extend_from_slice(arg);
        bytes.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    fn answering(bytes: &'static [u8]) -> (Connection, thread::JoinHandle<Vec<u8>>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(bytes).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            let mut seen = Vec::new();
            stream.read_to_end(&mut seen).unwrap();
            seen
        });
        (Connection::open(&Endpoint::Tcp(port)).unwrap(), server)
    }

    #[test]
    fn commands_go_out_as_arrays_of_bulk_strings() {
        let (mut connection, server) = answering(b"+OK\r\n");
        assert_eq!(
            connection.call(&[&b"SET"[..], b"a\r\n", b""]).unwrap(),
            Frame::Simple(b"OK".to_vec())
        );
        drop(connection);
        assert_eq!(server.join().unwrap(), b"*3\r\n$3\r\nSET\r\n$3\r\na\r\n\r\n$0\r\n\r\n");
    }

    #[test]
    fn replies_are_split_and_the_end_is_an_error_with_what_was_left() {
        let (mut connection, server) = answering(b"+one\r\n:2\r\n$5\r\nab");
        assert_eq!(connection.read_raw().unwrap(), b"+one\r\n");
        assert_eq!(connection.read_raw().unwrap(), b":2\r\n");
        match connection.read_raw() {
            Err(ConnectionError::Closed { partial }) => assert_eq!(partial, b"$5\r\nab"),
            other => panic!("{other:?}"),
        }
        drop(connection);
        server.join().unwrap();
    }
}
