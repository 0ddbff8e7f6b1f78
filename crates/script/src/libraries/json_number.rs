//! Numbers as C writes and reads them, and so does `cjson`: `%.14g`, and `strtod` at the beginning of a
//! text.

/// A finite number as `%g` with so many significant digits.
pub(super) fn format_general(value: f64, digits: usize) -> String {
    let scientific = format!("{:.*e}", digits.max(1) - 1, value);
    let (mantissa, exponent) = scientific.split_once('e').expect("scientific notation");
    let exponent: i32 = exponent.parse().expect("the exponent is short");
    if exponent < -4 || exponent >= digits as i32 {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", without_zeros(mantissa), exponent.abs());
    }
    // What was rounded to so many digits above is exact at this many decimals.
    let decimals = (digits as i32 - 1 - exponent) as usize;
    without_zeros(&format!("{value:.decimals$}")).to_owned()
}

/// A number without the zeros at the end of its fraction.
fn without_zeros(number: &str) -> &str {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}

/// Whether a number begins here that JSON does not have: with a plus sign, a leading zero, in
/// hexadecimal, infinite, or none at all.
pub(super) fn is_invalid_number(text: &[u8]) -> bool {
    if text.first() == Some(&b'+') {
        return true;
    }
    let text = text.strip_prefix(b"-").unwrap_or(text);
    if let Some(behind) = text.strip_prefix(b"0") {
        return behind.first().is_some_and(|next| matches!(next, b'x' | b'X' | b'0'..=b'9'));
    }
    starts_with_word(text, b"inf") || starts_with_word(text, b"nan")
}

fn starts_with_word(text: &[u8], word: &[u8]) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

/// The number at the beginning of `text`, and its length; `None` if there is none.
pub(super) fn number_prefix(text: &[u8]) -> Option<(f64, usize)> {
    let (is_negative, unsigned) = match text.first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (value, len) = unsigned_prefix(unsigned)?;
    let signed = if is_negative { -value } else { value };
    Some((signed, len + text.len() - unsigned.len()))
}

fn unsigned_prefix(text: &[u8]) -> Option<(f64, usize)> {
    if starts_with_word(text, b"infinity") {
        return Some((f64::INFINITY, 8));
    }
    if starts_with_word(text, b"inf") {
        return Some((f64::INFINITY, 3));
    }
    if starts_with_word(text, b"nan") {
        return Some((f64::NAN, 3 + payload_len(&text[3..])));
    }
    if starts_with_word(text, b"0x")
        && let Some((value, len)) = hexadecimal(&text[2..])
    {
        return Some((value, len + 2));
    }
    decimal(text)
}

/// Length of what may follow `nan`: letters, digits and underscores in parentheses.
fn payload_len(text: &[u8]) -> usize {
    let Some(inside) = text.strip_prefix(b"(") else { return 0 };
    let len =
        inside.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
    if inside.get(len) == Some(&b')') { len + 2 } else { 0 }
}

fn digits_len(text: &[u8], is_digit: fn(&u8) -> bool) -> usize {
    text.iter().take_while(|byte| is_digit(byte)).count()
}

/// Length of an exponent that begins with one of `marks`; 0 if it has no digits.
fn exponent_len(text: &[u8], marks: [u8; 2]) -> usize {
    if !text.first().is_some_and(|byte| marks.contains(byte)) {
        return 0;
    }
    let sign = usize::from(matches!(text.get(1), Some(b'+' | b'-')));
    match digits_len(&text[1 + sign..], u8::is_ascii_digit) {
        0 => 0,
        digits => 1 + sign + digits,
    }
}

fn decimal(text: &[u8]) -> Option<(f64, usize)> {
    let whole = digits_len(text, u8::is_ascii_digit);
    let mut len = whole;
    if text.get(len) == Some(&b'.') {
        let fraction = digits_len(&text[len + 1..], u8::is_ascii_digit);
        if whole + fraction > 0 {
            len += 1 + fraction;
        }
    }
    if len == 0 {
        return None;
    }
    len += exponent_len(&text[len..], *b"eE");
    let text = std::str::from_utf8(&text[..len]).ok()?;
    Some((text.parse().ok()?, len))
}

