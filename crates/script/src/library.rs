//! The texts that EVALSHA may name.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::sync::Arc;

use sha1::{Digest, Sha1};

/// Most scripts remembered only because EVAL ran them; beyond it the one not run for longest is
/// forgotten.
///
/// Applications that write values into their scripts' texts make a new script of each call; without
/// a bound they fill the memory, a known fault of Redis before 7.4 (which has this same number).
/// Scripts of SCRIPT LOAD are kept until SCRIPT FLUSH: their clients count on it.
pub const EVALUATED_MAX: usize = 500;

/// Most bytes of such scripts' texts.
pub const EVALUATED_BYTES_MAX: usize = 16 << 20;

/// SHA-1 of a script's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ScriptDigest([u8; 20]);

impl ScriptDigest {
    /// The digest of `text`.
    pub(crate) fn of(text: &[u8]) -> ScriptDigest {
        ScriptDigest(Sha1::digest(text).into())
    }

    /// Reads 40 hexadecimal digits in any case.
    pub(crate) fn parse(hex: &[u8]) -> Option<ScriptDigest> {
        let mut digest = [0; 20];
        if hex.len() != 40 {
            return None;
        }
        for (byte, pair) in digest.iter_mut().zip(hex.chunks_exact(2)) {
            let high = char::from(pair[0]).to_digit(16)?;
            let low = char::from(pair[1]).to_digit(16)?;
            *byte = (high * 16 + low) as u8;
        }
        Some(ScriptDigest(digest))
    }

    /// 40 lower-case hexadecimal digits.
    pub(crate) fn hex(self) -> String {
        let mut hex = String::with_capacity(40);
        for byte in self.0 {
            let _ = write!(hex, "{byte:02x}");
        }
        hex
    }
}

struct Evaluated {
    text: Arc<[u8]>,
    /// When it last ran, in runs; its key in `by_age`.
    ran: u64,
}

/// The scripts known by their digest.
#[derive(Default)]
pub(crate) struct Library {
    loaded: HashMap<ScriptDigest, Arc<[u8]>>,
    loaded_bytes: usize,
    /// Disjoint from `loaded`; as many as in `by_age`.
    evaluated: HashMap<ScriptDigest, Evaluated>,
    evaluated_bytes: usize,
    by_age: BTreeMap<u64, ScriptDigest>,
    runs: u64,
    /// Counts the flushes.
    generation: u64,
}

impl Library {
    /// Whether a script is known.
    pub(crate) fn contains(&self, digest: ScriptDigest) -> bool {
        self.loaded.contains_key(&digest) || self.evaluated.contains_key(&digest)
    }

    /// A known script's text.
    pub(crate) fn text(&self, digest: ScriptDigest) -> Option<Arc<[u8]>> {
        let evaluated = || self.evaluated.get(&digest).map(|script| &script.text);
        self.loaded.get(&digest).or_else(evaluated).cloned()
    }

    /// Keeps a script until the next flush.
    pub(crate) fn load(&mut self, digest: ScriptDigest, text: &[u8]) {
        if self.loaded.contains_key(&digest) {
            return;
        }
        let text = match self.forget(digest) {
            Some(text) => text,
            None => text.into(),
        };
        self.loaded_bytes += text.len();
        self.loaded.insert(digest, text);
    }

    /// Notes that EVAL or EVALSHA ran a script; what has not run for longest makes room.
    pub(crate) fn note_run(&mut self, digest: ScriptDigest, text: &[u8]) {
        if self.loaded.contains_key(&digest) {
            return;
        }
        self.runs += 1;
        if let Some(script) = self.evaluated.get_mut(&digest) {
            self.by_age.remove(&script.ran);
            script.ran = self.runs;
            self.by_age.insert(self.runs, digest);
            return;
        }
        if text.len() > EVALUATED_BYTES_MAX {
            return;
        }
        while self.evaluated.len() >= EVALUATED_MAX
            || self.evaluated_bytes + text.len() > EVALUATED_BYTES_MAX
        {
            let Some((_, &oldest)) = self.by_age.first_key_value() else { break };
            self.forget(oldest);
        }
        self.evaluated_bytes += text.len();
        self.evaluated.insert(digest, Evaluated { text: text.into(), ran: self.runs });
        self.by_age.insert(self.runs, digest);
    }

