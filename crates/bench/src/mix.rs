//! The command mixes: what a connection sends next and what must come back.

use anyhow::{bail, ensure};

use crate::options::Figure;
use crate::payload::Payloads;
use crate::reply::{Reply, push_command, push_decimal};

/// phpredis's unlock script: delete the lock if it is still one's own. The text is part of the
/// protocol, since the client calls it by the SHA-1 of its bytes; a test holds the two together.
pub(crate) const UNLOCK_SCRIPT: &str = "if redis.call(\"get\",KEYS[1]) == ARGV[1] then return redis.call(\"del\",KEYS[1]) else return 0 end";
/// Its SHA-1.
pub(crate) const UNLOCK_SHA1: &str = "b70c2384248f88e6b75b9f89241a180f856ad852";

const KEY_PREFIX: &[u8] = b"PHPREDIS_SESSION:";
/// Length of a session key: the prefix and 32 hexadecimal digits.
pub(crate) const KEY_LEN: usize = KEY_PREFIX.len() + 32;
/// PHP's default `session.gc_maxlifetime`.
const SESSION_TTL: &[u8] = b"1440";
/// PHP's default `max_execution_time`, which phpredis makes the lock's time to live.
const LOCK_TTL_MS: &[u8] = b"30000";
const PIPELINE: usize = 16;

/// The key of session number `index`: a session id as random as PHP's, the same on every run.
pub(crate) fn key(index: usize) -> [u8; KEY_LEN] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut key = [0; KEY_LEN];
    key[..KEY_PREFIX.len()].copy_from_slice(KEY_PREFIX);
    let high = u128::from(mixed(index as u64 * 2));
    let mut id = (high << 64) | u128::from(mixed(index as u64 * 2 + 1));
    for digit in key[KEY_PREFIX.len()..].iter_mut().rev() {
        *digit = DIGITS[(id % 16) as usize];
        id /= 16;
    }
    key
}

/// A well mixed number (the finaliser of splitmix64, which loses nothing: keys are distinct).
fn mixed(seed: u64) -> u64 {
    let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// What the reply to a command must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expect {
    /// One of the states of this session, byte for byte.
    Session(usize),
    /// `+OK`.
    Ok,
    /// `:1`.
    One,
}

impl Expect {
    /// # Errors
    ///
    /// When the server answered something else. The message shows no session data.
    pub(crate) fn verify(self, reply: Reply<'_>, payloads: &Payloads) -> anyhow::Result<()> {
        match (self, reply) {
            (Self::Ok, Reply::Simple(b"OK")) | (Self::One, Reply::Integer(1)) => Ok(()),
            (Self::Session(session), Reply::Bulk(value)) => {
                let known = payloads.states(session).iter().any(|state| state == value);
                ensure!(known, "GET gave {} bytes that were never written", value.len());
                Ok(())
            }
            (Self::Session(_), Reply::Null) => bail!("GET gave nothing for a preloaded session"),
            (Self::Ok, Reply::Null) => bail!("a lock that should be free was held"),
            (Self::One, Reply::Integer(_)) => bail!("the unlock script did not release the lock"),
            (expected, Reply::Bulk(value)) => {
                bail!("expected {expected:?}, got a bulk of {} bytes", value.len())
            }
            (expected, other) => bail!("expected {expected:?}, got {other:?}"),
        }
    }
}

/// The commands of one connection.
#[derive(Debug)]
pub(crate) struct Lane<'a> {
    figure: Figure,
    payloads: &'a Payloads,
    number: usize,
    lanes: usize,
    keys: usize,
    random: u64,
    step: usize,
    session: usize,
    key: [u8; KEY_LEN],
    lock: Vec<u8>,
    secret: Vec<u8>,
}

impl<'a> Lane<'a> {
    /// Connection `number` of `lanes`, over `keys` preloaded sessions. Each lane has the keys of
    /// its own residue, so that no two connections ever want one lock: waiting is not measured here.
    pub(crate) fn new(
        figure: Figure,
        payloads: &'a Payloads,
        number: usize,
        lanes: usize,
        keys: usize,
    ) -> Self {
        let mut secret = b"web-01.example|".to_vec();
        push_decimal(&mut secret, 10_000 + number as u64);
        Self {
            figure,
            payloads,
            number,
            lanes,
            keys,
            random: mixed(number as u64 + 1) | 1,
            step: 0,
            session: 0,
            key: key(0),
            lock: Vec::new(),
            secret,
        }
    }

    /// Whether the next round trip begins a request; between requests a lane holds nothing.
    pub(crate) fn is_between_requests(&self) -> bool {
        self.step == 0
    }

    /// Whether the next round trip wants a connection of its own.
    pub(crate) fn wants_new_connection(&self) -> bool {
        self.figure == Figure::Reconnect && self.step == 0
    }

