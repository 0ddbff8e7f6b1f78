//! A stream of any kind, with timeouts.
//!
//! Dropping one closes the descriptor and says nothing, not even TLS's close_notify: after a fork
//! the parent still uses the connection, and a word from the child would end it.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use guarda_session::save_path::Address;
use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, RecvFlags, SocketAddrUnix, SocketFlags, SocketType, recv};
use rustls::ClientConnection;

use crate::deadline::Budget;

/// A connected socket; close-on-exec.
#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// A connected socket, with TLS over it or without.
#[derive(Debug)]
pub(crate) struct Transport {
    stream: Stream,
    tls: Option<Box<ClientConnection>>,
}

impl Transport {
    /// Connects, trying each address that the name has, until `limit` ends.
    ///
    /// Looking the name up is the system's business and its timeout (resolv.conf).
    pub(crate) fn connect(address: &Address, limit: &Budget) -> io::Result<Self> {
        let stream = match address {
            Address::Unix(path) => Stream::Unix(connect_unix(path, limit)?),
            Address::Tcp { host, port } => Stream::Tcp(connect_tcp(host, *port, limit)?),
        };
        Ok(Self { stream, tls: None })
    }

    /// The TLS handshake, until `limit` ends. Errors of TLS's own are inside the [`io::Error`].
    pub(crate) fn secure(&mut self, mut tls: ClientConnection, limit: &Budget) -> io::Result<()> {
        while tls.is_handshaking() {
            let left = limit.left().ok_or(io::ErrorKind::TimedOut)?;
            self.set_timeout(left.max(Duration::from_millis(1)))?;
            let done = if tls.wants_write() {
                tls.write_tls(&mut self.stream)
            } else {
                tls.read_tls(&mut self.stream)
            };
            match done {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => understand(&mut tls, &mut self.stream)?,
                // Whether it was too late is for the limit to say.
                Err(error) if is_temporary(&error) => {}
                Err(error) => return Err(alert(&mut tls, &mut self.stream).unwrap_or(error)),
            }
        }
        self.tls = Some(Box::new(tls));
        Ok(())
    }

    pub(crate) fn set_timeout(&self, timeout: Duration) -> io::Result<()> {
        let timeout = Some(timeout);
        match &self.stream {
            Stream::Tcp(stream) => {
                stream.set_read_timeout(timeout)?;
                stream.set_write_timeout(timeout)
            }
            Stream::Unix(stream) => {
                stream.set_read_timeout(timeout)?;
                stream.set_write_timeout(timeout)
            }
        }
    }

    /// Whether nothing has arrived: neither bytes that nobody asked for nor the connection's end.
    pub(crate) fn is_quiet(&mut self) -> bool {
        if let Some(tls) = &mut self.tls {
            let idle = tls.process_new_packets().is_ok_and(|state| {
                state.plaintext_bytes_to_read() == 0 && !state.peer_has_closed()
            });
            if !idle {
                return false;
            }
        }
        let mut byte = [0_u8; 1];
        let seen = recv(self.stream.as_fd(), &mut byte, RecvFlags::PEEK | RecvFlags::DONTWAIT);
        matches!(seen, Err(Errno::AGAIN))
    }

    /// Reads what is there. `Interrupted` means that something was done and nothing is to be had
    /// yet: the caller looks at its deadline and comes again.
    pub(crate) fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return self.stream.read(buf) };
        match tls.reader().read(buf) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            other => return other,
        }
        if tls.wants_write() {
            tls.write_tls(&mut self.stream)?;
        } else if tls.read_tls(&mut self.stream)? == 0 {
            return Ok(0);
        } else {
            understand(tls, &mut self.stream)?;
        }
        Err(io::ErrorKind::Interrupted.into())
    }

    /// Writes what the socket takes; with TLS, what its buffer takes, which [`read`](Self::read)
    /// empties before it waits.
    pub(crate) fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return self.stream.write(buf) };
        let taken = tls.writer().write(buf)?;
        match tls.write_tls(&mut self.stream) {
            Ok(0) => Err(io::ErrorKind::WriteZero.into()),
            Ok(_) if taken > 0 => Ok(taken),
            Ok(_) => Err(io::ErrorKind::Interrupted.into()),
            Err(error) if taken > 0 && is_temporary(&error) => Ok(taken),
            Err(error) => Err(error),
        }
    }
}

/// Why the peer hung up in the middle of the handshake, if it said so before: its alert may have
/// arrived while a write was still under way, which then fails.
fn alert(tls: &mut ClientConnection, stream: &mut Stream) -> Option<io::Error> {
    while let Ok(1..) = tls.read_tls(stream) {
        if let Err(error) = tls.process_new_packets() {
            return Some(io::Error::new(io::ErrorKind::InvalidData, error));
        }
    }
    None
}

/// Works on what arrived; what is wrong with it is also told to the peer, if it listens.
fn understand(tls: &mut ClientConnection, stream: &mut Stream) -> io::Result<()> {
    match tls.process_new_packets() {
        Ok(_) => Ok(()),
        Err(error) => {
            // The alert helps whoever reads the server's log; if it fails, the error stays.
            drop(tls.write_tls(stream));
            Err(io::Error::new(io::ErrorKind::InvalidData, error))
        }
    }
}

fn is_temporary(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), Interrupted | TimedOut | WouldBlock)
}

fn connect_tcp(host: &str, port: u16, limit: &Budget) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    let mut addresses = (host, port).to_socket_addrs()?.peekable();
    while let Some(address) = addresses.next() {
        let left = limit.left().ok_or(io::ErrorKind::TimedOut)?;
        // An address that swallows everything must leave time for the next.
        let share = if addresses.peek().is_some() { left / 2 } else { left };
        match TcpStream::connect_timeout(&address, share.max(Duration::from_millis(1))) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// std has no timeout for this; a full backlog would hold us for ever. On Linux the time for
/// sending counts for connecting too.
fn connect_unix(path: &str, limit: &Budget) -> io::Result<UnixStream> {
    let address = SocketAddrUnix::new(path)?;
    let family = AddressFamily::UNIX;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    loop {
        let left = limit.left().ok_or(io::ErrorKind::TimedOut)?;
        let left = left.max(Duration::from_millis(1));
        set_socket_timeout(&socket, Timeout::Send, Some(left))?;
        match rustix::net::connect(&socket, &address) {
            Ok(()) => return Ok(UnixStream::from(socket)),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buf),
            Self::Unix(stream) => stream.read(buf),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(buf),
            Self::Unix(stream) => stream.write(buf),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
