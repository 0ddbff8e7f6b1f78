//! What php.ini says: the entries of the handler `guarda`, what each takes, and their meaning.

use std::time::Duration;

use guarda_session::payload::Compression;

use crate::payload::Serializer;

/// The lock wait of an upload's progress ticks, which run before the script.
const TICK_LOCK_WAIT: Duration = Duration::from_millis(200);
/// What a tick may spend on the server besides.
const TICK_BUDGET: Duration = Duration::from_secs(1);

/// How sessions are opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// One request at a time has the session.
    Lock,
    /// Read only, whoever else has it.
    ReadOnly,
    /// Last writer wins.
    Unlocked,
}

/// What the INI entries say, frozen at open.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whether the handler is `redis`.
    pub redis: bool,
    /// How sessions are opened.
    pub mode: Mode,
    /// How long to wait for the lock.
    pub lock_wait: Duration,
    /// How long a lock lives without its holder.
    pub lock_ttl: Duration,
    /// How long a request may go on renewing its lock.
    pub lock_max_hold: Duration,
    /// On Guarda: how many requests may wait for one session.
    pub waiters_max: Option<u32>,
    /// Whether a session that stays locked is opened read-only; otherwise reading it fails.
    pub readonly_on_timeout: bool,
    /// Whether a session that vanished is made again.
    pub recreate: bool,
    /// `session.use_strict_mode`.
    pub strict: bool,
    /// Whether this is the progress of an upload, which nobody waits for: what fails is left out.
    pub tick: bool,
    /// Whether the connection is kept for the next request.
    pub keep: bool,
    /// Whether `session_regenerate_id()` opens the new session.
    pub regenerating: bool,
    /// Whether reading sets the time to live, and the end of the request does not.
    pub early_refresh: bool,
    /// For input and output, waiting for locks apart.
    pub budget: Duration,
    /// For connecting, where save_path sets none.
    pub connect_timeout: Option<Duration>,
    /// For an answer, where save_path sets none.
    pub read_timeout: Option<Duration>,
    /// How long an empty session is kept in strict mode, where it must be.
    pub empty_ttl: Duration,
    /// Seconds after which a session ends however busy it is.
    pub absolute_lifetime: Option<i64>,
    /// `session.gc_maxlifetime`, at open.
    pub gc_maxlifetime: i64,
    /// Seconds since 1970, at open.
    pub now: i64,
    /// `session.serialize_handler`; None: one that is not known here.
    pub serializer: Option<Serializer>,
    /// `redis.session.compression`.
    pub compression: Compression,
    /// `redis.session.compression_level`.
    pub compression_level: i32,
    /// What the request was asked for; empty without a lock, which nobody is shown.
    pub url: Vec<u8>,
}

impl Settings {
    /// What is different for an upload's progress.
    #[must_use]
    pub fn for_tick(mut self) -> Self {
        if self.tick {
            self.lock_wait = self.lock_wait.min(TICK_LOCK_WAIT);
            self.budget = self.budget.min(TICK_BUDGET);
        }
        self
    }
}

/// What an entry takes.
enum Takes {
    Words(&'static [&'static str]),
    /// Seconds, with or without a fraction.
    Seconds(f64, f64),
    /// As `Seconds`, or -1 for ever.
    SecondsOrEver(f64, f64),
    Whole(i64, i64),
    Switch,
}

/// Longest time that an entry takes: a day, for what a request waits for.
const DAY: f64 = 86400.0;
/// Longest time to live, in seconds: phpredis's limit too.
const LIFE_MAX: i64 = i32::MAX as i64;

const ENTRIES: &[(&str, Takes)] = &[
    ("guarda.mode", Takes::Words(&["lock", "readonly", "unlocked"])),
    ("guarda.lock_wait", Takes::SecondsOrEver(0.0, DAY)),
    ("guarda.lock_ttl", Takes::Seconds(1.0, 600.0)),
    ("guarda.lock_max_hold", Takes::Seconds(1.0, DAY)),
    ("guarda.lock_max_waiters", Takes::Whole(0, 1_000_000)),
    ("guarda.on_lock_timeout", Takes::Words(&["fail", "readonly"])),
    ("guarda.on_vanished", Takes::Words(&["refuse", "recreate"])),
    ("guarda.io_budget", Takes::Seconds(0.1, DAY)),
    ("guarda.empty_ttl", Takes::Whole(1, LIFE_MAX)),
    ("guarda.absolute_lifetime", Takes::Whole(0, LIFE_MAX)),
    ("guarda.keep_connections", Takes::Switch),
    ("redis.session.compression", Takes::Words(&["none", "lzf", "zstd", "lz4"])),
];

