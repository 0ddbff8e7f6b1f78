//! What servers answer, written straight into an output buffer.

use memchr::memchr2;

use crate::double::format_double;
use crate::request::ProtocolError;
use crate::wire::{push_bulk, push_header, push_line};

/// Version of the serialization protocol that a client asked for with HELLO.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Protocol {
    /// What every connection starts with.
    #[default]
    Resp2,
    /// Maps, sets, doubles, booleans, pushes and one null.
    Resp3,
}

impl Protocol {
    /// The number that HELLO takes and CLIENT LIST shows.
    pub const fn version(self) -> u8 {
        match self {
            Self::Resp2 => 2,
            Self::Resp3 => 3,
        }
    }

    /// The protocol with the number that HELLO takes; None for one that is not spoken here.
    pub const fn from_version(version: i64) -> Option<Self> {
        match version {
            2 => Some(Self::Resp2),
            3 => Some(Self::Resp3),
            _ => None,
        }
    }
}

/// Where the header of an aggregate of yet unknown length belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "an aggregate that is begun must be ended, or the reply is malformed"]
pub struct Mark {
    at: usize,
}

/// Appends replies to an output buffer in the client's protocol.
///
/// Nothing here fails or allocates, but for the growth of the buffer. The writer does not check
/// that an aggregate is followed by as many elements as its header announced.
///
/// ```
/// use guarda_resp::{Protocol, ReplyWriter};
///
/// let mut buf = Vec::new();
/// let mut reply = ReplyWriter::new(&mut buf, Protocol::Resp2);
/// reply.map(1);
/// reply.bulk(b"hits");
/// reply.integer(12);
/// assert_eq!(buf, b"*2\r\n$4\r\nhits\r\n:12\r\n");
/// ```
#[derive(Debug)]
pub struct ReplyWriter<'a> {
    /// Where replies are appended.
    pub buf: &'a mut Vec<u8>,
    /// How replies are written.
    pub protocol: Protocol,
}

impl<'a> ReplyWriter<'a> {
    /// A writer that appends to `buf`.
    #[inline]
    pub fn new(buf: &'a mut Vec<u8>, protocol: Protocol) -> Self {
        Self { buf, protocol }
    }

    /// `+OK`.
    #[inline]
    pub fn ok(&mut self) {
        self.raw(b"+OK\r\n");
    }

    /// A simple string; line ends in `text` become spaces.
    #[inline]
    pub fn simple(&mut self, text: &str) {
        self.simple_bytes(text.as_bytes());
    }

    /// As [`simple`](Self::simple), for text of unknown encoding, such as a script's status reply.
    #[inline]
    pub fn simple_bytes(&mut self, text: &[u8]) {
        self.sanitised_line(b'+', text);
    }

    /// An error; `text` begins with its code word, as in `ERR syntax error`. Line ends in it
    /// become spaces.
    #[inline]
    pub fn error(&mut self, text: &str) {
        self.error_bytes(text.as_bytes());
    }

    /// As [`error`](Self::error), for text that quotes bytes of the client or of a script. Line
    /// ends at its end are left out, as Redis does.
    #[inline]
    pub fn error_bytes(&mut self, text: &[u8]) {
        let ends = text.iter().rev().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        self.sanitised_line(b'-', &text[..text.len() - ends]);
    }

    /// The answer to a request that could not be parsed, byte for byte as Redis sends it.
    ///
    /// Differs from the error's `Display` for a byte outside ASCII, which goes out as it came in.
    pub fn protocol_error(&mut self, error: &ProtocolError) {
        let mut text = b"ERR Protocol error: ".to_vec();
        match error {
            ProtocolError::ExpectedDollar { got } => {
                text.extend_from_slice(b"expected '$', got '");
                text.extend_from_slice(&[*got, b'\'']);
            }
            other => text.extend_from_slice(other.to_string().as_bytes()),
        }
        self.error_bytes(&text);
    }

    /// An integer.
    #[inline]
    pub fn integer(&mut self, value: i64) {
        match usize::try_from(value) {
            // One path for the counters and booleans that most integer replies are.
            Ok(small @ 0..10) => push_header(self.buf, b':', small),
            _ => push_line(self.buf, b':', itoa::Buffer::new().format(value).as_bytes()),
        }
    }

    /// A bulk string.
    #[inline]
    pub fn bulk(&mut self, bytes: &[u8]) {
        push_bulk(self.buf, bytes);
    }

    /// A bulk string.
    #[inline]
    pub fn bulk_str(&mut self, text: &str) {
        push_bulk(self.buf, text.as_bytes());
    }

    /// No value: `$-1` in RESP2, `_` in RESP3.
    #[inline]
    pub fn null(&mut self) {
        self.raw(match self.protocol {
            Protocol::Resp2 => b"$-1\r\n".as_slice(),
            Protocol::Resp3 => b"_\r\n",
        });
    }

    /// No array, as EXEC answers when a watched key changed: `*-1` in RESP2, `_` in RESP3.
    #[inline]
    pub fn null_array(&mut self) {
        self.raw(match self.protocol {
            Protocol::Resp2 => b"*-1\r\n".as_slice(),
            Protocol::Resp3 => b"_\r\n",
        });
    }