    fn forget(&mut self, digest: ScriptDigest) -> Option<Arc<[u8]>> {
        let script = self.evaluated.remove(&digest)?;
        self.by_age.remove(&script.ran);
        self.evaluated_bytes -= script.text.len();
        Some(script.text)
    }

    /// Forgets all scripts.
    pub(crate) fn flush(&mut self) {
        *self = Library { generation: self.generation + 1, ..Library::default() };
    }

    /// Number of flushes so far.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Number of scripts.
    pub(crate) fn len(&self) -> usize {
        self.loaded.len() + self.evaluated.len()
    }

    /// Bytes of their texts.
    pub(crate) fn bytes_len(&self) -> usize {
        self.loaded_bytes + self.evaluated_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(library: &mut Library, text: &[u8]) -> ScriptDigest {
        let digest = ScriptDigest::of(text);
        library.note_run(digest, text);
        digest
    }

    #[test]
    fn a_digest_reads_and_writes_40_digits_of_any_case() {
        let digest = ScriptDigest::of(b"return 1");
        assert_eq!(digest.hex(), "e0e1f9fabfc9d4800c877a703b823ac0578ff8db");
        let upper = digest.hex().to_ascii_uppercase();
        assert_eq!(ScriptDigest::parse(upper.as_bytes()), Some(digest));
        assert_eq!(ScriptDigest::parse(&upper.as_bytes()[1..]), None);
        assert_eq!(ScriptDigest::parse(&[b'g'; 40]), None);
        assert_eq!(ScriptDigest::parse("+1".repeat(20).as_bytes()), None);
    }

    #[test]
    fn the_script_not_run_for_longest_is_forgotten_at_the_bound() {
        let mut library = Library::default();
        let first = run(&mut library, b"0");
        for n in 1..EVALUATED_MAX {
            run(&mut library, n.to_string().as_bytes());
        }
        assert_eq!(library.len(), EVALUATED_MAX);
        run(&mut library, b"0");
        run(&mut library, b"one more");
        assert_eq!(library.len(), EVALUATED_MAX);
        assert!(library.contains(first), "it ran again");
        assert!(!library.contains(ScriptDigest::of(b"1")), "the oldest then");
    }

    #[test]
    fn texts_are_bounded_in_bytes_too() {
        let mut library = Library::default();
        let half = vec![b' '; EVALUATED_BYTES_MAX / 2];
        let mut other = half.clone();
        other[0] = b'\n';
        let first = run(&mut library, &half);
        let second = run(&mut library, &other);
        assert!(library.contains(first) && library.contains(second));
        run(&mut library, b" ");
        assert!(!library.contains(first) && library.contains(second));
        let too_long = run(&mut library, &vec![b' '; EVALUATED_BYTES_MAX + 1]);
        assert!(!library.contains(too_long) && library.contains(second));
        assert_eq!(library.bytes_len(), half.len() + 1);
    }

    #[test]
    fn loaded_scripts_are_kept_until_a_flush() {
        let mut library = Library::default();
        let digest = run(&mut library, b"kept");
        library.load(digest, b"kept");
        for n in 0..2 * EVALUATED_MAX {
            run(&mut library, n.to_string().as_bytes());
        }
        assert!(library.contains(digest));
        assert_eq!(library.text(digest).as_deref(), Some(&b"kept"[..]));
        assert_eq!(library.len(), EVALUATED_MAX + 1);
        library.flush();
        assert!(!library.contains(digest));
        assert_eq!((library.len(), library.bytes_len(), library.generation()), (0, 0, 1));
    }
}
