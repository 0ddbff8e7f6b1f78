//! RESP2 and RESP3 replies: where one ends, and what it says.
//!
//! Reference: <https://redis.io/docs/latest/develop/reference/protocol-spec/>. Meant for replies
//! of a server that a test started, so memory grows with what arrives, never with a length that
//! was merely announced.

use std::fmt;

/// Nesting at which a reply is refused; real replies stay below ten.
const DEPTH_MAX: usize = 512;

/// One decoded reply. Numbers that RESP writes as text stay text, so that nothing is lost.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Frame {
    /// `+OK`
    Simple(Vec<u8>),
    /// `-ERR ...`
    Error(Vec<u8>),
    /// `:1`
    Integer(i64),
    /// `$3`
    Bulk(Vec<u8>),
    /// `$-1`, RESP2's missing string.
    NullBulk,
    /// `*-1`, RESP2's missing array.
    NullArray,
    /// `_`, RESP3's one null.
    Null,
    /// `#t`
    Boolean(bool),
    /// `,3.14`
    Double(Vec<u8>),
    /// `(12345`
    BigNumber(Vec<u8>),
    /// `!21`
    BlobError(Vec<u8>),
    /// `=15`, with the three-letter format still in front.
    Verbatim(Vec<u8>),
    /// `*2`
    Array(Vec<Frame>),
    /// `~2`
    Set(Vec<Frame>),
    /// `>2`
    Push(Vec<Frame>),
    /// `%1`
    Map(Vec<(Frame, Frame)>),
    /// `|1` and the reply that it annotates.
    Attribute(Vec<(Frame, Frame)>, Box<Frame>),
}

/// Bytes that no RESP reply contains at this place.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a RESP reply at byte {at}: {what}")]
pub struct BadReply {
    /// Offset from the start of the reply.
    pub at: usize,
    /// What was found there.
    pub what: String,
}

impl BadReply {
    fn new(at: usize, what: impl Into<String>) -> Self {
        Self { at, what: what.into() }
    }
}

/// Finds the end of one reply in bytes that arrive piece by piece, looking at each byte once.
///
/// Invariant: `pending` replies are still to be passed, the next one starts at `position`.
#[derive(Clone, Debug)]
pub struct Scanner {
    position: usize,
    pending: u64,
}

impl Default for Scanner {
    fn default() -> Self {
        Self { position: 0, pending: 1 }
    }
}

impl Scanner {
    /// Length of the reply at the start of `bytes`, or `None` while it is not all there.
    ///
    /// `bytes` must start with what earlier calls saw.
    ///
    /// # Errors
    ///
    /// If the bytes are not RESP.
    pub fn extent(&mut self, bytes: &[u8]) -> Result<Option<usize>, BadReply> {
        while self.pending > 0 {
            let Some(header) = header_at(bytes, self.position)? else { return Ok(None) };
            let (end, children) = match header.kind {
                b'+' | b'-' | b':' | b'_' | b'#' | b',' | b'(' => (header.end, 0),
                b'$' | b'!' | b'=' => match header.length()? {
                    None => (header.end, 0),
                    Some(length) => {
                        let end = blob_end(&header, length)?;
                        if bytes.len() < end {
                            return Ok(None);
                        }
                        if &bytes[end - 2..end] != b"\r\n" {
                            return Err(BadReply::new(end - 2, "a string without CRLF after it"));
                        }
                        (end, 0)
                    }
                },
                b'*' | b'~' | b'>' => (header.end, header.length()?.unwrap_or(0)),
                b'%' => (header.end, header.length()?.unwrap_or(0).saturating_mul(2)),
                // An attribute comes before the reply that it belongs to: one more to read.
                b'|' => (header.end, header.length()?.unwrap_or(0).saturating_mul(2) + 1),
                other => {
                    return Err(BadReply::new(
                        self.position,
                        format!("type byte `{}`", other.escape_ascii()),
                    ));
                }
            };
            self.position = end;
            self.pending = (self.pending - 1).saturating_add(children);
        }
        Ok(Some(self.position))
    }
}

/// Type byte and first line of one reply.
struct Header<'a> {
    kind: u8,
    line: &'a [u8],
    start: usize,
    end: usize,
}

impl Header<'_> {
    fn length(&self) -> Result<Option<u64>, BadReply> {
        if self.line == b"-1" {
            return Ok(None);
        }
        number(self.line)
            .map(Some)
            .ok_or_else(|| BadReply::new(self.start, format!("length `{}`", escape(self.line))))
    }
}

fn header_at(bytes: &[u8], start: usize) -> Result<Option<Header<'_>>, BadReply> {
    let rest = &bytes[start.min(bytes.len())..];
    let Some(length) = rest.windows(2).position(|pair| pair == b"\r\n") else { return Ok(None) };
    let Some((&kind, line)) = rest[..length].split_first() else {
        return Err(BadReply::new(start, "an empty line"));
    };
    Ok(Some(Header { kind, line, start, end: start + length + 2 }))
}

