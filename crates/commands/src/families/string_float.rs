//! Floats as INCRBYFLOAT and HINCRBYFLOAT need them: the 80-bit extended precision in which Redis
//! computes on x86-64 (C's `long double`), in integers, so that results are the same to the digit.

use std::cmp::Ordering;
use std::fmt::Write as _;

/// A finite number, `mantissa * 2^exponent`, or infinity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LongDouble {
    negative: bool,
    /// Zero, or with its top bit set.
    mantissa: u64,
    exponent: i32,
}

/// Longest text that is read as a number.
const TEXT_LEN_MAX: usize = 5 * 1024 - 1;
/// Exponents of the top bit from here on are infinite.
const TOP_BIT_LIMIT: i32 = 16_384;
/// A value up to two to this power rounds to zero.
const ZERO_BIT: i32 = -16_446;
/// `mantissa`'s exponent in infinity; far from any finite number's.
const INFINITE: i32 = i32::MAX;
/// Decimal places of the results.
const PLACES: usize = 17;

impl LongDouble {
    /// Zero.
    pub(crate) const ZERO: LongDouble = LongDouble { negative: false, mantissa: 0, exponent: 0 };

    /// Reads what C's `strtold` takes whole: decimal or `0x` hexadecimal with an exponent, `inf`.
    /// Refused: blanks, NaN, overflow, underflow to zero. Rounds to the nearest, ties to even.
    pub(crate) fn parse(text: &[u8]) -> Option<LongDouble> {
        if text.len() > TEXT_LEN_MAX {
            return None;
        }
        let (negative, magnitude) = match text {
            [sign @ (b'-' | b'+'), rest @ ..] => (*sign == b'-', rest),
            rest => (false, rest),
        };
        let value = match magnitude {
            word if word.eq_ignore_ascii_case(b"inf") || word.eq_ignore_ascii_case(b"infinity") => {
                LongDouble { negative, mantissa: 1 << 63, exponent: INFINITE }
            }
            [b'0', b'x' | b'X', rest @ ..] => {
                let written = Written::parse(rest, 16, b'p')?;
                let exponent = written.exponent - 4 * written.places;
                written.digits.ratio(&Big::from(1), negative, exponent)?
            }
            decimal => {
                let written = Written::parse(decimal, 10, b'e')?;
                Self::from_decimal(written, negative)?
            }
        };
        Some(value)
    }

    fn from_decimal(written: Written, negative: bool) -> Option<LongDouble> {
        let Written { mut digits, places, exponent, significant } = written;
        if digits.is_zero() {
            return Some(LongDouble { negative, ..Self::ZERO });
        }
        // Out of range for certain: decided before numbers of such a size are made.
        let power = exponent - places;
        if !(-5_000..=5_000).contains(&(power + significant)) {
            return None;
        }
        let mut divisor = Big::from(1);
        let scaled = if power < 0 { &mut divisor } else { &mut digits };
        for _ in 0..power.unsigned_abs() {
            scaled.multiply_add(10, 0);
        }
        digits.ratio(&divisor, negative, 0)
    }

    /// Whether it is below zero.
    pub(crate) fn is_negative(self) -> bool {
        self.negative && self.mantissa != 0
    }

    /// How many thousandths it is, rounded up; `None` where that is more than 2^100.
    pub(crate) fn thousandths(self) -> Option<i128> {
        let thousandfold = i128::from(self.mantissa) * 1000;
        let magnitude = match self.exponent {
            0..26 => thousandfold << self.exponent,
            -74..0 => {
                let (whole, unit) = (thousandfold >> -self.exponent, 1i128 << -self.exponent);
                let is_exact = thousandfold % unit == 0;
                whole + i128::from(!is_exact && !self.negative)
            }
            ..-74 => i128::from(self.mantissa != 0 && !self.negative),
            26.. => return None,
        };
        Some(if self.negative { -magnitude } else { magnitude })
    }

    /// Whether this is an infinity.
    pub(crate) fn is_infinite(self) -> bool {
        self.exponent == INFINITE
    }

