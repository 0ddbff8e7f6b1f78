//! LZF, the light compression of RDB's strings and of phpredis's `Redis::COMPRESSION_LZF`. No I/O.
//!
//! A stream is a row of tokens. A control byte below 32 is followed by that many plus one literal
//! bytes. Any other control byte is a copy from what was already produced: its upper three bits plus
//! two are the length (seven means that one more byte is added to it), its lower five bits and the
//! next byte, plus one, are how far back. Our own, small and safe: the crate of that name is retired.

#![forbid(unsafe_code)]

/// The longest copy: 7 + 255 + 2.
const COPY_LEN_MAX: usize = 264;
/// The farthest copy.
const DISTANCE_MAX: usize = 1 << 13;
/// The most literals that one control byte announces.
const LITERALS_MAX: usize = 32;
const TABLE_BITS: u32 = 13;

/// Three bytes can stand for at most `COPY_LEN_MAX`; a stream that claims more is damaged.
pub fn plausible(compressed: u64, plain: u64) -> bool {
    plain <= compressed.saturating_mul(COPY_LEN_MAX as u64 / 3)
}

/// The `plain_len` bytes that `stream` stands for.
///
/// # Errors
///
/// What is wrong with the stream.
pub fn decompress(stream: &[u8], plain_len: usize) -> Result<Vec<u8>, &'static str> {
    let mut out = Vec::with_capacity(plain_len);
    expand(stream, plain_len, &mut out)?;
    if out.len() == plain_len {
        Ok(out)
    } else {
        Err("a compressed string is shorter than it says")
    }
}

/// The bytes that `stream` stands for where nothing says how many there are, or even that it is a
/// stream: at most `plain_max`, and only if a compressor could have written it so. (None begins a
/// second row of literals before the first has its full length.)
///
/// ```
/// use guarda_lzf::decompress_strictly;
///
/// assert_eq!(decompress_strictly(&[0, b'a', 0x20, 0], 16).unwrap(), b"aaaa");
/// assert!(decompress_strictly(&[0, b'a', 0x20, 0], 3).is_err());
/// assert!(decompress_strictly(&[0, b'a', 0, b'b'], 16).is_err());
/// ```
///
/// # Errors
///
/// What is wrong with the stream, or that it stands for more.
pub fn decompress_strictly(stream: &[u8], plain_max: usize) -> Result<Vec<u8>, &'static str> {
    if stream.first().is_some_and(|&control| usize::from(control) >= LITERALS_MAX) {
        // Most data that is not compressed ends here.
        return Err("a compressed string copies from before its start");
    }
    let mut rest = stream;
    let mut short_before = false;
    while let Some((&control, after)) = rest.split_first() {
        let control = usize::from(control);
        let literals = control < LITERALS_MAX;
        if literals && short_before {
            return Err("a row of literals is split for no reason");
        }
        short_before = literals && control + 1 < LITERALS_MAX;
        let operands = if literals { control + 1 } else { 1 + usize::from(control >> 5 == 7) };
        rest = after.get(operands..).ok_or("a compressed string ends too early")?;
    }
    let mut out = Vec::with_capacity(stream.len().saturating_mul(2).min(plain_max));
    expand(stream, plain_max, &mut out)?;
    Ok(out)
}

fn expand(stream: &[u8], plain_max: usize, out: &mut Vec<u8>) -> Result<(), &'static str> {
    const SHORT: &str = "a compressed string ends too early";
    const LONG: &str = "a compressed string is longer than it says";
    let mut rest = stream;
    while let Some((&control, after)) = rest.split_first() {
        rest = after;
        let control = usize::from(control);
        if control < LITERALS_MAX {
            let (literals, after) = rest.split_at_checked(control + 1).ok_or(SHORT)?;
            out.extend_from_slice(literals);
            rest = after;
        } else {
            let mut len = control >> 5;
            if len == 7 {
                let (&more, after) = rest.split_first().ok_or(SHORT)?;
                len += usize::from(more);
                rest = after;
            }
            len += 2;
            let (&low, after) = rest.split_first().ok_or(SHORT)?;
            rest = after;
            let distance = ((control & 0x1f) << 8 | usize::from(low)) + 1;
            let from = out
                .len()
                .checked_sub(distance)
                .ok_or("a compressed string copies from before its start")?;
            if out.len() + len > plain_max {
                return Err(LONG);
            }
            if distance >= len {
                out.extend_from_within(from..from + len);
            } else {
                // Source and target overlap: what is copied repeats.
                for at in from..from + len {
                    out.push(out[at]);
                }
            }
        }
        if out.len() > plain_max {
            return Err(LONG);
        }
    }
    Ok(())
}

/// The compressor's memory, reused between strings.
#[derive(Debug)]
pub struct Compressor {
    /// Last position seen for a hash of three bytes. Entries left over from another string are
    /// harmless: a candidate counts only after its bytes were compared.
    table: Box<[u32]>,
    out: Vec<u8>,
}

