//! The records of the log: RESP arrays of bulk strings.

use std::io::Read;

use guarda_rdb::input::{Input, InputError};

/// The most arguments that a logged command may have.
const ARGS_MAX: u64 = 1024 * 1024;
/// The longest argument: beyond whatever `proto-max-bulk-len` let in. Memory is taken as bytes arrive.
const ARG_LEN_MAX: u64 = 1 << 40;
/// The longest line: `*<count>`, `$<length>` or an annotation.
const LINE_LEN_MAX: usize = 1024;

/// Appends a command to `out` as the log has it.
pub fn encode_command(out: &mut Vec<u8>, args: &[&[u8]]) {
    out.reserve(16 + args.iter().map(|arg| arg.len() + 16).sum::<usize>());
    header(out, b'*', args.len());
    for arg in args {
        header(out, b'$', arg.len());
        out.extend_from_slice(arg);
        out.extend_from_slice(b"\r\n");
    }
}

fn header(out: &mut Vec<u8>, tag: u8, number: usize) {
    out.push(tag);
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    out.extend_from_slice(b"\r\n");
}

pub(crate) fn encode_select(out: &mut Vec<u8>, db: u32) {
    encode_command(out, &[b"SELECT", itoa::Buffer::new().format(db).as_bytes()]);
}

pub(crate) fn encode_multi(out: &mut Vec<u8>) {
    out.extend_from_slice(b"*1\r\n$5\r\nMULTI\r\n");
}

pub(crate) fn encode_exec(out: &mut Vec<u8>) {
    out.extend_from_slice(b"*1\r\n$4\r\nEXEC\r\n");
}

/// Why a record could not be read.
#[derive(Debug)]
pub(super) enum RecordFault {
    /// The source ends inside of it.
    Torn,
    /// No writer produces such bytes.
    Damaged(&'static str),
    /// The disk failed.
    Io(std::io::Error),
}

impl From<InputError> for RecordFault {
    fn from(error: InputError) -> Self {
        match error {
            InputError::End => Self::Torn,
            InputError::Io(error) => Self::Io(error),
        }
    }
}

/// What stands at a place in the log.
pub(super) enum Record {
    /// A command.
    Command(Vec<Vec<u8>>),
    /// A comment, such as `#TS:1700000000`.
    Annotation,
    /// The end.
    End,
}

/// Reads one record.
pub(super) fn read_record<R: Read>(input: &mut Input<R>) -> Result<Record, RecordFault> {
    match input.peek()? {
        None => return Ok(Record::End),
        Some(b'#') => {
            line(input)?;
            return Ok(Record::Annotation);
        }
        Some(_) => {}
    }
    let count = number(input, b'*', ARGS_MAX, "a command should begin with `*` and a count")?;
    if count == 0 {
        return Err(RecordFault::Damaged("a command has no arguments"));
    }
    let mut args = Vec::with_capacity(count.min(16) as usize);
    for _ in 0..count {
        let len =
            number(input, b'$', ARG_LEN_MAX, "an argument should begin with `$` and a length")?;
        let mut arg = Vec::new();
        input.append_to(&mut arg, len as usize)?;
        let [cr, lf] = [input.byte()?, input.byte()?];
        if [cr, lf] != *b"\r\n" {
            return Err(RecordFault::Damaged("an argument does not end where its length says"));
        }
        args.push(arg);
    }
    Ok(Record::Command(args))
}

fn line<R: Read>(input: &mut Input<R>) -> Result<Vec<u8>, RecordFault> {
    let mut line = input.line(LINE_LEN_MAX)?.ok_or(RecordFault::Damaged("a line is too long"))?;
    if line.pop() != Some(b'\r') {
        return Err(RecordFault::Damaged("a line does not end in CR LF"));
    }
    Ok(line)
}

fn number<R: Read>(
    input: &mut Input<R>,
    tag: u8,
    max: u64,
    expected: &'static str,
) -> Result<u64, RecordFault> {
    // The tag first: an endless line without it is damage, not a torn record.
    if input.peek()?.is_some_and(|found| found != tag) {
        return Err(RecordFault::Damaged(expected));
    }
    let line = line(input)?;
    let digits = line.get(1..).unwrap_or_default();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(RecordFault::Damaged(expected));
    }
    std::str::from_utf8(digits)
        .ok()
        .and_then(|digits| digits.parse().ok())
        .filter(|number| *number <= max)
        .ok_or(RecordFault::Damaged("a length is above its limit"))
}