    /// The sum, rounded to the nearest, ties to even; `None` if it is no finite number.
    pub(crate) fn add(self, other: LongDouble) -> Option<LongDouble> {
        if self.is_infinite() || other.is_infinite() {
            return None;
        }
        if other.mantissa == 0 {
            return Some(self);
        }
        if self.mantissa == 0 {
            return Some(other);
        }
        // The one with the higher top bit; both are normalised, so its exponent is the higher one.
        let (big, small) =
            if self.exponent >= other.exponent { (self, other) } else { (other, self) };
        // 63 bits below the mantissa, one above it for a carry.
        let wide = u128::from(big.mantissa) << 63;
        let shift = (big.exponent - small.exponent) as u32;
        let unshifted = u128::from(small.mantissa) << 63;
        let shifted = unshifted.checked_shr(shift).unwrap_or(0);
        // What falls off below keeps one bit set, so that it still breaks a tie.
        let lost = shifted.checked_shl(shift).unwrap_or(0) != unshifted;
        let shifted = shifted | u128::from(lost);
        let (negative, sum) = if big.negative == small.negative {
            (big.negative, wide + shifted)
        } else if wide >= shifted {
            (big.negative, wide - shifted)
        } else {
            (small.negative, shifted - wide)
        };
        Self::rounded(negative, sum, big.exponent - 63)
    }

    /// `value * 2^exponent` with 64 bits of mantissa; `None` on overflow.
    fn rounded(negative: bool, value: u128, exponent: i32) -> Option<LongDouble> {
        if value == 0 {
            return Some(Self::ZERO);
        }
        let zeros = value.leading_zeros();
        let value = value << zeros;
        let (high, low) = ((value >> 64) as u64, value as u64);
        let exponent = exponent + 64 - zeros as i32;
        Self::round_up_if(negative, high, exponent, low.cmp(&(1 << 63)))
    }

    /// Rounds a mantissa by how what lies below it compares to one half.
    fn round_up_if(
        negative: bool,
        mantissa: u64,
        exponent: i32,
        rest: Ordering,
    ) -> Option<LongDouble> {
        let up = rest == Ordering::Greater || rest == Ordering::Equal && mantissa & 1 == 1;
        let (mantissa, exponent) = match mantissa.checked_add(u64::from(up)) {
            Some(mantissa) => (mantissa, exponent),
            None => (1 << 63, exponent + 1),
        };
        let finite = exponent + 63 < TOP_BIT_LIMIT;
        finite.then_some(LongDouble { negative, mantissa, exponent })
    }

    /// The number with at most 17 decimal places and no needless zeros, never in exponent form.
    ///
    /// # Panics
    /// If it is infinite: [`LongDouble::add`] gives no such sum.
    pub(crate) fn to_text(self) -> Vec<u8> {
        assert!(!self.is_infinite(), "an infinity has no digits");
        let mut digits = if self.exponent >= 0 {
            let mut whole = Big::from(self.mantissa);
            whole.shift_left(self.exponent as u32);
            let mut digits = whole.into_decimal();
            digits.extend_from_slice(&[b'0'; PLACES]);
            digits
        } else {
            let scaled = u128::from(self.mantissa) * 10u128.pow(PLACES as u32);
            rounded_shift(scaled, self.exponent.unsigned_abs()).to_string().into_bytes()
        };
        let is_zero = digits == b"0" || self.mantissa == 0;
        if digits.len() <= PLACES {
            let missing = PLACES + 1 - digits.len();
            digits.splice(0..0, std::iter::repeat_n(b'0', missing));
        }
        let point = digits.len() - PLACES;
        while digits.len() > point && digits.last() == Some(&b'0') {
            digits.pop();
        }
        if digits.len() > point {
            digits.insert(point, b'.');
        }
        if self.negative && !is_zero {
            digits.insert(0, b'-');
        }
        digits
    }
}

/// `value / 2^shift`, rounded to the nearest, ties to even.
fn rounded_shift(value: u128, shift: u32) -> u128 {
    let quotient = value.checked_shr(shift).unwrap_or(0);
    let half = match shift {
        0 => return value,
        1..=128 => 1u128 << (shift - 1),
        _ => return 0,
    };
    let rest = value & (half | (half - 1));
    quotient + u128::from(rest > half || rest == half && quotient & 1 == 1)
}

/// A number as it was written: `digits * radix^-places`, and an exponent.
struct Written {
    digits: Big,
    places: i32,
    exponent: i32,
    /// How many digits there are without leading zeros.
    significant: i32,
}