    /// Header of an array; `len` replies follow.
    #[inline]
    pub fn array(&mut self, len: usize) {
        push_header(self.buf, b'*', len);
    }

    /// Header of a map; `len` keys follow, each with its value. RESP2: an array of `2 * len`.
    #[inline]
    pub fn map(&mut self, len: usize) {
        match self.protocol {
            Protocol::Resp2 => push_header(self.buf, b'*', 2 * len),
            Protocol::Resp3 => push_header(self.buf, b'%', len),
        }
    }

    /// Header of a set; `len` replies follow. RESP2: an array.
    #[inline]
    pub fn set(&mut self, len: usize) {
        push_header(self.buf, self.in_resp3(b'~'), len);
    }

    /// Header of an out-of-band message; `len` replies follow. RESP2: an array.
    #[inline]
    pub fn push(&mut self, len: usize) {
        push_header(self.buf, self.in_resp3(b'>'), len);
    }

    /// A boolean. RESP2: 1 or 0.
    #[inline]
    pub fn boolean(&mut self, value: bool) {
        match (self.protocol, value) {
            (Protocol::Resp2, _) => self.integer(value.into()),
            (Protocol::Resp3, true) => self.raw(b"#t\r\n"),
            (Protocol::Resp3, false) => self.raw(b"#f\r\n"),
        }
    }

    /// A double, as [`format_double`] writes it. RESP2: a bulk string.
    pub fn double(&mut self, value: f64) {
        self.in_resp3_or_bulk(b',', format_double(value).as_bytes());
    }

    /// An integer of any size, in decimal; line ends become spaces. RESP2: a bulk string.
    pub fn bignumber(&mut self, digits: &str) {
        match self.protocol {
            Protocol::Resp2 => {
                push_bulk(self.buf, digits.as_bytes());
                self.sanitise(digits.as_bytes());
            }
            Protocol::Resp3 => self.sanitised_line(b'(', digits.as_bytes()),
        }
    }

    /// A text with its format, `txt` or `mkd`. RESP2: a bulk string without the format.
    pub fn verbatim(&mut self, format: &[u8; 3], text: &[u8]) {
        match self.protocol {
            Protocol::Resp2 => push_bulk(self.buf, text),
            Protocol::Resp3 => {
                push_header(self.buf, b'=', format.len() + 1 + text.len());
                self.raw(format);
                self.raw(b":");
                self.raw(text);
                self.raw(b"\r\n");
            }
        }
    }

    /// Bytes that are a reply already.
    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) {
        self.buf.extend_from_slice(bytes);
    }

    /// Begins an aggregate whose length is known only at its end.
    ///
    /// Ending it moves everything written since by the header's few bytes: fine for replies of
    /// kilobytes, not for ones whose length could have been counted first. Several may be open at
    /// once; they are ended in reverse order.
    #[inline]
    pub fn begin_array(&mut self) -> Mark {
        Mark { at: self.buf.len() }
    }

    /// Ends what [`begin_array`](Self::begin_array) began, as an array of `len` replies.
    pub fn end_array(&mut self, mark: Mark, len: usize) {
        self.end_aggregate(mark, |reply| reply.array(len));
    }

    /// Ends what [`begin_array`](Self::begin_array) began, as a map of `len` keys.
    pub fn end_map(&mut self, mark: Mark, len: usize) {
        self.end_aggregate(mark, |reply| reply.map(len));
    }

    /// Ends what [`begin_array`](Self::begin_array) began, as a set of `len` replies.
    pub fn end_set(&mut self, mark: Mark, len: usize) {
        self.end_aggregate(mark, |reply| reply.set(len));
    }

    /// Writes the header behind the elements, then turns it round to their front.
    fn end_aggregate(&mut self, mark: Mark, write_header: impl FnOnce(&mut Self)) {
        let body_end = self.buf.len();
        write_header(self);
        let header_len = self.buf.len() - body_end;
        self.buf[mark.at..].rotate_right(header_len);
    }

    /// The marker of a type that RESP2 sends as an array.
    #[inline]
    fn in_resp3(&self, marker: u8) -> u8 {
        match self.protocol {
            Protocol::Resp2 => b'*',
            Protocol::Resp3 => marker,
        }
    }

    fn in_resp3_or_bulk(&mut self, marker: u8, line: &[u8]) {
        match self.protocol {
            Protocol::Resp2 => push_bulk(self.buf, line),
            Protocol::Resp3 => push_line(self.buf, marker, line),
        }
    }

    /// Appends a line; what would end it early becomes a space, byte by byte.
    #[inline]
    fn sanitised_line(&mut self, marker: u8, text: &[u8]) {
        push_line(self.buf, marker, text);
        self.sanitise(text);
    }

    /// Replaces line ends in `text`, which was just written, with a line end behind it.
    #[inline]
    fn sanitise(&mut self, text: &[u8]) {
        if memchr2(b'\r', b'\n', text).is_some() {
            let end = self.buf.len() - 2;
            for byte in &mut self.buf[end - text.len()..end] {
                if matches!(byte, b'\r' | b'\n') {
                    *byte = b' ';
                }
            }
        }
    }
}
