//! Session ids.

use std::fmt;

/// A session id as PHP makes them: 1 to 256 letters, digits, commas and hyphens.
///
/// Anything else comes from somebody who plays with cookies: `<id>_LOCK` would address a lock.
/// `Debug` shows the length only.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionId(Vec<u8>);

impl SessionId {
    /// Longest id in bytes; PHP's own handler has the same limit.
    pub const LEN_MAX: usize = 256;

    /// The id that these bytes are, if they are one.
    ///
    /// ```
    /// use guarda_session::SessionId;
    ///
    /// assert!(SessionId::new(b"vf3k,0-A").is_some());
    /// assert!(SessionId::new(b"vf3k_LOCK").is_none());
    /// assert!(SessionId::new(b"").is_none());
    /// ```
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let valid = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b',' | b'-');
        let accepted = !bytes.is_empty() && bytes.len() <= Self::LEN_MAX && bytes.iter().all(valid);
        accepted.then(|| Self(bytes.to_vec()))
    }

    /// The id's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SessionId({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::SessionId;

    #[test]
    fn an_id_has_at_most_256_bytes() {
        assert!(SessionId::new(&[b'a'; SessionId::LEN_MAX]).is_some());
        assert!(SessionId::new(&[b'a'; SessionId::LEN_MAX + 1]).is_none());
    }

    #[test]
    fn debug_does_not_show_the_id() {
        let id = SessionId::new(b"secret").expect("letters");
        assert_eq!(format!("{id:?}"), "SessionId(6 bytes)");
    }
}
