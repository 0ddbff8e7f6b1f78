//! Doubles as text, the way Redis 7.2 sends them: the shortest text that reads back as the same.

use std::fmt;
use std::io::Write as _;

/// Significant digits of a double at most.
const DIGITS_MAX: usize = 17;
/// Longest text: `-1.2345678901234567e-308`; rounded up.
const TEXT_LEN_MAX: usize = 32;
/// Whole numbers up to here, half of the integers there are, are written as integers.
const INTEGER_MAX: f64 = 4_611_686_018_427_387_904.0;

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

/// Formats `value` as Redis 7.2 does in replies: whole numbers as integers, others with the fewest
/// digits that read back as the same number, and `inf`, `-inf`, `nan`.
///
/// Very large and small numbers have an exponent, `1e+21`; so have those with more than six decimal
/// places from 10,000 on. The forms were observed on valkey 8.1.
///
/// ```
/// # use guarda_resp::format_double;
/// assert_eq!(format_double(3.1).to_string(), "3.1");
/// assert_eq!(format_double(1e17).to_string(), "100000000000000000");
/// assert_eq!(format_double(12345.1234567).to_string(), "1.23451234567e+4");
/// ```
pub fn format_double(value: f64) -> DoubleText {
    let mut text = DoubleText::EMPTY;
    if value.is_nan() {
        text.push(b"nan");
    } else if value.is_infinite() {
        text.push(if value > 0.0 { b"inf" } else { b"-inf" });
    } else if value == 0.0 && value.is_sign_negative() {
        text.push(b"-0");
    } else if value.abs() <= INTEGER_MAX && value.fract() == 0.0 {
        text.push(itoa::Buffer::new().format(value as i64).as_bytes());
    } else {
        push_shortest(&mut text, value);
    }
    text
}

/// A finite value that is not zero, from the shortest `d.ddde<exponent>`.
fn push_shortest(text: &mut DoubleText, value: f64) {
    let mut scientific = [0u8; TEXT_LEN_MAX];
    let mut rest = &mut scientific[..];
    write!(rest, "{:e}", value.abs()).expect("17 digits and an exponent fit");
    let unused = rest.len();
    let scientific = &scientific[..TEXT_LEN_MAX - unused];

    let e = memchr::memchr(b'e', scientific).expect("scientific notation has an exponent");
    let exponent = crate::number::parse_i64(&scientific[e + 1..]).expect("the exponent is short");
    let mut buf = [0u8; DIGITS_MAX];
    buf[0] = scientific[0];
    let fraction = scientific[..e].get(2..).unwrap_or(&[]);
    buf[1..=fraction.len()].copy_from_slice(fraction);
    let digits = &buf[..=fraction.len()];
    // The value is `digits * 10^-places`.
    let places = digits.len() as i64 - 1 - exponent;

    if value.is_sign_negative() {
        text.push(b"-");
    }
    if places <= 0 && exponent < digits.len() as i64 + 7 {
        text.push(digits);
        (places..0).for_each(|_| text.push(b"0"));
    } else if places > 0 && (places < 7 || exponent.abs() < 4) {
        push_fixed(text, digits, exponent);
    } else {
        push_point(text, digits, 1);
        text.push(if exponent < 0 { b"e-" } else { b"e+" });
        text.push(itoa::Buffer::new().format(exponent.unsigned_abs()).as_bytes());
    }
}

fn push_fixed(text: &mut DoubleText, digits: &[u8], exponent: i64) {
    if exponent < 0 {
        text.push(b"0.");
        (exponent + 1..0).for_each(|_| text.push(b"0"));
        text.push(digits);
    } else {
        push_point(text, digits, exponent as usize + 1);
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
