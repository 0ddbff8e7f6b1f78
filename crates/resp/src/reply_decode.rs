//! Replies of either protocol as an owned tree, for clients, scripts and tests.

use memchr::memchr;

use crate::number::{parse_f64, parse_i64};
use crate::reply::{Protocol, ReplyWriter};

/// Elements reserved for at once when an aggregate begins, whatever its header claims.
const RESERVED_MAX: usize = 32;

/// What a server may answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameLimits {
    /// Most aggregates open inside one another.
    pub depth_max: usize,
    /// Most elements of one aggregate; a map has two for each key.
    pub elements_max: usize,
    /// Longest bulk string, verbatim string or bulk error in bytes.
    pub bulk_len_max: usize,
    /// Longest simple string, error, header or number in bytes, without its line end.
    pub line_len_max: usize,
}

impl FrameLimits {
    /// Beyond what Redis answers, and within what a client can hold.
    pub const DEFAULT: Self = Self {
        depth_max: 128,
        elements_max: 1 << 28,
        bulk_len_max: 512 * 1024 * 1024,
        line_len_max: 1024 * 1024,
    };
}

impl Default for FrameLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// One reply.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum Frame {
    /// `+`: a status such as `OK`.
    Simple(Vec<u8>),
    /// `-`, or `!` in RESP3: an error, its code word first.
    Error(Vec<u8>),
    /// `:`.
    Integer(i64),
    /// `$`.
    Bulk(Vec<u8>),
    /// `_`, or `$-1` in RESP2.
    Null,
    /// `*-1`, only in RESP2.
    NullArray,
    /// `*`.
    Array(Vec<Frame>),
    /// `%`, in the order received; keys may repeat.
    Map(Vec<(Frame, Frame)>),
    /// `~`, in the order received; elements may repeat.
    Set(Vec<Frame>),
    /// `>`: not the answer to a command.
    Push(Vec<Frame>),
    /// `#`.
    Boolean(bool),
    /// `,`.
    Double {
        /// The nearest double.
        value: f64,
        /// The text it was read from.
        text: Vec<u8>,
    },
    /// `(`: the decimal text.
    BigNumber(Vec<u8>),
    /// `=`.
    Verbatim {
        /// `txt` or `mkd`.
        format: [u8; 3],
        /// The text without its format.
        text: Vec<u8>,
    },
}

impl Frame {
    /// The bytes of a string of any kind, errors excluded.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Simple(bytes)
            | Self::Bulk(bytes)
            | Self::BigNumber(bytes)
            | Self::Double { text: bytes, .. }
            | Self::Verbatim { text: bytes, .. } => Some(bytes),
            _ => None,
        }
    }

    /// The text of an error, its code word first.
    pub fn as_error(&self) -> Option<&[u8]> {
        if let Self::Error(text) = self { Some(text) } else { None }
    }

    /// Whether this is a null of either kind.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null | Self::NullArray)
    }

    /// Writes this reply in the writer's protocol; what that lacks becomes what Redis makes of it.
    ///
    /// Recurses once for each level of nesting, which the decoder has limited.
    pub fn write_to(&self, reply: &mut ReplyWriter<'_>) {
        match self {
            Self::Simple(text) => reply.simple_bytes(text),
            Self::Error(text) => reply.error_bytes(text),
            Self::Integer(value) => reply.integer(*value),
            Self::Bulk(bytes) => reply.bulk(bytes),
            Self::Null => reply.null(),
            Self::NullArray => reply.null_array(),
            Self::Array(items) => {
                reply.array(items.len());
                write_all(items, reply);
            }
            Self::Map(pairs) => {
                reply.map(pairs.len());
                for (key, value) in pairs {
                    key.write_to(reply);
                    value.write_to(reply);
                }
            }
            Self::Set(items) => {
                reply.set(items.len());
                write_all(items, reply);
            }
            Self::Push(items) => {
                reply.push(items.len());
                write_all(items, reply);
            }
            Self::Boolean(value) => reply.boolean(*value),
            Self::Double { text, .. } => match reply.protocol {
                Protocol::Resp2 => reply.bulk(text),
                Protocol::Resp3 => crate::wire::push_line(reply.buf, b',', text),
            },
            Self::BigNumber(digits) => match std::str::from_utf8(digits) {
                Ok(digits) => reply.bignumber(digits),
                Err(_) => reply.bulk(digits),
            },
            Self::Verbatim { format, text } => reply.verbatim(format, text),
        }
    }
}

