//! What the bytes of a session are: by which serializer they were made, and whether they say
//! anything.
//!
//! PHP destroys a session that it cannot decode. One that another serializer made is not broken, so
//! reading it must fail before PHP tries.

/// PHP's serializers that are known by the first bytes of what they make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Serializer {
    /// `php`: `name|value` repeated.
    Php,
    /// `php_serialize`: one array.
    PhpSerialize,
    /// `php_binary`: length, name, value repeated.
    PhpBinary,
    /// `igbinary`.
    Igbinary,
    /// `msgpack`.
    Msgpack,
}

impl Serializer {
    /// All of them.
    const ALL: [Self; 5] =
        [Self::Igbinary, Self::PhpSerialize, Self::PhpBinary, Self::Msgpack, Self::Php];

    /// The value of `session.serialize_handler`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Php => "php",
            Self::PhpSerialize => "php_serialize",
            Self::PhpBinary => "php_binary",
            Self::Igbinary => "igbinary",
            Self::Msgpack => "msgpack",
        }
    }

    /// The serializer of this name.
    pub fn named(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|serializer| serializer.name().as_bytes() == name)
    }

    /// The one that made these bytes, as far as their beginning tells.
    fn of(data: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|serializer| serializer.begins(data))
    }

    fn begins(self, data: &[u8]) -> bool {
        match (self, data) {
            (Self::Igbinary, [0, 0, 0, 1 | 2, ..]) | (Self::Msgpack, [0x80..=0x8f, ..]) => true,
            (Self::PhpSerialize, [b'a', b':', b'0'..=b'9', ..]) => data.ends_with(b"}"),
            (Self::PhpBinary, [len @ 1..=0x7f, rest @ ..]) => rest
                .split_at_checked(usize::from(*len))
                .is_some_and(|(name, value)| is_name(name) && is_value(value)),
            (Self::Php, _) => data
                .iter()
                .position(|byte| *byte == b'|')
                .is_some_and(|bar| is_name(&data[..bar]) && is_value(&data[bar + 1..])),
            _ => false,
        }
    }
}

fn is_name(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| *byte >= b' ' && *byte != b'|')
}

/// Whether this begins like a serialized value.
fn is_value(bytes: &[u8]) -> bool {
    matches!(bytes, [b'N', b';', ..])
        || matches!(
            bytes,
            [b'a' | b'b' | b'd' | b'i' | b's' | b'S' | b'O' | b'C' | b'E' | b'r' | b'R', b':', ..]
        )
}

/// The serializer that made this session, if it is certainly another than the one that is set.
pub fn other_serializer(data: &[u8], now: Option<Serializer>) -> Option<Serializer> {
    let now = now?;
    Serializer::of(data).filter(|made_by| *made_by != now && !now.begins(data))
}

/// Whether a session has no variables.
pub fn is_empty(data: &[u8]) -> bool {
    // php; php_serialize; igbinary; msgpack.
    matches!(data, b"" | b"a:0:{}" | b"\0\0\0\x02\x14\0" | b"\x80" | b"\x90")
}

#[cfg(test)]
mod tests {
    use super::{Serializer, is_empty, other_serializer};

    const MADE: [(Serializer, &[u8]); 8] = [
        (Serializer::Php, b"n|i:1;"),
        (Serializer::Php, b"user|a:1:{s:2:\"id\";i:7;}x|N;"),
        (Serializer::PhpSerialize, b"a:1:{s:1:\"n\";i:1;}"),
        (Serializer::PhpSerialize, b"a:0:{}"),
        (Serializer::PhpBinary, b"\x01ni:1;"),
        (Serializer::Igbinary, b"\0\0\0\x02\x14\x01\x11\x01n\x06\x01"),
        (Serializer::Igbinary, b"\0\0\0\x01\x14\0"),
        (Serializer::Msgpack, b"\x81\xa1n\x01"),
    ];

    #[test]
    fn each_reads_its_own_and_refuses_the_others() {
        for (made_by, data) in MADE {
            for now in Serializer::ALL {
                let expected = (now != made_by).then_some(made_by);
                assert_eq!(other_serializer(data, Some(now)), expected, "{data:?} by {now:?}");
            }
            assert_eq!(other_serializer(data, None), None, "a serializer that nobody knows");
        }
    }

    #[test]
    fn what_nobody_made_is_left_to_php() {
        for data in [&b"corrupt"[..], b"", b"a", b"|i:1;", b"\x05abc", b"name|x", b"\0\0\0\x03"] {
            assert_eq!(other_serializer(data, Some(Serializer::Php)), None, "{data:?}");
        }
    }

    #[test]
    fn sessions_without_variables_are_known() {
        assert!(is_empty(b"") && is_empty(b"a:0:{}") && is_empty(b"\0\0\0\x02\x14\0"));
        assert!(!is_empty(b"n|i:1;") && !is_empty(b"a:1:{i:0;N;}"));
    }
}
