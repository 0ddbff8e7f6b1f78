//! Just enough RESP2 to read what a server answers and to say whether it is the right answer.

use anyhow::{Context as _, bail, ensure};

/// Longest line or bulk believed; every payload is far shorter.
const REPLY_LEN_MAX: usize = 16 << 20;

/// A reply, borrowed from the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reply<'a> {
    Simple(&'a [u8]),
    Integer(i64),
    Bulk(&'a [u8]),
    Null,
}

/// Takes one reply from the front of `input`: the reply and its length, `None` when incomplete.
///
/// # Errors
///
/// When the server answered an error, or something that is no reply to the commands used here.
pub(crate) fn take(input: &[u8]) -> anyhow::Result<Option<(Reply<'_>, usize)>> {
    let Some(end) = line_end(input) else {
        ensure!(input.len() < REPLY_LEN_MAX, "a reply line does not end");
        return Ok(None);
    };
    let (kind, line) = (input[0], &input[1..end]);
    let next = end + 2;
    match kind {
        b'+' => Ok(Some((Reply::Simple(line), next))),
        b':' => Ok(Some((Reply::Integer(number(line)?), next))),
        b'$' if line == b"-1" => Ok(Some((Reply::Null, next))),
        b'$' => {
            let len = usize::try_from(number(line)?).ok().filter(|len| *len <= REPLY_LEN_MAX);
            let len = len.context("a bulk length is out of range")?;
            if input.len() < next + len + 2 {
                return Ok(None);
            }
            ensure!(&input[next + len..next + len + 2] == b"\r\n", "a bulk does not end in CR LF");
            Ok(Some((Reply::Bulk(&input[next..next + len]), next + len + 2)))
        }
        b'-' => bail!("the server answered an error: {}", String::from_utf8_lossy(line)),
        other => bail!("the server answered a reply of type {:?}", char::from(other)),
    }
}

/// Position of the first CR LF after a type byte.
fn line_end(input: &[u8]) -> Option<usize> {
    let at = input.iter().position(|&byte| byte == b'\r')?;
    (at > 0 && input.get(at + 1) == Some(&b'\n')).then_some(at)
}

fn number(line: &[u8]) -> anyhow::Result<i64> {
    std::str::from_utf8(line).ok().and_then(|n| n.parse().ok()).context("a number is malformed")
}

/// Appends a command to `out`.
pub(crate) fn push_command(out: &mut Vec<u8>, words: &[&[u8]]) {
    push_header(out, b'*', words.len());
    for word in words {
        push_header(out, b'$', word.len());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}

/// Not `write!`: formatting would cost the generator more than the rest of the request.
fn push_header(out: &mut Vec<u8>, kind: u8, len: usize) {
    out.push(kind);
    push_decimal(out, len as u64);
    out.extend_from_slice(b"\r\n");
}

/// Appends `number` in decimal.
pub(crate) fn push_decimal(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reply_is_incomplete_until_its_last_byte() {
        let cases: [(&[u8], Reply<'_>); 6] = [
            (b"+OK\r\n", Reply::Simple(b"OK")),
            (b":-12\r\n", Reply::Integer(-12)),
            (b"$5\r\na\r\nbc\r\n", Reply::Bulk(b"a\r\nbc")),
            (b"$0\r\n\r\n", Reply::Bulk(b"")),
            (b"$-1\r\n", Reply::Null),
            (b":1\r\n", Reply::Integer(1)),
        ];
        for (bytes, reply) in cases {
            for cut in 0..bytes.len() {
                assert_eq!(take(&bytes[..cut]).unwrap(), None, "{reply:?} cut at {cut}");
            }
            let mut more = bytes.to_vec();
            more.extend_from_slice(b"+next");
            assert_eq!(take(&more).unwrap(), Some((reply, bytes.len())));
        }
    }

    #[test]
    fn errors_and_nonsense_fail_the_run() {
        for bad in [
            &b"-ERR no\r\n"[..],
            b"*1\r\n",
            b"$-2\r\n",
            b"$99999999999\r\n",
            b":x\r\n",
            b"$1\r\nabc\r\n",
        ] {
            assert!(take(bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
        let said = take(b"-MISCONF disk\r\n").unwrap_err().to_string();
        assert!(said.contains("MISCONF disk"), "{said}");
    }

    #[test]
    fn commands_are_arrays_of_bulks() {
        let mut out = Vec::new();
        push_command(&mut out, &[b"GET", b"0123456789"]);
        assert_eq!(out, b"*2\r\n$3\r\nGET\r\n$10\r\n0123456789\r\n");
        out.clear();
        push_decimal(&mut out, u64::MAX);
        assert_eq!(out, u64::MAX.to_string().as_bytes());
    }
}