fn hexadecimal(text: &[u8]) -> Option<(f64, usize)> {
    let whole = digits_len(text, u8::is_ascii_hexdigit);
    let fraction = match text.get(whole) {
        Some(b'.') => digits_len(&text[whole + 1..], u8::is_ascii_hexdigit),
        _ => 0,
    };
    if whole + fraction == 0 {
        return None;
    }
    let mut len = whole;
    if text.get(len) == Some(&b'.') {
        len += 1 + fraction;
    }
    // Digits beyond 60 bits only tell whether the rest is zero, which decides the rounding.
    let mut mantissa = 0u64;
    let mut exponent = -4 * fraction as i64;
    for digit in text[..len].iter().filter_map(|&byte| char::from(byte).to_digit(16)) {
        if mantissa < 1 << 56 {
            mantissa = mantissa << 4 | u64::from(digit);
        } else {
            mantissa |= u64::from(digit != 0);
            exponent += 4;
        }
    }
    let marked = exponent_len(&text[len..], *b"pP");
    if marked > 0 {
        let written = std::str::from_utf8(&text[len + 1..len + marked]).ok()?;
        // One too long for the type is as good as infinite.
        let bound = if written.starts_with('-') { i64::from(i32::MIN) } else { i32::MAX.into() };
        exponent = exponent.saturating_add(written.parse().unwrap_or(bound));
    }
    Some((scaled(mantissa as f64, exponent), len + marked))
}

/// `value * 2^exponent`.
fn scaled(mut value: f64, exponent: i64) -> f64 {
    let mut left = exponent.clamp(-5000, 5000) as i32;
    while left != 0 {
        let step = left.clamp(-500, 500);
        value *= 2f64.powi(step);
        left -= step;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_with_their_significant_digits() {
        for (value, digits, text) in [
            (1.0 / 3.0, 14, "0.33333333333333"),
            (1e14, 14, "1e+14"),
            (99_999_999_999_999.5, 14, "1e+14"),
            (99_999_999_999_999.0, 14, "99999999999999"),
            (0.000_099_999_999_999_999_9, 14, "0.0001"),
            (0.00001, 14, "1e-05"),
            (-1e100, 14, "-1e+100"),
            (-0.0, 14, "-0"),
            (100.0, 14, "100"),
            (1.10, 14, "1.1"),
            (1234.5, 1, "1e+03"),
            (9.5, 1, "1e+01"),
            (0.5, 1, "0.5"),
            (5e-324, 3, "4.94e-324"),
        ] {
            assert_eq!(format_general(value, digits), text);
        }
    }

    #[test]
    fn numbers_are_read_as_far_as_they_go() {
        for (text, expected) in [
            ("1", Some((1.0, 1))),
            ("-1.5e3x", Some((-1500.0, 6))),
            ("+7", Some((7.0, 2))),
            ("1e", Some((1.0, 1))),
            ("1e+", Some((1.0, 1))),
            ("1.", Some((1.0, 2))),
            (".5", Some((0.5, 2))),
            (".", None),
            ("-", None),
            ("--1", None),
            ("", None),
            ("1e400", Some((f64::INFINITY, 5))),
            ("1e-400", Some((0.0, 6))),
            ("Infinity", Some((f64::INFINITY, 8))),
            ("-infx", Some((f64::NEG_INFINITY, 4))),
            ("0x10", Some((16.0, 4))),
            ("0x", Some((0.0, 1))),
            ("0xg", Some((0.0, 1))),
            ("0x.8", Some((0.5, 4))),
            ("0x1.8p-2", Some((0.375, 8))),
            ("0x1p", Some((1.0, 3))),
            ("0x1p99999999999999999999", Some((f64::INFINITY, 24))),
            ("0x1p-99999999999999999999", Some((0.0, 25))),
            ("0xABCDEFabcdef0123456789", Some((207_698_821_434_737_221_603_518_345.0, 24))),
        ] {
            assert_eq!(number_prefix(text.as_bytes()), expected, "{text}");
        }
        let (nan, len) = number_prefix(b"nan(1_a)!").unwrap();
        assert!(nan.is_nan() && len == 8);
        assert_eq!(number_prefix(b"nan(").map(|(_, len)| len), Some(3));
    }
}
