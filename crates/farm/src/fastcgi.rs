//! A FastCGI client for one worker of php-fpm: many requests over one kept connection, without a web server
//! between. The protocol: <https://fastcgi-archives.github.io/FastCGI_Specification.html>.

use std::io::{BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

/// How long the worker may stay silent.
const SILENCE_LIMIT: Duration = Duration::from_mins(2);
/// The longest answer that is read.
const ANSWER_BYTES_MAX: usize = 1 << 20;
const VERSION: u8 = 1;
/// One request at a time, so that one number serves them all.
const REQUEST_ID: u8 = 1;
const HEADER_BYTES: usize = 8;
/// The role of a responder, and the flag that keeps the connection.
const RESPONDER_KEEP: [u8; 8] = [0, 1, 1, 0, 0, 0, 0, 0];

/// The record types that a client meets.
mod kind {
    pub(super) const BEGIN: u8 = 1;
    pub(super) const END: u8 = 3;
    pub(super) const PARAMS: u8 = 4;
    pub(super) const STDIN: u8 = 5;
    pub(super) const STDOUT: u8 = 6;
    pub(super) const STDERR: u8 = 7;
}

/// A connection that php-fpm keeps from request to request. Its worker serves nobody else meanwhile.
#[derive(Debug)]
pub struct FastCgi {
    stream: BufReader<UnixStream>,
}

/// What a script sent.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The lines before the body, as they came.
    pub head: String,
    /// The body.
    pub body: String,
    /// What PHP wrote to its error log.
    pub errors: String,
}

impl FastCgi {
    /// Connects to php-fpm's Unix socket.
    ///
    /// # Errors
    ///
    /// When nobody listens there.
    pub fn connect(socket: &Path) -> Result<Self> {
        let stream =
            UnixStream::connect(socket).with_context(|| format!("{}", socket.display()))?;
        stream.set_read_timeout(Some(SILENCE_LIMIT))?;
        stream.set_write_timeout(Some(SILENCE_LIMIT))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Runs a script. `parameters` join the ones that every request has.
    ///
    /// # Errors
    ///
    /// When the connection breaks, or the answer is none.
    pub fn get(&mut self, script: &Path, parameters: &[(&str, &str)]) -> Result<Answer> {
        let file = script.to_str().context("a script's path is not text")?;
        let all = [
            ("SCRIPT_FILENAME", file),
            ("SCRIPT_NAME", "/"),
            ("REQUEST_METHOD", "GET"),
            ("REQUEST_URI", "/"),
            ("SERVER_PROTOCOL", "HTTP/1.1"),
        ];
        let mut encoded = Vec::new();
        for (name, value) in all.iter().chain(parameters) {
            push_length(&mut encoded, name.len())?;
            push_length(&mut encoded, value.len())?;
            encoded.extend_from_slice(name.as_bytes());
            encoded.extend_from_slice(value.as_bytes());
        }
        let mut request = Vec::new();
        push_record(&mut request, kind::BEGIN, &RESPONDER_KEEP)?;
        push_record(&mut request, kind::PARAMS, &encoded)?;
        // An empty record ends a stream.
        push_record(&mut request, kind::PARAMS, b"")?;
        push_record(&mut request, kind::STDIN, b"")?;
        self.stream.get_mut().write_all(&request)?;
        self.answer().context("php-fpm's answer")
    }

    fn answer(&mut self) -> Result<Answer> {
        let (mut output, mut errors) = (Vec::new(), Vec::new());
        loop {
            let (kind, content) = self.record()?;
            match kind {
                kind::STDOUT => output.extend(content),
                kind::STDERR => errors.extend(content),
                kind::END => {
                    // The byte after the script's status is the protocol's.
                    ensure!(content.get(4) == Some(&0), "the request was refused");
                    break;
                }
                other => bail!("a record of type {other}"),
            }
            ensure!(output.len() + errors.len() <= ANSWER_BYTES_MAX, "it is endless");
        }
        let output = String::from_utf8_lossy(&output);
        let (head, body) = output.split_once("\r\n\r\n").context("it has no head")?;
        let errors = String::from_utf8_lossy(&errors).into_owned();
        Ok(Answer { head: head.to_owned(), body: body.to_owned(), errors })
    }

    fn record(&mut self) -> Result<(u8, Vec<u8>)> {
        let mut header = [0; HEADER_BYTES];
        self.stream.read_exact(&mut header)?;
        let [version, kind, _, _, high, low, padding, _] = header;
        ensure!(version == VERSION, "version {version} of the protocol");
        let length = usize::from(u16::from_be_bytes([high, low]));
        let mut content = vec![0; length + usize::from(padding)];
        self.stream.read_exact(&mut content)?;
        content.truncate(length);
        Ok((kind, content))
    }
}

fn push_record(out: &mut Vec<u8>, kind: u8, content: &[u8]) -> Result<()> {
    let length = u16::try_from(content.len()).context("a record over 65535 bytes")?;
    let [high, low] = length.to_be_bytes();
    out.extend_from_slice(&[VERSION, kind, 0, REQUEST_ID, high, low, 0, 0]);
    out.extend_from_slice(content);
    Ok(())
}

/// One byte up to 127, four with the highest bit set beyond.
fn push_length(out: &mut Vec<u8>, length: usize) -> Result<()> {
    match u8::try_from(length) {
        Ok(short) if short < 128 => out.push(short),
        _ => {
            let length = u32::try_from(length).context("a parameter over 4 GiB")?;
            out.extend_from_slice(&(length | 1 << 31).to_be_bytes());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::thread;

    use super::*;
    use crate::scratch::Scratch;

    fn record(kind: u8, content: &[u8], padding: u8) -> Vec<u8> {
        let mut record = Vec::new();
        push_record(&mut record, kind, content).unwrap();
        record[6] = padding;
        record.extend(vec![0xff; padding.into()]);
        record
    }

    /// What the client makes of these bytes, and what it had sent.
    fn exchange(answer: Vec<u8>) -> (Result<Answer>, Vec<u8>) {
        let scratch = Scratch::create().unwrap();
        let socket = scratch.path().join("s");
        let listener = UnixListener::bind(&socket).unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).unwrap();
            stream.write_all(&answer).unwrap();
            request.truncate(length);
            request
        });
        let answer = FastCgi::connect(&socket).unwrap().get(Path::new("/x.php"), &[("A", "b")]);
        (answer, server.join().unwrap())
    }

