//! Session ids.

use std::fmt;

use smallvec::SmallVec;

/// A session id as PHP makes them: 1 to 256 letters, digits, commas and hyphens.
///
/// Anything else comes from somebody who plays with cookies: `<id>_LOCK` would address a lock.
/// `Debug` shows the length only.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionId(SmallVec<[u8; ID_LEN]>);

/// Longest id that needs no memory of its own; PHP makes ids of 32 characters unless it is told to.
const ID_LEN: usize = 48;

/// Which bytes an id may have.
const ALLOWED: [bool; 256] = {
    let mut allowed = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        allowed[byte] = (byte as u8).is_ascii_alphanumeric() || matches!(byte as u8, b',' | b'-');
        byte += 1;
    }
    allowed
};

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
        let valid = |byte: &u8| ALLOWED[usize::from(*byte)];
        let accepted = !bytes.is_empty() && bytes.len() <= Self::LEN_MAX && bytes.iter().all(valid);
        accepted.then(|| Self(SmallVec::from_slice(bytes)))
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
    fn an_id_has_letters_digits_commas_and_hyphens() {
        for byte in 0..=255 {
            let expected = char::from(byte).is_ascii_alphanumeric() || b",-".contains(&byte);
            assert_eq!(SessionId::new(&[b'a', byte]).is_some(), expected, "{byte}");
        }
    }

    #[test]
    fn debug_does_not_show_the_id() {
        let id = SessionId::new(b"secret").expect("letters");
        assert_eq!(format!("{id:?}"), "SessionId(6 bytes)");
    }
}
