//! Reads an RDB file, one event at a time.

use std::io::Read;

use super::{
    RdbError, RdbErrorKind, RdbValue, STRING_LEN_MAX, VERSION_READ_MAX, kind, opcode, packed,
};
use crate::input::Input;

type Result<T> = std::result::Result<T, RdbErrorKind>;

/// One thing that a file says.
#[derive(Debug, Clone, PartialEq)]
pub enum RdbEvent {
    /// A field about the file, such as `redis-ver`; unknown ones are to be ignored.
    Aux {
        /// Its name.
        name: Vec<u8>,
        /// Its value.
        value: Vec<u8>,
    },
    /// The entries that follow belong to this database; before the first one, to database 0.
    SelectDb(u32),
    /// How many entries follow, as a hint. It comes from the file: cap it before reserving.
    ResizeDb {
        /// All keys.
        keys: u64,
        /// Those with an expiry.
        expires: u64,
    },
    /// A key.
    Entry(RdbEntry),
    /// The source of a library of functions (`FUNCTION LOAD` of Redis 7).
    FunctionLibrary(Vec<u8>),
}

/// A key with its value.
#[derive(Clone, PartialEq)]
pub struct RdbEntry {
    /// The key.
    pub key: Vec<u8>,
    /// When it expires, in milliseconds since the Unix epoch; may be long past.
    pub expiry_ms: Option<i64>,
    /// Seconds since it was last used, where the writer had an LRU policy.
    pub idle_s: Option<u64>,
    /// How often it was used, on the logarithmic scale of an LFU policy.
    pub frequency: Option<u8>,
    /// The value; never an empty collection.
    pub value: RdbValue,
}

impl std::fmt::Debug for RdbEntry {
    /// Lengths only: keys and values never reach logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "key of {} bytes, {:?}, expiry {:?}", self.key.len(), self.value, self.expiry_ms)
    }
}

/// Reads an RDB file of version 1 to 11.
///
/// Memory use follows the bytes that really arrive, whatever lengths the file claims.
pub struct RdbReader<R> {
    input: Input<R>,
    version: u32,
    len_max: u64,
    check: bool,
    done: bool,
    empty_skipped: u64,
}

impl<R: Read> RdbReader<R> {
    /// Reads the header of `source`.
    ///
    /// # Errors
    ///
    /// [`RdbErrorKind::NotRdb`], [`RdbErrorKind::Version`], or the disk's error.
    pub fn new(source: R) -> std::result::Result<Self, RdbError> {
        Self::over(Input::new(source))
    }

    /// Begins where `input` stands, which is the start of an RDB file.
    pub fn over(mut input: Input<R>) -> std::result::Result<Self, RdbError> {
        input.start_checksum();
        let header = input.array::<9>();
        let offset = input.offset();
        let version = header.map_err(RdbErrorKind::from).and_then(|header| {
            let digits = header.strip_prefix(b"REDIS").ok_or(RdbErrorKind::NotRdb)?;
            let version: u32 = std::str::from_utf8(digits)
                .ok()
                .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
                .and_then(|digits| digits.parse().ok())
                .ok_or(RdbErrorKind::NotRdb)?;
            match version {
                1..=VERSION_READ_MAX => Ok(version),
                other => Err(RdbErrorKind::Version(other)),
            }
        });
        let version = version.map_err(|kind| RdbError { offset, kind })?;
        Ok(Self::after_header(input, version))
    }

    /// Reads what stands behind a header of this version, which was read or is known.
    pub(super) fn after_header(input: Input<R>, version: u32) -> Self {
        let len_max = STRING_LEN_MAX;
        Self { input, version, len_max, check: true, done: false, empty_skipped: 0 }
    }

    /// Whether to compare the checksum at the end (`rdbchecksum`); it is compared unless told.
    #[must_use]
    pub fn verify_checksum(mut self, check: bool) -> Self {
        self.check = check;
        self
    }

    /// The longest string, key or packed value that is accepted; [`STRING_LEN_MAX`] unless told.
    #[must_use]
    pub fn string_len_max(mut self, len_max: u64) -> Self {
        self.len_max = len_max;
        self
    }

    /// The version of the file.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The offset of the next byte: progress.
    pub fn offset(&self) -> u64 {
        self.input.offset()
    }

    /// How many empty collections were left out (old servers could write some; no key holds one).
    pub fn empty_skipped(&self) -> u64 {
        self.empty_skipped
    }

    /// What comes after the RDB file in the same source: a log, in an append-only file with preamble.
    pub fn into_input(self) -> Input<R> {
        self.input
    }

    /// The next event; `None` after the end, when the checksum was found right.
    ///
    /// # Errors
    ///
    /// An [`RdbError`]; the reader is then of no further use.
    pub fn next_event(&mut self) -> std::result::Result<Option<RdbEvent>, RdbError> {
        if self.done {
            return Ok(None);
        }
        self.event().map_err(|kind| RdbError { offset: self.input.offset(), kind })
    }

