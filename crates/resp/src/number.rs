//! Strict numbers: what Redis accepts as an integer or a float, and nothing else.

/// Parses a signed integer as strictly as Redis does.
///
/// Accepted is exactly what formatting an `i64` can produce: no empty text, plus sign, white
/// space, leading zeros, or `-0`.
///
/// ```
/// # use guarda_resp::number::parse_i64;
/// assert_eq!(parse_i64(b"-12"), Some(-12));
/// assert_eq!(parse_i64(b"+12"), None);
/// assert_eq!(parse_i64(b"012"), None);
/// ```
#[inline]
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    if let [b'-', digits @ ..] = text {
        match parse_u64(digits)? {
            0 => None,
            magnitude => 0i64.checked_sub_unsigned(magnitude),
        }
    } else {
        i64::try_from(parse_u64(text)?).ok()
    }
}

/// Parses an unsigned integer: digits only, no leading zeros.
#[inline]
pub fn parse_u64(text: &[u8]) -> Option<u64> {
    match text {
        [b'0'] => Some(0),
        [] | [b'0', ..] => None,
        // 19 digits cannot overflow: 10^19 - 1 < 2^64.
        _ if text.len() <= 19 => {
            text.iter().try_fold(0u64, |value, &byte| Some(value * 10 + u64::from(digit(byte)?)))
        }
        _ if text.len() == 20 => text.iter().try_fold(0u64, |value, &byte| {
            value.checked_mul(10)?.checked_add(u64::from(digit(byte)?))
        }),
        _ => None,
    }
}

#[inline]
fn digit(byte: u8) -> Option<u8> {
    let value = byte.wrapping_sub(b'0');
    (value <= 9).then_some(value)
}

/// Appends `value` in decimal.
#[inline]
pub fn write_i64(buf: &mut Vec<u8>, value: i64) {
    buf.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Parses a double as strictly as Redis's ZADD does.
///
/// Accepted: decimal with optional sign, point and exponent (`+1`, `1.`, `.5`, `1E5`, leading
/// zeros), hexadecimal with optional binary exponent (`0x1.8p3`), and `inf` or `infinity` in any
/// case. Refused: empty text, white space anywhere, trailing bytes, NaN in any spelling, and
/// finite text whose value overflows or becomes zero by underflow; subnormals pass. Results are
/// correctly rounded, ties to even. Each rule was observed with ZADD on redis-server 7.0.15.
///
/// INCRBYFLOAT and HINCRBYFLOAT accept the same spellings, but work in 80-bit long double: there
/// `1e309` is a number and `1e-400` is almost zero, which this function refuses.
///
/// ```
/// # use guarda_resp::number::parse_f64;
/// assert_eq!(parse_f64(b"0x1.8p3"), Some(12.0));
/// assert_eq!(parse_f64(b"-inf"), Some(f64::NEG_INFINITY));
/// assert_eq!(parse_f64(b"1e400"), None);
/// ```
pub fn parse_f64(text: &[u8]) -> Option<f64> {
    let (negative, magnitude) = split_sign(text);
    let value = match magnitude {
        // A second sign is nobody's number, though the decimal parser below would take it.
        [b'-' | b'+', ..] => None,
        [b'0', b'x' | b'X', digits @ ..] => parse_hex(digits),
        decimal => parse_decimal(decimal),
    }?;
    Some(if negative { -value } else { value })
}

/// Whether `text` is negative, and what follows its sign if it has one.
fn split_sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] | rest => (false, rest),
    }
}

/// Parses an unsigned decimal or infinity.
fn parse_decimal(text: &[u8]) -> Option<f64> {
    let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    if value.is_nan() || value.is_infinite() && !text[0].eq_ignore_ascii_case(&b'i') {
        return None;
    }
    let mantissa = text.split(|byte| byte.eq_ignore_ascii_case(&b'e')).next().unwrap_or(text);
    let underflows = value == 0.0 && mantissa.iter().any(|byte| matches!(byte, b'1'..=b'9'));
    (!underflows).then_some(value)
}

/// Parses what follows `0x`: `[digits][.digits][p[sign]digits]`.
fn parse_hex(text: &[u8]) -> Option<f64> {
    let (digits, mut exponent) = match text.iter().position(|byte| matches!(byte, b'p' | b'P')) {
        Some(at) => (&text[..at], parse_exponent(&text[at + 1..])?),
        None => (text, 0),
    };
    let (mut mantissa, mut inexact) = (0u64, false);
    let (mut seen_digit, mut seen_point) = (false, false);
    for &byte in digits {
        if byte == b'.' && !seen_point {
            seen_point = true;
            continue;
        }
        let digit = char::from(byte).to_digit(16)?;
        seen_digit = true;
        let fits = mantissa >> 60 == 0;
        if fits {
            mantissa = mantissa << 4 | u64::from(digit);
        } else {
            inexact |= digit != 0;
        }
        // A digit after the point divides by 16; one that no longer fits multiplies by 16.
        exponent += match (fits, seen_point) {
            (true, true) => -4,
            (false, false) => 4,
            _ => 0,
        };
    }
    if seen_digit { scale(mantissa, inexact, exponent) } else { None }
}

/// Parses a decimal exponent with optional sign; huge ones are cut to where no mantissa can help.
fn parse_exponent(text: &[u8]) -> Option<i64> {
    /// Beyond any exponent that a text shorter than an exbibyte could bring back into range.
    const EXPONENT_MAX: i64 = 1 << 62;
    let (negative, digits) = split_sign(text);
    if digits.is_empty() {
        return None;
    }
    let magnitude = digits.iter().try_fold(0i64, |value, &byte| {
        let digit = i64::from(digit(byte)?);
        Some(value.saturating_mul(10).saturating_add(digit).min(EXPONENT_MAX))
    })?;
    Some(if negative { -magnitude } else { magnitude })
}

/// `mantissa * 2^exponent`, rounded to the nearest double, ties to even; `inexact` says that a
/// little more than `mantissa` was meant. None on overflow, and on underflow to zero.
fn scale(mantissa: u64, inexact: bool, exponent: i64) -> Option<f64> {
    if mantissa == 0 {
        return Some(0.0);
    }
    let shift = mantissa.leading_zeros();
    let mantissa = u128::from(mantissa << shift);
    // The value is 1.xxx * 2^top.
    let top = exponent + 63 - i64::from(shift);
    if top > 1023 {
        return None;
    }
    // Subnormals keep one bit less for each power of two below 2^-1022.
    let kept = 53 - (-1022 - top).max(0);
    if kept < 0 {
        return None;
    }
    let dropped = 64 - kept as u32;
    let half = 1u128 << (dropped - 1);
    let quotient = (mantissa >> dropped) as u64;
    let remainder = mantissa & ((1u128 << dropped) - 1);
    let round_up = remainder > half || remainder == half && (inexact || quotient & 1 == 1);
    let rounded = quotient + u64::from(round_up);
    // In a double's bits a carry out of the fraction is the next exponent, which is what is meant.
    let bits = if top >= -1022 { rounded + (((top + 1022) as u64) << 52) } else { rounded };
    let value = f64::from_bits(bits);
    (value.is_finite() && value != 0.0).then_some(value)
}
