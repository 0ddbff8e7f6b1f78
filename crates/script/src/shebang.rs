//! A script's first line: `#!lua flags=no-writes,allow-oom`.

use guarda_commands::CommandError;

/// What a script declares of itself. Scripts without a first line of this kind declare nothing, and
/// each command is checked as it is called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Declared {
    /// There was a first line: what is not declared is held against the script.
    pub(crate) explicit: bool,
    /// It writes nothing.
    pub(crate) no_writes: bool,
    /// It may run when memory is at its limit.
    pub(crate) allow_oom: bool,
}

/// The rest of the known flags; they mean nothing outside a replica or cluster.
const WITHOUT_EFFECT: [&[u8]; 3] = [b"allow-stale", b"no-cluster", b"allow-cross-slot-keys"];

/// Splits a script into what it declares and its body. The body keeps the first line's end, so that
/// lines are counted as in the text.
pub(crate) fn split(text: &[u8]) -> Result<(Declared, &[u8]), CommandError> {
    if !text.starts_with(b"#!") {
        return Ok((Declared::default(), text));
    }
    let end = text
        .iter()
        .position(|&byte| byte == b'\n')
        .ok_or(CommandError::text("ERR Invalid script shebang"))?;
    let words =
        words(&text[..end]).ok_or(CommandError::text("ERR Invalid engine in script shebang"))?;
    let mut declared = Declared { explicit: true, ..Declared::default() };
    let mut words = words.into_iter();
    let engine = words.next().unwrap_or_default();
    if engine != b"#!lua" {
        return Err(quoting("Unexpected engine in script shebang", &engine));
    }
    for word in words {
        let Some(flags) = word.strip_prefix(b"flags=") else {
            return Err(quoting("Unknown lua shebang option", &word));
        };
        if flags.is_empty() {
            continue;
        }
        for flag in flags.split(|&byte| byte == b',') {
            match flag {
                b"no-writes" => declared.no_writes = true,
                b"allow-oom" => declared.allow_oom = true,
                known if WITHOUT_EFFECT.contains(&known) => {}
                unknown => return Err(quoting("Unexpected flag in script shebang", unknown)),
            }
        }
    }
    Ok((declared, &text[end..]))
}

fn quoting(what: &str, word: &[u8]) -> CommandError {
    CommandError::owned(format!("ERR {what}: {}", String::from_utf8_lossy(word)))
}

/// Splits a line at blanks; a word may be quoted. `None` if a quote is not closed.
fn words(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut rest = line.trim_ascii();
    while let Some(&first) = rest.first() {
        let (word, used) = if matches!(first, b'"' | b'\'') {
            let len = rest[1..].iter().position(|&byte| byte == first)?;
            let used = len + 2;
            if rest.get(used).is_some_and(|next| !next.is_ascii_whitespace()) {
                return None;
            }
            (&rest[1..=len], used)
        } else {
            let len = rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
            (&rest[..len], len)
        };
        words.push(word.to_vec());
        rest = rest[used..].trim_ascii_start();
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<(Declared, &str), &str>) {
        let got = split(text.as_bytes()).map_err(|error| error.to_string());
        let expected =
            expected.map(|(declared, body)| (declared, body.as_bytes())).map_err(ToOwned::to_owned);
        assert_eq!(got, expected, "{text:?}");
    }

    #[test]
    fn a_first_line_declares_flags_and_everything_else_is_refused_in_redis_words() {
        let bare = Declared { explicit: true, ..Declared::default() };
        let no_writes = Declared { no_writes: true, ..bare };
        let both = Declared { allow_oom: true, ..no_writes };
        check("return 1", Ok((Declared::default(), "return 1")));
        check(" #!lua\nreturn 1", Ok((Declared::default(), " #!lua\nreturn 1")));
        check("#!lua\nreturn 1", Ok((bare, "\nreturn 1")));
        check("#!lua\r\nx", Ok((bare, "\nx")));
        check("#!lua flags=\nx", Ok((bare, "\nx")));
        check("#!lua  flags=no-writes \nx", Ok((no_writes, "\nx")));
        check("#!lua 'flags=no-writes'\nx", Ok((no_writes, "\nx")));
        check("#!lua flags=no-writes flags=allow-oom\nx", Ok((both, "\nx")));
        check(
            "#!lua flags=no-writes,allow-oom,allow-stale,no-cluster,allow-cross-slot-keys\nx",
            Ok((both, "\nx")),
        );
        check("#!lua", Err("ERR Invalid script shebang"));
        check("#!\nx", Err("ERR Unexpected engine in script shebang: #!"));
        check("#!js\nx", Err("ERR Unexpected engine in script shebang: #!js"));
        check("#!LUA\nx", Err("ERR Unexpected engine in script shebang: #!LUA"));
        check("#!lua 'x\ny", Err("ERR Invalid engine in script shebang"));
        check("#!lua name=x\ny", Err("ERR Unknown lua shebang option: name=x"));
        check("#!lua flags = no-writes\ny", Err("ERR Unknown lua shebang option: flags"));
        check("#!lua flags=NO-WRITES\ny", Err("ERR Unexpected flag in script shebang: NO-WRITES"));
        check("#!lua flags=no-writes,\ny", Err("ERR Unexpected flag in script shebang: "));
    }
}
