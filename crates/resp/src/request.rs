//! What clients send: commands as arrays of bulk strings, or as inline text.

use memchr::memchr;
use smallvec::SmallVec;

use crate::inline;
use crate::number::parse_i64;

/// The arguments of one command, the command's name first, as slices of the read buffer.
pub type ArgVec<'b> = SmallVec<[&'b [u8]; 8]>;

/// Most arguments of one command before authentication.
pub const ARGS_MAX_UNAUTHENTICATED: usize = 10;
/// Longest argument, in bytes, before authentication. Inline commands have only their line's limit.
pub const BULK_LEN_MAX_UNAUTHENTICATED: usize = 16 * 1024;

/// Spans kept for the next half-received command; more are given back to the allocator.
const SPANS_KEPT_MAX: usize = 1024;

/// What a client may send.
///
/// Redis 7.0 refuses an array only beyond 2^31-1 arguments. `args_max` is 2^20 here, as it was up to
/// Redis 6: it bounds what a half-received command of many tiny arguments can hold.
///
/// Redis finds the line end of an inline command up to one read beyond 64 KiB, depending on how the
/// bytes arrive; here the limit is exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most arguments of one command.
    pub args_max: usize,
    /// Longest argument in bytes: the directive `proto-max-bulk-len`.
    pub bulk_len_max: usize,
    /// Longest inline command, array header or bulk header in bytes, without its line end.
    pub inline_len_max: usize,
    /// Without it [`ARGS_MAX_UNAUTHENTICATED`] and [`BULK_LEN_MAX_UNAUTHENTICATED`] apply as well.
    pub authenticated: bool,
}

impl Limits {
    /// For clients that may run commands.
    pub const AUTHENTICATED: Self = Self {
        args_max: 1024 * 1024,
        bulk_len_max: 512 * 1024 * 1024,
        inline_len_max: 64 * 1024,
        authenticated: true,
    };
    /// For clients that have yet to present a password.
    pub const UNAUTHENTICATED: Self = Self { authenticated: false, ..Self::AUTHENTICATED };
}

/// A request that cannot be understood. Send it with
/// [`ReplyWriter::protocol_error`](crate::ReplyWriter::protocol_error), then close the connection:
/// where the next command would begin is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// `*` was not followed by an integer, or by one above [`Limits::args_max`].
    #[error("invalid multibulk length")]
    InvalidMultibulkLength,
    /// More than [`ARGS_MAX_UNAUTHENTICATED`] arguments before authentication.
    #[error("unauthenticated multibulk length")]
    UnauthenticatedMultibulkLength,
    /// An argument began with something else than `$`.
    #[error("expected '$', got '{}'", char::from(*.got))]
    ExpectedDollar {
        /// The byte that came instead.
        got: u8,
    },
    /// `$` was not followed by an integer, or by one below 0 or above [`Limits::bulk_len_max`].
    #[error("invalid bulk length")]
    InvalidBulkLength,
    /// An argument above [`BULK_LEN_MAX_UNAUTHENTICATED`] before authentication.
    #[error("unauthenticated bulk length")]
    UnauthenticatedBulkLength,
    /// No line end within [`Limits::inline_len_max`] bytes of an inline command.
    #[error("too big inline request")]
    TooBigInline,
    /// No line end within [`Limits::inline_len_max`] bytes of an array header.
    #[error("too big mbulk count string")]
    TooBigMultibulkCount,
    /// No line end within [`Limits::inline_len_max`] bytes of a bulk header.
    #[error("too big bulk count string")]
    TooBigBulkCount,
    /// A quote of an inline command was not closed, or its close was not followed by white space.
    #[error("unbalanced quotes in request")]
    UnbalancedQuotes,
}

/// What [`RequestParser::parse`] found at the start of the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed {
    /// One whole command; its arguments, at least one, are in `args`.
    Command {
        /// Bytes to drop from the buffer's start before the next call.
        consumed: usize,
    },
    /// An empty line or an empty or negative array: nothing to run, nothing to answer.
    Empty {
        /// Bytes to drop from the buffer's start before the next call.
        consumed: usize,
    },
    /// More bytes are needed.
    Incomplete {
        /// Bytes, from the buffer's start, needed to complete an argument whose length is known;
        /// 0 if none is.
        ///
        /// This is a peer's claim, up to [`Limits::bulk_len_max`]: let it steer how far a buffer
        /// grows at once, but do not touch that much memory before the bytes arrive.
        need_hint: usize,
    },
}

/// Where an argument lies in the read buffer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) len: usize,
}