    #[test]
    fn an_answer_is_put_together_from_its_records() {
        let bytes = [
            record(kind::STDOUT, b"Status: 200\r\nX: y\r\n\r\nab", 6),
            record(kind::STDERR, b"oh", 0),
            record(kind::STDOUT, b"c", 1),
            record(kind::STDOUT, b"", 0),
            record(kind::END, &[0; 8], 0),
        ];
        let (answer, request) = exchange(bytes.concat());
        let text = |text: &str| text.to_owned();
        let expected =
            Answer { head: text("Status: 200\r\nX: y"), body: text("abc"), errors: text("oh") };
        assert_eq!(answer.unwrap(), expected);
        assert_eq!(request[..16], [1, 1, 0, 1, 0, 8, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]);
        assert!(request.windows(4).any(|bytes| bytes == b"\x01\x01Ab"));
    }

    #[test]
    fn what_is_no_whole_answer_is_an_error() {
        let end = |status: u8| record(kind::END, &[0, 0, 0, 0, status, 0, 0, 0], 0);
        for bytes in [
            Vec::new(),
            record(kind::STDOUT, b"Status: 200\r\n\r\n", 0),
            [record(kind::STDOUT, b"no head", 0), end(0)].concat(),
            [record(kind::STDOUT, b"X: y\r\n\r\n", 0), end(3)].concat(),
            b"HTTP/1.1 200 OK\r\n".to_vec(),
        ] {
            assert!(exchange(bytes.clone()).0.is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn lengths_take_one_byte_or_four() {
        for (length, expected) in [
            (0, vec![0]),
            (127, vec![127]),
            (128, vec![128, 0, 0, 128]),
            (300, vec![128, 0, 1, 44]),
        ] {
            let mut encoded = Vec::new();
            push_length(&mut encoded, length).unwrap();
            assert_eq!(encoded, expected);
        }
    }
}
