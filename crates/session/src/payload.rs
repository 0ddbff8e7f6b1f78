//! Stored bytes and a session's data: what `redis.session.compression` puts in between.
//!
//! phpredis compresses by the setting of the process that writes and leaves no mark, so a reader must
//! recognise what it finds: a zstd frame by its magic number, LZ4 by phpredis's header with a
//! checksum, LZF by being a stream that a compressor could have written. No data of PHP's
//! serializers is any of these: see the tests.
//!
//! Whoever reads calls [`unpack`], whatever its own setting is; whoever writes calls [`pack`]. What
//! looks compressed and cannot be unpacked is an error, upon which the stored bytes must be left as
//! they are.

use std::borrow::Cow;
use std::io::Read as _;

use crc::{CRC_8_NRSC_5, Crc};
use guarda_lzf::{Compressor, decompress_strictly};

/// Longest session in bytes, unpacked: a frame of a few bytes may stand for gigabytes.
pub const PLAIN_LEN_MAX: usize = 64 << 20;

/// The same as a power of two, for zstd's window.
const WINDOW_LOG_MAX: u32 = 26;
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const ZSTD_LEVEL_DEFAULT: i32 = 3;
const ZSTD_LEVEL_MAX: i32 = 22;

/// phpredis's checksum of the length before an LZ4 block.
const LENGTH_CHECK: Crc<u8> = Crc::<u8>::new(&CRC_8_NRSC_5);
/// One byte of checksum, four of length.
const LZ4_HEADER_LEN: usize = 5;
/// What one byte of an LZ4 block can stand for at most.
const LZ4_RATIO_MAX: usize = 255;

/// How a session is compressed: the values of `redis.session.compression`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// `none`.
    #[default]
    None,
    /// `lzf`.
    Lzf,
    /// `zstd`.
    Zstd,
    /// `lz4`.
    Lz4,
}

impl Compression {
    /// The one of this name, in any case.
    pub fn named(name: &[u8]) -> Option<Self> {
        let all = [
            (&b"none"[..], Self::None),
            (b"lzf", Self::Lzf),
            (b"zstd", Self::Zstd),
            (b"lz4", Self::Lz4),
        ];
        all.into_iter().find(|(known, _)| name.eq_ignore_ascii_case(known)).map(|(_, found)| found)
    }
}

/// Why stored bytes cannot be unpacked. They must stay as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// It begins like something compressed and does not go on so.
    #[error("the session is compressed ({0:?}) and damaged; it is left as it is")]
    Damaged(Compression),
    /// It stands for more than [`PLAIN_LEN_MAX`].
    #[error("the session is compressed ({0:?}) and has more than 64 MiB; it is left as it is")]
    TooLong(Compression),
}

/// The session's data, and how it was compressed. Data that is not compressed is lent as it is.
///
/// ```
/// use guarda_session::payload::{Compression, pack, unpack};
///
/// let stored = pack(b"n|i:1;", Compression::Zstd, 3);
/// assert_eq!(unpack(&stored), Ok((Compression::Zstd, b"n|i:1;".into())));
/// assert_eq!(unpack(b"n|i:1;"), Ok((Compression::None, b"n|i:1;".into())));
/// ```
///
/// # Errors
///
/// [`PayloadError`].
pub fn unpack(stored: &[u8]) -> Result<(Compression, Cow<'_, [u8]>), PayloadError> {
    if stored.starts_with(&ZSTD_MAGIC) {
        return unpack_zstd(stored).map(|plain| (Compression::Zstd, plain.into()));
    }
    let lz4_len = lz4_plain_len(stored);
    if let Some(plain_len) = lz4_len
        && let Ok(plain) = lz4_flex::block::decompress(&stored[LZ4_HEADER_LEN..], plain_len)
        && plain.len() == plain_len
    {
        return Ok((Compression::Lz4, plain.into()));
    }
    if !stored.is_empty()
        && let Ok(plain) = decompress_strictly(stored, PLAIN_LEN_MAX)
    {
        return Ok((Compression::Lzf, plain.into()));
    }
    // Only now: one LZF stream of binary data in many begins like an LZ4 header.
    if lz4_len.is_some() {
        return Err(PayloadError::Damaged(Compression::Lz4));
    }
    Ok((Compression::None, stored.into()))
}

