//! The part of a save_path after `?`, read as PHP reads a query string.

/// One parameter: name, first subscript if it had one, value; all URL-decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parameter {
    pub(super) name: String,
    /// None: a scalar; Some(""): `name[]=`.
    pub(super) subscript: Option<String>,
    pub(super) value: Vec<u8>,
    /// Whether there was a `=` at all.
    pub(super) assigned: bool,
}

/// Splits a query string as `parse_str` does with the default separator `&`.
///
/// Of subscripts only the first counts: no parameter of ours has two.
pub(super) fn parse(query: &str) -> Vec<Parameter> {
    query.split('&').filter(|piece| !piece.is_empty()).filter_map(parameter).collect()
}

fn parameter(piece: &str) -> Option<Parameter> {
    let (raw_name, value, assigned) = match piece.split_once('=') {
        Some((name, value)) => (name, value, true),
        None => (piece, "", false),
    };
    let full = String::from_utf8_lossy(&decode(raw_name)).into_owned();
    let full = full.trim_start_matches(' ');
    let (name, subscript) = match full.find('[') {
        // Without the closing bracket PHP takes the bracket for a character and makes it `_`.
        Some(at) if at > 0 => match full[at..].find(']') {
            Some(end) => (&full[..at], Some(full[at + 1..at + end].to_owned())),
            None => (full, None),
        },
        Some(_) => return None,
        None => (full, None),
    };
    let name = name.replace(['.', ' ', '['], "_");
    (!name.is_empty()).then(|| Parameter { name, subscript, value: decode(value), assigned })
}

/// Undoes URL encoding: `+` is a space, `%41` is `A`, a `%` without two digits stands for itself.
pub(super) fn decode(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let pair = || Some((hex(*bytes.get(at + 1)?)?, hex(*bytes.get(at + 2)?)?));
        match (byte, if byte == b'%' { pair() } else { None }) {
            (b'+', _) => out.push(b' '),
            (_, Some((high, low))) => {
                out.push(high << 4 | low);
                at += 2;
            }
            (other, None) => out.push(other),
        }
        at += 1;
    }
    out
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

/// A number as PHP reads one at the start of a text: `1.5s` is 1.5, `x` is 0.
pub(super) fn number(value: &[u8]) -> f64 {
    let text = String::from_utf8_lossy(value);
    let text = text.trim_start();
    let mut end = 0;
    for (at, byte) in text.bytes().enumerate() {
        let part = &text[..at];
        let sign = matches!(byte, b'+' | b'-') && (at == 0 || part.ends_with(['e', 'E']));
        let dot = byte == b'.' && !part.contains(['.', 'e', 'E']);
        let exponent = matches!(byte, b'e' | b'E')
            && !part.contains(['e', 'E'])
            && part.bytes().any(|byte| byte.is_ascii_digit());
        if !(byte.is_ascii_digit() || sign || dot || exponent) {
            break;
        }
        end = at + 1;
    }
    // `1e` and `1e+` are 1 followed by text.
    (0..=end).rev().find_map(|end| text[..end].parse().ok()).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::{decode, number, parse};

    #[test]
    fn values_are_url_decoded() {
        for (text, bytes) in [
            ("a+b", &b"a b"[..]),
            ("a%2Bb", b"a+b"),
            ("100%", b"100%"),
            ("%zz%4", b"%zz%4"),
            ("%c3%A9", "\u{e9}".as_bytes()),
        ] {
            assert_eq!(decode(text), bytes, "{text}");
        }
    }

    #[test]
    fn numbers_end_where_they_stop_being_numbers() {
        for (text, expected) in [
            ("2", 2.0),
            (" 2.5s", 2.5),
            ("1e2", 100.0),
            ("1e", 1.0),
            ("-3", -3.0),
            ("yes", 0.0),
            ("", 0.0),
            ("--1", 0.0),
        ] {
            assert!((number(text.as_bytes()) - expected).abs() < 1e-9, "{text}");
        }
    }

    #[test]
    fn subscripts_are_taken_apart() {
        let found: Vec<_> = parse("a=1&auth[]=u&auth%5Bpass%5D=p&x&[b]=1&&c[=2")
            .into_iter()
            .map(|p| (p.name, p.subscript, p.value, p.assigned))
            .collect();
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            found,
            [
                ("a".to_owned(), None, b"1".to_vec(), true),
                ("auth".to_owned(), some(""), b"u".to_vec(), true),
                ("auth".to_owned(), some("pass"), b"p".to_vec(), true),
                ("x".to_owned(), None, Vec::new(), false),
                ("c_".to_owned(), None, b"2".to_vec(), true),
            ]
        );
    }
}