/// Whether a torn end is rather the work of a damaged length, which swallowed the records after it.
///
/// `tail` is what is left from the start of the record that seems torn. A record that was cut off has
/// no records behind it; a record with a wrong length has, and they go on to the end of the file. An
/// argument that itself holds such records up to the very end is taken for damage too: refusing to
/// start is the error on the safe side.
pub(super) fn swallows_records(tail: &[u8]) -> bool {
    /// Places tried, so that a hostile file costs little.
    const CANDIDATES_MAX: usize = 1000;
    memchr::memmem::find_iter(tail, b"\r\n*").take(CANDIDATES_MAX).any(|at| {
        let mut input = Input::new(&tail[at + 2..]);
        let mut whole = 0;
        loop {
            match read_record(&mut input) {
                Ok(Record::Command(_)) => whole += 1,
                Ok(Record::Annotation) => {}
                Ok(Record::End) | Err(RecordFault::Torn) => return whole > 0,
                Err(RecordFault::Damaged(_) | RecordFault::Io(_)) => return false,
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_comes_back_and_each_of_its_prefixes_is_torn() {
        let mut bytes = Vec::new();
        encode_command(&mut bytes, &[b"SET", b"", &[0, 255, b'\r', b'\n']]);
        assert_eq!(bytes, b"*3\r\n$3\r\nSET\r\n$0\r\n\r\n$4\r\n\x00\xff\r\n\r\n");
        let whole = read_record(&mut Input::new(&bytes[..])).unwrap();
        assert!(matches!(whole, Record::Command(args) if args[2] == [0, 255, b'\r', b'\n']));
        assert!(matches!(read_record(&mut Input::new(&b""[..])).unwrap(), Record::End));
        for end in 1..bytes.len() {
            let fault = read_record(&mut Input::new(&bytes[..end])).err();
            assert!(matches!(fault, Some(RecordFault::Torn)), "cut at {end}");
        }
    }

    #[test]
    fn what_no_writer_produces_is_damage() {
        for bytes in [
            &b"*0\r\n"[..],
            b"*-1\r\n",
            b"*1048577\r\n",
            b"*99999999999999999999999\r\n",
            b"*1\n$1\r\nx\r\n",
            b"*1\r\n$-1\r\n",
            b"*1\r\n$1099511627777\r\n",
            b"*1\r\n$1\r\nxyz",
            b"*1\r\n*1\r\n",
            b"SET a b\r\n",
            &[0; 2000],
        ] {
            let fault = read_record(&mut Input::new(bytes)).err();
            assert!(matches!(fault, Some(RecordFault::Damaged(_))), "{bytes:?}: {fault:?}");
        }
    }

    #[test]
    fn what_a_raised_limit_let_in_is_read() {
        // One byte beyond 512 MiB, the default of `proto-max-bulk-len`; only its beginning is here.
        let fault = read_record(&mut Input::new(&b"*1\r\n$536870913\r\nxyz"[..])).err();
        assert!(matches!(fault, Some(RecordFault::Torn)), "{fault:?}");
    }

    #[test]
    fn a_wrong_length_is_told_from_a_torn_record() {
        let mut log = Vec::new();
        for n in 0..20 {
            encode_command(&mut log, &[b"SET", format!("key-{n}").as_bytes(), b"value"]);
        }
        // The first record's value claims 5,555 bytes: it reaches beyond the end of the file.
        let at = memchr::memmem::find(&log, b"$5\r\nvalue").unwrap();
        let mut damaged = log.clone();
        damaged.splice(at + 1..at + 2, *b"5555");
        assert!(swallows_records(&damaged));
        // One record that was cut, and one whose value looks like a record but is not the end.
        let mut cut = Vec::new();
        encode_command(&mut cut, &[b"SET", b"key", b"some\r\n*1\r\n$4\r\nPING\r\n and more", b"x"]);
        for end in 0..cut.len() - 8 {
            assert!(!swallows_records(&cut[..end]) || cut[..end].ends_with(b"PING\r\n"), "{end}");
        }
    }
}
