//! `cargo xtask tidy`: the rules that neither rustfmt nor clippy knows.
//!
//! Each rule is a pure function from text to [`Finding`]s; this file reads the workspace and calls them.

mod arrows;
mod length;
mod text;
mod unsafety;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;

use anyhow::{Result, bail};

use crate::build::{listed_files, root};

/// Where the files are listed that were over the limit when it was set.
const RATCHET: &str = "xtask/tidy-ratchet.txt";
/// Files that every copy of the project must carry.
const REQUIRED: [&str; 2] = ["LICENSE-MIT", "LICENSE-APACHE"];

/// One broken rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    path: String,
    /// Zero when the finding is about the whole file.
    line: usize,
    message: String,
}

impl Finding {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(out, "{}: {}", self.path, self.message),
            line => write!(out, "{}:{line}: {}", self.path, self.message),
        }
    }
}

/// Runs the command.
pub(crate) fn run() -> Result<()> {
    let files = read_files()?;
    let mut findings = check(&files);
    findings.sort();
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => {
            println!("tidy: {} files, nothing to complain of", files.len());
            Ok(())
        }
        count => bail!("tidy: {count} findings, listed above"),
    }
}

/// All rules over all files, which are given by path from the workspace's root.
fn check(files: &BTreeMap<String, String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, contents) in files {
        findings.extend(text::check(path, contents));
        findings.extend(unsafety::check(path, contents));
        if path.ends_with("Cargo.toml") {
            findings.extend(arrows::check(path, contents));
        }
    }
    let ratchet = files.get(RATCHET).map_or("", String::as_str);
    findings.extend(length::check(RATCHET, ratchet, files));
    let absent = REQUIRED.iter().filter(|path| !files.contains_key(**path));
    findings.extend(absent.map(|path| Finding::new(path, 0, "this file must exist")));
    findings
}

/// Every text file of the working tree that git does not ignore.
fn read_files() -> Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    for path in listed_files()? {
        // A file deleted in the working tree is still listed, and a binary one is not text.
        let Ok(bytes) = fs::read(root().join(&path)) else { continue };
        if let Ok(contents) = String::from_utf8(bytes) {
            files.insert(path, contents);
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licences_are_required_and_findings_name_their_place() {
        let mut files = BTreeMap::from([("LICENSE-MIT".to_owned(), String::new())]);
        files.insert("src/a.rs".to_owned(), "fn a() {}\n\tfn b() {}\n".to_owned());
        let findings: Vec<String> = check(&files).iter().map(Finding::to_string).collect();
        assert_eq!(
            findings,
            ["src/a.rs:2: a tab: indent with spaces", "LICENSE-APACHE: this file must exist",]
        );
    }
}