impl Written {
    /// Digits with at most one point, then perhaps `mark` and a decimal exponent.
    fn parse(text: &[u8], radix: u32, mark: u8) -> Option<Written> {
        let mark_at = text.iter().position(|byte| byte.eq_ignore_ascii_case(&mark));
        let (number, exponent) = match mark_at {
            Some(at) => (&text[..at], parse_exponent(&text[at + 1..])?),
            None => (text, 0),
        };
        let mut written = Written { digits: Big::from(0), places: 0, exponent, significant: 0 };
        let (mut seen_point, mut seen_digit) = (false, false);
        for &byte in number {
            if byte == b'.' && !seen_point {
                seen_point = true;
                continue;
            }
            let digit = char::from(byte).to_digit(radix)?;
            seen_digit = true;
            written.places += i32::from(seen_point);
            written.significant += i32::from(written.significant > 0 || digit > 0);
            written.digits.multiply_add(radix, digit);
        }
        seen_digit.then_some(written)
    }
}

/// An optional sign and digits; cut off where it is out of any range.
fn parse_exponent(text: &[u8]) -> Option<i32> {
    const EXPONENT_MAX: i32 = 1_000_000;
    let (negative, digits) = match text {
        [sign @ (b'-' | b'+'), rest @ ..] => (*sign == b'-', rest),
        rest => (false, rest),
    };
    if digits.is_empty() {
        return None;
    }
    let magnitude = digits.iter().try_fold(0i32, |value, &byte| {
        let digit = char::from(byte).to_digit(10)?;
        Some((value * 10 + digit as i32).min(EXPONENT_MAX))
    })?;
    Some(if negative { -magnitude } else { magnitude })
}

/// An unsigned integer of any size, least significant word first, no zero words at the top.
#[derive(Clone, PartialEq, Eq)]
struct Big(Vec<u32>);

impl From<u64> for Big {
    fn from(value: u64) -> Big {
        let mut big = Big(vec![value as u32, (value >> 32) as u32]);
        big.trim();
        big
    }
}

impl PartialOrd for Big {
    fn partial_cmp(&self, other: &Big) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Big {
    fn cmp(&self, other: &Big) -> Ordering {
        let by_len = self.0.len().cmp(&other.0.len());
        by_len.then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }
}

impl Big {
    fn trim(&mut self) {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }

    fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    fn bits(&self) -> i32 {
        let top = self.0.last().map_or(0, |word| 32 - word.leading_zeros() as i32);
        top + 32 * (self.0.len() as i32 - 1).max(0)
    }

    fn multiply_add(&mut self, factor: u32, addend: u32) {
        let mut carry = addend;
        for word in &mut self.0 {
            let wide = u64::from(*word) * u64::from(factor) + u64::from(carry);
            *word = wide as u32;
            carry = (wide >> 32) as u32;
        }
        if carry > 0 {
            self.0.push(carry);
        }
    }

    fn shift_left(&mut self, shift: u32) {
        let (words, bits) = (shift as usize / 32, shift % 32);
        if bits > 0 {
            self.multiply_add(1 << bits, 0);
        }
        if !self.is_zero() {
            self.0.splice(0..0, std::iter::repeat_n(0, words));
        }
    }

    /// Takes away `other`, which is not greater.
    fn subtract(&mut self, other: &Big) {
        let mut borrow = false;
        for (at, word) in self.0.iter_mut().enumerate() {
            let (less, first) = word.overflowing_sub(other.0.get(at).copied().unwrap_or(0));
            let (less, second) = less.overflowing_sub(u32::from(borrow));
            *word = less;
            borrow = first || second;
        }
        debug_assert!(!borrow, "the greater one is not taken away");
        self.trim();
    }

    /// `self / divisor * 2^exponent` as a float; `None` on overflow, and on underflow to zero.
    fn ratio(mut self, divisor: &Big, negative: bool, exponent: i32) -> Option<LongDouble> {
        if self.is_zero() {
            return Some(LongDouble { negative, ..LongDouble::ZERO });
        }
        let mut divisor = divisor.clone();
        // Brings the quotient between 1 and 2.
        let mut top = self.bits() - divisor.bits();
        if top >= 0 {
            divisor.shift_left(top.unsigned_abs());
        } else {
            self.shift_left(top.unsigned_abs());
        }
        if self < divisor {
            self.shift_left(1);
            top -= 1;
        }
        let mut mantissa = 0u64;
        for _ in 0..64 {
            let bit = self >= divisor;
            if bit {
                self.subtract(&divisor);
            }
            mantissa = mantissa << 1 | u64::from(bit);
            self.shift_left(1);
        }
        let top = top + exponent;
        let is_zero = top < ZERO_BIT || top == ZERO_BIT && mantissa == 1 << 63 && self.is_zero();
        if is_zero {
            return None;
        }
        LongDouble::round_up_if(negative, mantissa, top - 63, self.cmp(&divisor))
    }