fn write_all(items: &[Frame], reply: &mut ReplyWriter<'_>) {
    for item in items {
        item.write_to(reply);
    }
}

/// Prints the shape, and lengths in place of contents: replies hold sessions and passwords.
impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Simple(text) => write!(f, "Simple({} bytes)", text.len()),
            Self::Error(text) => write!(f, "Error({} bytes)", text.len()),
            Self::Integer(value) => write!(f, "Integer({value})"),
            Self::Bulk(bytes) => write!(f, "Bulk({} bytes)", bytes.len()),
            Self::Null => f.write_str("Null"),
            Self::NullArray => f.write_str("NullArray"),
            Self::Array(items) => f.debug_tuple("Array").field(items).finish(),
            Self::Map(pairs) => f.debug_tuple("Map").field(pairs).finish(),
            Self::Set(items) => f.debug_tuple("Set").field(items).finish(),
            Self::Push(items) => f.debug_tuple("Push").field(items).finish(),
            Self::Boolean(value) => write!(f, "Boolean({value})"),
            Self::Double { value, .. } => write!(f, "Double({value})"),
            Self::BigNumber(digits) => write!(f, "BigNumber({} bytes)", digits.len()),
            Self::Verbatim { text, .. } => write!(f, "Verbatim({} bytes)", text.len()),
        }
    }
}

/// A reply that cannot be understood; the connection it came from is of no further use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// No type begins with this byte.
    #[error("a reply cannot begin with byte 0x{0:02x}")]
    UnknownType(u8),
    /// A CR without LF, or no line end after a bulk string.
    #[error("a line of a reply does not end in CRLF")]
    BadLineEnd,
    /// A line longer than [`FrameLimits::line_len_max`].
    #[error("a line of a reply is longer than the limit of {max} bytes")]
    LineTooLong {
        /// The limit.
        max: usize,
    },
    /// A length that is no number, or negative where there is no null.
    #[error("a length in a reply is not a number from 0 up")]
    BadLength,
    /// A bulk string longer than [`FrameLimits::bulk_len_max`].
    #[error("a string in a reply is longer than the limit of {max} bytes")]
    BulkTooLong {
        /// The limit.
        max: usize,
    },
    /// An aggregate with more elements than [`FrameLimits::elements_max`].
    #[error("an aggregate in a reply has more than the limit of {max} elements")]
    TooManyElements {
        /// The limit.
        max: usize,
    },
    /// Aggregates nested deeper than [`FrameLimits::depth_max`].
    #[error("a reply is nested deeper than the limit of {max} levels")]
    TooDeep {
        /// The limit.
        max: usize,
    },
    /// An integer, double, big number, boolean, null or verbatim string with impossible contents.
    #[error("a value in a reply is malformed")]
    BadValue,
}

/// Decodes the reply at the start of `buf`, with default limits.
///
/// Returns the reply and the bytes it took, or None if it is not all there. For replies that
/// arrive in pieces a [`FrameDecoder`] remembers how far it came; this starts anew on each call.
///
/// # Errors
///
/// [`FrameError`] as soon as the bytes cannot become a reply.
///
/// ```
/// use guarda_resp::{Frame, decode};
///
/// assert_eq!(decode(b":1\r\n+rest"), Ok(Some((Frame::Integer(1), 4))));
/// assert_eq!(decode(b"$5\r\nhel"), Ok(None));
/// ```
pub fn decode(buf: &[u8]) -> Result<Option<(Frame, usize)>, FrameError> {
    FrameDecoder::default().decode(buf)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Array,
    Map,
    Set,
    Push,
    /// Read and thrown away: Redis sends attributes only from DEBUG, and no client here uses them.
    Attribute,
}

