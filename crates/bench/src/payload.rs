//! Session payloads, made by the PHP on the machine.

use std::process::Command;

use anyhow::{Context as _, ensure};

/// The generator, run by `php -r`.
const SCRIPT: &str = include_str!("sessions.php");

/// Successive states of each session: what a request may find and what the next one writes.
pub(crate) const STATES: usize = 4;

/// Longest payload believed; a generated session is some 2 KB.
const PAYLOAD_LEN_MAX: usize = 1 << 20;

/// Encoded sessions, each in [`STATES`] successive states whose sizes differ a little, so that an
/// overwrite is no rewriting of equal bytes in place.
#[derive(Debug)]
pub(crate) struct Payloads {
    sessions: Vec<[Vec<u8>; STATES]>,
}

impl Payloads {
    /// Lets PHP encode `count` sessions.
    ///
    /// # Errors
    ///
    /// When there is no PHP command line, or it fails.
    pub(crate) fn from_php(count: usize) -> anyhow::Result<Self> {
        let output = Command::new("php")
            .args(["-d", "display_errors=stderr", "-d", "session.auto_start=0", "-r", SCRIPT])
            .args(["--", &count.to_string(), &STATES.to_string()])
            .output()
            .context("cannot run `php`; the payloads come from real PHP: install php-cli")?;
        ensure!(
            output.status.success() && output.stderr.is_empty(),
            "php failed to make the session payloads: {}",
            String::from_utf8_lossy(&output.stderr).lines().next().unwrap_or("no message")
        );
        Self::decode(&output.stdout)
    }

    /// Decodes the generator's records: `<kind> <session> <bytes>\n`, the bytes, `\n`.
    fn decode(mut input: &[u8]) -> anyhow::Result<Self> {
        let mut sessions: Vec<[Vec<u8>; STATES]> = Vec::new();
        let mut states = 0;
        while !input.is_empty() {
            let (session, payload, rest) = record(input)
                .with_context(|| format!("payload record {states} is not well formed"))?;
            ensure!(session == states / STATES, "payload record {states} is of another session");
            if states % STATES == 0 {
                sessions.push(Default::default());
            }
            sessions[session][states % STATES] = payload.to_vec();
            states += 1;
            input = rest;
        }
        ensure!(states > 0 && states % STATES == 0, "php made {states} payloads: not all states");
        Ok(Self { sessions })
    }

    /// The states of session number `index`, whatever the number.
    pub(crate) fn states(&self, index: usize) -> &[Vec<u8>; STATES] {
        &self.sessions[index % self.sessions.len()]
    }

    /// Mean payload length in bytes.
    pub(crate) fn mean_len(&self) -> f64 {
        let total: usize = self.sessions.iter().flatten().map(Vec::len).sum();
        total as f64 / (self.sessions.len() * STATES) as f64
    }

    /// How many sessions there are.
    pub(crate) fn len(&self) -> usize {
        self.sessions.len()
    }
}

/// One record: session number, payload, what follows it.
fn record(input: &[u8]) -> Option<(usize, &[u8], &[u8])> {
    let end = input.iter().position(|&byte| byte == b'\n')?;
    let header = std::str::from_utf8(&input[..end]).ok()?;
    let mut words = header.split(' ').skip(1);
    let session = words.next()?.parse().ok()?;
    let len: usize = words.next()?.parse().ok().filter(|len| *len <= PAYLOAD_LEN_MAX)?;
    let body = &input[end + 1..];
    let (payload, rest) = body.split_at_checked(len)?;
    Some((session, payload, rest.strip_prefix(b"\n")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_may_hold_newlines_and_any_bytes() {
        let mut input = Vec::new();
        for state in 0..STATES {
            input.extend_from_slice(b"woo 0 5\na\n\0\xff");
            input.push(b'0' + state as u8);
            input.push(b'\n');
        }
        let payloads = Payloads::decode(&input).unwrap();
        assert_eq!(payloads.len(), 1);
        assert_eq!(payloads.states(7)[2], b"a\n\0\xff2");
        assert!((payloads.mean_len() - 5.0).abs() < f64::EPSILON);
    }

    #[test]
    fn damaged_records_are_refused() {
        let good = b"a 0 1\nx\na 0 1\nx\na 0 1\nx\na 0 1\nx\n";
        assert!(Payloads::decode(good).is_ok());
        assert!(Payloads::decode(&good[..good.len() - 1]).is_err(), "no final newline");
        assert!(Payloads::decode(&good[..24]).is_err(), "a state is missing");
        assert!(Payloads::decode(b"").is_err(), "nothing");
        assert!(Payloads::decode(b"a 1 1\nx\n").is_err(), "wrong session");
        assert!(Payloads::decode(b"a 0 99999999999999\nx\n").is_err(), "length over the limit");
        assert!(Payloads::decode(b"a 0 3\nx\n").is_err(), "length over the input");
    }

    #[test]
    fn php_makes_sessions_of_about_a_kilobyte_in_several_sizes() {
        let payloads = Payloads::from_php(50).unwrap();
        assert_eq!(payloads.len(), 50);
        assert!((700.0..1400.0).contains(&payloads.mean_len()), "{}", payloads.mean_len());
        let laravel = payloads.states(2);
        assert!(laravel.iter().all(|state| state.starts_with(b"_token|s:40:\"")));
        assert_ne!(laravel[0].len(), laravel[1].len(), "states should differ in size");
        assert!(payloads.states(0).iter().all(|state| state.starts_with(b"count|i:")));
    }
}
