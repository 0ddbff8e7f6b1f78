//! One browser: a blocking HTTP/1.1 client with a cookie jar, over the standard library alone.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

/// The longest response, head and body together, that is read.
const RESPONSE_BYTES_MAX: u64 = 1 << 20;
/// How long a connection attempt may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// How long the server may stay silent in the middle of an exchange.
const SILENCE_LIMIT: Duration = Duration::from_mins(2);

/// A browser: one server, one cookie jar, one request at a time. A clone carries the same cookies.
#[derive(Clone, Debug)]
pub struct Browser {
    server: SocketAddr,
    cookies: BTreeMap<String, String>,
}

/// A whole answer: a body cut short is an error of [`Browser::get`], never a `Response`.
#[derive(Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Header names in lower case, with their values, in the order of arrival.
    pub headers: Vec<(String, String)>,
    /// The body, decoded from its transfer coding.
    pub body: String,
}

impl Response {
    /// The first header of this lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// The value of a line `name: value` of the body, which is how the farm's PHP scripts answer.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.body
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find_map(|(field, value)| (field == name).then_some(value))
    }

    /// [`Self::field`] as a number.
    ///
    /// # Errors
    ///
    /// When the field is missing or not a number; the error shows the answer.
    pub fn number(&self, name: &str) -> Result<u64> {
        self.field(name).and_then(|value| value.parse().ok()).with_context(|| {
            format!("no number `{name}` in the answer {}: {}", self.status, self.body.trim())
        })
    }
}

impl Browser {
    /// A browser with an empty cookie jar.
    pub fn new(server: SocketAddr) -> Self {
        Self { server, cookies: BTreeMap::new() }
    }

    /// The value of a cookie in the jar.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.get(name).map(String::as_str)
    }

    /// Fetches `path` (with its query) and keeps the cookies of the answer. Any status is an answer.
    ///
    /// # Errors
    ///
    /// When there is no connection, or no whole answer on it.
    pub fn get(&mut self, path: &str) -> Result<Response> {
        let raw =
            self.exchange(path).with_context(|| format!("GET http://{}{path}", self.server))?;
        let response =
            parse(&raw).with_context(|| format!("the answer to http://{}{path}", self.server))?;
        self.keep_cookies(&response);
        Ok(response)
    }

    fn exchange(&self, path: &str) -> Result<Vec<u8>> {
        let mut stream = TcpStream::connect_timeout(&self.server, CONNECT_LIMIT)?;
        stream.set_read_timeout(Some(SILENCE_LIMIT))?;
        stream.set_write_timeout(Some(SILENCE_LIMIT))?;
        stream.write_all(self.request(path).as_bytes())?;
        let mut raw = Vec::new();
        stream.take(RESPONSE_BYTES_MAX + 1).read_to_end(&mut raw)?;
        ensure!(raw.len() as u64 <= RESPONSE_BYTES_MAX, "more than {RESPONSE_BYTES_MAX} bytes");
        Ok(raw)
    }

    fn request(&self, path: &str) -> String {
        let mut request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nAccept: text/plain\r\nConnection: close\r\n",
            self.server
        );
        if !self.cookies.is_empty() {
            let pairs: Vec<String> =
                self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            write!(request, "Cookie: {}\r\n", pairs.join("; "))
                .expect("writing to a String cannot fail");
        }
        request + "\r\n"
    }

    fn keep_cookies(&mut self, response: &Response) {
        for (_, value) in response.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let pair = value.split(';').next().unwrap_or_default();
            let Some((name, value)) = pair.split_once('=') else { continue };
            // PHP deletes a cookie by setting it to `deleted`, with a date in the past.
            if value.is_empty() || value == "deleted" {
                self.cookies.remove(name.trim());
            } else {
                self.cookies.insert(name.trim().to_owned(), value.trim().to_owned());
            }
        }
    }
}