    /// Appends the commands of the next round trip to `out` and what they must give to `expects`.
    pub(crate) fn next(&mut self, out: &mut Vec<u8>, expects: &mut Vec<Expect>) {
        let steps = match (self.figure, self.step) {
            (Figure::Nolock | Figure::Reconnect, 0) => {
                self.choose();
                self.get(out, expects);
                2
            }
            (Figure::Nolock | Figure::Reconnect, _) => {
                self.setex(out, expects);
                2
            }
            (Figure::Locked, 0) => {
                self.choose();
                let words: [&[u8]; 6] =
                    [b"SET", &self.lock, &self.secret, b"NX", b"PX", LOCK_TTL_MS];
                push_command(out, &words);
                expects.push(Expect::Ok);
                4
            }
            (Figure::Locked, 1) => {
                self.get(out, expects);
                4
            }
            (Figure::Locked, 2) => {
                self.setex(out, expects);
                4
            }
            (Figure::Locked, _) => {
                let words: [&[u8]; 5] =
                    [b"EVALSHA", UNLOCK_SHA1.as_bytes(), b"1", &self.lock, &self.secret];
                push_command(out, &words);
                expects.push(Expect::One);
                4
            }
            (Figure::Pipe16, _) => {
                for _ in 0..PIPELINE / 2 {
                    self.choose();
                    self.get(out, expects);
                    self.setex(out, expects);
                }
                1
            }
            _ => {
                self.choose();
                self.get(out, expects);
                1
            }
        };
        self.step = (self.step + 1) % steps;
    }

    fn next_random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    fn choose(&mut self) {
        let turn = self.next_random() as usize % (self.keys / self.lanes).max(1);
        self.session = (turn * self.lanes + self.number) % self.keys;
        self.key = key(self.session);
        self.lock.clear();
        self.lock.extend_from_slice(&self.key);
        self.lock.extend_from_slice(b"_LOCK");
    }

    fn get(&mut self, out: &mut Vec<u8>, expects: &mut Vec<Expect>) {
        push_command(out, &[b"GET".as_slice(), &self.key]);
        expects.push(Expect::Session(self.session));
    }

    fn setex(&mut self, out: &mut Vec<u8>, expects: &mut Vec<Expect>) {
        let states = self.payloads.states(self.session);
        let state = self.next_random() as usize % states.len();
        push_setex(out, &self.key, &states[state]);
        expects.push(Expect::Ok);
    }
}

/// Appends what phpredis sends to store a session.
pub(crate) fn push_setex(out: &mut Vec<u8>, key: &[u8], payload: &[u8]) {
    push_command(out, &[b"SETEX", key, SESSION_TTL, payload]);
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use sha1::{Digest as _, Sha1};

    use super::*;

    #[test]
    fn unlock_script_is_the_one_phpredis_calls() {
        let digest = Sha1::digest(UNLOCK_SCRIPT.as_bytes());
        let wanted: Vec<u8> = (0..UNLOCK_SHA1.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&UNLOCK_SHA1[at..at + 2], 16).unwrap())
            .collect();
        assert_eq!(digest.as_slice(), wanted);
        assert_eq!(UNLOCK_SCRIPT.len(), 95);
    }

    #[test]
    fn keys_have_the_session_form_and_are_distinct() {
        let keys: HashSet<_> = (0..10_000).map(key).collect();
        assert_eq!(keys.len(), 10_000);
        for key in keys {
            let id = key.strip_prefix(b"PHPREDIS_SESSION:").unwrap();
            assert!(id.len() == 32 && id.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')));
        }
    }

    #[test]
    fn round_trips_of_each_mix() {
        let payloads = Payloads::from_php(3).unwrap();
        let cases: [(Figure, &[usize]); 5] = [
            (Figure::Get, &[1, 1]),
            (Figure::Nolock, &[1, 1]),
            (Figure::Locked, &[1, 1, 1, 1]),
            (Figure::Pipe16, &[16]),
            (Figure::Reconnect, &[1, 1]),
        ];
        for (figure, trips) in cases {
            let mut lane = Lane::new(figure, &payloads, 1, 4, 100);
            assert!(lane.is_between_requests());
            for commands in trips {
                let (mut out, mut expects) = (Vec::new(), Vec::new());
                lane.next(&mut out, &mut expects);
                assert_eq!(expects.len(), *commands, "{figure:?}");
                assert_eq!(out[0], b'*');
            }
            assert!(lane.is_between_requests(), "{figure:?}");
        }
    }

    #[test]
    fn lanes_never_share_a_key() {
        let payloads = Payloads::from_php(2).unwrap();
        for number in 0..7 {
            let mut lane = Lane::new(Figure::Get, &payloads, number, 7, 100);
            for _ in 0..200 {
                lane.choose();
                assert!(lane.session < 100);
                assert_eq!(lane.session % 7, number);
            }
        }
    }

    #[test]
    fn wrong_answers_are_told_apart() {
        let payloads = Payloads::from_php(2).unwrap();
        let right = payloads.states(1)[3].clone();
        assert!(Expect::Session(1).verify(Reply::Bulk(&right), &payloads).is_ok());
        let wrong: [(Expect, Reply<'_>); 6] = [
            (Expect::Session(1), Reply::Bulk(&right[1..])),
            (Expect::Session(1), Reply::Null),
            (Expect::Ok, Reply::Null),
            (Expect::Ok, Reply::Simple(b"QUEUED")),
            (Expect::One, Reply::Integer(0)),
            (Expect::One, Reply::Bulk(b"1")),
        ];
        for (expect, reply) in wrong {
            assert!(expect.verify(reply, &payloads).is_err(), "{expect:?}");
        }
    }
}
