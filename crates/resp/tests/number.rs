//! Numbers against what redis-server 7.0.15 accepts and prints.

use guarda_resp::format_double;
use guarda_resp::number::{parse_f64, parse_i64, parse_u64, write_i64};
use proptest::prelude::*;

#[test]
fn integers_are_strict() {
    for (text, value) in [
        ("0", Some(0)),
        ("-1", Some(-1)),
        ("9223372036854775807", Some(i64::MAX)),
        ("-9223372036854775808", Some(i64::MIN)),
    ] {
        assert_eq!(parse_i64(text.as_bytes()), value, "{text}");
    }
    for text in [
        "",
        "-",
        "-0",
        "+1",
        "01",
        "-01",
        "00",
        " 1",
        "1 ",
        "1\0",
        "1.0",
        "1e1",
        "--1",
        "a",
        "0x1",
        "9223372036854775808",
        "-9223372036854775809",
        "18446744073709551616",
        "99999999999999999999",
        "100000000000000000000",
        ":",
        "/",
    ] {
        assert_eq!(parse_i64(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn unsigned_integers_are_strict() {
    assert_eq!(parse_u64(b"18446744073709551615"), Some(u64::MAX));
    assert_eq!(parse_u64(b"9999999999999999999"), Some(9_999_999_999_999_999_999));
    for text in ["18446744073709551616", "-1", "", "+1", "00", "1a"] {
        assert_eq!(parse_u64(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn floats_that_redis_accepts() {
    let tiny = f64::from_bits(1);
    for (text, value) in [
        ("+1", 1.0),
        ("-1", -1.0),
        ("1.", 1.0),
        (".5", 0.5),
        ("+.5", 0.5),
        ("1e5", 1e5),
        ("1E5", 1e5),
        ("1e+5", 1e5),
        ("01", 1.0),
        ("00", 0.0),
        ("0x10", 16.0),
        ("0X1p4", 16.0),
        ("0x1.8p3", 12.0),
        ("-0x.8", -0.5),
        ("0xA.", 10.0),
        ("0x1p-1074", tiny),
        ("0x1.8p-1075", tiny),
        ("0x0p99999", 0.0),
        ("0x1p1023", 2f64.powi(1023)),
        ("0x1.fffffffffffff7fffp1023", f64::MAX),
        ("0x1.00000000000008p0", 1.0),
        ("0x1.000000000000080001p0", 1.0 + f64::EPSILON),
        ("0x1.00000000000018p0", 1.0 + 2.0 * f64::EPSILON),
        ("0x0.0000000000000000000000001p100", 1.0),
        ("0x10000000000000000000000p-88", 1.0),
        ("0x1p-1022", f64::MIN_POSITIVE),
        ("0x0.fffffffffffff8p-1022", f64::MIN_POSITIVE),
        ("inf", f64::INFINITY),
        ("INF", f64::INFINITY),
        ("+inf", f64::INFINITY),
        ("-inf", f64::NEG_INFINITY),
        ("infinity", f64::INFINITY),
        ("-Infinity", f64::NEG_INFINITY),
        ("1e308", 1e308),
        ("1e-320", 1e-320),
        ("4e-324", tiny),
        ("3e-324", tiny),
        ("0e-400", 0.0),
    ] {
        assert_eq!(parse_f64(text.as_bytes()), Some(value), "{text}");
    }
    assert!(parse_f64(b"-00").unwrap().is_sign_negative());
    assert_eq!(parse_f64(&[vec![b'0'; 5000], b"1".to_vec()].concat()), Some(1.0));
}

#[test]
fn floats_that_redis_refuses() {
    for text in [
        "",
        " 1",
        "1 ",
        ".",
        "-.",
        "+",
        "-",
        "--1",
        "+-1",
        "1e",
        "1e+",
        "e5",
        "0x",
        "0x.",
        "0x1p",
        "0x1p+",
        "0x1.2.3",
        "0x1g",
        "0x-1",
        "x1",
        "0x1p1.0",
        "0x1p-1075",
        "0x1p-1076",
        "0x1p1024",
        "0x1.fffffffffffff8p1023",
        "0x1p99999999999999999999",
        "0x1p-99999999999999999999",
        "infinit",
        "infi",
        "nan",
        "NaN",
        "-nan",
        "nan(1)",
        "1e309",
        "-1e309",
        "2e-324",
        "1e-400",
        "1_0",
        "1,5",
        "1\0",
        "\u{0}1",
        "\t1",
        "\n1",
        "1\n",
        "0b1",
        "1f",
        "1d",
        "0o1",
        "\u{661}",
        "-inf ",
        "1e1e1",
    ] {
        assert_eq!(parse_f64(text.as_bytes()), None, "{text:?}");
    }
    assert_eq!(parse_f64(b"1\xff"), None);
}

#[test]
fn doubles_are_printed_as_redis_prints_them() {
    for (value, text) in [
        (0.0, "0"),
        (-0.0, "-0"),
        (3.1, "3.1"),
        (0.1, "0.1"),
        (1e15, "1000000000000000"),
        (1e17, "100000000000000000"),
        (1e20, "1e+20"),
        (1e21, "1e+21"),
        (123_456_789_012_345_680.0, "123456789012345680"),
        (4_611_686_018_427_387_904.0, "4611686018427387904"),
        (8.994_385_310_429_823e18, "8994385310429823000"),
        (-1.426_108_246_719_593e-31, "-1.426108246719593e-31"),
        (1e15 + 0.25, "1000000000000000.3"),
        (0.0001, "0.0001"),
        (0.00001, "0.00001"),
        (1e-7, "1e-7"),
        (1.5e-7, "1.5e-7"),
        (1.25e-5, "1.25e-5"),
        (-2.5e-10, "-2.5e-10"),
        (12_345.678, "12345.678"),
        (123_456_789.125, "123456789.125"),
        (1_234.123_456_789, "1234.123456789"),
        (12_345.123_456_7, "1.23451234567e+4"),
        (1.5e300, "1.5e+300"),
        (5e-324, "5e-324"),
        (f64::MAX, "1.7976931348623157e+308"),
        (-f64::MIN_POSITIVE, "-2.2250738585072014e-308"),
        (f64::INFINITY, "inf"),
        (f64::NEG_INFINITY, "-inf"),
        (f64::NAN, "nan"),
        (1.0 / 3.0, "0.3333333333333333"),
    ] {
        assert_eq!(format_double(value).to_string(), text);
    }
}

proptest! {
    #[test]
    fn integers_come_back(value in any::<i64>()) {
        let mut buf = Vec::new();
        write_i64(&mut buf, value);
        prop_assert_eq!(&buf, &value.to_string().into_bytes());
        prop_assert_eq!(parse_i64(&buf), Some(value));
    }

    #[test]
    fn integer_texts_are_canonical(text in "[-+0-9]{0,21}") {
        let canonical = text.parse::<i64>().ok().filter(|value| value.to_string() == text);
        prop_assert_eq!(parse_i64(text.as_bytes()), canonical);
    }

    #[test]
    fn doubles_come_back(bits in any::<u64>()) {
        let value = f64::from_bits(bits);
        let text = format_double(value);
        let back = if value.is_nan() { None } else { Some(bits) };
        prop_assert_eq!(parse_f64(text.as_bytes()).map(f64::to_bits), back);
    }

    #[test]
    fn hexadecimal_agrees_with_exact_arithmetic(
        mantissa in 1u64..1 << 53, exponent in -1074i32..=970,
    ) {
        let exact = mantissa as f64 * 2f64.powi(exponent / 2) * 2f64.powi(exponent - exponent / 2);
        let text = format!("0x{mantissa:x}p{exponent}");
        prop_assert_eq!(parse_f64(text.as_bytes()), Some(exact));
    }
}
