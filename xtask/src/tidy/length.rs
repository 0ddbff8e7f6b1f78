//! Files stay short enough to hold one idea. What was longer when the rule came is listed, and the list
//! only goes down.

use std::collections::BTreeMap;

use super::Finding;

/// More lines than this are a question for review.
const LINES_MAX: usize = 800;
/// What the rule is about: source that people read.
const EXTENSIONS: [&str; 5] = ["rs", "c", "h", "php", "phpt"];

/// Checks all files against the limit and against the list, whose lines are `<path> <lines>`.
pub(super) fn check(list_path: &str, list: &str, files: &BTreeMap<String, String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut listed = BTreeMap::new();
    for (text, line) in list.lines().zip(1..).filter(|(text, _)| !text.starts_with('#')) {
        match text.split_once(' ').map(|(path, lines)| (path, lines.trim().parse())) {
            Some((path, Ok(lines))) => {
                listed.insert(path, (line, lines));
            }
            _ => findings.push(Finding::new(list_path, line, "expected `<path> <lines>`")),
        }
    }
    for (path, contents) in files.iter().filter(|(path, _)| is_source(path)) {
        let lines = contents.lines().count();
        let entry = listed.remove(path.as_str());
        findings.extend(judge(list_path, path, lines, entry));
    }
    findings.extend(listed.iter().map(|(path, (line, _))| {
        Finding::new(list_path, *line, format!("{path} is gone: take it off the list"))
    }));
    findings
}

fn judge(list: &str, path: &str, lines: usize, entry: Option<(usize, usize)>) -> Option<Finding> {
    match entry {
        None if lines > LINES_MAX => {
            let message = format!("{lines} lines; {LINES_MAX} at most: is it still one idea?");
            Some(Finding::new(path, 0, message))
        }
        Some((_, limit)) if lines > limit => {
            let message = format!("{lines} lines; its listed length, {limit}, may only go down");
            Some(Finding::new(path, 0, message))
        }
        Some((line, _)) if lines <= LINES_MAX => {
            Some(Finding::new(list, line, format!("{path} is short enough: take it off the list")))
        }
        Some((line, limit)) if lines < limit => {
            Some(Finding::new(list, line, format!("{path} has {lines} lines now: lower its entry")))
        }
        _ => None,
    }
}

fn is_source(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, extension)| EXTENSIONS.contains(&extension))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of a file of so many lines under such a list.
    fn said(path: &str, lines: usize, list: &str) -> Vec<String> {
        let files = BTreeMap::from([(path.to_owned(), "x\n".repeat(lines))]);
        check("list", list, &files).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn the_limit_holds_for_what_is_not_listed() {
        assert!(said("a.rs", 800, "").is_empty());
        assert_eq!(said("a.rs", 801, "").len(), 1);
        assert!(said("a.md", 801, "").is_empty());
    }

    #[test]
    fn the_list_only_goes_down() {
        assert!(said("a.rs", 900, "# why\na.rs 900\n").is_empty());
        assert!(said("a.rs", 901, "a.rs 900\n")[0].contains("may only go down"));
        assert!(said("a.rs", 899, "a.rs 900\n")[0].contains("lower its entry"));
        assert!(said("a.rs", 800, "a.rs 900\n")[0].contains("take it off"));
        assert!(said("a.rs", 1, "b.rs 900\n")[0].contains("gone"));
        assert!(said("a.rs", 1, "nonsense\n")[0].starts_with("list:1: expected"));
    }
}