fn parse(raw: &[u8]) -> Result<Response> {
    let end = find(raw, b"\r\n\r\n").context("cut before the end of its head")?;
    let head = std::str::from_utf8(&raw[..end]).context("a head that is not text")?;
    let mut lines = head.split("\r\n");
    let status_line = lines.next().unwrap_or_default();
    let status = status_line
        .strip_prefix("HTTP/1.")
        .and_then(|rest| rest.split(' ').nth(1)?.parse().ok())
        .with_context(|| format!("not an HTTP status line: `{status_line}`"))?;
    let headers = lines
        .map(|line| {
            let (name, value) = line.split_once(':').context("a header line without a colon")?;
            Ok((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        })
        .collect::<Result<Vec<_>>>()?;
    let mut response = Response { status, headers, body: String::new() };
    response.body = String::from_utf8_lossy(&body(&response, &raw[end + 4..])?).into_owned();
    Ok(response)
}

fn body(response: &Response, rest: &[u8]) -> Result<Vec<u8>> {
    if response.header("transfer-encoding").is_some_and(|coding| coding == "chunked") {
        return join_chunks(rest);
    }
    let Some(length) = response.header("content-length") else {
        // Without a length the end of the connection is the end of the body, by HTTP's own rule.
        return Ok(rest.to_vec());
    };
    let length: usize = length.parse().context("a Content-Length that is not a number")?;
    ensure!(rest.len() == length, "cut short: {} of {length} bytes of body", rest.len());
    Ok(rest.to_vec())
}

fn join_chunks(mut rest: &[u8]) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line_end = find(rest, b"\r\n").context("cut before a chunk's size")?;
        let line =
            std::str::from_utf8(&rest[..line_end]).context("a chunk size that is no text")?;
        let digits = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(digits, 16).context("a chunk size that is no number")?;
        rest = &rest[line_end + 2..];
        if size == 0 {
            return Ok(body);
        }
        let chunk_end = size.checked_add(2).context("a chunk size out of range")?;
        ensure!(rest.len() >= chunk_end, "cut short inside a chunk");
        ensure!(rest[size..chunk_end] == *b"\r\n", "a chunk longer than its size");
        body.extend_from_slice(&rest[..size]);
        rest = &rest[chunk_end..];
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};
    use std::thread;

    use super::*;

    fn body_of(raw: &str) -> Result<String> {
        parse(raw.as_bytes()).map(|response| response.body)
    }

    #[test]
    fn bodies_are_read_by_length_by_chunks_and_to_the_end() {
        assert_eq!(body_of("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap(), "ok");
        assert_eq!(body_of("HTTP/1.1 200 OK\r\n\r\nall of it").unwrap(), "all of it");
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let body = format!("{chunked}3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n");
        assert_eq!(body_of(&body).unwrap(), "abc0123456789");
    }

    #[test]
    fn an_answer_cut_short_is_no_answer() {
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        for cut in [
            "",
            "HTTP/1.1 200 OK\r\n",
            "SMTP ready\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok",
            &format!("{chunked}5\r\nabc"),
            &format!("{chunked}3\r\nabc\r\n"),
            &format!("{chunked}ffffffffffffffff\r\nabc\r\n"),
            &format!("{chunked}2\r\nabc\r\n0\r\n\r\n"),
        ] {
            assert!(body_of(cut).is_err(), "{cut:?} was taken for a whole answer");
        }
    }

    #[test]
    fn fields_are_lines_of_the_body() {
        let answer = "HTTP/1.1 200 OK\r\n\r\nweb: web1\ncounter: 7\n";
        let response = parse(answer.as_bytes()).unwrap();
        assert_eq!(response.field("web"), Some("web1"));
        assert_eq!(response.number("counter").unwrap(), 7);
        assert!(response.number("web").is_err());
        assert_eq!(response.field("absent"), None);
    }

    #[test]
    fn cookies_are_kept_sent_back_and_deleted() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut browser = Browser::new(listener.local_addr().unwrap());
        let answers = ["id=abc; path=/", "id=deleted; Max-Age=0", "other=1"];
        let server = thread::spawn(move || {
            answers.map(|cookie| {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = vec![0; 1024];
                let length = stream.read(&mut request).unwrap();
                write!(stream, "HTTP/1.1 200 OK\r\nSet-Cookie: {cookie}\r\n\r\n").unwrap();
                String::from_utf8_lossy(&request[..length]).into_owned()
            })
        });
        for _ in answers {
            browser.get("/").unwrap();
        }
        let requests = server.join().unwrap();
        let cookie = |request: &String| request.contains("Cookie: id=abc\r\n");
        assert_eq!(requests.iter().map(cookie).collect::<Vec<_>>(), [false, true, false]);
        assert_eq!((browser.cookie("id"), browser.cookie("other")), (None, Some("1")));
    }
}
