//! The nearest name to a mistyped one.

/// The name that differs least from `typed`, if it is near enough to be what was meant.
///
/// Near enough means at most one edit per three letters; case is ignored, and so are dashes written
/// as underscores.
pub(crate) fn nearest<'a>(
    typed: &str,
    names: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let typed: Vec<u8> = typed.bytes().map(plain).collect();
    if typed.len() > 64 {
        return None;
    }
    names
        .into_iter()
        .map(|name| (distance(&typed, &name.bytes().map(plain).collect::<Vec<_>>()), name))
        .filter(|(edits, name)| *edits <= name.len().min(typed.len()) / 3)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, name)| name)
}

fn plain(byte: u8) -> u8 {
    if byte == b'_' { b'-' } else { byte.to_ascii_lowercase() }
}

/// Edit distance: insertions, deletions, substitutions and exchanges of two neighbours.
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let substitution = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = substitution.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found() {
        let names = ["appendonly", "appendfsync", "port", "maxmemory", "requirepass", "hz"];
        let cases = [
            ("apendonly", Some("appendonly")),
            ("APPENDONLYY", Some("appendonly")),
            ("prot", Some("port")),
            ("max_memory", Some("maxmemory")),
            ("requirepas", Some("requirepass")),
            ("zzzzzz", None),
            ("x", None),
            ("", None),
        ];
        for (typed, expected) in cases {
            assert_eq!(nearest(typed, names), expected, "{typed}");
        }
    }

    #[test]
    fn distance_counts_edits() {
        let cases =
            [("", "", 0), ("a", "", 1), ("", "abc", 3), ("ab", "ba", 1), ("kitten", "sitting", 3)];
        for (a, b, expected) in cases {
            assert_eq!(distance(a.as_bytes(), b.as_bytes()), expected, "{a} {b}");
        }
    }
}