/// An aggregate some of whose elements are still to come: `items.len() + left` were announced.
#[derive(Debug)]
struct Open {
    kind: Kind,
    left: usize,
    items: Vec<Frame>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BulkKind {
    Bulk,
    Error,
    Verbatim,
}

/// What one step of the decoder found.
enum Item {
    Whole(Frame),
    Begin(Kind, usize),
    Incomplete,
}

/// Incremental decoder of one connection's replies.
///
/// On every call `buf` starts at the start of the current reply; the caller drops the returned
/// number of bytes after each reply and nothing in between. Elements already decoded are kept, so
/// that the work of a call is linear in the bytes that are new.
#[derive(Debug, Default)]
pub struct FrameDecoder {
    limits: FrameLimits,
    /// Start of the first line or body not yet understood.
    pos: usize,
    /// Bytes from `pos` on that are known to hold no CR.
    scanned: usize,
    /// Kind and length of the string whose body is at `pos`.
    bulk: Option<(BulkKind, usize)>,
    /// Outermost first; `len() <= limits.depth_max`.
    open: Vec<Open>,
}

impl FrameDecoder {
    /// A decoder with limits of its own.
    pub fn new(limits: FrameLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Forgets a half-received reply.
    pub fn reset(&mut self) {
        self.pos = 0;
        self.scanned = 0;
        self.bulk = None;
        self.open.clear();
    }

    /// Decodes the reply at the start of `buf`: the reply and the bytes it took, or None if it is
    /// not all there.
    ///
    /// # Errors
    ///
    /// [`FrameError`] as soon as the bytes cannot become a reply. The decoder is then as new.
    pub fn decode(&mut self, buf: &[u8]) -> Result<Option<(Frame, usize)>, FrameError> {
        let decoded = self.advance(buf);
        if !matches!(decoded, Ok(None)) {
            self.reset();
        }
        decoded
    }

    fn advance(&mut self, buf: &[u8]) -> Result<Option<(Frame, usize)>, FrameError> {
        loop {
            let mut whole = match self.next_item(buf)? {
                Item::Incomplete => return Ok(None),
                Item::Whole(frame) => Some(frame),
                // An aggregate of no elements is whole from its beginning.
                Item::Begin(kind, 0) => {
                    self.begin(kind, 0)?;
                    self.open.pop().and_then(close)
                }
                Item::Begin(kind, left) => {
                    self.begin(kind, left)?;
                    None
                }
            };
            // Give a whole frame to its parent, which may thereby become whole itself. After an
            // attribute the frame comes that it belongs to.
            while let Some(frame) = whole {
                let Some(parent) = self.open.last_mut() else { return Ok(Some((frame, self.pos))) };
                parent.items.push(frame);
                parent.left -= 1;
                whole = if parent.left == 0 { self.open.pop().and_then(close) } else { None };
            }
        }
    }

    fn begin(&mut self, kind: Kind, left: usize) -> Result<(), FrameError> {
        let max = self.limits.elements_max;
        if left > max {
            return Err(FrameError::TooManyElements { max });
        }
        let max = self.limits.depth_max;
        if self.open.len() >= max {
            return Err(FrameError::TooDeep { max });
        }
        // Elements cost memory when they arrive, not when they are announced.
        self.open.push(Open { kind, left, items: Vec::with_capacity(left.min(RESERVED_MAX)) });
        Ok(())
    }

    fn next_item(&mut self, buf: &[u8]) -> Result<Item, FrameError> {
        if let Some((kind, len)) = self.bulk {
            return self.bulk_body(buf, kind, len);
        }
        let Some(&marker) = buf.get(self.pos) else { return Ok(Item::Incomplete) };
        if !b"+-:$*_%~>#,(=!|".contains(&marker) {
            return Err(FrameError::UnknownType(marker));
        }
        let Some(line) = self.line(buf)? else { return Ok(Item::Incomplete) };
        match marker {
            b'$' if line == b"-1" => Ok(Item::Whole(Frame::Null)),
            b'*' if line == b"-1" => Ok(Item::Whole(Frame::NullArray)),
            b'$' => self.bulk_header(buf, BulkKind::Bulk, line),
            b'!' => self.bulk_header(buf, BulkKind::Error, line),
            b'=' => self.bulk_header(buf, BulkKind::Verbatim, line),
            b'*' => Ok(Item::Begin(Kind::Array, parse_length(line)?)),
            b'~' => Ok(Item::Begin(Kind::Set, parse_length(line)?)),
            b'>' => Ok(Item::Begin(Kind::Push, parse_length(line)?)),
            b'%' => Ok(Item::Begin(Kind::Map, parse_pairs(line)?)),
            b'|' => Ok(Item::Begin(Kind::Attribute, parse_pairs(line)?)),
            marker => scalar(marker, line).map(Item::Whole),
        }
    }

    /// The rest of the line after the marker at `pos`, and moves past it; None if incomplete.
    fn line<'b>(&mut self, buf: &'b [u8]) -> Result<Option<&'b [u8]>, FrameError> {
        let max = self.limits.line_len_max;
        let rest = &buf[self.pos + 1..];
        let window = &rest[..rest.len().min(max.saturating_add(1))];
        let Some(at) = find_cr(&window[self.scanned..]) else {
            self.scanned = window.len();
            return if window.len() > max {
                Err(FrameError::LineTooLong { max })
            } else {
                Ok(None)
            };
        };
        self.scanned += at;
        let len = self.scanned;
        match rest.get(len + 1) {
            None => Ok(None),
            Some(b'\n') => {
                self.pos += 1 + len + 2;
                self.scanned = 0;
                Ok(Some(&rest[..len]))
            }
            Some(_) => Err(FrameError::BadLineEnd),
        }
    }

