//! Commands as bytes, for everything that speaks to a server.

use crate::wire::{push_bulk, push_header};

/// Appends one command as an array of bulk strings.
///
/// An empty `args` becomes `*0`, which servers skip without an answer: do not wait for a reply.
///
/// ```
/// let mut buf = Vec::new();
/// guarda_resp::encode_command(&mut buf, &["GET", "key"]);
/// assert_eq!(buf, b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n");
/// ```
pub fn encode_command(buf: &mut Vec<u8>, args: &[impl AsRef<[u8]>]) {
    push_header(buf, b'*', args.len());
    for arg in args {
        push_bulk(buf, arg.as_ref());
    }
}
