//! Redis's glob patterns, over the ASCII names of directives and the file names of `include`.

/// How many stars may be open at once. Names are short; more stars than this match nothing new.
const BACKTRACK_STEPS_MAX: usize = 100_000;

/// Whether `text` matches `pattern`: `*`, `?`, `[a-z]`, `[^x]`, `\` escapes the next byte.
///
/// Case is ignored when `fold_case` is set, as `CONFIG GET` does. A class that is not closed runs
/// to the end of the pattern. Cost is bounded: a pattern that needs more than 100,000 steps does
/// not match.
pub(crate) fn matches(pattern: &[u8], text: &[u8], fold_case: bool) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to resume after the last star: one byte further into `text` each time. One pair is
    // enough, since a later star makes every earlier one irrelevant.
    let mut star: Option<(usize, usize)> = None;
    for _ in 0..BACKTRACK_STEPS_MAX {
        if p == pattern.len() && t == text.len() {
            return true;
        }
        if pattern.get(p) == Some(&b'*') {
            star = Some((p + 1, t));
            p += 1;
            continue;
        }
        let step = text.get(t).and_then(|&byte| match_one(&pattern[p..], byte, fold_case));
        if let Some(consumed) = step {
            p += consumed;
            t += 1;
        } else if let Some((after_star, resume)) = star {
            if resume == text.len() {
                return false;
            }
            star = Some((after_star, resume + 1));
            (p, t) = (after_star, resume + 1);
        } else {
            return false;
        }
    }
    false
}

/// Whether `pattern` holds anything but plain bytes. A backslash alone does not count, as in Redis.
pub(crate) fn is_pattern(pattern: &[u8]) -> bool {
    pattern.iter().any(|byte| matches!(byte, b'*' | b'?' | b'['))
}

/// Matches the first element of `pattern` with `byte`; returns the length of that element.
fn match_one(pattern: &[u8], byte: u8, fold_case: bool) -> Option<usize> {
    let same = |a: u8, b: u8| if fold_case { a.eq_ignore_ascii_case(&b) } else { a == b };
    match pattern {
        [b'?', ..] => Some(1),
        [b'\\', escaped, ..] => same(*escaped, byte).then_some(2),
        [b'[', class @ ..] => {
            let (found, len) = match_class(class, byte, fold_case);
            found.then_some(1 + len)
        }
        [plain, ..] => same(*plain, byte).then_some(1),
        [] => None,
    }
}

/// Matches the inside of `[...]`; returns whether `byte` belongs and how long the class is with its
/// `]`.
fn match_class(class: &[u8], byte: u8, fold_case: bool) -> (bool, usize) {
    let fold = |b: u8| if fold_case { b.to_ascii_lowercase() } else { b };
    let byte = fold(byte);
    let negated = class.first() == Some(&b'^');
    let mut at = usize::from(negated);
    let mut found = false;
    loop {
        match &class[at..] {
            [] => break,
            [b']', ..] => {
                at += 1;
                break;
            }
            [b'\\', escaped, ..] => {
                found |= fold(*escaped) == byte;
                at += 2;
            }
            [low, b'-', high, ..] => {
                let (low, high) = (fold(*low), fold(*high));
                found |= (low.min(high)..=low.max(high)).contains(&byte);
                at += 3;
            }
            [plain, ..] => {
                found |= fold(*plain) == byte;
                at += 1;
            }
        }
    }
    (found != negated, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_redis() {
        let cases: &[(&str, &str, bool)] = &[
            ("*", "", true),
            ("*", "maxmemory", true),
            ("maxmemory*", "maxmemory", true),
            ("maxmemory*", "maxmemory-policy", true),
            ("m?x*", "maxclients", true),
            ("h[yz]", "hz", true),
            ("h[^y]", "hz", true),
            ("h[^z]", "hz", false),
            ("h[a-y]", "hz", false),
            ("h[z-a]", "hz", true),
            ("s[a-z", "sa", true),
            ("s[a-z", "save", false),
            ("\\hz", "hz", true),
            ("\\*", "hz", false),
            ("SLAVE-*", "slave-priority", true),
            ("*-*-*", "tcp-backlog", false),
            ("*a*b*c", "xaxbxc", true),
            ("", "", true),
            ("", "x", false),
            ("[", "[", false),
            ("x\\", "x\\", true),
        ];
        for (pattern, text, expected) in cases {
            let got = matches(pattern.as_bytes(), text.as_bytes(), true);
            assert_eq!(got, *expected, "{pattern:?} against {text:?}");
        }
        assert!(!matches(b"A*", b"abc", false));
    }

    #[test]
    fn many_stars_cost_no_more_than_the_step_limit() {
        let pattern = b"*a".repeat(2_000);
        let text = b"a".repeat(1_999);
        assert!(!matches(&pattern, &text, false));
    }
}
