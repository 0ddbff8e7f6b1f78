//! Peers that misbehave as told, and a proxy that counts round trips.

#![allow(dead_code, reason = "each test file uses its part")]

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use guarda_client::Endpoint;
use guarda_session::SavePath;

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// The endpoint that this save_path names.
pub(crate) fn endpoint(save_path: &str) -> Endpoint {
    let path = SavePath::parse(save_path).expect("a save_path");
    Endpoint::of(path.host(b"abcd"), Some(2 * SECOND), Some(5 * SECOND))
}

/// Listens, and gives each connection to `behave` in a thread of its own.
pub(crate) fn peer(behave: impl Fn(TcpStream) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("binds");
    let port = listener.local_addr().expect("bound").port();
    let behave = Arc::new(behave);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let behave = Arc::clone(&behave);
            let stream = stream.expect("accepts");
            thread::spawn(move || behave(stream));
        }
    });
    port
}

/// Reads until the client hangs up.
pub(crate) fn drain(mut stream: TcpStream) {
    let mut chunk = [0; 4096];
    while matches!(stream.read(&mut chunk), Ok(count) if count > 0) {}
}

/// A peer that waits for the first bytes of a request, answers with these and then stays silent.
pub(crate) fn answering(answer: &'static [u8]) -> u16 {
    peer(move |mut stream| {
        let mut chunk = [0; 4096];
        let asked = stream.read(&mut chunk).unwrap_or(0);
        if asked > 0 && stream.write_all(answer).is_ok() {
            drain(stream);
        }
    })
}

/// Between a client and a server.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    connections: Arc<AtomicUsize>,
    trips: Arc<AtomicUsize>,
}

impl Proxy {
    pub(crate) fn to(server: u16) -> Self {
        let (connections, trips) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (made, made_trips) = (Arc::clone(&connections), Arc::clone(&trips));
        let port = peer(move |client| {
            made.fetch_add(1, Ordering::SeqCst);
            let server = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).expect("connects");
            // A round trip begins when the client speaks after the server did.
            let client_spoke_last = Arc::new(Mutex::new(false));
            let (last, trips) = (Arc::clone(&client_spoke_last), Arc::clone(&made_trips));
            let back = (server.try_clone().expect("clones"), client.try_clone().expect("clones"));
            thread::spawn(move || {
                forward(back.0, back.1, || *last.lock().expect("no panic") = false);
            });
            forward(client, server, || {
                let mut last = client_spoke_last.lock().expect("no panic");
                trips.fetch_add(usize::from(!*last), Ordering::SeqCst);
                *last = true;
            });
        });
        Self { port, connections, trips }
    }

    /// Connections and round trips since the last call.
    pub(crate) fn take(&self) -> (usize, usize) {
        (self.connections.swap(0, Ordering::SeqCst), self.trips.swap(0, Ordering::SeqCst))
    }
}

fn forward(mut from: TcpStream, mut to: TcpStream, note: impl Fn()) {
    let mut chunk = [0; 16384];
    while let Ok(count @ 1..) = from.read(&mut chunk) {
        note();
        if to.write_all(&chunk[..count]).is_err() {
            break;
        }
    }
    // The other side is told; that it may be gone already is no matter.
    drop(to.shutdown(Shutdown::Both));
}
