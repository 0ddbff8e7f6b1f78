//! A relay before the store that counts round trips on the wire.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result};

/// Passes bytes on, and counts.
///
/// A round trip begins when a client speaks after the store did, or at first: a pipeline is one.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    state: Arc<State>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct State {
    round_trips: AtomicU64,
    connections: AtomicU64,
    over: AtomicBool,
    /// Both ends of every connection, to be shut down at the end.
    open: Mutex<Vec<TcpStream>>,
}

impl Relay {
    /// Listens on a loopback port before `store`.
    ///
    /// # Errors
    ///
    /// When there is no port to be had.
    pub fn start(store: SocketAddr) -> Result<Self> {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port for a relay")?;
        let address = listener.local_addr()?;
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        let acceptor = thread::spawn(move || {
            for client in listener.incoming() {
                if shared.over.load(Ordering::SeqCst) {
                    break;
                }
                // A connection that fails at once shows at its other end.
                drop(client.and_then(|client| connect(&shared, client, store)));
            }
        });
        Ok(Self { address, state, acceptor: Some(acceptor) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Round trips so far, over all connections.
    pub fn round_trips(&self) -> u64 {
        self.state.round_trips.load(Ordering::SeqCst)
    }

    /// Connections made so far.
    pub fn connections(&self) -> u64 {
        self.state.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::SeqCst);
        // The acceptor looks at `over` when somebody comes.
        drop(TcpStream::connect(self.address));
        for stream in self.state.open.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            drop(stream.shutdown(Shutdown::Both));
        }
        if let Some(acceptor) = self.acceptor.take() {
            drop(acceptor.join());
        }
    }
}

fn connect(state: &Arc<State>, client: TcpStream, store: SocketAddr) -> std::io::Result<()> {
    let server = TcpStream::connect(store)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    state.connections.fetch_add(1, Ordering::SeqCst);
    let mut open = state.open.lock().unwrap_or_else(PoisonError::into_inner);
    open.extend([client.try_clone()?, server.try_clone()?]);
    let client_speaks = Arc::new(AtomicBool::new(false));
    let (speaks, state) = (Arc::clone(&client_speaks), Arc::clone(state));
    let (to_server, to_client) = (server.try_clone()?, client.try_clone()?);
    thread::spawn(move || {
        pass(client, to_server, || {
            if !speaks.swap(true, Ordering::SeqCst) {
                state.round_trips.fetch_add(1, Ordering::SeqCst);
            }
        });
    });
    thread::spawn(move || {
        pass(server, to_client, || client_speaks.store(false, Ordering::SeqCst));
    });
    Ok(())
}

/// Passes on until one end closes, then closes the other; `heard` is called before bytes go on.
fn pass(mut from: TcpStream, mut to: TcpStream, heard: impl Fn()) {
    let mut bytes = [0; 16 << 10];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        heard();
        if to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    for end in [&from, &to] {
        drop(end.shutdown(Shutdown::Both));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipeline_is_one_round_trip_and_an_answer_begins_the_next() {
        let echo = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let relay = Relay::start(echo.local_addr().unwrap()).unwrap();
        let mut client = TcpStream::connect(relay.address()).unwrap();
        let (mut server, _) = echo.accept().unwrap();
        let mut bytes = [0; 2];
        for trip in 1..=2 {
            client.write_all(b"a").unwrap();
            server.read_exact(&mut bytes[..1]).unwrap();
            client.write_all(b"b").unwrap();
            server.read_exact(&mut bytes[..1]).unwrap();
            server.write_all(b"ok").unwrap();
            client.read_exact(&mut bytes).unwrap();
            assert_eq!((relay.round_trips(), relay.connections()), (trip, 1));
        }
        drop(relay);
        assert_eq!(client.read(&mut bytes).unwrap_or(0), 0, "the relay closes what it opened");
    }
}