fn blob_end(header: &Header<'_>, length: u64) -> Result<usize, BadReply> {
    usize::try_from(length)
        .ok()
        .and_then(|length| header.end.checked_add(length)?.checked_add(2))
        .ok_or_else(|| BadReply::new(header.start, "a length beyond memory"))
}

fn number<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

impl Frame {
    /// Decodes the reply at the start of `bytes`, which must be all there; returns its length too.
    ///
    /// # Errors
    ///
    /// If the bytes are not RESP, or end too early.
    pub fn decode(bytes: &[u8]) -> Result<(Self, usize), BadReply> {
        let mut reader = Reader { bytes, position: 0 };
        let frame = reader.frame(0)?;
        Ok((frame, reader.position))
    }

    /// The bytes of a string, simple string, number-as-text or error; `None` for the rest.
    #[must_use]
    pub fn text(&self) -> Option<&[u8]> {
        match self {
            Self::Simple(text)
            | Self::Error(text)
            | Self::Bulk(text)
            | Self::Double(text)
            | Self::BigNumber(text)
            | Self::BlobError(text) => Some(text),
            Self::Verbatim(text) => text.get(4..),
            _ => None,
        }
    }

    /// The number, if this is one (an integer, or a string that reads as one).
    #[must_use]
    pub fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(value) => Some(*value),
            other => number(other.text()?),
        }
    }

    /// The elements of an array, set or push.
    #[must_use]
    pub fn elements(&self) -> Option<&[Frame]> {
        match self {
            Self::Array(elements) | Self::Set(elements) | Self::Push(elements) => Some(elements),
            _ => None,
        }
    }

    /// The pairs of a map, or of RESP2's flat array of names and values.
    #[must_use]
    pub fn pairs(&self) -> Option<Vec<(Frame, Frame)>> {
        match self {
            Self::Map(pairs) => Some(pairs.clone()),
            Self::Array(flat) if flat.len() % 2 == 0 => {
                Some(flat.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect())
            }
            _ => None,
        }
    }

    /// Whether this is an error of either kind.
    #[must_use]
    pub fn is_error(&self) -> bool {
        matches!(self, Self::Error(_) | Self::BlobError(_))
    }

    /// Whether this is any of the three ways to say "nothing".
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::NullBulk | Self::NullArray | Self::Null)
    }
}

impl fmt::Display for Frame {
    /// One line, for reports.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Simple(text) => write!(out, "+{}", escape(text)),
            Self::Error(text) => write!(out, "-{}", escape(text)),
            Self::Integer(value) => write!(out, ":{value}"),
            Self::Bulk(text) => write!(out, "\"{}\"", escape(text)),
            Self::NullBulk => out.write_str("$-1"),
            Self::NullArray => out.write_str("*-1"),
            Self::Null => out.write_str("_"),
            Self::Boolean(value) => write!(out, "#{value}"),
            Self::Double(text) => write!(out, ",{}", escape(text)),
            Self::BigNumber(text) => write!(out, "({}", escape(text)),
            Self::BlobError(text) => write!(out, "!{}", escape(text)),
            Self::Verbatim(text) => write!(out, "={}", escape(text)),
            Self::Array(elements) => list(out, "[", elements),
            Self::Set(elements) => list(out, "~[", elements),
            Self::Push(elements) => list(out, ">[", elements),
            Self::Map(pairs) => map(out, "%", pairs),
            Self::Attribute(pairs, frame) => {
                map(out, "|", pairs)?;
                write!(out, " {frame}")
            }
        }
    }
}

fn list(out: &mut fmt::Formatter<'_>, open: &str, elements: &[Frame]) -> fmt::Result {
    out.write_str(open)?;
    for (index, element) in elements.iter().enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        write!(out, "{separator}{element}")?;
    }
    out.write_str("]")
}

fn map(out: &mut fmt::Formatter<'_>, mark: &str, pairs: &[(Frame, Frame)]) -> fmt::Result {
    write!(out, "{mark}{{")?;
    for (index, (name, value)) in pairs.iter().enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        write!(out, "{separator}{name}: {value}")?;
    }
    out.write_str("}")
}