impl Default for Compressor {
    fn default() -> Self {
        Self::new()
    }
}

impl Compressor {
    /// A compressor with 32 KiB of memory.
    pub fn new() -> Self {
        Self { table: vec![0; 1 << TABLE_BITS].into_boxed_slice(), out: Vec::new() }
    }

    /// The compressed form, or `None` when it would not be shorter than `len_max`.
    pub fn compress(&mut self, plain: &[u8], len_max: usize) -> Option<&[u8]> {
        // Positions are 32 bits wide; longer strings stay as they are.
        if u32::try_from(plain.len()).is_err() {
            return None;
        }
        self.out.clear();
        let mut at = 0;
        let mut literals_from = 0;
        while at + 2 < plain.len() {
            let slot = slot(plain[at], plain[at + 1], plain[at + 2]);
            let candidate = self.table[slot] as usize;
            self.table[slot] = at as u32;
            let usable = candidate < at
                && at - candidate <= DISTANCE_MAX
                && plain[candidate..candidate + 3] == plain[at..at + 3];
            if !usable {
                at += 1;
                continue;
            }
            let limit = (plain.len() - at).min(COPY_LEN_MAX);
            let same = plain[candidate..]
                .iter()
                .zip(&plain[at..at + limit])
                .take_while(|(old, new)| old == new)
                .count();
            self.push_literals(&plain[literals_from..at]);
            self.push_copy(at - candidate, same);
            at += same;
            literals_from = at;
            if self.out.len() >= len_max {
                return None;
            }
        }
        self.push_literals(&plain[literals_from..]);
        (self.out.len() < len_max).then_some(&self.out)
    }

    fn push_literals(&mut self, literals: &[u8]) {
        for run in literals.chunks(LITERALS_MAX) {
            self.out.push((run.len() - 1) as u8);
            self.out.extend_from_slice(run);
        }
    }

    fn push_copy(&mut self, distance: usize, len: usize) {
        let (distance, len) = (distance - 1, len - 2);
        let high = (distance >> 8) as u8;
        if len < 7 {
            self.out.push((len as u8) << 5 | high);
        } else {
            self.out.push(7 << 5 | high);
            self.out.push((len - 7) as u8);
        }
        self.out.push(distance as u8);
    }
}

fn slot(a: u8, b: u8, c: u8) -> usize {
    let key = u32::from_le_bytes([a, b, c, 0]);
    (key.wrapping_mul(0x9E37_79B1) >> (32 - TABLE_BITS)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(plain: &[u8]) {
        let mut compressor = Compressor::new();
        // Twice, so that a table full of an earlier string's positions is met too.
        for _ in 0..2 {
            if let Some(stream) = compressor.compress(plain, plain.len()) {
                assert!(stream.len() < plain.len());
                assert!(plausible(stream.len() as u64, plain.len() as u64));
                assert_eq!(decompress(stream, plain.len()).unwrap(), plain);
            }
        }
    }

    #[test]
    fn what_was_compressed_comes_back() {
        round_trip(b"");
        round_trip(b"ab");
        round_trip(&vec![b'a'; 100_000]);
        round_trip(&b"user|a:1:{s:4:\"name\";s:5:\"maria\";}".repeat(50));
        let mut state = 7_u32;
        for len in 0..600 {
            let text: Vec<u8> = (0..len)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    b'a' + (state >> 30) as u8
                })
                .collect();
            round_trip(&text);
        }
        // A repetition at exactly the farthest distance, and one beyond it.
        for gap in [DISTANCE_MAX - 1, DISTANCE_MAX, DISTANCE_MAX + 1] {
            let mut far = b"needle".to_vec();
            far.resize(gap, b'.');
            far.extend_from_slice(b"needle");
            round_trip(&far);
        }
    }

    #[test]
    fn repeated_text_gets_smaller_and_noise_is_left_alone() {
        let mut compressor = Compressor::new();
        assert!(compressor.compress(&[0; 1000], 1000).unwrap().len() < 20);
        assert!(compressor.compress(b"abcdefghijklmnopqrstuvwxyz0123456789", 36).is_none());
    }

    #[test]
    fn damaged_streams_are_errors() {
        for (stream, len) in [
            (&[5, b'a'][..], 6),                // literals missing
            (&[0, b'a', 0x20][..], 4),          // distance missing
            (&[0, b'a', 0xe0][..], 40),         // long length missing
            (&[0, b'a', 0x20, 9][..], 4),       // copies from before the start
            (&[0, b'a', 0xe0, 255, 0][..], 20), // longer than announced
            (&[1, b'a', b'b'][..], 1),          // likewise, by literals
            (&[0, b'a'][..], 2),                // shorter than announced
        ] {
            assert!(decompress(stream, len).is_err(), "{stream:?}");
        }
    }
}
