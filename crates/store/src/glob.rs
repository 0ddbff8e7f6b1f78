//! Redis's glob patterns, for KEYS, SCAN, CONFIG GET and channels.

/// Whether `text` matches `pattern`: `*`, `?`, `[a-z]`, `[^a]`, and `\` to quote.
///
/// Never recurses; a pattern with n stars costs O(pattern × text). Semantics:
/// <https://redis.io/docs/latest/commands/keys/>, checked against a real server by the
/// differential tests.
pub fn glob_match(pattern: &[u8], text: &[u8], ignore_case: bool) -> bool {
    if text.is_empty() {
        // As in Redis, stars match nothing at all only after something else was matched: of the
        // patterns, the empty text has the empty one and the one for everything.
        return pattern.is_empty() || pattern == b"*";
    }
    let (mut p, mut t) = (0, 0);
    // The last star seen and how much of the text it has swallowed so far.
    let mut star: Option<(usize, usize)> = None;
    loop {
        if p < pattern.len() && pattern[p] == b'*' {
            p += 1;
            star = Some((p, t));
            continue;
        }
        if t == text.len() {
            return pattern[p..].iter().all(|&c| c == b'*');
        }
        let step =
            if p < pattern.len() { match_one(&pattern[p..], text[t], ignore_case) } else { None };
        match (step, star) {
            (Some(width), _) => {
                p += width;
                t += 1;
            }
            (None, Some((after_star, swallowed))) => {
                p = after_star;
                t = swallowed + 1;
                star = Some((after_star, t));
            }
            (None, None) => return false,
        }
    }
}

/// Matches one character against the head of `pattern`; returns how much of it was used.
fn match_one(pattern: &[u8], c: u8, ignore_case: bool) -> Option<usize> {
    let fold = |b: u8| if ignore_case { b.to_ascii_lowercase() } else { b };
    match pattern[0] {
        b'?' => Some(1),
        b'[' => {
            let (matched, width) = match_class(&pattern[1..], c, fold);
            matched.then_some(width + 1)
        }
        b'\\' if pattern.len() > 1 => (fold(pattern[1]) == fold(c)).then_some(2),
        literal => (fold(literal) == fold(c)).then_some(1),
    }
}

/// Matches a class body (after the `[`); returns the verdict and the width with the `]`.
///
/// A class without its `]` ends with the pattern, as in Redis.
fn match_class(body: &[u8], c: u8, fold: impl Fn(u8) -> u8) -> (bool, usize) {
    let mut i = 0;
    let negated = body.first() == Some(&b'^');
    if negated {
        i += 1;
    }
    let mut matched = false;
    while i < body.len() {
        match body[i] {
            b'\\' if i + 1 < body.len() => {
                i += 1;
                matched |= fold(body[i]) == fold(c);
            }
            b']' => return (matched != negated, i + 1),
            _ if i + 2 < body.len() && body[i + 1] == b'-' => {
                let (a, b) = (fold(body[i]), fold(body[i + 2]));
                matched |= (a.min(b)..=a.max(b)).contains(&fold(c));
                i += 2;
            }
            literal => matched |= fold(literal) == fold(c),
        }
        i += 1;
    }
    (matched != negated, body.len())
}

#[cfg(test)]
mod tests {
    use super::glob_match;

    #[test]
    fn patterns_match_as_documented() {
        let cases: &[(&str, &str, bool)] = &[
            ("*", "", true),
            ("**", "", false),
            ("a**", "a", true),
            ("*", "abc", true),
            ("h?llo", "hello", true),
            ("h?llo", "hllo", false),
            ("h*llo", "heeeello", true),
            ("h[ae]llo", "hallo", true),
            ("h[ae]llo", "hillo", false),
            ("h[^e]llo", "hallo", true),
            ("h[^e]llo", "hello", false),
            ("h[a-b]llo", "hbllo", true),
            ("h[b-a]llo", "hbllo", true),
            (r"h\*llo", "h*llo", true),
            (r"h\*llo", "hello", false),
            ("a*b*c", "a1b2b3c", true),
            ("a*b*c", "a1b2b3", false),
            ("[abc", "a", true),
            (r"[\]]", "]", true),
            ("", "", true),
            ("", "a", false),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(
                glob_match(pattern.as_bytes(), text.as_bytes(), false),
                *expected,
                "{pattern} against {text}"
            );
        }
    }

    #[test]
    fn many_stars_do_not_blow_up() {
        let pattern = "a*".repeat(200) + "b";
        let text = "a".repeat(5000);
        assert!(!glob_match(pattern.as_bytes(), text.as_bytes(), false));
    }
}