    fn event(&mut self) -> Result<Option<RdbEvent>> {
        let (mut expiry_ms, mut idle_s, mut frequency) = (None, None, None);
        loop {
            let opcode = self.input.byte()?;
            let has_key_info = expiry_ms.is_some() || idle_s.is_some() || frequency.is_some();
            match opcode {
                opcode::EXPIRE_MS => expiry_ms = Some(i64::from_le_bytes(self.input.array()?)),
                opcode::EXPIRE_S => {
                    let seconds = i32::from_le_bytes(self.input.array()?);
                    expiry_ms = Some(i64::from(seconds) * 1000);
                }
                opcode::IDLE => idle_s = Some(self.length()?),
                opcode::FREQ => frequency = Some(self.input.byte()?),
                0..=kind::STREAM_3 => {
                    let key = self.string()?;
                    let value = self.value(opcode)?;
                    if value.is_empty() {
                        self.empty_skipped += 1;
                        (expiry_ms, idle_s, frequency) = (None, None, None);
                        continue;
                    }
                    let entry = RdbEntry { key, expiry_ms, idle_s, frequency, value };
                    return Ok(Some(RdbEvent::Entry(entry)));
                }
                _ if has_key_info => {
                    return Err(RdbErrorKind::Malformed("an expiry without its key"));
                }
                opcode::AUX => {
                    let (name, value) = (self.string()?, self.string()?);
                    return Ok(Some(RdbEvent::Aux { name, value }));
                }
                opcode::SELECT_DB => {
                    let db = self.length()?;
                    let db = u32::try_from(db)
                        .map_err(|_| RdbErrorKind::TooLong { len: db, max: u64::from(u32::MAX) })?;
                    return Ok(Some(RdbEvent::SelectDb(db)));
                }
                opcode::RESIZE_DB => {
                    let (keys, expires) = (self.length()?, self.length()?);
                    return Ok(Some(RdbEvent::ResizeDb { keys, expires }));
                }
                opcode::FUNCTION => return Ok(Some(RdbEvent::FunctionLibrary(self.string()?))),
                opcode::FUNCTION_PRERELEASE => {
                    return Err(RdbErrorKind::Unsupported("functions of a pre-release of Redis 7"));
                }
                opcode::MODULE_AUX => return Err(RdbErrorKind::Unsupported("data of a module")),
                opcode::EOF => {
                    self.finish()?;
                    return Ok(None);
                }
                other => return Err(RdbErrorKind::UnknownOpcode(other)),
            }
        }
    }

    fn finish(&mut self) -> Result<()> {
        let computed = self.input.finish_checksum();
        self.done = true;
        // Checksums came with version 5; a file written with `rdbchecksum no` has a zero.
        if self.version >= 5 {
            let found = u64::from_le_bytes(self.input.array()?);
            if self.check && found != 0 && found != computed {
                return Err(RdbErrorKind::Checksum { found, computed });
            }
        }
        Ok(())
    }

    /// A type and the value of this type.
    pub(super) fn bare_value(&mut self) -> Result<RdbValue> {
        let kind = self.input.byte()?;
        self.value(kind)
    }

    fn value(&mut self, kind: u8) -> Result<RdbValue> {
        let bad = RdbErrorKind::Malformed;
        Ok(match kind {
            kind::STRING => RdbValue::String(self.string()?),
            kind::LIST => RdbValue::List(self.strings()?),
            kind::SET => RdbValue::Set(self.strings()?),
            kind::HASH => {
                RdbValue::Hash(self.many(|reader| Ok((reader.string()?, reader.string()?)))?)
            }
            kind::ZSET => RdbValue::SortedSet(
                self.many(|reader| Ok((reader.string()?, reader.text_score()?)))?,
            ),
            kind::ZSET_2 => {
                RdbValue::SortedSet(self.many(|reader| Ok((reader.string()?, reader.score()?)))?)
            }
            kind::HASH_ZIPMAP => RdbValue::Hash(packed::zipmap(&self.string()?).map_err(bad)?),
            kind::LIST_ZIPLIST => RdbValue::List(packed::ziplist(&self.string()?).map_err(bad)?),
            kind::SET_INTSET => RdbValue::Set(packed::intset(&self.string()?).map_err(bad)?),
            kind::SET_LISTPACK => RdbValue::Set(packed::listpack(&self.string()?).map_err(bad)?),
            kind::ZSET_ZIPLIST => {
                let items = packed::ziplist(&self.string()?);
                RdbValue::SortedSet(items.and_then(packed::scored).map_err(bad)?)
            }
            kind::ZSET_LISTPACK => {
                let items = packed::listpack(&self.string()?);
                RdbValue::SortedSet(items.and_then(packed::scored).map_err(bad)?)
            }
            kind::HASH_ZIPLIST => {
                let items = packed::ziplist(&self.string()?);
                RdbValue::Hash(items.and_then(packed::pairs).map_err(bad)?)
            }
            kind::HASH_LISTPACK => {
                let items = packed::listpack(&self.string()?);
                RdbValue::Hash(items.and_then(packed::pairs).map_err(bad)?)
            }
            kind::LIST_QUICKLIST => RdbValue::List(self.quicklist(false)?),
            kind::LIST_QUICKLIST_2 => RdbValue::List(self.quicklist(true)?),
            kind::STREAM | kind::STREAM_2 | kind::STREAM_3 => {
                return Err(RdbErrorKind::Unsupported("a key of type stream"));
            }
            kind::MODULE | kind::MODULE_PRERELEASE => {
                return Err(RdbErrorKind::Unsupported("a key of a module's type"));
            }
            other => return Err(RdbErrorKind::UnknownOpcode(other)),
        })
    }