/// Whether data that is stored as it is will be taken for what it is. Of PHP's serializers' all is; a
/// class that encrypts or compresses by itself may make what looks like a compressed session.
pub fn is_plain(data: &[u8]) -> bool {
    !data.starts_with(&ZSTD_MAGIC)
        && lz4_plain_len(data).is_none()
        && (data.is_empty() || decompress_strictly(data, PLAIN_LEN_MAX).is_err())
}

/// What to store for a session's data. `level` is `redis.session.compression_level`; only zstd has
/// levels here. Nothing stays nothing, and what would not be [taken for what it is](is_plain) is packed
/// in any case.
pub fn pack(plain: &[u8], compression: Compression, level: i32) -> Vec<u8> {
    let packed = match compression {
        _ if plain.is_empty() || plain.len() > PLAIN_LEN_MAX => None,
        Compression::None if is_plain(plain) => None,
        Compression::None => zstd::bulk::compress(plain, ZSTD_LEVEL_DEFAULT).ok(),
        Compression::Lzf => Compressor::new().compress(plain, usize::MAX).map(<[u8]>::to_vec),
        Compression::Zstd => {
            let level = if level < 1 { ZSTD_LEVEL_DEFAULT } else { level.min(ZSTD_LEVEL_MAX) };
            zstd::bulk::compress(plain, level).ok()
        }
        Compression::Lz4 => {
            let len = (plain.len() as u32).to_le_bytes();
            let mut packed = vec![LENGTH_CHECK.checksum(&len)];
            packed.extend(len);
            packed.extend(lz4_flex::block::compress(plain));
            Some(packed)
        }
    };
    packed.unwrap_or_else(|| plain.to_vec())
}

fn unpack_zstd(stored: &[u8]) -> Result<Vec<u8>, PayloadError> {
    let damaged = |_| PayloadError::Damaged(Compression::Zstd);
    let too_long = PayloadError::TooLong(Compression::Zstd);
    let claimed = zstd::zstd_safe::get_frame_content_size(stored).ok().flatten();
    if claimed.is_some_and(|len| len > PLAIN_LEN_MAX as u64) {
        return Err(too_long);
    }
    let mut decoder = zstd::stream::read::Decoder::with_buffer(stored).map_err(damaged)?;
    decoder.window_log_max(WINDOW_LOG_MAX).map_err(damaged)?;
    let mut plain = Vec::new();
    decoder.take(PLAIN_LEN_MAX as u64 + 1).read_to_end(&mut plain).map_err(damaged)?;
    if plain.len() > PLAIN_LEN_MAX { Err(too_long) } else { Ok(plain) }
}

