//! Rules about single lines.

use super::Finding;

/// Kept in two pieces, so that this file passes its own rule.
const IGNORED_TEST: &str = concat!("#[", "ignore");
/// Directories that exist on one person's machine. In two pieces for the same reason.
const MACHINE_DIRECTORIES: [&str; 4] =
    [concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/Us", "ers/"), concat!("/wo", "rk/")];

/// Checks one file.
pub(super) fn check(path: &str, contents: &str) -> Vec<Finding> {
    let rust = has_extension(path, "rs");
    let spaced = rust || has_extension(path, "md");
    let mut findings = Vec::new();
    for (line, number) in contents.split_terminator('\n').zip(1..) {
        let mut complain = |message: &str| findings.push(Finding::new(path, number, message));
        if spaced && line.contains('\t') {
            complain("a tab: indent with spaces");
        }
        if spaced && line.ends_with([' ', '\t', '\r']) {
            complain("white space at the end of the line");
        }
        if rust && line.contains(IGNORED_TEST) {
            complain("an ignored test: assert today's behaviour and say why it is wrong");
        }
        if let Some(directory) = MACHINE_DIRECTORIES.iter().find(|at| names_path(line, at)) {
            complain(&format!("a path of one machine, under {directory}"));
        }
    }
    if spaced && !contents.is_empty() && !contents.ends_with('\n') {
        findings.push(Finding::new(path, 0, "no newline at the end of the file"));
    }
    findings
}

pub(super) fn has_extension(path: &str, extension: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, last)| last == extension)
}

/// Whether an absolute path below `directory` stands in the line; `some/home/page` is not one.
fn names_path(line: &str, directory: &str) -> bool {
    line.match_indices(directory).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + directory.len()..].chars().next();
        let begins =
            before.is_none_or(|before| !before.is_alphanumeric() && !"/._-~}".contains(before));
        begins && after.is_some_and(|after| after.is_alphanumeric() || "._-".contains(after))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(path: &str, contents: &str) -> Vec<String> {
        check(path, contents).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn white_space_is_looked_at_in_rust_and_markdown_only() {
        for path in ["a.rs", "a.md"] {
            assert_eq!(said(path, "\tx\n").len(), 1);
            assert_eq!(
                said(path, "ok\nx \n"),
                [format!("{path}:2: white space at the end of the line")]
            );
            assert_eq!(said(path, "x\r\n").len(), 1);
            assert_eq!(said(path, "x").len(), 1);
            assert!(said(path, "x\n").is_empty() && said(path, "").is_empty());
        }
        assert!(said("Makefile", "all:\n\tx \n").is_empty());
    }

    #[test]
    fn tests_are_never_ignored() {
        assert_eq!(said("a.rs", &format!("    {IGNORED_TEST}]\n")).len(), 1);
        assert_eq!(said("a.rs", &format!("    {IGNORED_TEST} = \"slow\"]\n")).len(), 1);
        assert!(said("a.rs", "// ignore = this\n").is_empty());
        assert!(said("a.md", &format!("Never `{IGNORED_TEST}]`.\n")).is_empty());
    }

    #[test]
    fn paths_of_one_machine_are_found_in_any_file() {
        for directory in MACHINE_DIRECTORIES {
            for line in [
                format!("{directory}ana"),
                format!("x=\"{directory}.cargo\""),
                format!("({directory}a)"),
            ] {
                assert_eq!(said("a.toml", &line).len(), 1, "{line}");
            }
            let page = format!("https://example.org{directory}page, a{directory}b, `{directory}`");
            assert!(said("a.toml", &page).is_empty(), "{page}");
        }
    }
}
