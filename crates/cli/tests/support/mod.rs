//! What the end-to-end tests of this crate share.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::time::Duration;

use guarda_testkit::connection::Connection;
use guarda_testkit::deadline::await_true;
use guarda_testkit::reply::Frame;
use guarda_testkit::server::{Program, Server, ServerSpec};

/// How long anything may take that should take no time.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// A server on loopback without persistence, to be changed by directives.
pub(crate) fn spec() -> ServerSpec {
    ServerSpec::new(Program::subject(env!("CARGO_BIN_EXE_guarda")))
}

/// Starts it with these directives.
pub(crate) fn start(directives: &[(&str, &str)]) -> Server {
    let spec = directives.iter().fold(spec(), |spec, (name, value)| spec.with(name, value));
    Server::start(spec).unwrap()
}

/// The text of a reply, whatever its kind.
pub(crate) fn text(frame: &Frame) -> String {
    match frame {
        Frame::Verbatim(text) => String::from_utf8_lossy(&text[4..]).into_owned(),
        Frame::Error(text) | Frame::Simple(text) | Frame::Bulk(text) => {
            String::from_utf8_lossy(text).into_owned()
        }
        Frame::Integer(number) => number.to_string(),
        other => other.to_string(),
    }
}

/// Runs one command given as words.
pub(crate) fn call(connection: &mut Connection, command: &str) -> String {
    let words: Vec<&str> = command.split_whitespace().collect();
    text(&connection.call(&words).unwrap())
}

/// A field of INFO.
pub(crate) fn info(connection: &mut Connection, field: &str) -> String {
    let all = call(connection, "INFO everything");
    let line = all.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("INFO has no {field}: {all}")).trim().to_owned()
}

/// A field of INFO that is a number.
pub(crate) fn count(connection: &mut Connection, field: &str) -> u64 {
    info(connection, field).parse().unwrap()
}

/// Waits until a field of INFO has a value.
pub(crate) fn await_count(connection: &mut Connection, field: &str, expected: u64) {
    let reached = await_true(SOON, || count(connection, field) == expected);
    assert!(reached, "{field} is {}, not {expected}", info(connection, field));
}

/// A field of a line of CLIENT LIST or CLIENT INFO.
pub(crate) fn field<'t>(line: &'t str, name: &str) -> &'t str {
    let value = line.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    value.unwrap_or_else(|| panic!("no field {name} in {line}"))
}

/// Resident memory of a process, in bytes.
pub(crate) fn rss(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}
