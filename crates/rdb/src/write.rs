//! Frames encoded entries into an RDB file.

use std::io::{self, Write};

use super::encode::{length, plain_string};
use super::{VERSION_WRITTEN, opcode};
use crate::input::{CRC64, Checksum};

/// What a file says about itself.
#[derive(Debug, Clone)]
pub struct RdbHeader<'a> {
    /// The version of Redis that this server speaks, such as `7.2.0`.
    pub redis_version: &'a str,
    /// When the snapshot was taken, in seconds since the Unix epoch.
    pub created_s: i64,
    /// Memory in use then, in bytes.
    pub used_memory: u64,
    /// Whether this is the base of an append-only log.
    pub aof_base: bool,
}

/// Writes an RDB file to `W`, which should be buffered or fed with large pieces.
///
/// Order of the calls: any number of (select, resize, entries) groups, then
/// [`finish`](Self::finish).
pub struct RdbWriter<W> {
    sink: W,
    /// `None` when checksums are off (`rdbchecksum no`); the file then ends in zeros.
    digest: Option<Checksum>,
    scratch: Vec<u8>,
    written: u64,
}

impl<W: Write> RdbWriter<W> {
    /// Begins a file; `checksum` is the directive `rdbchecksum`.
    pub fn new(sink: W, header: &RdbHeader<'_>, checksum: bool) -> io::Result<Self> {
        let digest = checksum.then(|| CRC64.digest());
        let mut writer = Self { sink, digest, scratch: Vec::new(), written: 0 };
        let out = &mut writer.scratch;
        out.extend_from_slice(format!("REDIS{VERSION_WRITTEN:04}").as_bytes());
        aux(out, "redis-ver", header.redis_version);
        aux(out, "redis-bits", "64");
        aux(out, "ctime", itoa::Buffer::new().format(header.created_s));
        aux(out, "used-mem", itoa::Buffer::new().format(header.used_memory));
        aux(out, "aof-base", if header.aof_base { "1" } else { "0" });
        writer.flush_scratch()?;
        Ok(writer)
    }

    /// Begins the entries of database `db`, of which about `keys` follow, `expires` with an expiry.
    ///
    /// The counts are hints for the reader's tables.
    pub fn select_db(&mut self, db: u32, keys: u64, expires: u64) -> io::Result<()> {
        let out = &mut self.scratch;
        out.push(opcode::SELECT_DB);
        length(out, u64::from(db));
        out.push(opcode::RESIZE_DB);
        length(out, keys);
        length(out, expires);
        self.flush_scratch()
    }

    /// Writes entries that [`EntryEncoder`](super::EntryEncoder) made.
    pub fn entries(&mut self, encoded: &[u8]) -> io::Result<()> {
        put(&mut self.sink, &mut self.digest, &mut self.written, encoded)
    }

    /// Writes a library of functions, as `FUNCTION DUMP` and the reader have it.
    pub fn function_library(&mut self, code: &[u8]) -> io::Result<()> {
        self.scratch.push(opcode::FUNCTION);
        plain_string(&mut self.scratch, code);
        self.flush_scratch()
    }

    /// The bytes written so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Writes the end and the checksum; returns the sink, which the caller flushes and syncs.
    pub fn finish(mut self) -> io::Result<W> {
        self.scratch.push(opcode::EOF);
        self.flush_scratch()?;
        let sum = self.digest.take().map_or(0, Checksum::finalize);
        self.sink.write_all(&sum.to_le_bytes())?;
        Ok(self.sink)
    }

    fn flush_scratch(&mut self) -> io::Result<()> {
        put(&mut self.sink, &mut self.digest, &mut self.written, &self.scratch)?;
        self.scratch.clear();
        Ok(())
    }
}

fn put<W: Write>(
    sink: &mut W,
    digest: &mut Option<Checksum>,
    written: &mut u64,
    bytes: &[u8],
) -> io::Result<()> {
    if let Some(digest) = digest {
        digest.update(bytes);
    }
    *written += bytes.len() as u64;
    sink.write_all(bytes)
}

fn aux(out: &mut Vec<u8>, name: &str, value: &str) {
    out.push(opcode::AUX);
    plain_string(out, name.as_bytes());
    plain_string(out, value.as_bytes());
}
