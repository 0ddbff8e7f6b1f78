//! Where the server listens: at start, and by CONFIG SET.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};

use guarda_config::{BindAddress, BindHost, Config};
use mio::net::TcpListener;
use parking_lot::Mutex;
use socket2::Socket;

use crate::io::{Listener, Message, bind_tcp, bind_unix};
use crate::start::StartError;
use crate::state::Server;

/// What tells one TCP listener from another: its address, and whether it speaks TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Door {
    pub(crate) address: SocketAddr,
    pub(crate) is_tls: bool,
}

/// A TCP listener that is served, and a second handle of its socket.
struct Open {
    door: Door,
    socket: Socket,
}

/// The TCP listeners that are served.
#[derive(Default)]
pub(crate) struct Doors(Mutex<Vec<Open>>);

/// Opens all that the configuration names.
pub(crate) fn listen(config: &Config) -> Result<(Vec<Listener>, Doors), StartError> {
    let (mut listeners, mut open) = (Vec::new(), Vec::new());
    for (bind, is_tls) in named(config) {
        for door in
            resolve(bind, config, is_tls).map_err(|why| refused(bind, config, is_tls, why))?
        {
            let Some(socket) =
                try_open(door, bind, config).map_err(|why| refused(bind, config, is_tls, why))?
            else {
                continue;
            };
            let handle = socket.try_clone().map_err(|why| refused(bind, config, is_tls, why))?;
            open.push(Open { door, socket: handle });
            listeners.push(listener(door, socket));
        }
    }
    if let Some(path) = &config.unixsocket {
        let listener = bind_unix(path, config.unixsocketperm, config.tcp_backlog)
            .map_err(|source| StartError::Listen { address: path.display().to_string(), source })?;
        listeners.push(listener);
    }
    if listeners.is_empty() {
        return Err(StartError::NoAddress);
    }
    Ok((listeners, Doors(Mutex::new(open))))
}

fn port_of(config: &Config, is_tls: bool) -> u16 {
    if is_tls { config.tls.port } else { config.port }
}

fn refused(bind: &BindAddress, config: &Config, is_tls: bool, source: io::Error) -> StartError {
    StartError::Listen { address: format!("{bind}:{}", port_of(config, is_tls)), source }
}

/// Each address of `bind` with each kind of port that there is.
fn named(config: &Config) -> impl Iterator<Item = (&BindAddress, bool)> {
    let kinds = [false, true].into_iter().filter(|is_tls| port_of(config, *is_tls) != 0);
    kinds.flat_map(|is_tls| config.bind.iter().map(move |bind| (bind, is_tls)))
}

fn resolve(bind: &BindAddress, config: &Config, is_tls: bool) -> io::Result<Vec<Door>> {
    let port = port_of(config, is_tls);
    let addresses: Vec<SocketAddr> = match &bind.host {
        BindHost::Ip(ip) => vec![SocketAddr::new(*ip, port)],
        BindHost::Name(name) => match (name.as_str(), port).to_socket_addrs() {
            Ok(found) => found.collect(),
            Err(_) if bind.optional => Vec::new(),
            Err(error) => return Err(error),
        },
        _ => Vec::new(),
    };
    Ok(addresses.into_iter().map(|address| Door { address, is_tls }).collect())
}

/// `None` for an optional address that the machine does not have.
fn try_open(door: Door, bind: &BindAddress, config: &Config) -> io::Result<Option<Socket>> {
    match bind_tcp(door.address, config.tcp_backlog) {
        Ok(socket) => Ok(Some(socket)),
        Err(error) if bind.optional && error.kind() != io::ErrorKind::AddrInUse => {
            tracing::debug!(address = %door.address, %error, "an optional address is not there");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn listener(door: Door, socket: Socket) -> Listener {
    let socket = TcpListener::from_std(socket.into());
    if door.is_tls { Listener::Tls(socket) } else { Listener::Tcp(socket) }
}

// At run time --------------------------------------------------------------------------------------

/// Listeners that are open and not yet served; dropped, everything is as it was.
pub(crate) struct Relisten<'s> {
    server: &'s Server,
    backlog: u32,
    opened: Vec<Open>,
    leaving: Vec<Door>,
    /// Those that leave do not listen any more: their port was needed.
    shut: bool,
    committed: bool,
}

impl Relisten<'_> {
    /// Opens what `config` names and is not open yet. Those who are connected stay so.
    ///
    /// # Errors
    /// Whatever the system says of an address; nothing has changed then.
    pub(crate) fn prepare<'s>(server: &'s Server, config: &Config) -> io::Result<Relisten<'s>> {
        let mut doors: Vec<(Door, &BindAddress)> = Vec::new();
        for (bind, is_tls) in named(config) {
            doors.extend(resolve(bind, config, is_tls)?.into_iter().map(|door| (door, bind)));
        }
        let (known, leaving): (Vec<Door>, Vec<Door>) = {
            let open = server.doors.0.lock();
            let stays = |door: &Door| doors.iter().any(|(wanted, _)| wanted == door);
            open.iter().map(|open| open.door).partition(stays)
        };
        let backlog = config.tcp_backlog;
        let mut prepared = Relisten {
            server,
            backlog,
            opened: Vec::new(),
            leaving,
            shut: false,
            committed: false,
        };
        for (door, bind) in doors {
            if known.contains(&door) {
                continue;
            }
            let socket = match try_open(door, bind, config) {
                Err(error)
                    if error.kind() == io::ErrorKind::AddrInUse && prepared.shut_leaving() =>
                {
                    try_open(door, bind, config)?
                }
                other => other?,
            };
            prepared.opened.extend(socket.map(|socket| Open { door, socket }));
        }
        Ok(prepared)
    }

    /// Has those that leave let go of their ports; says whether that may have helped.
    fn shut_leaving(&mut self) -> bool {
        if self.shut || self.leaving.is_empty() {
            return false;
        }
        self.shut = true;
        for open in self.server.doors.0.lock().iter() {
            if self.leaving.contains(&open.door) {
                let _ = open.socket.shutdown(std::net::Shutdown::Both);
            }
        }
        true
    }

    /// From now on these are served, and the others no longer.
    pub(crate) fn commit(mut self) -> io::Result<()> {
        let mut added = Vec::new();
        for open in &self.opened {
            added.push(listener(open.door, open.socket.try_clone()?));
        }
        self.committed = true;
        let mut open = self.server.doors.0.lock();
        open.retain(|open| !self.leaving.contains(&open.door));
        open.append(&mut self.opened);
        let removed = std::mem::take(&mut self.leaving);
        // The first thread accepts for all.
        self.server.mailbox(0).send(Message::Listen { added, removed });
        Ok(())
    }
}

impl Drop for Relisten<'_> {
    fn drop(&mut self) {
        if self.committed || !self.shut {
            return;
        }
        self.opened.clear();
        for open in self.server.doors.0.lock().iter() {
            if self.leaving.contains(&open.door)
                && let Err(error) =
                    open.socket.listen(i32::try_from(self.backlog).unwrap_or(i32::MAX))
            {
                tracing::error!(address = %open.door.address, %error, "not listened on any more");
            }
        }
    }
}