/// The length in a header that phpredis can have written. Serialized data has letters there, which
/// make lengths above the limit.
fn lz4_plain_len(stored: &[u8]) -> Option<usize> {
    let (check, rest) = stored.split_first()?;
    let (len, block) = rest.split_first_chunk::<4>()?;
    let plain_len = u32::from_le_bytes(*len) as usize;
    let possible = (1..=block.len().saturating_mul(LZ4_RATIO_MAX)).contains(&plain_len);
    let ours = possible && plain_len <= PLAIN_LEN_MAX && LENGTH_CHECK.checksum(len) == *check;
    ours.then_some(plain_len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_that_looks_compressed_is_read_as_it_was_written() {
        let lz4 = pack(&[b'x'; 99], Compression::Lz4, 0);
        let zstd = pack(b"n|i:1;", Compression::Zstd, 3);
        let random = [&[30][..], &[0x8f; 31]].concat();
        for data in [&b"\x04hello"[..], &random, &lz4, &lz4[..9], &zstd, &zstd[..5]] {
            assert!(!is_plain(data));
            for compression in [Compression::None, Compression::Lzf, Compression::Zstd] {
                let stored = pack(data, compression, 3);
                assert_eq!(unpack(&stored).map(|(_, data)| data).as_deref(), Ok(data));
            }
        }
        for data in samples() {
            assert!(is_plain(&data));
            assert_eq!(pack(&data, Compression::None, 3), data);
        }
    }

    const ALL: [Compression; 3] = [Compression::Lzf, Compression::Zstd, Compression::Lz4];

    fn samples() -> Vec<Vec<u8>> {
        let mut samples: Vec<Vec<u8>> = vec![
            b"n|i:1;".to_vec(),
            b"a".to_vec(),
            br#"user|a:2:{s:2:"id";i:7;s:4:"name";s:5:"maria";}"#.repeat(40),
            vec![0; 100_000],
            (0..=255).cycle().take(70_000).collect(),
            // php_binary, igbinary (both versions of its header), msgpack, JSON.
            b"\x04useri:1;\x01ns:1:\"x\";".to_vec(),
            b"\0\0\0\x02\x14\x01\x11\x01n\x06\x01".to_vec(),
            b"\0\0\0\x01\x14\x01\x11\x01n\x06\x01".to_vec(),
            b"\x81\xa1n\x01".to_vec(),
            br#"{"n":1}"#.to_vec(),
        ];
        for len in 1..60_u8 {
            samples.push([&[len][..], &vec![b'k'; usize::from(len)], b"N;"].concat());
        }
        samples
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        for sample in samples() {
            for compression in ALL {
                for level in [-1, 0, 1, 3, 22, 99] {
                    let stored = pack(&sample, compression, level);
                    assert!(
                        unpack(&stored) == Ok((compression, sample[..].into())),
                        "{compression:?} {level} {}",
                        sample.len()
                    );
                }
            }
        }
        for compression in ALL {
            assert_eq!(pack(b"", compression, 3), b"");
        }
    }

    #[test]
    fn what_is_not_compressed_stays_as_it_is() {
        for sample in samples().into_iter().chain([Vec::new(), b"\x1f".to_vec()]) {
            assert!(unpack(&sample) == Ok((Compression::None, sample[..].into())));
        }
    }

    #[test]
    fn damage_is_an_error() {
        for sample in samples().into_iter().take(5) {
            let zstd = pack(&sample, Compression::Zstd, 3);
            for cut in 4..zstd.len() {
                let error = unpack(&zstd[..cut]);
                assert_eq!(error, Err(PayloadError::Damaged(Compression::Zstd)), "{cut}");
            }
            let garbage = [&zstd[..], b"x"].concat();
            assert_eq!(unpack(&garbage), Err(PayloadError::Damaged(Compression::Zstd)));
        }
        let lz4 = pack(&vec![b'a'; 1000], Compression::Lz4, 0);
        let cut = lz4[..lz4.len() - 1].to_vec();
        assert_eq!(unpack(&cut), Err(PayloadError::Damaged(Compression::Lz4)));
    }

    /// Found by random inputs: byte 0x13 is the checksum of the four after it.
    #[test]
    fn lzf_that_begins_like_lz4_is_lzf() {
        let plain = b"\x0a\x03\0\0\x03\x01\x01\0\0\x03\x02\x01\x20\x08\x20\x04\x02\0\x01\x01";
        let stored = pack(plain, Compression::Lzf, 0);
        assert!(lz4_plain_len(&stored).is_some());
        assert_eq!(unpack(&stored), Ok((Compression::Lzf, plain.into())));
    }

    #[test]
    fn there_is_a_longest_session() {
        let most = vec![0; PLAIN_LEN_MAX];
        // LZF's limit has its own test, and takes its time without optimisation.
        for compression in [Compression::Zstd, Compression::Lz4] {
            let packed = pack(&most, compression, 1);
            let unpacked = unpack(&packed).expect("just fits");
            assert!(unpacked.0 == compression && unpacked.1.len() == PLAIN_LEN_MAX);
        }
        let claimed = zstd::bulk::compress(&vec![0; PLAIN_LEN_MAX + 1], 1).expect("packs");
        let mut unclaimed = zstd::stream::Encoder::new(Vec::new(), 1).expect("packs");
        std::io::Write::write_all(&mut unclaimed, &vec![0; PLAIN_LEN_MAX + 1]).expect("packs");
        for bomb in [claimed, unclaimed.finish().expect("packs")] {
            assert!(bomb.len() < 20_000);
            assert_eq!(unpack(&bomb), Err(PayloadError::TooLong(Compression::Zstd)));
        }
    }

    #[test]
    fn names_are_those_of_the_setting() {
        assert_eq!(Compression::named(b"ZSTD"), Some(Compression::Zstd));
        assert_eq!(Compression::named(b"none"), Some(Compression::None));
        assert_eq!(Compression::named(b"gzip"), None);
    }
}
