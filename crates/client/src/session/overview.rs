//! Many sessions: which there are, and an end to some of them.

use std::time::Duration;

use guarda_resp::Frame;
use guarda_session::{TAG_SUFFIX, is_companion, lock_token};

use super::operation::{Effect, KILL, LIST};
use super::requests::millis;
use super::{Keys, lock_key, tag_key};
use crate::connection::Connection;
use crate::deadline::Budget;
use crate::error::Error;

/// Which sessions to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct List<'a> {
    /// A glob pattern that keys must match.
    pub pattern: Option<&'a [u8]>,
    /// The tag that they must have.
    pub tag: Option<&'a [u8]>,
    /// About how many keys to look at.
    pub count: u32,
}

/// A part of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Where to go on; None at the end. A session that is there from the first page to the last is
    /// on one of them; it may be on two.
    pub next: Option<u64>,
    /// The sessions.
    pub sessions: Vec<Listed>,
}

/// What is told of one session. Its key holds a credential: `Debug` shows the length.
#[derive(Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: Vec<u8>,
    /// How long it lives; None: for ever.
    pub ttl: Option<Duration>,
    /// Length of its data in bytes.
    pub size: u64,
    /// Whether a request has it locked.
    pub locked: bool,
    /// Its tag.
    pub tag: Option<Vec<u8>>,
}

impl std::fmt::Debug for Listed {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (len, size) = (self.key.len(), self.size);
        write!(out, "Listed({len} bytes of key, {size} of data, locked {})", self.locked)
    }
}

