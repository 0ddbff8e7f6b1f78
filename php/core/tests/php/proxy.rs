//! A proxy that counts how often a client waits for the server.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// Forwards to a port of this machine for as long as the test process lives.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    trips: Arc<AtomicUsize>,
    connections: Arc<AtomicUsize>,
}

impl Proxy {
    pub(crate) fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
        let own = listener.local_addr().expect("bound").port();
        let trips = Arc::new(AtomicUsize::new(0));
        let connections = Arc::new(AtomicUsize::new(0));
        let (counted, accepted) = (Arc::clone(&trips), Arc::clone(&connections));
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                accepted.fetch_add(1, Ordering::SeqCst);
                let server = TcpStream::connect(("127.0.0.1", port)).expect("connects");
                forward(&client, &server, &counted);
            }
        });
        Self { port: own, trips, connections }
    }

    /// Turns from the client to the server, on all connections.
    pub(crate) fn trips(&self) -> usize {
        self.trips.load(Ordering::SeqCst)
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

fn forward(client: &TcpStream, server: &TcpStream, trips: &Arc<AtomicUsize>) {
    client.set_nodelay(true).and_then(|()| server.set_nodelay(true)).expect("sockets");
    let asking = Arc::new(AtomicBool::new(false));
    let copy = |from: &TcpStream, to: &TcpStream, is_question: bool| {
        let (mut from, mut to) =
            (from.try_clone().expect("clones"), to.try_clone().expect("clones"));
        let (asking, trips) = (Arc::clone(&asking), Arc::clone(trips));
        thread::spawn(move || {
            let mut chunk = vec![0; 65536];
            while let Ok(count @ 1..) = from.read(&mut chunk) {
                if !asking.swap(is_question, Ordering::SeqCst) && is_question {
                    trips.fetch_add(1, Ordering::SeqCst);
                }
                if to.write_all(&chunk[..count]).is_err() {
                    break;
                }
            }
            drop(to.shutdown(Shutdown::Both));
        });
    };
    copy(client, server, true);
    copy(server, client, false);
}
