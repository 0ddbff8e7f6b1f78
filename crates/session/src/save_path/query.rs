//! The part of a save_path after `?`, read as PHP reads a query string.

/// Most parameters that are read; PHP's `max_input_vars`.
const PARAMETERS_MAX: usize = 1000;

/// A value: text, or what `name[...]=` builds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `name=text`.
    Text(Vec<u8>),
    /// `name[key]=text`, in the order of first mention. A deeper array is None: nothing of ours has
    /// one.
    Array(Vec<(Vec<u8>, Option<Vec<u8>>)>),
}

impl Value {
    /// As PHP turns it into a string: an array becomes `Array`.
    pub(super) fn text(&self) -> &[u8] {
        match self {
            Self::Text(text) => text,
            Self::Array(_) => b"Array",
        }
    }

    /// As PHP turns it into a float: an array that is not empty is 1.
    pub(super) fn float(&self) -> f64 {
        match self {
            Self::Text(text) => float(text),
            Self::Array(_) => 1.0,
        }
    }

    /// As PHP turns it into an integer.
    pub(super) fn integer(&self) -> i64 {
        match self {
            Self::Text(text) => integer(text),
            Self::Array(_) => 1,
        }
    }

    /// The element of an array.
    pub(super) fn get(&self, key: &[u8]) -> Option<&[u8]> {
        let Self::Array(elements) = self else { return None };
        let (_, value) = elements.iter().find(|(known, _)| known == key)?;
        Some(value.as_deref().unwrap_or(b"Array"))
    }
}

/// A parameter: name, value, and whether a `=` was ever there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// URL-decoded, with PHP's `_` for a dot or a blank.
    pub name: Vec<u8>,
    /// URL-decoded.
    pub value: Value,
    /// False: php.ini may have cut the value off.
    pub assigned: bool,
}

/// Reads a query string as `parse_str` does with the default separator `&`: the last of several
/// values counts, and an array takes all of its elements.
pub fn parse(query: &[u8]) -> Vec<Parameter> {
    let mut found: Vec<Parameter> = Vec::new();
    let pieces = query.split(|byte| *byte == b'&').filter(|piece| !piece.is_empty());
    for piece in pieces.take(PARAMETERS_MAX) {
        let mut parts = piece.splitn(2, |byte| *byte == b'=');
        let name = Name::parse(&decode(parts.next().unwrap_or_default()));
        let value = parts.next();
        let Some(name) = name else { continue };
        let assigned = value.is_some();
        let value = decode(value.unwrap_or_default());
        let at = found.iter().position(|known| known.name == name.plain).unwrap_or_else(|| {
            let value = Value::Text(Vec::new());
            found.push(Parameter { name: name.plain.clone(), value, assigned });
            found.len() - 1
        });
        found[at].assigned |= assigned;
        set(&mut found[at].value, name, value);
    }
    found
}

fn set(slot: &mut Value, name: Name, text: Vec<u8>) {
    if let Subscript::None = name.subscript {
        *slot = Value::Text(text);
        return;
    }
    if let Value::Text(_) = slot {
        *slot = Value::Array(Vec::new());
    }
    let Value::Array(elements) = slot else { return };
    let key = match name.subscript {
        Subscript::Key(key) => key,
        _ => next_index(elements),
    };
    let text = (!name.deeper).then_some(text);
    match elements.iter_mut().find(|(known, _)| *known == key) {
        Some((_, old)) => *old = text,
        None => elements.push((key, text)),
    }
}

/// What `[]` appends at: one more than the greatest integer key.
fn next_index(elements: &[(Vec<u8>, Option<Vec<u8>>)]) -> Vec<u8> {
    let index = |key: &[u8]| std::str::from_utf8(key).ok()?.parse::<u64>().ok();
    let canonical = |key: &[u8]| index(key).filter(|number| number.to_string().as_bytes() == key);
    let next = elements.iter().filter_map(|(key, _)| canonical(key)).max().map_or(0, |max| max + 1);
    next.to_string().into_bytes()
}

/// A parameter's name, taken apart.
struct Name {
    plain: Vec<u8>,
    subscript: Subscript,
    /// Whether there is a second pair of brackets.
    deeper: bool,
}

enum Subscript {
    None,
    /// `name[]`.
    Next,
    Key(Vec<u8>),
}

impl Name {
    fn parse(text: &[u8]) -> Option<Self> {
        // The name ends at a NUL, the blanks before it do not count.
        let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
        let blanks = text.iter().take_while(|byte| **byte == b' ').count();
        let text = &text[blanks..];
        let open = text.iter().position(|byte| *byte == b'[').unwrap_or(text.len());
        let close = text.iter().skip(open).position(|byte| *byte == b']');
        if open == 0 {
            return None;
        }
        // A bracket without its partner is a character like a blank.
        let plain = if close.is_some() { &text[..open] } else { text };
        let plain = plain.iter().map(|byte| underscore(*byte)).collect();
        let Some(close) = close.map(|close| open + close) else {
            return Some(Self { plain, subscript: Subscript::None, deeper: false });
        };
        let subscript = match &text[open + 1..close] {
            [] | [b' ' | b'\t'..=b'\r'] => Subscript::Next,
            key => Subscript::Key(key.to_vec()),
        };
        let rest = &text[close + 1..];
        Some(Self { plain, subscript, deeper: rest.starts_with(b"[") && rest.contains(&b']') })
    }
}

fn underscore(byte: u8) -> u8 {
    if matches!(byte, b' ' | b'.' | b'[') { b'_' } else { byte }
}

/// Undoes URL encoding: `+` is a blank, `%41` is `A`, a `%` without two digits stands for itself.
pub(super) fn decode(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        let pair = || Some((hex(*text.get(at + 1)?)?, hex(*text.get(at + 2)?)?));
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

/// The number at the start of a text: digits, or digits with a fraction or an exponent.
fn numeral(text: &[u8]) -> &str {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c);
    let start = text.iter().take_while(|byte| blank(byte)).count();
    let text = &text[start..];
    let digits = |at: usize| text[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let sign = usize::from(matches!(text.first(), Some(b'+' | b'-')));
    let whole = digits(sign);
    let mut end = sign + whole;
    let mut fraction = 0;
    if text.get(end) == Some(&b'.') {
        fraction = digits(end + 1);
        end += usize::from(whole + fraction > 0) * (1 + fraction);
    }
    if whole + fraction == 0 {
        return "";
    }
    if matches!(text.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(end + 1), Some(b'+' | b'-')));
        let exponent = if text.len() > end + sign { digits(end + 1 + sign) } else { 0 };
        end += if exponent > 0 { 1 + sign + exponent } else { 0 };
    }
    std::str::from_utf8(&text[..end]).unwrap_or_default()
}

/// A number as PHP's `(float)` reads it: `1.5s` is 1.5, `x` is 0.
pub fn float(text: &[u8]) -> f64 {
    numeral(text).parse().unwrap_or(0.0)
}

/// A number as PHP's `(int)` reads it: `1e2` is 100, `2.9` is 2, too much is as much as there is,
/// and what no float can hold is 0.
pub fn integer(text: &[u8]) -> i64 {
    let numeral = numeral(text);
    let rounded = || numeral.parse().ok().filter(|number: &f64| number.is_finite());
    numeral.parse().unwrap_or_else(|_| rounded().unwrap_or(0.0) as i64)
}
