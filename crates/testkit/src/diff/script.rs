//! The language of the scripts.
//!
//! One step per line; blank lines and lines that start with `#` are skipped. Words are quoted as in
//! redis-cli: `"..."` with `\n \r \t \b \a \\ \" \xHH`, or `'...'` with `\'` alone.
//!
//! ```text
//! SET k v                          send, read one reply, compare
//! 2> GET k                         the same on connection 2 (they open at first use)
//! u1> PING                         on a connection over the Unix socket
//! TTL k //~ within 2 -- why        compare with a mask; the reason is required
//! !raw 2 "PING\r\nPING\r\n"        send bytes, read two replies
//! !end "*1\r\n$-5\r\n"             send bytes, read until the server closes, compare all of it
//! !silent CLIENT REPLY OFF         send a command that is not answered
//! !read                            read one more reply
//! !scan HSCAN h 0 COUNT 3          follow the cursor to its end, compare the elements found
//! !each 1 200 HSET h f${i} v       once for every number, pipelined
//! !let id CLIENT ID                keep the reply as ${id}, for each server its own
//! !await ":0\r\n" EXISTS k         ask again until this is the reply
//! !blocked 2                       wait until so many clients wait in a blocking command
//! !pass 30                         wait until the servers' clocks have moved on by 30 ms
//! ```
//!
//! `${name}` is replaced by what `!let` kept, `${addr:2}` by the address of connection 2,
//! `${port}` by the server's port, `${text*1000}` by a thousand times the text.

use super::mask::Mask;

/// Which connection a step uses.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Lane {
    /// Over the Unix socket instead of TCP.
    pub unix: bool,
    /// The number in front of `>`; 1 where there is none.
    pub number: u8,
}

/// What a step does.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Action {
    /// Sends a command and reads its reply.
    Call(Vec<Vec<u8>>),
    /// Sends bytes and reads this many replies.
    Raw(Vec<u8>, usize),
    /// Sends bytes and reads until the server closes.
    End(Vec<u8>),
    /// Sends a command that is not answered.
    Silent(Vec<Vec<u8>>),
    /// Reads one reply.
    Read,
    /// Repeats a SCAN or HSCAN until its cursor is zero.
    Scan(Vec<Vec<u8>>),
    /// Sends a command for every `${i}` of a range.
    Each(i64, i64, Vec<Vec<u8>>),
    /// Keeps a reply under a name.
    Let(String, Vec<Vec<u8>>),
    /// Repeats a command until its reply is this.
    Await(Vec<u8>, Vec<Vec<u8>>),
    /// Waits until so many clients are blocked.
    Blocked(u64),
    /// Lets the servers' clocks move on by milliseconds.
    Pass(u64),
}

/// One line of a script.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Step {
    /// The line as written, for reports.
    pub text: String,
    /// The connection.
    pub lane: Lane,
    /// What is done.
    pub action: Action,
    /// What may differ.
    pub mask: Mask,
}

/// A line that is not in the language.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{line}`: {what}")]
pub struct BadScript {
    /// The line.
    pub line: String,
    /// What is wrong with it.
    pub what: String,
}

/// Reads a script.
///
/// # Errors
///
/// On the first line that is not in the language.
pub fn parse(script: &str) -> Result<Vec<Step>, BadScript> {
    script
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| step(line).map_err(|what| BadScript { line: line.to_owned(), what }))
        .collect()
}

fn step(line: &str) -> Result<Step, String> {
    let (command, mask) = match line.split_once(" //~ ") {
        Some((command, mask)) => (command, Mask::parse(mask)?),
        None => (line, Mask::Exact),
    };
    let (lane, command) = lane(command);
    let mut words = split(command)?.into_iter();
    let first = words.next().ok_or("nothing to do")?;
    let rest: Vec<Vec<u8>> = words.collect();
    let action = match first.strip_prefix(b"!") {
        None => Action::Call(std::iter::once(first).chain(rest).collect()),
        Some(b"raw") => match rest.as_slice() {
            [count, bytes] => Action::Raw(bytes.clone(), number(count)?),
            _ => return Err("`!raw` takes a count and bytes".to_owned()),
        },
        Some(b"end") => match rest.as_slice() {
            [] => Action::End(Vec::new()),
            [bytes] => Action::End(bytes.clone()),
            _ => return Err("`!end` takes bytes".to_owned()),
        },
        Some(b"silent") => Action::Silent(rest),
        Some(b"read") => Action::Read,
        Some(b"scan") => Action::Scan(rest),
        Some(b"each") => match rest.as_slice() {
            [from, to, command @ ..] if !command.is_empty() => {
                Action::Each(number(from)?, number(to)?, command.to_vec())
            }
            _ => return Err("`!each` takes two numbers and a command".to_owned()),
        },
        Some(b"let") => match rest.as_slice() {
            [name, command @ ..] if !command.is_empty() => {
                Action::Let(String::from_utf8_lossy(name).into_owned(), command.to_vec())
            }
            _ => return Err("`!let` takes a name and a command".to_owned()),
        },
        Some(b"await") => match rest.as_slice() {
            [reply, command @ ..] if !command.is_empty() => {
                Action::Await(reply.clone(), command.to_vec())
            }
            _ => return Err("`!await` takes a reply and a command".to_owned()),
        },
        Some(b"blocked") => match rest.as_slice() {
            [count] => Action::Blocked(number(count)?),
            _ => return Err("`!blocked` takes a number".to_owned()),
        },
        Some(b"pass") => match rest.as_slice() {
            [ms] => Action::Pass(number(ms)?),
            _ => return Err("`!pass` takes milliseconds".to_owned()),
        },
        Some(other) => return Err(format!("no directive `!{}`", String::from_utf8_lossy(other))),
    };
    Ok(Step { text: line.to_owned(), lane, action, mask })
}