/// How far a command has been understood.
#[derive(Debug, Clone, Copy, Default)]
struct Progress {
    /// Start of the first line or body not yet understood; 0: not even the first line is.
    pos: usize,
    /// Bytes from `pos` on that are known to hold no line end.
    scanned: usize,
    /// Arguments still to come, once the array header is understood.
    args_left: usize,
    /// Length of the argument at `pos`, once its header is understood.
    bulk_len: Option<usize>,
}

/// Incremental parser of one connection's commands.
///
/// It remembers how far it came, so that a command of a million arguments that trickles in is
/// read once, whatever the pieces. The work of a call is linear in the bytes that are new.
///
/// As in Redis, the line end of a header is a CR and any one byte, and the two bytes after an
/// argument are skipped unread. Unlike in Redis, a NUL in a header or an inline command is a byte
/// like any other: Redis stalls there until the line's limit is reached.
///
/// ```
/// use guarda_resp::{ArgVec, Limits, Parsed, RequestParser};
///
/// let mut parser = RequestParser::default();
/// let mut input = b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\nPING\r\n".to_vec();
/// let mut start = 0;
/// loop {
///     let mut args = ArgVec::new();
///     match parser.parse(&mut input[start..], &Limits::AUTHENTICATED, &mut args)? {
///         Parsed::Command { consumed } => {
///             assert!(matches!(args[0], b"GET" | b"PING"));
///             start += consumed;
///         }
///         Parsed::Empty { consumed } => start += consumed,
///         Parsed::Incomplete { .. } => break, // drop input[..start], read more, come back
///     }
/// }
/// assert_eq!(start, input.len());
/// # Ok::<(), guarda_resp::ProtocolError>(())
/// ```
#[derive(Debug, Default)]
pub struct RequestParser {
    progress: Progress,
    /// Arguments of a command that did not arrive in one piece.
    spans: Vec<Span>,
    /// Bytes of the arguments in `spans`, headers left out.
    args_len: usize,
}

