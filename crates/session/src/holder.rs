//! Who holds a session's lock, in words for people.

/// Longest host name of a [`Holder`], in bytes.
pub const HOLDER_HOST_LEN_MAX: usize = 255;

/// Longest URL of a [`Holder`], in bytes.
pub const HOLDER_URL_LEN_MAX: usize = 512;

/// The request that holds a lock or waits for it: its host, its process, its URL.
///
/// Made of printable ASCII without spaces, so that it can be shown anywhere. The URL ends before its
/// query, which may hold secrets.
///
/// ```
/// use guarda_session::Holder;
///
/// let holder = Holder::new(b"web1", 42, b"/caf\xc3\xa9?token=secret");
/// assert_eq!((holder.host(), holder.pid(), holder.url()), ("web1", 42, "/caf%C3%A9"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    host: String,
    pid: u32,
    url: String,
}

impl Holder {
    /// Of whatever the request says of itself: other bytes are percent-encoded, what is too long is
    /// cut, and a name or URL that is empty becomes `-`.
    pub fn new(host: &[u8], pid: u32, url: &[u8]) -> Self {
        let path = url.split(|byte| matches!(byte, b'?' | b'#')).next().unwrap_or_default();
        let host = printable(host, HOLDER_HOST_LEN_MAX);
        Self { host, pid, url: printable(path, HOLDER_URL_LEN_MAX) }
    }

    /// Its host's name.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// What it was asked for.
    pub fn url(&self) -> &str {
        &self.url
    }
}

fn printable(bytes: &[u8], len_max: usize) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut text = String::with_capacity(bytes.len().clamp(1, len_max));
    for byte in bytes {
        let plain = matches!(byte, 0x21..=0x7e);
        if text.len() + if plain { 1 } else { 3 } > len_max {
            break;
        }
        if plain {
            text.push(char::from(*byte));
        } else {
            let digit = |value: u8| char::from(DIGITS[usize::from(value)]);
            text.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    if text.is_empty() {
        text.push('-');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{HOLDER_HOST_LEN_MAX, HOLDER_URL_LEN_MAX, Holder};

    #[test]
    fn nothing_that_a_terminal_would_obey_is_left() {
        let holder = Holder::new(b"web\x1b[2J 1\r\n", 7, b"/a b\0\x7f#part");
        assert_eq!((holder.host(), holder.url()), ("web%1B[2J%201%0D%0A", "/a%20b%00%7F"));
    }

    #[test]
    fn what_is_too_long_is_cut_before_a_whole_character() {
        let max = HOLDER_URL_LEN_MAX;
        let exact = Holder::new(&[b'h'; 300], 1, &vec![b'u'; max]);
        assert_eq!((exact.host().len(), exact.url().len()), (HOLDER_HOST_LEN_MAX, max));
        let mut url = vec![b'u'; max - 1];
        url.push(0xff);
        assert_eq!(Holder::new(b"", 1, &url).url().len(), max - 1);
        assert_eq!(Holder::new(b"", 1, b"?a=b"), Holder::new(b"-", 1, b"-"));
    }
}