    fn bulk_header(&mut self, buf: &[u8], kind: BulkKind, line: &[u8]) -> Result<Item, FrameError> {
        let len = parse_length(line)?;
        let max = self.limits.bulk_len_max;
        if len > max {
            return Err(FrameError::BulkTooLong { max });
        }
        self.bulk = Some((kind, len));
        self.bulk_body(buf, kind, len)
    }

    fn bulk_body(&mut self, buf: &[u8], kind: BulkKind, len: usize) -> Result<Item, FrameError> {
        let rest = &buf[self.pos..];
        let Some((body, after)) = rest.split_at_checked(len) else { return Ok(Item::Incomplete) };
        match after {
            [b'\r', b'\n', ..] => {}
            [] | [b'\r'] => return Ok(Item::Incomplete),
            _ => return Err(FrameError::BadLineEnd),
        }
        self.pos += len + 2;
        self.bulk = None;
        Ok(Item::Whole(match kind {
            BulkKind::Bulk => Frame::Bulk(body.to_vec()),
            BulkKind::Error => Frame::Error(body.to_vec()),
            BulkKind::Verbatim => match body {
                [a, b, c, b':', text @ ..] => {
                    Frame::Verbatim { format: [*a, *b, *c], text: text.to_vec() }
                }
                _ => return Err(FrameError::BadValue),
            },
        }))
    }
}

/// Most lines are a few digits, shorter than a search for many bytes at once takes.
fn find_cr(bytes: &[u8]) -> Option<usize> {
    const FEW: usize = 4;
    let (few, rest) = bytes.split_at(bytes.len().min(FEW));
    let near = few.iter().position(|byte| *byte == b'\r');
    near.or_else(|| memchr(b'\r', rest).map(|at| few.len() + at))
}

/// The frame that an aggregate's elements make; None for an attribute.
fn close(done: Open) -> Option<Frame> {
    let Open { kind, items, .. } = done;
    match kind {
        Kind::Array => Some(Frame::Array(items)),
        Kind::Set => Some(Frame::Set(items)),
        Kind::Push => Some(Frame::Push(items)),
        Kind::Map => {
            let mut pairs = Vec::with_capacity(items.len() / 2);
            let mut items = items.into_iter();
            while let (Some(key), Some(value)) = (items.next(), items.next()) {
                pairs.push((key, value));
            }
            Some(Frame::Map(pairs))
        }
        Kind::Attribute => None,
    }
}

/// A frame that is one line.
fn scalar(marker: u8, line: &[u8]) -> Result<Frame, FrameError> {
    match (marker, line) {
        (b'+', text) => Ok(Frame::Simple(text.to_vec())),
        (b'-', text) => Ok(Frame::Error(text.to_vec())),
        (b':', digits) => parse_i64(digits).map(Frame::Integer).ok_or(FrameError::BadValue),
        (b'_', b"") => Ok(Frame::Null),
        (b'#', b"t") => Ok(Frame::Boolean(true)),
        (b'#', b"f") => Ok(Frame::Boolean(false)),
        (b',', text) => {
            let value = parse_double(text).ok_or(FrameError::BadValue)?;
            Ok(Frame::Double { value, text: text.to_vec() })
        }
        (b'(', digits) if is_big_number(digits) => Ok(Frame::BigNumber(digits.to_vec())),
        _ => Err(FrameError::BadValue),
    }
}

/// A double of a reply, where NaN may stand; Redis 7.0 sends it with a sign.
fn parse_double(text: &[u8]) -> Option<f64> {
    match text {
        b"nan" | b"-nan" => Some(f64::NAN),
        other => parse_f64(other),
    }
}

fn is_big_number(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").or(text.strip_prefix(b"+")).unwrap_or(text);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

fn parse_length(line: &[u8]) -> Result<usize, FrameError> {
    parse_i64(line).and_then(|len| usize::try_from(len).ok()).ok_or(FrameError::BadLength)
}

/// The number of elements of a map or attribute, two for each pair announced.
fn parse_pairs(line: &[u8]) -> Result<usize, FrameError> {
    parse_length(line)?.checked_mul(2).ok_or(FrameError::BadLength)
}
