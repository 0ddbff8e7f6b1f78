//! One line of redis.conf: words, quotes, escapes; and where it stands.

use std::fmt::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

/// Where a directive was written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// A configuration file, named as the operator named it; lines count from 1.
    File {
        /// The file.
        path: Arc<PathBuf>,
        /// The line in it, from 1.
        line: u32,
    },
    /// Standard input, read because the command line says `-`.
    StandardInput {
        /// The line, from 1.
        line: u32,
    },
    /// An option of the command line.
    CommandLine,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::StandardInput { line } => write!(f, "standard input:{line}"),
            Self::CommandLine => f.write_str("command line"),
        }
    }
}

/// A directive as it was written: its name, its arguments, its place. Not yet understood.
///
/// `Debug` shows no argument, since one may be a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Line {
    /// Where it stands.
    pub origin: Origin,
    /// The first word, in the writer's own case.
    pub name: Vec<u8>,
    /// The other words, quotes removed.
    pub args: Vec<Vec<u8>>,
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = String::from_utf8_lossy(&self.name);
        write!(f, "Line({}: {name}, {} arguments)", self.origin, self.args.len())
    }
}

/// The quotes of a line do not pair up, or text follows a closing quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unbalanced;

/// Splits a line into words as Redis does.
///
/// Words are separated by white space. `"..."` knows `\n \r \t \b \a \xHH`, any other escaped byte
/// stands for itself; `'...'` knows only `\'`. A quote may open inside a word, but after the
/// closing one the word must end. Nothing inside a line starts a comment.
pub(crate) fn split_words(line: &[u8]) -> Result<Vec<Vec<u8>>, Unbalanced> {
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        let start = rest.iter().position(|byte| !is_space(*byte)).unwrap_or(rest.len());
        rest = &rest[start..];
        if rest.is_empty() {
            return Ok(words);
        }
        let (word, len) = take_word(rest)?;
        words.push(word);
        rest = &rest[len..];
    }
}

/// A word in double quotes, as [`split_words`] reads it back.
pub(crate) fn quoted(word: &[u8]) -> String {
    let mut text = String::from("\"");
    for &byte in word {
        match byte {
            b'\\' | b'"' => text.extend(['\\', byte.into()]),
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            b' '..=b'~' => text.push(byte.into()),
            other => {
                // Writing to a string cannot fail.
                let _ = write!(text, "\\x{other:02x}");
            }
        }
    }
    text.push('"');
    text
}

/// C's `isspace`, which unlike Rust's includes the vertical tab.
fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

/// Reads the word that `text` begins with; returns it and how many bytes it took.
fn take_word(text: &[u8]) -> Result<(Vec<u8>, usize), Unbalanced> {
    let mut word = Vec::new();
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        at += match byte {
            b'"' | b'\'' => {
                let len = take_quoted(&text[at..], &mut word)?;
                if text.get(at + len).is_some_and(|next| !is_space(*next)) {
                    return Err(Unbalanced);
                }
                return Ok((word, at + len));
            }
            space if is_space(space) => break,
            plain => {
                word.push(plain);
                1
            }
        };
    }
    Ok((word, at))
}

/// Reads a quoted part, from its opening quote to its closing one; returns how many bytes it took.
fn take_quoted(text: &[u8], word: &mut Vec<u8>) -> Result<usize, Unbalanced> {
    let quote = text[0];
    let mut at = 1;
    loop {
        at += match &text[at..] {
            [] => return Err(Unbalanced),
            [closing, ..] if *closing == quote => return Ok(at + 1),
            [b'\\', b'\'', ..] if quote == b'\'' => {
                word.push(b'\'');
                2
            }
            [b'\\', b'x', high, low, ..]
                if quote == b'"' && high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                word.push(hex_digit(*high) << 4 | hex_digit(*low));
                4
            }
            [b'\\', escaped, ..] if quote == b'"' => {
                word.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 0x08,
                    b'a' => 0x07,
                    other => *other,
                });
                2
            }
            [plain, ..] => {
                word.push(*plain);
                1
            }
        };
    }
}

fn hex_digit(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit - b'A' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_split_into_words_as_in_redis() {
        let cases: &[(&str, Option<&[&str]>)] = &[
            ("port 6379", Some(&["port", "6379"])),
            ("  port\t6379 \r\n", Some(&["port", "6379"])),
            ("save \"\"", Some(&["save", ""])),
            ("\"hz\" 30", Some(&["hz", "30"])),
            ("a\"b\" c", Some(&["ab", "c"])),
            (r#"x "a\x41b\n\q\"" "#, Some(&["x", "aAb\nq\""])),
            (r#"x "\r\t\b\a\\""#, Some(&["x", "\r\t\u{8}\u{7}\\"])),
            (r#"x "\xzz""#, Some(&["x", "xzz"])),
            (r"x 'it\'s \n'", Some(&["x", r"it's \n"])),
            (r"x \n", Some(&["x", r"\n"])),
            ("x '\"'", Some(&["x", "\""])),
            ("", Some(&[])),
            (" \t ", Some(&[])),
            ("hz 12 # no comment", Some(&["hz", "12", "#", "no", "comment"])),
            ("hz \"12", None),
            ("hz \"12\"x", None),
            ("hz '12", None),
            ("hz '12'x", None),
            ("hz \"12\\", None),
            ("hz \"", None),
        ];
        for (line, expected) in cases {
            let expected = expected
                .map(|words| words.iter().map(|word| word.as_bytes().to_vec()).collect::<Vec<_>>());
            assert_eq!(split_words(line.as_bytes()).ok(), expected, "{line:?}");
        }
    }

    #[test]
    fn a_quoted_word_is_read_back() {
        let all: Vec<u8> = (0..=255).collect();
        for word in [&all[..], b"", b"a b", b"\\x41"] {
            assert_eq!(split_words(quoted(word).as_bytes()), Ok(vec![word.to_vec()]));
        }
    }

    #[test]
    fn debug_shows_no_argument() {
        let line = Line {
            origin: Origin::CommandLine,
            name: b"requirepass".to_vec(),
            args: vec![b"hunter2".to_vec()],
        };
        assert_eq!(format!("{line:?}"), "Line(command line: requirepass, 1 arguments)");
    }
}