fn lane(command: &str) -> (Lane, &str) {
    let default = Lane { unix: false, number: 1 };
    let Some((label, rest)) = command.split_once("> ") else { return (default, command) };
    let (unix, digits) = match label.strip_prefix('u') {
        Some(digits) => (true, digits),
        None => (false, label),
    };
    match digits.parse() {
        Ok(number) => (Lane { unix, number }, rest),
        Err(_) => (default, command),
    }
}

fn number<T: std::str::FromStr>(word: &[u8]) -> Result<T, String> {
    let text = String::from_utf8_lossy(word);
    text.parse().map_err(|_| format!("`{text}` is not a number"))
}

/// Splits a line into words by redis-cli's rules and repeats `${text*n}`.
///
/// # Errors
///
/// If a quote is left open or followed by more of a word.
pub fn split(line: &str) -> Result<Vec<Vec<u8>>, String> {
    let bytes = line.as_bytes();
    let mut words = Vec::new();
    let mut at = 0;
    loop {
        while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
            at += 1;
        }
        let Some(&first) = bytes.get(at) else { break };
        let mut word = Vec::new();
        if first == b'"' || first == b'\'' {
            at = quoted(bytes, at + 1, first, &mut word)?;
            if bytes.get(at).is_some_and(|byte| !byte.is_ascii_whitespace()) {
                return Err("a closing quote must end the word".to_owned());
            }
        } else {
            while let Some(&byte) = bytes.get(at)
                && !byte.is_ascii_whitespace()
            {
                word.push(byte);
                at += 1;
            }
        }
        words.push(repeat(&word)?);
    }
    Ok(words)
}

fn quoted(bytes: &[u8], mut at: usize, quote: u8, word: &mut Vec<u8>) -> Result<usize, String> {
    loop {
        match bytes.get(at) {
            None => return Err("a quote is left open".to_owned()),
            Some(&byte) if byte == quote => return Ok(at + 1),
            Some(b'\\') if quote == b'\'' && bytes.get(at + 1) == Some(&b'\'') => {
                word.push(b'\'');
                at += 2;
            }
            Some(b'\\') if quote == b'"' => {
                let Some(&escaped) = bytes.get(at + 1) else {
                    return Err("a quote is left open".to_owned());
                };
                if escaped == b'x' {
                    let digits = bytes.get(at + 2..at + 4).ok_or("`\\x` takes two digits")?;
                    let digits = std::str::from_utf8(digits).map_err(|error| error.to_string())?;
                    word.push(u8::from_str_radix(digits, 16).map_err(|error| error.to_string())?);
                    at += 4;
                } else {
                    word.push(match escaped {
                        b'n' => b'\n',
                        b'r' => b'\r',
                        b't' => b'\t',
                        b'b' => 8,
                        b'a' => 7,
                        other => other,
                    });
                    at += 2;
                }
            }
            Some(&byte) => {
                word.push(byte);
                at += 1;
            }
        }
    }
}

fn repeat(word: &[u8]) -> Result<Vec<u8>, String> {
    replace(word, |inside| {
        let Some(star) = inside.iter().rposition(|&byte| byte == b'*') else { return Ok(None) };
        let times: usize = number(&inside[star + 1..])?;
        Ok(Some(inside[..star].repeat(times)))
    })
}

/// Replaces every `${...}` for which `value` knows one.
///
/// # Errors
///
/// What `value` says.
pub fn replace(
    word: &[u8],
    mut value: impl FnMut(&[u8]) -> Result<Option<Vec<u8>>, String>,
) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some(start) = rest.windows(2).position(|pair| pair == b"${") {
        let Some(length) = rest[start..].iter().position(|&byte| byte == b'}') else { break };
        let end = start + length + 1;
        out.extend_from_slice(&rest[..start]);
        match value(&rest[start + 2..end - 1])? {
            Some(text) => out.extend(text),
            None => out.extend_from_slice(&rest[start..end]),
        }
        rest = &rest[end..];
    }
    out.extend_from_slice(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        split(line).unwrap().iter().map(|word| word.escape_ascii().to_string()).collect()
    }

    #[test]
    fn words_are_quoted_as_in_redis_cli() {
        assert_eq!(words(r#"SET "a b" 'c\'d' """#), ["SET", "a b", "c\\'d", ""]);
        assert_eq!(words(r#""\x00\r\n\"" '\n'"#), ["\\x00\\r\\n\\\"", "\\\\n"]);
        assert_eq!(words("${ab*3} ${id}"), ["ababab", "${id}"]);
        assert!(split("\"open").is_err());
        assert!(split("\"a\"b").is_err());
    }

    #[test]
    fn steps_have_a_connection_an_action_and_a_mask() {
        let steps = parse(
            "# a comment\n\n  2> GET k //~ any -- why\n !raw 2 \"X\\r\\n\"\n u1> PING\n !each 1 3 GET k${i}",
        )
        .unwrap();
        assert_eq!(steps.len(), 4);
        assert_eq!(steps[0].lane, Lane { unix: false, number: 2 });
        assert_eq!(steps[0].action, Action::Call(vec![b"GET".to_vec(), b"k".to_vec()]));
        assert_ne!(steps[0].mask, Mask::Exact);
        assert_eq!(steps[1].action, Action::Raw(b"X\r\n".to_vec(), 2));
        assert!(steps[2].lane.unix);
        assert!(matches!(&steps[3].action, Action::Each(1, 3, _)));
    }

    #[test]
    fn what_is_not_in_the_language_is_refused() {
        for line in ["!nonsense", "GET k //~ any", "GET k //~ sloppy -- why", "!raw x y", "!let id"]
        {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
