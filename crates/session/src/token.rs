//! Lock tokens and tombstone nonces.

/// What a native lock's value begins with; the rest is 32 hexadecimal digits.
pub const TOKEN_PREFIX: &str = "guarda:";

/// The token of one lock, or the nonce of one tombstone, made of 16 random bytes.
///
/// ```
/// use guarda_session::lock_token;
///
/// assert_eq!(lock_token(&[0xab; 16]), format!("guarda:{}", "ab".repeat(16)));
/// ```
pub fn lock_token(random: &[u8; 16]) -> String {
    let mut token = String::with_capacity(TOKEN_PREFIX.len() + 32);
    token.push_str(TOKEN_PREFIX);
    for byte in random {
        for nibble in [byte >> 4, byte & 15] {
            token.push(char::from(b"0123456789abcdef"[usize::from(nibble)]));
        }
    }
    token
}