/// Bytes as printable ASCII: `\r`, `\n`, `\\`, `\"` and `\xHH` for the rest.
#[must_use]
pub fn escape(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl Reader<'_> {
    fn frame(&mut self, depth: usize) -> Result<Frame, BadReply> {
        let start = self.position;
        if depth > DEPTH_MAX {
            return Err(BadReply::new(start, "nested too deeply"));
        }
        let header =
            header_at(self.bytes, start)?.ok_or_else(|| BadReply::new(start, "cut short"))?;
        self.position = header.end;
        let line = header.line.to_vec();
        let bad = || BadReply::new(start, format!("value `{}`", escape(&line)));
        Ok(match header.kind {
            b'+' => Frame::Simple(line),
            b'-' => Frame::Error(line),
            b':' => Frame::Integer(number(&line).ok_or_else(bad)?),
            b'_' => Frame::Null,
            b'#' => match line.as_slice() {
                b"t" => Frame::Boolean(true),
                b"f" => Frame::Boolean(false),
                _ => return Err(bad()),
            },
            b',' => Frame::Double(line),
            b'(' => Frame::BigNumber(line),
            b'$' | b'!' | b'=' => {
                let Some(length) = header.length()? else { return Ok(Frame::NullBulk) };
                let end = blob_end(&header, length)?;
                let text = self.bytes.get(header.end..end - 2).ok_or_else(bad)?.to_vec();
                self.position = end;
                match header.kind {
                    b'$' => Frame::Bulk(text),
                    b'!' => Frame::BlobError(text),
                    _ => Frame::Verbatim(text),
                }
            }
            b'*' | b'~' | b'>' => {
                let Some(count) = header.length()? else { return Ok(Frame::NullArray) };
                let mut elements = Vec::new();
                for _ in 0..count {
                    elements.push(self.frame(depth + 1)?);
                }
                match header.kind {
                    b'*' => Frame::Array(elements),
                    b'~' => Frame::Set(elements),
                    _ => Frame::Push(elements),
                }
            }
            b'%' | b'|' => {
                let mut pairs = Vec::new();
                for _ in 0..header.length()?.unwrap_or(0) {
                    pairs.push((self.frame(depth + 1)?, self.frame(depth + 1)?));
                }
                if header.kind == b'%' {
                    Frame::Map(pairs)
                } else {
                    Frame::Attribute(pairs, Box::new(self.frame(depth + 1)?))
                }
            }
            other => {
                return Err(BadReply::new(start, format!("type byte `{}`", other.escape_ascii())));
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPLIES: &[&[u8]] = &[
        b"+OK\r\n",
        b"-ERR no\r\n",
        b":-12\r\n",
        b"$0\r\n\r\n",
        b"$5\r\na\r\nbc\r\n",
        b"$-1\r\n",
        b"*-1\r\n",
        b"*0\r\n",
        b"*2\r\n*1\r\n:1\r\n$1\r\nx\r\n",
        b"_\r\n",
        b"#t\r\n",
        b",1.5\r\n",
        b"(123456789012345678901234567890\r\n",
        b"!5\r\nERR x\r\n",
        b"=7\r\ntxt:abc\r\n",
        b"%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n:2\r\n",
        b"~2\r\n:1\r\n:2\r\n",
        b">2\r\n+message\r\n+x\r\n",
        b"|1\r\n+ttl\r\n:3\r\n*1\r\n:9\r\n",
    ];

    #[test]
    fn every_reply_is_found_whatever_the_pieces() {
        for reply in REPLIES {
            let mut followed = reply.to_vec();
            followed.extend_from_slice(b"+next\r\n");
            let mut scanner = Scanner::default();
            for end in 0..reply.len() {
                assert_eq!(scanner.extent(&followed[..end]), Ok(None), "{}", escape(reply));
            }
            assert_eq!(scanner.extent(&followed), Ok(Some(reply.len())), "{}", escape(reply));
            let (_, length) = Frame::decode(&followed).unwrap();
            assert_eq!(length, reply.len(), "{}", escape(reply));
        }
    }

    #[test]
    fn frames_say_what_the_bytes_say() {
        let decode = |bytes: &[u8]| Frame::decode(bytes).unwrap().0.to_string();
        assert_eq!(decode(b"*2\r\n*1\r\n:1\r\n$1\r\nx\r\n"), "[[:1], \"x\"]");
        assert_eq!(decode(b"%1\r\n+a\r\n_\r\n"), "%{+a: _}");
        assert_eq!(decode(b"$3\r\n\0\r\n\r\n"), "\"\\x00\\r\\n\"");
    }

    #[test]
    fn what_is_not_resp_is_refused() {
        for bytes in [&b"?x\r\n"[..], b"\r\n", b"$x\r\n", b"$2\r\nabcd\r\n", b"*1\r\n@\r\n"] {
            assert!(Scanner::default().extent(bytes).is_err(), "{}", escape(bytes));
            assert!(Frame::decode(bytes).is_err() || bytes[0] == b'$', "{}", escape(bytes));
        }
    }

    #[test]
    fn an_announced_length_allocates_nothing() {
        let mut scanner = Scanner::default();
        assert_eq!(scanner.extent(b"$9223372036854775807\r\n"), Ok(None));
        assert!(Frame::decode(b"*9223372036854775807\r\n").is_err());
    }

    #[test]
    fn deep_nesting_is_refused_and_does_not_exhaust_the_stack() {
        let deep = b"*1\r\n".repeat(100_000);
        assert!(Frame::decode(&deep).is_err());
    }
}