    fn into_decimal(mut self) -> Vec<u8> {
        const GROUP: u32 = 1_000_000_000;
        let mut groups = Vec::new();
        while !self.is_zero() {
            let mut rest = 0u64;
            for word in self.0.iter_mut().rev() {
                let wide = rest << 32 | u64::from(*word);
                *word = (wide / u64::from(GROUP)) as u32;
                rest = wide % u64::from(GROUP);
            }
            self.trim();
            groups.push(rest);
        }
        let mut text = groups.pop().unwrap_or(0).to_string();
        for group in groups.iter().rev() {
            write!(text, "{group:09}").expect("a String takes all");
        }
        text.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(a: &str, b: &str) -> String {
        let (a, b) = (a.as_bytes(), b.as_bytes());
        let sum = LongDouble::parse(a).expect("a number").add(LongDouble::parse(b).expect("too"));
        sum.map_or("infinite".to_owned(), |sum| {
            String::from_utf8(sum.to_text()).expect("digits are ASCII")
        })
    }

    /// Each result was seen on redis-server 7.0.15, x86-64.
    #[test]
    fn thousandths_are_rounded_up() {
        for (text, expected) in [
            ("0", Some(0)),
            ("1", Some(1000)),
            ("0.25", Some(250)),
            ("0.0001", Some(1)),
            ("0.0011", Some(2)),
            ("1e-4000", Some(1)),
            ("-0.0001", Some(0)),
            ("-1.5", Some(-1500)),
            ("9223372036854775807", Some(9_223_372_036_854_775_807_000)),
            ("1e4000", None),
            ("inf", None),
        ] {
            let number = LongDouble::parse(text.as_bytes()).expect("a number");
            assert_eq!(number.thousandths(), expected, "{text}");
        }
    }

    #[test]
    fn sums_are_those_of_an_80_bit_long_double() {
        let cases = [
            ("10.50", "0.1", "10.6"),
            ("0.1", "0.2", "0.3"),
            ("5.0e3", "2.0e2", "5200"),
            ("3", "1.1", "4.1"),
            ("-0.5", "0.5", "0"),
            ("-1e-30", "0", "0"),
            ("0x1.8p3", "0", "12"),
            ("1e18", "1", "1000000000000000001"),
            ("18446744073709551615", "1", "18446744073709551616"),
            ("18446744073709551616", "1", "18446744073709551616"),
            ("1e22", "0", "10000000000000000000000"),
        ];
        for (a, b, expected) in cases {
            assert_eq!(sum(a, b), expected, "{a} + {b}");
            assert_eq!(sum(b, a), expected, "{b} + {a}");
        }
    }

    #[test]
    fn small_sums_agree_with_integers() {
        for a in -300i64..300 {
            for b in [-1_000_003i64, -299, -1, 0, 1, 7, 250, 1 << 40] {
                let expected = (a + b).to_string();
                assert_eq!(sum(&a.to_string(), &b.to_string()), expected);
            }
        }
    }

    #[test]
    fn what_strtold_refuses_is_refused() {
        let refused = [
            "",
            " 1",
            "1 ",
            "abc",
            "nan",
            "1e",
            "1e+",
            "0x",
            "0xg",
            ".",
            "1.2.3",
            "--1",
            "1e4933",
            "1e-4952",
            "1e999999999999",
            "1e-999999999999",
            "0x1p16384",
            "0x1p-16447",
            "infi",
            "e5",
        ];
        for text in refused {
            assert_eq!(LongDouble::parse(text.as_bytes()), None, "{text:?}");
        }
        let long = [b'1'; TEXT_LEN_MAX + 1];
        assert_eq!(LongDouble::parse(&long), None);
        assert_eq!(LongDouble::parse(&long[1..]), None, "overflow, after all its digits");
        for text in
            ["1e4932", "1e-4950", "0x1p-16445", "+5", "1.", ".5", "0e999999", "-INF", "0x.8P1"]
        {
            assert!(LongDouble::parse(text.as_bytes()).is_some(), "{text:?}");
        }
    }

    #[test]
    fn a_sum_that_is_not_finite_is_refused() {
        assert_eq!(sum("inf", "1"), "infinite");
        assert_eq!(sum("1", "-inf"), "infinite");
        assert_eq!(sum("1e4932", "1e4932"), "infinite");
    }
}
