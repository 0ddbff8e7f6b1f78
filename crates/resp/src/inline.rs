//! Inline commands: a line of words, with quotes and escapes, as a person types it into telnet.
//!
//! Decoding never grows a word, so it is done in place: the read buffer itself holds the decoded
//! words, and no scratch memory has to outlive the command.

use crate::request::{ProtocolError, Span};

/// What ends a line or separates words before and after, but not inside, an unquoted word.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}

/// Splits `line` into words, decoding them in place; `spans` receives where each word now lies.
///
/// Rules, as observed on redis-server 7.0.15:
/// - words are separated by white space; vertical tab and form feed separate words but do not end one;
/// - `"..."` decodes `\n \r \t \a \b \xHH`, and `\` before any other byte stands for that byte;
/// - `'...'` decodes only `\'`;
/// - a quote may open inside a word (`PI"NG"`), but white space or the line's end must follow its close.
///
/// A NUL is an ordinary byte here. Redis stops looking for the line end at a NUL and then waits
/// until the line limit is hit; nobody can depend on that.
pub(crate) fn split_in_place(line: &mut [u8], spans: &mut Vec<Span>) -> Result<(), ProtocolError> {
    let mut words = Words { line, read: 0, write: 0 };
    while words.skip_space() {
        let start = words.write;
        words.decode_word()?;
        spans.push(Span { start, len: words.write - start });
    }
    Ok(())
}

/// Invariant: `write <= read <= line.len()`; bytes below `write` are decoded, from `read` on raw.
struct Words<'a> {
    line: &'a mut [u8],
    read: usize,
    write: usize,
}

impl Words<'_> {
    /// Moves to the next word; false at the end of the line.
    fn skip_space(&mut self) -> bool {
        while self.peek(0).is_some_and(is_space) {
            self.read += 1;
        }
        self.read < self.line.len()
    }

    fn decode_word(&mut self) -> Result<(), ProtocolError> {
        while let Some(byte) = self.peek(0) {
            match byte {
                b' ' | b'\n' | b'\r' | b'\t' => return Ok(()),
                quote @ (b'"' | b'\'') => {
                    self.read += 1;
                    return self.decode_quoted(quote);
                }
                byte => self.emit(byte, 1),
            }
        }
        Ok(())
    }

    /// Decodes up to and including the closing quote, which ends the word.
    fn decode_quoted(&mut self, quote: u8) -> Result<(), ProtocolError> {
        loop {
            match self.peek(0).ok_or(ProtocolError::UnbalancedQuotes)? {
                byte if byte == quote => {
                    self.read += 1;
                    return match self.peek(0) {
                        Some(next) if !is_space(next) => Err(ProtocolError::UnbalancedQuotes),
                        _ => Ok(()),
                    };
                }
                b'\\' if quote == b'"' => self.decode_escape(),
                b'\\' if self.peek(1) == Some(b'\'') => self.emit(b'\'', 2),
                byte => self.emit(byte, 1),
            }
        }
    }

    /// Decodes one escape of a double-quoted word; `read` is at its backslash.
    fn decode_escape(&mut self) {
        let hex = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        match self.peek(1) {
            Some(b'x') if let (Some(high), Some(low)) = (hex(self.peek(2)), hex(self.peek(3))) => {
                self.emit((high << 4 | low) as u8, 4);
            }
            Some(b'n') => self.emit(b'\n', 2),
            Some(b'r') => self.emit(b'\r', 2),
            Some(b't') => self.emit(b'\t', 2),
            Some(b'b') => self.emit(0x08, 2),
            Some(b'a') => self.emit(0x07, 2),
            Some(other) => self.emit(other, 2),
            None => self.emit(b'\\', 1),
        }
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.line.get(self.read + ahead).copied()
    }

    /// Replaces the next `raw_len` raw bytes by one decoded byte.
    fn emit(&mut self, byte: u8, raw_len: usize) {
        self.line[self.write] = byte;
        self.write += 1;
        self.read += raw_len;
    }
}
