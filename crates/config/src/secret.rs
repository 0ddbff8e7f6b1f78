//! Values that must never be shown.

use std::fmt;

/// A password or passphrase: any bytes, and a `Debug` that shows only how many.
///
/// It has no `Display`, so that a log line or an error cannot print it by accident; only
/// [`Secret::reveal`] gives the bytes.
///
/// ```
/// let secret = guarda_config::Secret::new(b"hunter2".to_vec());
/// assert_eq!(format!("{secret:?}"), "Secret(7 bytes)");
/// ```
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Wraps `bytes`.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes themselves, for comparing with what a client sent and for `CONFIG GET`.
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }

    /// Whether there is nothing in it, which in redis.conf means "no password".
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes)", self.0.len())
    }
}
