//! A TCP stream with TLS over it, as plain as the others: bytes in, bytes out, readiness.
//!
//! What rustls has encrypted and the socket has not taken stays in rustls; new plaintext is refused
//! until it has gone, so that a client that does not read has the server keep no more than one
//! record beyond its replies.

use std::io::{self, Read, Write};
use std::sync::Arc;

use mio::net::TcpStream;
use rustls::{ServerConfig, ServerConnection};

/// A TLS connection of a client.
pub(crate) struct TlsStream {
    pub(super) tcp: TcpStream,
    tls: ServerConnection,
}

impl TlsStream {
    /// Begins TLS on a connection just accepted; the handshake happens as it is read.
    pub(crate) fn new(tcp: TcpStream, config: Arc<ServerConfig>) -> io::Result<TlsStream> {
        let tls = ServerConnection::new(config).map_err(io::Error::other)?;
        Ok(TlsStream { tcp, tls })
    }

    /// Whether something encrypted waits for the socket.
    pub(crate) fn has_unsent(&self) -> bool {
        self.tls.wants_write()
    }

    /// Says goodbye as TLS wants it; best effort, the connection is closed next.
    pub(crate) fn say_goodbye(&mut self) {
        self.tls.send_close_notify();
        let _ = self.flush();
    }

    /// Takes what the socket has; an error tells the peer why first.
    fn receive(&mut self) -> io::Result<usize> {
        let received = self.tls.read_tls(&mut self.tcp)?;
        let processed = self.tls.process_new_packets();
        // The handshake's answers, or the alert that says what was wrong.
        match self.flush() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            other => other?,
        }
        processed.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        Ok(received)
    }
}

impl Read for TlsStream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.tls.reader().read(buf) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // A peer that closes without TLS's goodbye: nothing is missing from whole frames.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                other => return other,
            }
            if self.receive()? == 0 && self.tls.is_handshaking() {
                return Ok(0);
            }
        }
    }
}

impl Write for TlsStream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.flush()?;
        let taken = self.tls.writer().write(buf)?;
        match self.flush() {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(taken),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut self.tcp) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