impl RequestParser {
    /// Parses the command at the start of `buf` into `args`, which is cleared first.
    ///
    /// `buf` starts at the current command's start on every call until that command is complete:
    /// the caller drops `consumed` bytes and nothing else. Arguments are slices of `buf`; up to
    /// eight of them cost no allocation. `buf` is mutable because the words of an inline command
    /// are decoded in place: the bytes of the consumed command are unspecified afterwards.
    ///
    /// # Errors
    ///
    /// [`ProtocolError`]: answer, close. The parser is then as new.
    #[inline]
    pub fn parse<'b>(
        &mut self,
        buf: &'b mut [u8],
        limits: &Limits,
        args: &mut ArgVec<'b>,
    ) -> Result<Parsed, ProtocolError> {
        args.clear();
        let parsed = match buf.first() {
            None => Ok(Parsed::Incomplete { need_hint: 0 }),
            Some(b'*') if self.progress.pos == 0 => self.start_array(buf, limits, args),
            Some(b'*') => self.resume_array(buf, limits, args),
            Some(_) => self.parse_inline(buf, limits, args),
        };
        if parsed.is_err() {
            args.clear();
            self.reset();
        }
        parsed
    }

    /// Of a half-received command: bytes at the start of the buffer that are understood, and how many of those
    /// are arguments.
    pub fn understood(&self) -> (usize, usize) {
        if self.progress.pos == 0 { (0, 0) } else { (self.progress.pos, self.args_len) }
    }

    /// Forgets a half-received command, for a connection whose input was thrown away.
    #[cold]
    pub fn reset(&mut self) {
        self.progress = Progress::default();
        self.args_len = 0;
        self.spans.clear();
        self.spans.shrink_to(SPANS_KEPT_MAX);
    }

    /// Parses an array none of which is understood yet, straight into `args`.
    fn start_array<'b>(
        &mut self,
        buf: &'b [u8],
        limits: &Limits,
        args: &mut ArgVec<'b>,
    ) -> Result<Parsed, ProtocolError> {
        let header = read_array_header(buf, &mut self.progress.scanned, limits)?;
        let Some((count, pos)) = header else {
            return Ok(Parsed::Incomplete { need_hint: 0 });
        };
        let mut progress = Progress { pos, args_left: count, ..Progress::default() };
        if count == 0 {
            self.progress = Progress::default();
            return Ok(Parsed::Empty { consumed: pos });
        }
        let step = read_args(&mut progress, buf, limits, |span| {
            args.push(&buf[span.start..span.start + span.len]);
        })?;
        match step {
            Step::Done => {
                self.progress.scanned = 0;
                Ok(Parsed::Command { consumed: progress.pos })
            }
            Step::Incomplete { need_hint } => {
                self.suspend(progress, buf, args);
                Ok(Parsed::Incomplete { need_hint })
            }
        }
    }

    /// Keeps what was understood of an incomplete command.
    #[cold]
    fn suspend(&mut self, progress: Progress, buf: &[u8], args: &mut ArgVec<'_>) {
        let base = buf.as_ptr().addr();
        self.args_len = args.iter().map(|arg| arg.len()).sum();
        self.spans.clear();
        self.spans.extend(
            args.drain(..).map(|arg| Span { start: arg.as_ptr().addr() - base, len: arg.len() }),
        );
        self.progress = progress;
    }

    /// Goes on with an array whose header was understood in an earlier call.
    #[cold]
    fn resume_array<'b>(
        &mut self,
        buf: &'b [u8],
        limits: &Limits,
        args: &mut ArgVec<'b>,
    ) -> Result<Parsed, ProtocolError> {
        let Self { progress, spans, args_len } = self;
        let keep = |span: Span| {
            *args_len += span.len;
            spans.push(span);
        };
        match read_args(progress, buf, limits, keep)? {
            Step::Incomplete { need_hint } => Ok(Parsed::Incomplete { need_hint }),
            Step::Done => {
                let consumed = progress.pos;
                self.finish(buf, args);
                Ok(Parsed::Command { consumed })
            }
        }
    }

    #[cold]
    fn parse_inline<'b>(
        &mut self,
        buf: &'b mut [u8],
        limits: &Limits,
        args: &mut ArgVec<'b>,
    ) -> Result<Parsed, ProtocolError> {
        let scanned = &mut self.progress.scanned;
        let Some(line_len) = find_line_end(b'\n', buf, scanned, limits.inline_len_max)
            .map_err(|TooLong| ProtocolError::TooBigInline)?
        else {
            return Ok(Parsed::Incomplete { need_hint: 0 });
        };
        // A CR before the LF is white space to the words, so it needs no special care.
        self.spans.clear();
        inline::split_in_place(&mut buf[..line_len], &mut self.spans)?;
        let consumed = line_len + 1;
        if self.spans.is_empty() {
            self.reset();
            return Ok(Parsed::Empty { consumed });
        }
        self.finish(buf, args);
        Ok(Parsed::Command { consumed })
    }

    /// Hands out the arguments that were kept as spans, and starts anew.
    fn finish<'b>(&mut self, buf: &'b [u8], args: &mut ArgVec<'b>) {
        args.extend(self.spans.iter().map(|span| &buf[span.start..span.start + span.len]));
        self.reset();
    }
}

/// What one round over an array's arguments came to.
enum Step {
    Done,
    Incomplete { need_hint: usize },
}

/// Reads `*<count>`; returns the count, negative ones as 0, and where the next line starts.
#[inline]
fn read_array_header(
    buf: &[u8],
    scanned: &mut usize,
    limits: &Limits,
) -> Result<Option<(usize, usize)>, ProtocolError> {
    let (count, next) = if let Some((count, next)) = read_short_header(buf, 0, b'*') {
        (count, next)
    } else {
        let line_len = find_line_end(b'\r', buf, scanned, limits.inline_len_max)
            .map_err(|TooLong| ProtocolError::TooBigMultibulkCount)?;
        let Some(line_len) = line_len.filter(|line_len| line_len + 1 < buf.len()) else {
            return Ok(None);
        };
        let count = parse_i64(&buf[1..line_len]).ok_or(ProtocolError::InvalidMultibulkLength)?;
        // Redis's own ceiling, which it checks before any other.
        let count = i32::try_from(count.max(0));
        let count = count.map_err(|_| ProtocolError::InvalidMultibulkLength)? as usize;
        (count, line_len + 2)
    };
    if !limits.authenticated && count > ARGS_MAX_UNAUTHENTICATED {
        return Err(ProtocolError::UnauthenticatedMultibulkLength);
    }
    if count > limits.args_max {
        return Err(ProtocolError::InvalidMultibulkLength);
    }
    Ok(Some((count, next)))
}

