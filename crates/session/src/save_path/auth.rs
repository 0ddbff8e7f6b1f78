//! `auth` and `auth_file`.

use super::Credentials;
use super::query::Value;

/// What `auth` means to phpredis, and what the writer should know about it.
///
/// Observed: an array has one element or two; the user is `[user]` or the first, the password
/// `[pass]` or the last; whatever cannot be understood is not sent.
pub(super) fn credentials(auth: &Value) -> (Credentials, Option<&'static str>) {
    let elements = match auth {
        Value::Text(text) => {
            return (Credentials::Password { user: None, password: text.clone() }, None);
        }
        Value::Array(elements) => elements.len(),
    };
    let get = |name: &[u8], index: &[u8]| auth.get(name).or_else(|| auth.get(index));
    let given = match elements {
        1 => get(b"pass", b"0").map(|password| (None, password)),
        2 => get(b"user", b"0").map(Some).zip(get(b"pass", b"1")),
        _ => {
            let advice = "`auth` has more than a user and a password: not authenticated";
            return (Credentials::None, Some(advice));
        }
    };
    match given {
        Some((user, password)) => {
            let user = user.map(<[u8]>::to_vec);
            (Credentials::Password { user, password: password.to_vec() }, None)
        }
        None if elements == 1 && auth.get(b"user").is_some() => {
            (Credentials::None, Some("`auth[user]` without `auth[pass]`: not authenticated"))
        }
        None => (
            Credentials::None,
            Some("`auth` has neither `[user]` and `[pass]` nor two elements: not authenticated"),
        ),
    }
}

/// The user for a password from a file: `auth[user]`, the first element, or a plain `auth`.
pub(super) fn user(auth: &Value) -> Option<Vec<u8>> {
    match auth {
        Value::Text(text) => Some(text.clone()),
        Value::Array(_) => auth.get(b"user").or_else(|| auth.get(b"0")).map(<[u8]>::to_vec),
    }
}
