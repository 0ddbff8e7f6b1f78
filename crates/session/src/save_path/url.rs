//! A URL taken apart as PHP's `parse_url` does it, which is what phpredis asks.
//!
//! The rules were found by asking PHP 8.2, and `tests/php.rs` asks it again: they are not those of
//! any RFC. Whoever writes a save_path has PHP's reading in mind, or rather in use.

/// What a URL consists of. An absent part is None, an empty one is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Url {
    /// Before `:`, as written.
    pub scheme: Option<Vec<u8>>,
    /// Before `@`, up to the first `:`.
    pub user: Option<Vec<u8>>,
    /// Between that `:` and `@`.
    pub password: Option<Vec<u8>>,
    /// With the brackets of IPv6.
    pub host: Option<Vec<u8>>,
    /// 0 is a port here.
    pub port: Option<u16>,
    /// From the first `/` after the host on.
    pub path: Option<Vec<u8>>,
    /// After `?`.
    pub query: Option<Vec<u8>>,
    /// After `#`.
    pub fragment: Option<Vec<u8>>,
}

/// Most digits of a port.
const PORT_LEN_MAX: usize = 5;

impl Url {
    /// Takes a URL apart; None: PHP would say false.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut url = Self::default();
        let Some(colon) = text.iter().position(|byte| *byte == b':') else {
            return url.relative(text);
        };
        let (before, after) = (&text[..colon], &text[colon + 1..]);
        if colon == 0 || !before.iter().all(|byte| is_scheme(*byte)) {
            // A colon behind `?` or `#` is no part of an address.
            let head = text.iter().position(|byte| matches!(byte, b'?' | b'#'));
            return if colon < head.unwrap_or(text.len()) {
                url.port_at(text, after)
            } else {
                url.relative(text)
            };
        }
        if !after.is_empty() && !after.starts_with(b"/") && port_ends(after).is_some() {
            return url.port_at(text, after);
        }
        url.scheme = Some(printable(before));
        if after.is_empty() {
            return Some(url);
        }
        let Some(rest) = after.strip_prefix(b"//") else { return url.path(after) };
        if before.eq_ignore_ascii_case(b"file") && rest.starts_with(b"/") {
            // `file:///c:/x` is the path of another operating system.
            let drive = rest.get(2) == Some(&b':');
            return url.path(if drive { &rest[1..] } else { rest });
        }
        url.authority(rest)
    }

    fn relative(self, text: &[u8]) -> Option<Self> {
        match text.strip_prefix(b"//") {
            Some(rest) => self.authority(rest),
            None => self.path(text),
        }
    }

    /// There is no scheme: what follows the first colon may be a port.
    fn port_at(mut self, text: &[u8], after: &[u8]) -> Option<Self> {
        match port_ends(after) {
            Some(0) if text == b":" => None,
            Some(end) if end > 0 => {
                self.port = Some(decimal(&after[..end])?.try_into().ok()?);
                self.authority(text.strip_prefix(b"//").unwrap_or(text))
            }
            _ => self.relative(text),
        }
    }

    fn authority(mut self, text: &[u8]) -> Option<Self> {
        let end = text.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#'));
        let (authority, rest) = text.split_at(end.unwrap_or(text.len()));
        let mut host = authority;
        if let Some(at) = authority.iter().rposition(|byte| *byte == b'@') {
            let info = &authority[..at];
            host = &authority[at + 1..];
            let colon = info.iter().position(|byte| *byte == b':');
            self.user = Some(printable(&info[..colon.unwrap_or(info.len())]));
            self.password = colon.map(|colon| printable(&info[colon + 1..]));
        }
        let bracketed = host.starts_with(b"[") && host.ends_with(b"]");
        let colon = host.iter().rposition(|byte| *byte == b':').filter(|_| !bracketed);
        if let Some(colon) = colon {
            let port = &host[colon + 1..];
            if self.port.is_none() && !port.is_empty() {
                self.port = Some(leading_port(port)?);
            }
            host = &host[..colon];
        }
        if host.is_empty() {
            return None;
        }
        self.host = Some(printable(host));
        if rest.is_empty() { Some(self) } else { self.path(rest) }
    }

    #[expect(clippy::unnecessary_wraps, reason = "the last step of those that can fail")]
    fn path(mut self, text: &[u8]) -> Option<Self> {
        let hash = text.iter().position(|byte| *byte == b'#');
        let (text, fragment) = text.split_at(hash.unwrap_or(text.len()));
        self.fragment = fragment.split_first().map(|(_, rest)| printable(rest));
        let mark = text.iter().position(|byte| *byte == b'?');
        let (path, query) = text.split_at(mark.unwrap_or(text.len()));
        self.query = query.split_first().map(|(_, rest)| printable(rest));
        let nothing_else = self.query.is_none() && self.fragment.is_none();
        self.path = (!path.is_empty() || nothing_else).then(|| printable(path));
        Some(self)
    }
}

fn is_scheme(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
}

/// PHP writes `_` for control characters, of which there are others than blanks.
fn printable(text: &[u8]) -> Vec<u8> {
    text.iter().map(|byte| if byte.is_ascii_control() { b'_' } else { *byte }).collect()
}

/// The number of digits at the start, if there are no more than a port has and nothing or a slash
/// follows.
fn port_ends(text: &[u8]) -> Option<usize> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (digits <= PORT_LEN_MAX && matches!(text.get(digits), None | Some(b'/'))).then_some(digits)
}

/// A port after a host: at most five characters that begin with a number.
fn leading_port(text: &[u8]) -> Option<u16> {
    let unsigned = text.strip_prefix(b"+").unwrap_or(text);
    let digits = unsigned.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if text.len() > PORT_LEN_MAX || digits == 0 {
        return None;
    }
    decimal(&unsigned[..digits])?.try_into().ok()
}

fn decimal(digits: &[u8]) -> Option<u32> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}
