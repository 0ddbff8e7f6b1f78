//! A relay that loses an answer: the connection ends between a write and its confirmation.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;

/// Listens, and passes everything on to the port `server`; closes the connection instead of giving back the first
/// answer to what has `mark` in it. Returns the port it listens on; it does so until the process ends.
///
/// One client at a time, that sends one request in one write and waits for its answer.
///
/// # Panics
///
/// If there is no port to be had.
#[must_use]
pub fn forgetful(server: u16, mark: &'static str) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    thread::spawn(move || {
        let mut forgot = false;
        for client in listener.incoming().map_while(Result::ok) {
            // An end that is lost shows at the other one.
            let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)) else { return };
            pass_on(client, server, mark.as_bytes(), &mut forgot);
        }
    });
    port
}

fn pass_on(mut client: TcpStream, mut server: TcpStream, mark: &[u8], forgot: &mut bool) {
    let mut buffer = vec![0; 65_536];
    while let Ok(count @ 1..) = client.read(&mut buffer) {
        let asked = &buffer[..count];
        let marked = asked.windows(mark.len()).any(|part| part == mark);
        if server.write_all(asked).is_err() {
            return;
        }
        let Ok(count @ 1..) = server.read(&mut buffer) else { return };
        // NOSCRIPT is no answer yet: the script itself follows.
        if marked && !*forgot && !buffer.starts_with(b"-NOSCRIPT") {
            *forgot = true;
            return;
        }
        if client.write_all(&buffer[..count]).is_err() {
            return;
        }
    }
}