    fn quicklist(&mut self, second: bool) -> Result<Vec<Vec<u8>>> {
        let mut items = Vec::new();
        for _ in 0..self.length()? {
            // 1: one element that is too large to be packed; 2: a packed node.
            let container = if second { self.length()? } else { 2 };
            let node = self.string()?;
            let mut packed = match container {
                1 if node.is_empty() => Err("a node of a list holds nothing"),
                1 => Ok(vec![node]),
                2 if second => packed::listpack(&node),
                2 => packed::ziplist(&node),
                _ => Err("a node of a list has an unknown form"),
            }
            .map_err(RdbErrorKind::Malformed)?;
            items.append(&mut packed);
        }
        Ok(items)
    }

    fn strings(&mut self) -> Result<Vec<Vec<u8>>> {
        self.many(Self::string)
    }

    /// A counted row of things. The vector grows with what is read, not with what is announced.
    fn many<T>(&mut self, mut one: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let count = self.length()?;
        let mut items = Vec::with_capacity(count.min(1024) as usize);
        for _ in 0..count {
            items.push(one(self)?);
        }
        Ok(items)
    }

    fn score(&mut self) -> Result<f64> {
        let score = f64::from_le_bytes(self.input.array()?);
        if score.is_nan() {
            Err(RdbErrorKind::Malformed("a score is not a number"))
        } else {
            Ok(score)
        }
    }

    fn text_score(&mut self) -> Result<f64> {
        match self.input.byte()? {
            253 => Err(RdbErrorKind::Malformed("a score is not a number")),
            254 => Ok(f64::INFINITY),
            255 => Ok(f64::NEG_INFINITY),
            len => {
                let mut text = Vec::new();
                self.input.append_to(&mut text, usize::from(len))?;
                packed::score(&text).map_err(RdbErrorKind::Malformed)
            }
        }
    }

    /// A plain length; one of the special string forms is an error here.
    fn length(&mut self) -> Result<u64> {
        match self.length_or_form()? {
            Length::Plain(len) => Ok(len),
            Length::Form(_) => Err(RdbErrorKind::Malformed("a string where a length should be")),
        }
    }

    fn length_or_form(&mut self) -> Result<Length> {
        let first = self.input.byte()?;
        Ok(match first {
            0x00..=0x3f => Length::Plain(u64::from(first)),
            0x40..=0x7f => {
                Length::Plain(u64::from(u16::from_be_bytes([first & 0x3f, self.input.byte()?])))
            }
            0x80 => Length::Plain(u64::from(u32::from_be_bytes(self.input.array()?))),
            0x81 => Length::Plain(u64::from_be_bytes(self.input.array()?)),
            0xc0..=0xff => Length::Form(first & 0x3f),
            _ => return Err(RdbErrorKind::Malformed("a length has an unknown form")),
        })
    }

    fn checked_len(&mut self, len: u64) -> Result<usize> {
        if len > self.len_max {
            return Err(RdbErrorKind::TooLong { len, max: self.len_max });
        }
        usize::try_from(len).map_err(|_| RdbErrorKind::TooLong { len, max: usize::MAX as u64 })
    }

    fn string(&mut self) -> Result<Vec<u8>> {
        let number = match self.length_or_form()? {
            Length::Plain(len) => {
                let len = self.checked_len(len)?;
                let mut bytes = Vec::new();
                self.input.append_to(&mut bytes, len)?;
                return Ok(bytes);
            }
            Length::Form(3) => return self.compressed_string(),
            Length::Form(0) => i32::from(i8::from_le_bytes(self.input.array()?)),
            Length::Form(1) => i32::from(i16::from_le_bytes(self.input.array()?)),
            Length::Form(2) => i32::from_le_bytes(self.input.array()?),
            Length::Form(_) => return Err(RdbErrorKind::Malformed("a string has an unknown form")),
        };
        Ok(itoa::Buffer::new().format(number).as_bytes().to_vec())
    }

    fn compressed_string(&mut self) -> Result<Vec<u8>> {
        let (packed_len, plain_len) = (self.length()?, self.length()?);
        if !guarda_lzf::plausible(packed_len, plain_len) {
            return Err(RdbErrorKind::Malformed("a compressed string claims an impossible length"));
        }
        let (packed_len, plain_len) = (self.checked_len(packed_len)?, self.checked_len(plain_len)?);
        let mut packed = Vec::new();
        self.input.append_to(&mut packed, packed_len)?;
        guarda_lzf::decompress(&packed, plain_len).map_err(RdbErrorKind::Malformed)
    }
}

/// What can stand where a length stands.
enum Length {
    Plain(u64),
    Form(u8),
}
