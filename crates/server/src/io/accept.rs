//! Listening sockets and the first look at who connects.

use std::fs;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use guarda_commands::{Client, ClientCard};
use guarda_store::UnixMillis;
use mio::event::Source as _;
use mio::net::{TcpListener, UnixListener};
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, TcpKeepalive, Type};

use super::stream::Stream;
use super::tls_stream::TlsStream;
use crate::listening::Door;
use crate::state::Server;

/// What a refused client of an unprotected server is told.
const PROTECTED: &[u8] = b"-DENIED Guarda is running in protected mode: no password is set and \
this connection does not come from this machine. Set `requirepass` (or listen on loopback or a \
Unix socket only). To serve everybody without a password, say `protected-mode no`.\r\n";

const TOO_MANY: &[u8] = b"-ERR max number of clients reached\r\n";

/// One listening socket.
pub(crate) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
    Tls(TcpListener),
}

/// Binds one TCP address.
pub(crate) fn bind_tcp(address: SocketAddr, backlog: u32) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok(socket)
}

/// Binds a Unix socket; a socket left over there by a server that is gone is replaced.
pub(crate) fn bind_unix(path: &Path, mode: Option<u32>, backlog: u32) -> io::Result<Listener> {
    if let Ok(metadata) = fs::symlink_metadata(path)
        && metadata.file_type().is_socket()
    {
        // Somebody answers: it is another server's, and taking it away would be a theft.
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        fs::remove_file(path)?;
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::unix(path)?)?;
    // Before it listens: nobody gets in under the permissions that the umask left.
    if let Some(mode) = mode {
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    }
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok(Listener::Unix(UnixListener::from_std(socket.into()), path.to_owned()))
}

impl Listener {
    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        match self {
            Listener::Tcp(listener) | Listener::Tls(listener) => {
                listener.register(registry, token, Interest::READABLE)
            }
            Listener::Unix(listener, _) => listener.register(registry, token, Interest::READABLE),
        }
    }

    pub(crate) fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        match self {
            Listener::Tcp(listener) | Listener::Tls(listener) => listener.deregister(registry),
            Listener::Unix(listener, _) => listener.deregister(registry),
        }
    }

    /// Whether this is that one.
    pub(crate) fn is(&self, door: &Door) -> bool {
        match self {
            Listener::Tcp(listener) | Listener::Tls(listener) => {
                door.is_tls == matches!(self, Listener::Tls(_))
                    && listener.local_addr().is_ok_and(|address| address == door.address)
            }
            Listener::Unix(..) => false,
        }
    }

    /// Accepts one client; `None` when nobody is waiting. Those refused are told why and dropped.
    pub(crate) fn accept(
        &mut self,
        server: &Arc<Server>,
        now: UnixMillis,
    ) -> io::Result<Option<(Stream, Client)>> {
        let is_tls = matches!(self, Listener::Tls(_));
        loop {
            let accepted = match self {
                Listener::Tcp(listener) | Listener::Tls(listener) => {
                    listener.accept().map(|(stream, peer)| {
                        let local =
                            stream.local_addr().map_or_else(|_| String::new(), |a| a.to_string());
                        (Stream::Tcp(stream), Some(peer), peer.to_string(), local)
                    })
                }
                Listener::Unix(listener, path) => listener.accept().map(|(stream, _)| {
                    let name = format!("{}:0", path.display());
                    (Stream::Unix(stream), None, name.clone(), name)
                }),
            };
            let (mut stream, peer, addr, laddr) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => match error.kind() {
                    // CONFIG SET has taken its port away, or is about to give it back.
                    io::ErrorKind::WouldBlock | io::ErrorKind::InvalidInput => return Ok(None),
                    io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted => continue,
                    _ => return Err(error),
                },
            };
            let refusal = if server.is_protected_from(peer.map(|peer| peer.ip())) {
                Some(PROTECTED)
            } else if server.is_full() {
                Some(TOO_MANY)
            } else {
                None
            };
            if let Some(text) = refusal {
                server.stats.connections_rejected.fetch_add(1, Ordering::Relaxed);
                // Best effort: a client that cannot take a line at once gets the close alone. One
                // that expects TLS could not read it.
                if !is_tls {
                    let _ = stream.write(text);
                }
                continue;
            }
            if let Stream::Tcp(tcp) = &stream {
                tune(tcp, server.limits.keepalive_s.load(Ordering::Relaxed));
            }
            let stream = match stream {
                // The configuration of now: a certificate that was replaced serves new clients.
                Stream::Tcp(tcp) if is_tls => {
                    let Some(config) = server.tls.read().clone() else { continue };
                    Stream::Tls(Box::new(TlsStream::new(tcp, config)?))
                }
                other => other,
            };
            let id = server.clients.next_id();
            let card = Arc::new(ClientCard::new(id, addr, laddr, stream.fd(), now));
            let client = server.register_client(card);
            return Ok(Some((stream, client)));
        }
    }
}

/// Options of a client's socket; one that cannot be set is not worth losing the client for.
fn tune(stream: &mio::net::TcpStream, keepalive_s: u64) {
    let _ = stream.set_nodelay(true);
    if keepalive_s > 0 {
        let idle = std::time::Duration::from_secs(keepalive_s);
        let interval = std::time::Duration::from_secs((keepalive_s / 3).max(1));
        let keepalive = TcpKeepalive::new().with_time(idle).with_interval(interval).with_retries(3);
        let _ = SockRef::from(stream).set_tcp_keepalive(&keepalive);
    }
}
