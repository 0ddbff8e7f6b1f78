//! Which arguments of a call are secrets, for whatever shows calls to others.

use smallvec::SmallVec;

use crate::execute::Call;

/// What stands in the place of a secret.
const REDACTED: &[u8] = b"(redacted)";

/// Directives whose values are secrets.
const SECRET_DIRECTIVES: [&str; 5] =
    ["requirepass", "masterauth", "masteruser", "tls-key-file-pass", "tls-client-key-file-pass"];

/// Subcommands of SESSION whose second argument is the token of a lock: whoever has it may release
/// the lock, or write.
const TAKE_A_TOKEN: [&str; 6] = ["open", "commit", "touch", "renew", "release", "destroy"];

/// The arguments of a call, names included, without its secrets.
pub(crate) fn without_secrets<'a>(call: &Call<'a>) -> SmallVec<[&'a [u8]; 8]> {
    let mut args: SmallVec<[&[u8]; 8]> = call.args.iter().copied().collect();
    let is = |arg: &[u8], word: &str| arg.eq_ignore_ascii_case(word.as_bytes());
    let container = call.args[0];
    match (call.names, call.spec.name) {
        (1, "auth") => args[1..].fill(REDACTED),
        (1, "hello") => {
            // Options may come again, a name be `auth`, and a word that is none be half a login.
            let mut rest = args.get_mut(2..).unwrap_or_default();
            while let Some((option, values)) = rest.split_first_mut() {
                let is_name = is(option, "setname");
                let count = match is_name {
                    true => 1,
                    false if is(option, "auth") => 2,
                    false => usize::MAX,
                };
                let (values, behind) = values.split_at_mut(count.min(values.len()));
                if !is_name {
                    values.fill(REDACTED);
                }
                rest = behind;
            }
        }
        // Who has a password is not told either.
        (2, "setuser" | "getuser" | "deluser") if is(container, "acl") => args[2..].fill(REDACTED),
        (2, "set") if is(container, "config") => {
            for pair in args[2..].chunks_mut(2) {
                if let [name, value] = pair
                    && SECRET_DIRECTIVES.iter().any(|directive| is(name, directive))
                {
                    *value = REDACTED;
                }
            }
        }
        (2, name) if is(container, "session") => {
            if TAKE_A_TOKEN.contains(&name) {
                args.iter_mut().skip(3).take(1).for_each(|token| *token = REDACTED);
            }
            for at in 4..args.len() {
                if is(args[at], "nonce") {
                    args.iter_mut().skip(at + 1).take(1).for_each(|nonce| *nonce = REDACTED);
                }
            }
            if let ("commit", Some(data)) = (name, args.get_mut(4..).and_then(|a| a.last_mut())) {
                *data = REDACTED;
            }
        }
        _ => {}
    }
    args
}
