//! Unsafe code stays where PHP's pointers come in, and nowhere else.
//!
//! The compiler refuses it in a crate that says so; this rule sees to it that every crate does, its tests too.

use super::{Finding, text};

/// The one file that may have it.
const BOUNDARY: &str = "php/core/src/ffi.rs";
/// The root of the crate of that file: it cannot forbid what its module allows.
const BOUNDARY_ROOT: &str = "php/core/src/lib.rs";
const FORBID: &str = "#![forbid(unsafe_code)]";
/// Kept in two pieces, so that this file passes its own rule.
const LIFTED: [&str; 3] = [
    concat!("allow(", "unsafe_code"),
    concat!("expect(", "unsafe_code"),
    concat!("warn(", "unsafe_code"),
];

/// Checks one file.
pub(super) fn check(path: &str, contents: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    if is_root(path) && path != BOUNDARY_ROOT && !contents.lines().any(|line| line == FORBID) {
        let message = format!("a crate without `{FORBID}`; only {BOUNDARY} may have unsafe code");
        findings.push(Finding::new(path, 0, message));
    }
    if text::has_extension(path, "rs") && path != BOUNDARY {
        let lifting =
            contents.lines().zip(1..).filter(|(line, _)| LIFTED.iter().any(|l| line.contains(l)));
        findings.extend(lifting.map(|(_, line)| {
            Finding::new(path, line, format!("unsafe code is for {BOUNDARY} alone"))
        }));
    }
    if path.ends_with("Cargo.toml") && contents.contains("[package]") && !denies(contents) {
        let message = "the workspace's lints, which deny unsafe code, do not hold for this crate";
        findings.push(Finding::new(path, 0, message));
    }
    findings
}

/// Whether the file is the root of a library or a program.
fn is_root(path: &str) -> bool {
    path.ends_with("src/lib.rs") || path.ends_with("src/main.rs") || path.contains("src/bin/")
}

/// Whether a manifest's lints deny unsafe code, also in tests, which are crates of their own.
fn denies(manifest: &str) -> bool {
    let lines = || manifest.lines().map(str::trim);
    let mut after_lints = lines().skip_while(|line| *line != "[lints]").skip(1);
    after_lints.next() == Some("workspace = true") || lines().any(|l| l == "unsafe_code = \"deny\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_crate_forbids_it_but_one() {
        let said = |path: &str, contents: &str| check(path, contents).len();
        for path in ["crates/store/src/lib.rs", "crates/cli/src/main.rs", "xtask/src/bin/other.rs"]
        {
            assert_eq!(said(path, "//! Some.\n\nmod some;\n"), 1, "{path}");
            assert_eq!(said(path, &format!("// {FORBID}\n")), 1, "{path}");
            assert_eq!(said(path, &format!("//! Some.\n\n{FORBID}\n")), 0, "{path}");
        }
        assert_eq!(said("crates/store/src/shard.rs", "mod some;\n"), 0);
        assert_eq!(said(BOUNDARY_ROOT, "mod ffi;\n"), 0);
    }

    #[test]
    fn it_is_allowed_in_one_file() {
        for lifted in LIFTED {
            let text = format!("\n#![{lifted}, reason = \"fast\")]\n");
            let found = check("crates/store/tests/some.rs", &text);
            assert_eq!(found.iter().map(|finding| finding.line).collect::<Vec<_>>(), [2]);
            assert_eq!(check(BOUNDARY, &text), []);
        }
    }

    #[test]
    fn manifests_take_the_lints_that_deny_it() {
        let said = |rest: &str| check("crates/new/Cargo.toml", &format!("[package]\n{rest}")).len();
        assert_eq!(said(""), 1);
        assert_eq!(said("[lints.clippy]\nall = \"warn\"\n"), 1);
        assert_eq!(said("[lints]\nworkspace = true\n"), 0);
        assert_eq!(said("[lints.rust]\nunsafe_code = \"deny\"\n"), 0);
        assert_eq!(check("Cargo.toml", "[workspace]\n"), []);
    }
}
