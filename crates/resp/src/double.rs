//! Doubles as text, the way Redis 7.0 sends them: C's `%.17g`.

use std::fmt;
use std::io::Write as _;

/// Significant digits of `%.17g`: enough to give every double a text of its own.
const DIGITS: usize = 17;
/// Longest text: `-1.2345678901234567e-308`; rounded up.
const TEXT_LEN_MAX: usize = 32;
/// Integers up to here are exact and shorter than 17 digits: plain integer formatting gives `%.17g`.
const INTEGER_MAX: f64 = 9_007_199_254_740_992.0;

/// The text of a double, on the stack.
#[derive(Clone, Copy)]
pub struct DoubleText {
    bytes: [u8; TEXT_LEN_MAX],
    len: u8,
}

impl DoubleText {
    const EMPTY: Self = Self { bytes: [0; TEXT_LEN_MAX], len: 0 };

    /// The text, without any line end.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    fn push(&mut self, bytes: &[u8]) {
        let start = usize::from(self.len);
        self.bytes[start..start + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len() as u8;
    }
}

impl AsRef<[u8]> for DoubleText {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl fmt::Display for DoubleText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(self.as_bytes()).expect("the text is ASCII"))
    }
}

impl fmt::Debug for DoubleText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Formats `value` as Redis 7.0 does in replies: `%.17g`, and `inf`, `-inf`, `nan`.
///
/// Redis 7.0 prints the sign of a NaN that has one; later versions do not, and neither does this.
///
/// ```
/// # use guarda_resp::format_double;
/// assert_eq!(format_double(3.1).to_string(), "3.1000000000000001");
/// assert_eq!(format_double(1e17).to_string(), "1e+17");
/// ```
pub fn format_double(value: f64) -> DoubleText {
    let mut text = DoubleText::EMPTY;
    if value.is_nan() {
        text.push(b"nan");
    } else if value.is_infinite() {
        text.push(if value > 0.0 { b"inf" } else { b"-inf" });
    } else if value.abs() < INTEGER_MAX
        && value.fract() == 0.0
        && !(value == 0.0 && value.is_sign_negative())
    {
        text.push(itoa::Buffer::new().format(value as i64).as_bytes());
    } else {
        push_general(&mut text, value, DIGITS);
    }
    text
}

/// Formats a finite `value` as C's `%g` with this many significant digits, of which 1 to 17 are
/// used.
///
/// ```
/// # use guarda_resp::format_general;
/// assert_eq!(format_general(1.0 / 3.0, 14).to_string(), "0.33333333333333");
/// assert_eq!(format_general(1234.5, 1).to_string(), "1e+03");
/// ```
pub fn format_general(value: f64, digits: usize) -> DoubleText {
    let mut text = DoubleText::EMPTY;
    push_general(&mut text, value, digits.clamp(1, DIGITS));
    text
}

/// `%g` of a finite value, from the correctly rounded `d.dddddddddddddddde<exponent>`.
fn push_general(text: &mut DoubleText, value: f64, digits_max: usize) {
    let mut scientific = [0u8; TEXT_LEN_MAX];
    let mut rest = &mut scientific[..];
    write!(rest, "{:.*e}", digits_max - 1, value.abs()).expect("17 digits and an exponent fit");
    let unused = rest.len();
    let scientific = &scientific[..TEXT_LEN_MAX - unused];

    let e = memchr::memchr(b'e', scientific).expect("scientific notation has an exponent");
    let exponent = crate::number::parse_i64(&scientific[e + 1..]).expect("the exponent is short");
    // Those behind `digits_max` stay zeros, which a large exponent never reaches.
    let mut digits = [b'0'; DIGITS];
    digits[0] = scientific[0];
    digits[1..digits_max].copy_from_slice(scientific[..e].get(2..).unwrap_or_default());
    let significant = digits.iter().rposition(|&digit| digit != b'0').map_or(1, |last| last + 1);

    if value.is_sign_negative() {
        text.push(b"-");
    }
    if (-4..digits_max as i64).contains(&exponent) {
        push_fixed(text, &digits, significant, exponent);
    } else {
        push_point(text, &digits[..significant], 1);
        text.push(if exponent < 0 { b"e-" } else { b"e+" });
        let magnitude = exponent.unsigned_abs();
        if magnitude < 10 {
            text.push(b"0");
        }
        text.push(itoa::Buffer::new().format(magnitude).as_bytes());
    }
}

fn push_fixed(text: &mut DoubleText, digits: &[u8; DIGITS], significant: usize, exponent: i64) {
    if exponent < 0 {
        text.push(&b"0.000"[..=exponent.unsigned_abs() as usize]);
        text.push(&digits[..significant]);
    } else {
        // The digits before the point are kept even where they are zeros.
        let whole = exponent as usize + 1;
        push_point(text, &digits[..significant.max(whole)], whole);
    }
}

/// Appends `digits` with a point after the first `whole`, none if nothing would follow it.
fn push_point(text: &mut DoubleText, digits: &[u8], whole: usize) {
    text.push(&digits[..whole]);
    if digits.len() > whole {
        text.push(b".");
        text.push(&digits[whole..]);
    }
}
