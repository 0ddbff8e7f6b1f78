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
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut digits = [0; 32];
    for (pair, byte) in digits.as_chunks_mut().0.iter_mut().zip(random) {
        *pair = [byte >> 4, byte & 15].map(|digit| DIGITS[usize::from(digit)]);
    }
    let mut token = String::with_capacity(TOKEN_PREFIX.len() + digits.len());
    token.push_str(TOKEN_PREFIX);
    token.push_str(str::from_utf8(&digits).expect("digits are ASCII"));
    token
}
