//! Pieces that both encoders write: a marker, a number, a line end.

/// Longest `<marker><i64>\r\n`.
const HEADER_LEN_MAX: usize = 1 + 20 + 2;

/// Appends `<marker><value>\r\n`.
#[inline]
pub(crate) fn push_header(buf: &mut Vec<u8>, marker: u8, value: usize) {
    if value < 10 {
        // Most aggregates and many bulks: one copy of a few bytes, no formatting.
        buf.extend_from_slice(&[marker, b'0' + value as u8, b'\r', b'\n']);
    } else if value < 100 {
        let (tens, ones) = (value as u8 / 10, value as u8 % 10);
        buf.extend_from_slice(&[marker, b'0' + tens, b'0' + ones, b'\r', b'\n']);
    } else {
        let mut digits = itoa::Buffer::new();
        push_line(buf, marker, digits.format(value).as_bytes());
    }
}

/// Appends `<marker><line>\r\n`; the caller vouches that `line` holds no line end.
#[inline]
pub(crate) fn push_line(buf: &mut Vec<u8>, marker: u8, line: &[u8]) {
    buf.reserve(line.len() + 3);
    buf.push(marker);
    buf.extend_from_slice(line);
    buf.extend_from_slice(b"\r\n");
}

/// Appends `$<len>\r\n<bytes>\r\n`.
#[inline]
pub(crate) fn push_bulk(buf: &mut Vec<u8>, bytes: &[u8]) {
    buf.reserve(HEADER_LEN_MAX + bytes.len() + 2);
    push_header(buf, b'$', bytes.len());
    buf.extend_from_slice(bytes);
    buf.extend_from_slice(b"\r\n");
}
