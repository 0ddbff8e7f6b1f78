//! A buffered reader that knows its offset and, for RDB, the checksum of what was consumed.

use std::io::{self, Read};

use crc::{Crc, Digest, Table};

/// The checksum of RDB files: CRC-64 with the Jones polynomial, reflected, no final inversion.
pub static CRC64: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&crc::CRC_64_REDIS);

/// A running checksum.
pub type Checksum = Digest<'static, u64, Table<16>>;

const BUFFER_LEN: usize = 64 * 1024;

/// Why bytes could not be had.
#[derive(Debug)]
pub enum InputError {
    /// The source ended in the middle of what was asked for.
    End,
    /// The source failed.
    Io(io::Error),
}

/// Invariant: `summed <= start <= end <= buf.len()`; `base + start` is the offset in the source.
pub struct Input<R> {
    source: R,
    buf: Box<[u8]>,
    start: usize,
    end: usize,
    base: u64,
    summed: usize,
    digest: Option<Checksum>,
}

impl<R: Read> Input<R> {
    /// Reads `source` from where it stands.
    pub fn new(source: R) -> Self {
        Self::with_buffer(source, BUFFER_LEN)
    }

    /// As [`new`](Self::new), reading at most `buffer_len` bytes at once; at least one.
    pub fn with_buffer(source: R, buffer_len: usize) -> Self {
        let buf = vec![0; buffer_len.max(1)].into_boxed_slice();
        Self { source, buf, start: 0, end: 0, base: 0, summed: 0, digest: None }
    }

    /// The offset of the next byte.
    pub fn offset(&self) -> u64 {
        self.base + self.start as u64
    }

    /// From here on, what is consumed is summed.
    pub fn start_checksum(&mut self) {
        self.digest = Some(CRC64.digest());
        self.summed = self.start;
    }

    /// The checksum of everything consumed since [`start_checksum`](Self::start_checksum).
    pub fn finish_checksum(&mut self) -> u64 {
        self.sum_consumed();
        self.digest.take().map_or(0, Checksum::finalize)
    }

    fn sum_consumed(&mut self) {
        if let Some(digest) = &mut self.digest {
            digest.update(&self.buf[self.summed..self.start]);
        }
        self.summed = self.start;
    }

    /// Makes at least one byte available; `false` at the end of the source.
    pub fn fill(&mut self) -> Result<bool, InputError> {
        if self.start < self.end {
            return Ok(true);
        }
        self.sum_consumed();
        self.base += self.start as u64;
        (self.start, self.end, self.summed) = (0, 0, 0);
        loop {
            match self.source.read(&mut self.buf) {
                Ok(got) => {
                    self.end = got;
                    return Ok(got > 0);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(InputError::Io(error)),
            }
        }
    }

    /// The next byte, left in place; `None` at the end of the source.
    pub fn peek(&mut self) -> Result<Option<u8>, InputError> {
        Ok(if self.fill()? { Some(self.buf[self.start]) } else { None })
    }

    /// The next byte.
    pub fn byte(&mut self) -> Result<u8, InputError> {
        if !self.fill()? {
            return Err(InputError::End);
        }
        let byte = self.buf[self.start];
        self.start += 1;
        Ok(byte)
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], InputError> {
        let mut out = [0; N];
        let mut have = 0;
        while have < N {
            if !self.fill()? {
                return Err(InputError::End);
            }
            let take = (N - have).min(self.end - self.start);
            out[have..have + take].copy_from_slice(&self.buf[self.start..self.start + take]);
            self.start += take;
            have += take;
        }
        Ok(out)
    }

    /// Appends exactly `len` bytes to `out`. Memory grows with what really arrives, not with `len`.
    pub fn append_to(&mut self, out: &mut Vec<u8>, len: usize) -> Result<(), InputError> {
        let mut left = len;
        out.reserve(left.min(BUFFER_LEN));
        while left > 0 {
            if !self.fill()? {
                return Err(InputError::End);
            }
            let take = left.min(self.end - self.start);
            out.extend_from_slice(&self.buf[self.start..self.start + take]);
            self.start += take;
            left -= take;
        }
        Ok(())
    }

    /// The bytes up to and without `\n`, at most `len_max` of them; `None` when the line is longer.
    pub fn line(&mut self, len_max: usize) -> Result<Option<Vec<u8>>, InputError> {
        let mut line = Vec::new();
        loop {
            if !self.fill()? {
                return Err(InputError::End);
            }
            let ready = &self.buf[self.start..self.end];
            let newline = memchr::memchr(b'\n', ready);
            let take = newline.unwrap_or(ready.len());
            if line.len() + take > len_max {
                return Ok(None);
            }
            line.extend_from_slice(&ready[..take]);
            self.start += take + usize::from(newline.is_some());
            if newline.is_some() {
                return Ok(Some(line));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte per read, so that every boundary is crossed.
    struct Trickle<'a>(&'a [u8]);

    impl Read for Trickle<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
            into[0] = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    #[test]
    fn the_checksum_does_not_depend_on_how_the_bytes_arrive() {
        let mut input = Input::new(Trickle(b"123456789rest"));
        input.start_checksum();
        let mut nine = Vec::new();
        assert_eq!(input.byte().unwrap(), b'1');
        assert_eq!(input.array::<3>().unwrap(), *b"234");
        input.append_to(&mut nine, 5).unwrap();
        // The published check value of CRC-64 as Redis uses it.
        assert_eq!(input.finish_checksum(), 0xe9c6_d914_c4b8_d9ca);
        assert_eq!(input.offset(), 9);
    }

    #[test]
    fn a_line_longer_than_its_limit_is_refused_and_one_at_the_limit_is_not() {
        assert_eq!(Input::new(&b"abc\nd"[..]).line(3).unwrap(), Some(b"abc".to_vec()));
        assert_eq!(Input::new(&b"abcd\n"[..]).line(3).unwrap(), None);
        assert!(matches!(Input::new(&b"ab"[..]).line(3), Err(InputError::End)));
    }
}
