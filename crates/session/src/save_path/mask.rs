//! A save_path that may be shown.

use super::{is_separator, query};

const HIDDEN: &str = "***";
/// Parameters whose value may be shown; of all others it may be a secret or a part of one.
const SHOWN: [&str; 9] = [
    "auth_file",
    "database",
    "persistent",
    "persistent_id",
    "prefix",
    "read_timeout",
    "retry_interval",
    "timeout",
    "weight",
];

/// The save_path with `***` for passwords and for whatever might be part of one.
///
/// Works on anything, also on what [`SavePath::parse`](super::SavePath::parse) refuses: a password
/// that was not URL-encoded may spill into the next parameter, or after a comma into the next host.
///
/// ```
/// use guarda_session::save_path::mask;
///
/// let shown = mask(b"tcp://10.0.0.1:6379?auth=secret&database=2");
/// assert_eq!(shown, "tcp://10.0.0.1:6379?auth=***&database=2");
/// ```
pub fn mask(save_path: &[u8]) -> String {
    let mut out = String::new();
    let mut secret_before = false;
    for piece in save_path.split_inclusive(|byte| is_separator(*byte)) {
        let text_len = piece.iter().rposition(|byte| !is_separator(*byte)).map_or(0, |at| at + 1);
        let (piece, separator) = piece.split_at(text_len);
        let whole = piece.starts_with(b"/")
            || piece.starts_with(b"unix:")
            || piece.windows(3).any(|window| window == b"://");
        if secret_before && !whole && !piece.is_empty() {
            out.push_str(HIDDEN);
        } else {
            secret_before |= mask_piece(piece, &mut out);
        }
        out.push_str(&String::from_utf8_lossy(separator));
    }
    out
}

/// Whether there was something to hide.
fn mask_piece(piece: &[u8], out: &mut String) -> bool {
    let mark = piece.iter().position(|byte| *byte == b'?').unwrap_or(piece.len());
    let (front, query) = piece.split_at(mark);
    let first_name = query.get(1..).unwrap_or_default().split(|b| matches!(b, b'=' | b'&')).next();
    // `redis://user:pass?word@host`: the question mark belongs to the password.
    let spilled = query.contains(&b'@') && !is_known(first_name.unwrap_or_default());
    let (front, query) = if spilled { (piece, &b""[..]) } else { (front, query) };
    let mut hidden = mask_userinfo(front, out);
    for (at, parameter) in query.split_inclusive(|b| matches!(b, b'?' | b'&')).enumerate() {
        // The separators stay: each ends a part, and the first part is the question mark alone.
        let (parameter, end) = match parameter.split_last() {
            Some((end @ (b'?' | b'&'), rest)) if at == 0 || *end == b'&' => (rest, Some(*end)),
            _ => (parameter, None),
        };
        hidden |= mask_parameter(parameter, out);
        out.extend(end.map(char::from));
    }
    hidden
}

fn mask_userinfo(front: &[u8], out: &mut String) -> bool {
    let start = front.windows(2).position(|window| window == b"//").map_or(0, |at| at + 2);
    let at = front.iter().rposition(|byte| *byte == b'@').filter(|at| *at >= start);
    let Some(at) = at else {
        out.push_str(&String::from_utf8_lossy(front));
        return false;
    };
    out.push_str(&String::from_utf8_lossy(&front[..start]));
    out.push_str(HIDDEN);
    out.push_str(&String::from_utf8_lossy(&front[at..]));
    true
}

fn mask_parameter(parameter: &[u8], out: &mut String) -> bool {
    let equals = parameter.iter().position(|byte| *byte == b'=');
    let (name, value) = parameter.split_at(equals.unwrap_or(parameter.len()));
    let decoded = query::decode(name);
    let plain = decoded.split(|byte| *byte == b'[').next().unwrap_or_default();
    let shown = String::from_utf8_lossy(name);
    if SHOWN.iter().any(|known| known.as_bytes() == plain) || parameter.is_empty() {
        out.push_str(&String::from_utf8_lossy(parameter));
        return false;
    }
    match plain {
        b"auth" | b"stream" | b"adopt" if value.is_empty() => out.push_str(&shown),
        b"stream" if !decoded.ends_with(b"[passphrase]") => {
            out.push_str(&String::from_utf8_lossy(parameter));
            return false;
        }
        b"adopt" => out.extend([&*shown, "=", &mask(&query::decode(&value[1..]))]),
        b"auth" | b"stream" => out.extend([&*shown, "=", HIDDEN]),
        _ => out.push_str(HIDDEN),
    }
    true
}

fn is_known(name: &[u8]) -> bool {
    let decoded = query::decode(name);
    let plain = decoded.split(|byte| *byte == b'[').next().unwrap_or_default();
    super::host::KNOWN.iter().any(|known| known.as_bytes() == plain)
}