impl Connection {
    /// Lists sessions, from `cursor` on; 0 begins. Elsewhere than on Guarda any string that is not a
    /// lock, tombstone or tag passes for one, as there without a pattern.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub fn list(&mut self, cursor: u64, list: &List<'_>, budget: &Budget) -> Result<Page, Error> {
        let (cursor, count) = (cursor.to_string(), list.count.max(1).to_string());
        let mut words: Vec<&[u8]> =
            vec![b"SESSION", b"LIST", b"CURSOR", cursor.as_bytes(), b"COUNT", count.as_bytes()];
        if let Some(pattern) = list.pattern {
            words.extend([&b"MATCH"[..], pattern]);
        }
        if let Some(tag) = list.tag {
            words.extend([&b"TAG"[..], tag]);
        }
        if let Some(answer) = self.by_command(&words, budget)? {
            let (next, rows) = page(answer).ok_or_else(|| self.nonsense())?;
            // Names and values in turn.
            let rows = rows
                .into_iter()
                .map(|row| Some(elements(row)?.into_iter().skip(1).step_by(2).collect()));
            return self.listed(next, rows);
        }
        let mut scan: Vec<&[u8]> = vec![b"SCAN", cursor.as_bytes(), b"COUNT", count.as_bytes()];
        if let Some(pattern) = list.pattern {
            scan.extend([&b"MATCH"[..], pattern]);
        }
        let (next, keys) = self.scan(&scan, budget)?;
        let keys: Vec<Vec<u8>> = keys
            .into_iter()
            .filter(|key| !is_companion(key))
            .flat_map(|key| [lock_key(&key), tag_key(&key), key])
            .collect();
        // In the script's order.
        let keys: Vec<&[u8]> = keys.chunks(3).flat_map(|k| [&k[2][..], &k[0], &k[1]]).collect();
        if keys.is_empty() {
            return Ok(Page { next, sessions: Vec::new() });
        }
        let args = [list.tag.unwrap_or_default()];
        let rows = elements(self.run_script(&LIST, &keys, &args, Effect::Repeatable, budget)?);
        let rows = rows.ok_or_else(|| self.nonsense())?;
        self.listed(next, rows.into_iter().map(elements))
    }

    fn scan(
        &mut self,
        args: &[&[u8]],
        budget: &Budget,
    ) -> Result<(Option<u64>, Vec<Vec<u8>>), Error> {
        let (next, keys) = page(self.look(args, budget)?).ok_or_else(|| self.nonsense())?;
        let keys: Option<_> = keys.iter().map(|key| Some(key.as_bytes()?.to_vec())).collect();
        Ok((next, keys.ok_or_else(|| self.nonsense())?))
    }

    fn listed(
        &mut self,
        next: Option<u64>,
        rows: impl Iterator<Item = Option<Vec<Frame>>>,
    ) -> Result<Page, Error> {
        let sessions: Option<_> = rows.map(|row| listed(&row?)).collect();
        Ok(Page { next, sessions: sessions.ok_or_else(|| self.nonsense())? })
    }

    /// Ends sessions from outside: each is deleted and leaves a tombstone for `life`, so that no
    /// request under way brings it back. Says how many there were.
    ///
    /// # Errors
    ///
    /// [`Error`]; some may have been ended.
    pub fn kill(&mut self, keys: &[Keys], life: Duration, budget: &Budget) -> Result<u64, Error> {
        keys.iter().map(|keys| self.kill_one(keys, None, life, budget)).sum()
    }

    fn kill_one(
        &mut self,
        keys: &Keys,
        tag: Option<&[u8]>,
        life: Duration,
        budget: &Budget,
    ) -> Result<u64, Error> {
        let (nonce, life) = (lock_token(&crate::random()?), millis(life));
        let answer =
            if let Some(answer) = self.by_command(&[b"SESSION", b"KILL", &keys.session], budget)? {
                answer
            } else {
                let (tombstone, tags, aside) = (keys.tombstone(), keys.tag(), keys.aside());
                let keys = [&keys.session[..], &tombstone, &tags, &aside];
                let args = [nonce.as_bytes(), &life, tag.unwrap_or_default()];
                self.run_script(&KILL, &keys, &args, Effect::Repeatable, budget)?
            };
        self.count(&answer)
    }

    fn count(&mut self, answer: &Frame) -> Result<u64, Error> {
        match answer {
            Frame::Integer(count) => u64::try_from(*count).map_err(|_| self.nonsense()),
            _ => Err(self.nonsense()),
        }
    }

    /// Ends every session that has this tag and whose key matches `pattern`, as [`kill`](Self::kill)
    /// does. Sessions that are tagged meanwhile may be missed.
    ///
    /// # Errors
    ///
    /// [`Error`]; some may have been ended.
    pub fn kill_tagged(
        &mut self,
        tag: &[u8],
        pattern: Option<&[u8]>,
        life: Duration,
        budget: &Budget,
    ) -> Result<u64, Error> {
        let mut words: Vec<&[u8]> = vec![b"SESSION", b"KILL", b"TAG", tag];
        if let Some(pattern) = pattern {
            words.extend([&b"MATCH"[..], pattern]);
        }
        if let Some(answer) = self.by_command(&words, budget)? {
            return self.count(&answer);
        }
        let pattern = [pattern.unwrap_or(b"*"), TAG_SUFFIX.as_bytes()].concat();
        let (mut cursor, mut killed) = (0_u64, 0);
        loop {
            let at = cursor.to_string();
            let scan: [&[u8]; 6] = [b"SCAN", at.as_bytes(), b"MATCH", &pattern, b"COUNT", b"1000"];
            let (next, tags) = self.scan(&scan, budget)?;
            for session in tags.iter().filter_map(|key| key.strip_suffix(TAG_SUFFIX.as_bytes())) {
                killed += self.kill_one(&Keys::new(session.to_vec()), Some(tag), life, budget)?;
            }
            let Some(next) = next else { return Ok(killed) };
            cursor = next;
        }
    }
}

fn elements(frame: Frame) -> Option<Vec<Frame>> {
    match frame {
        Frame::Array(items) => Some(items),
        _ => None,
    }
}

/// A cursor and what came with it.
fn page(answer: Frame) -> Option<(Option<u64>, Vec<Frame>)> {
    let mut parts = elements(answer)?.into_iter();
    let cursor: u64 = std::str::from_utf8(parts.next()?.as_bytes()?).ok()?.parse().ok()?;
    Some(((cursor != 0).then_some(cursor), elements(parts.next()?)?))
}

fn listed(row: &[Frame]) -> Option<Listed> {
    let [key, ttl, Frame::Integer(size), Frame::Integer(locked), tag] = row else { return None };
    let ttl = match ttl {
        Frame::Integer(left) => u64::try_from(*left).ok().map(Duration::from_millis),
        _ => None,
    };
    Some(Listed {
        key: key.as_bytes()?.to_vec(),
        ttl,
        size: u64::try_from(*size).ok()?,
        locked: *locked != 0,
        tag: tag.as_bytes().map(<[u8]>::to_vec),
    })
}