/// Reads arguments until all are there or the bytes run out, and gives each to `sink` once.
#[inline]
fn read_args(
    progress: &mut Progress,
    buf: &[u8],
    limits: &Limits,
    mut sink: impl FnMut(Span),
) -> Result<Step, ProtocolError> {
    while progress.args_left > 0 {
        let len = match progress.bulk_len {
            Some(len) => len,
            None => match read_bulk_header(progress, buf, limits)? {
                Some(len) => len,
                None => return Ok(Step::Incomplete { need_hint: 0 }),
            },
        };
        let start = progress.pos;
        // The two bytes of the line end belong to the argument: without them it is incomplete.
        if buf.len() - start < len.saturating_add(2) {
            progress.bulk_len = Some(len);
            return Ok(Step::Incomplete { need_hint: start.saturating_add(len).saturating_add(2) });
        }
        sink(Span { start, len });
        progress.pos = start + len + 2;
        progress.bulk_len = None;
        progress.args_left -= 1;
    }
    Ok(Step::Done)
}

/// Reads `$<len>` at `progress.pos` and moves past it.
#[inline]
fn read_bulk_header(
    progress: &mut Progress,
    buf: &[u8],
    limits: &Limits,
) -> Result<Option<usize>, ProtocolError> {
    let (len, next) = if let Some(header) = read_short_header(buf, progress.pos, b'$') {
        header
    } else if let Some(header) = read_odd_bulk_header(progress, buf, limits)? {
        header
    } else {
        return Ok(None);
    };
    if len > limits.bulk_len_max {
        return Err(ProtocolError::InvalidBulkLength);
    }
    if !limits.authenticated && len > BULK_LEN_MAX_UNAUTHENTICATED {
        return Err(ProtocolError::UnauthenticatedBulkLength);
    }
    progress.pos = next;
    progress.scanned = 0;
    Ok(Some(len))
}

/// Reads a bulk header that is incomplete, wrong, or longer than any honest one.
#[cold]
fn read_odd_bulk_header(
    progress: &mut Progress,
    buf: &[u8],
    limits: &Limits,
) -> Result<Option<(usize, usize)>, ProtocolError> {
    let rest = &buf[progress.pos..];
    let line_len = find_line_end(b'\r', rest, &mut progress.scanned, limits.inline_len_max)
        .map_err(|TooLong| ProtocolError::TooBigBulkCount)?;
    let Some(line_len) = line_len.filter(|line_len| line_len + 1 < rest.len()) else {
        return Ok(None);
    };
    // Redis judges the marker only once the line is whole; which error comes first depends on it.
    if rest[0] != b'$' {
        return Err(ProtocolError::ExpectedDollar { got: rest[0] });
    }
    // An empty line is `\r` in the marker's place, and was refused above.
    let len = parse_i64(&rest[1..line_len]).ok_or(ProtocolError::InvalidBulkLength)?;
    let len = usize::try_from(len).map_err(|_| ProtocolError::InvalidBulkLength)?;
    Ok(Some((len, progress.pos + line_len + 2)))
}

/// Reads a complete `<marker><digits>\r?` at `pos`, if that is what is there and it is short.
///
/// Returns the number and where the next line starts; None leaves the judgement to slower code.
#[inline]
fn read_short_header(buf: &[u8], pos: usize, marker: u8) -> Option<(usize, usize)> {
    /// Enough for every length up to 512 MiB, and too few to overflow.
    const DIGITS_MAX: usize = 9;
    let line = buf.get(pos..)?;
    let (&first, digits) = line.split_first()?;
    if first != marker {
        return None;
    }
    let mut value = 0;
    for (at, &byte) in digits.iter().enumerate().take(DIGITS_MAX + 1) {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            value = value * 10 + usize::from(digit);
            continue;
        }
        let leading_zero = digits[0] == b'0' && at > 1;
        let whole = byte == b'\r' && at > 0 && at + 1 < digits.len();
        // Past the marker, the digits, the CR and the byte after it.
        return (whole && !leading_zero).then_some((value, pos + at + 3));
    }
    None
}

/// A line without end within its limit.
struct TooLong;

/// Finds `line_end` in `line`; `scanned` bytes are known not to hold it and are kept up to date.
///
/// The result depends on the line alone and never on how many bytes beyond its end have arrived.
fn find_line_end(
    line_end: u8,
    line: &[u8],
    scanned: &mut usize,
    len_max: usize,
) -> Result<Option<usize>, TooLong> {
    let window = &line[..line.len().min(len_max.saturating_add(1))];
    // The limit may have shrunk between two calls.
    let from = (*scanned).min(window.len());
    if let Some(at) = memchr(line_end, &window[from..]) {
        *scanned = from + at;
        return Ok(Some(from + at));
    }
    *scanned = window.len();
    if window.len() > len_max { Err(TooLong) } else { Ok(None) }
}