impl Takes {
    fn accepts(&self, text: &str) -> bool {
        // Not what Rust also reads as a number: `inf`, `nan`, `1e3`.
        let plain = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-'));
        let number = || text.parse::<f64>().ok().filter(|_| plain);
        match self {
            Self::Words(words) => {
                // PHP makes nothing of an unquoted `none`.
                let text = if text.is_empty() { "none" } else { text };
                words.iter().any(|word| word.eq_ignore_ascii_case(text))
            }
            Self::Seconds(min, max) => number().is_some_and(|value| (*min..=*max).contains(&value)),
            Self::SecondsOrEver(min, max) => {
                text == "-1" || number().is_some_and(|value| (*min..=*max).contains(&value))
            }
            Self::Whole(min, max) => text.parse().is_ok_and(|value| (*min..=*max).contains(&value)),
            Self::Switch => {
                let words = ["", "0", "1", "on", "off", "yes", "no", "true", "false"];
                words.iter().any(|word| word.eq_ignore_ascii_case(text))
            }
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Words(words) => format!("one of {}", words.join(", ")),
            Self::Seconds(min, max) => format!("a number of seconds from {min} to {max}"),
            Self::SecondsOrEver(min, max) => {
                format!("a number of seconds from {min} to {max}, or -1 for ever")
            }
            Self::Whole(min, max) => format!("a whole number from {min} to {max}"),
            Self::Switch => "0 or 1".to_owned(),
        }
    }
}

/// Whether an INI entry takes a value.
///
/// # Errors
///
/// The sentence that says what it takes.
pub fn check(name: &str, value: &[u8]) -> Result<(), String> {
    let Some((_, takes)) = ENTRIES.iter().find(|(known, _)| *known == name) else { return Ok(()) };
    let text = String::from_utf8_lossy(value);
    if takes.accepts(text.trim()) {
        return Ok(());
    }
    let shown: String = text.chars().filter(|c| !c.is_control()).take(40).collect();
    Err(format!("{name} takes {}, not \"{shown}\"; it stays as it was", takes.text()))
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn entries_take_what_makes_sense_and_nothing_else() {
        for (name, good, bad) in [
            ("guarda.mode", &["lock", "ReadOnly", "unlocked"][..], &["locked", "", "1"][..]),
            ("guarda.lock_wait", &["0", "0.2", "30", "-1", "86400"], &["-2", "5m", "", "86401"]),
            ("guarda.lock_ttl", &["1", "600", "1.5"], &["0", "0.9", "601", "-1", "inf", "nan"]),
            ("guarda.lock_max_waiters", &["0", "1000000"], &["-1", "1000001", "1.5", "many"]),
            ("guarda.on_lock_timeout", &["fail", "readonly"], &["ignore"]),
            ("guarda.on_vanished", &["refuse", "recreate"], &["yes"]),
            ("guarda.io_budget", &["0.1", "10"], &["0", "0.09", "1e3"]),
            ("guarda.empty_ttl", &["1", "2147483647"], &["0", "2147483648"]),
            ("guarda.absolute_lifetime", &["0", "28800"], &["-1", "8h"]),
            ("guarda.keep_connections", &["0", "1", "on", ""], &["2", "maybe"]),
            ("redis.session.compression", &["none", "", "LZF"], &["gzip", "0"]),
        ] {
            for value in good {
                assert_eq!(check(name, value.as_bytes()), Ok(()), "{name}={value}");
            }
            for value in bad {
                let said = check(name, value.as_bytes()).expect_err(value);
                assert!(said.starts_with(&format!("{name} takes ")), "{said}");
            }
        }
        assert_eq!(check("redis.session.lock_retries", b"whatever"), Ok(()));
    }
}
