//! What the runs of Redis's tests must show, and of its clients'.

mod tally;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::run::Outcomes;
use tally::Tally;

/// Lines shown of what makes a test fail, and of what the server logged meanwhile.
const COMPLAINT_LINES_MAX: usize = 6;
const LOG_LINES_MAX: usize = 30;
/// More than this pass. Fewer means that something is missing here.
const PASSED_MIN: usize = 1_000;

/// Tests that may fail, each with its reason.
#[derive(Debug, Default)]
pub(crate) struct Exceptions(BTreeMap<(String, String), Exception>);

#[derive(Debug)]
struct Exception {
    reason: String,
    scope: Scope,
    /// It is not even run: what it does would end the tests behind it.
    skipped: bool,
}

/// Whether a test asks for something that is there to be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    /// It does: this is a difference.
    Inside,
    /// `absent: …`: its commands are not there yet, or never will be.
    Absent,
    /// `other version: …`: it asks for what Redis 7.2 does not do.
    OtherVersion,
}

impl Scope {
    /// That of a reason, and the reason without its mark.
    fn of(reason: &str) -> (Self, &str) {
        let marks = [("absent: ", Self::Absent), ("other version: ", Self::OtherVersion)];
        let marked =
            marks.iter().find_map(|(mark, scope)| Some((*scope, reason.strip_prefix(mark)?)));
        marked.unwrap_or((Self::Inside, reason))
    }
}

impl Exceptions {
    /// Reads the file.
    pub(crate) fn read(file: &Path) -> Result<Self> {
        let text = fs::read_to_string(file).with_context(|| format!("{}", file.display()))?;
        Self::parse(&text).with_context(|| format!("{}", file.display()))
    }

    /// A line `= reason`, `= absent: reason` or `= other version: reason`, then a line `file: test` for each test it holds for, `skip file: test` if it is not to be
    /// run; `#` begins a comment.
    fn parse(text: &str) -> Result<Self> {
        let mut exceptions = BTreeMap::new();
        let mut reason = None;
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Some(new) = line.strip_prefix("= ") {
                reason = Some(new.trim()).filter(|reason| !reason.is_empty());
                continue;
            }
            let Some(reason) = reason else { bail!("no reason is given for `{line}`") };
            let entry = line.strip_prefix("skip ").unwrap_or(line);
            let Some((file, test)) = entry.split_once(": ") else {
                bail!("an exception is `file: test` below its `= reason`, not `{line}`");
            };
            let (scope, reason) = Scope::of(reason);
            let reason = reason.to_owned();
            let exception = Exception { reason, scope, skipped: entry != line };
            if exceptions.insert((file.to_owned(), test.to_owned()), exception).is_some() {
                bail!("listed twice: `{entry}`");
            }
        }
        Ok(Self(exceptions))
    }

    /// The tests of a file that are not to be run.
    pub(crate) fn skipped<'a>(&'a self, file: &'a str) -> Vec<&'a str> {
        self.of(file).filter(|(_, exception)| exception.skipped).map(|(test, _)| test).collect()
    }

    /// Fails if an exception is for another file than these: nothing would ever show that it is needed.
    pub(crate) fn check_files(&self, files: &BTreeSet<&str>) -> Result<()> {
        for (file, test) in self.0.keys() {
            if !files.contains(file.as_str()) {
                bail!("`{file}: {test}` is for none of {files:?}");
            }
        }
        Ok(())
    }

    fn of<'a>(&'a self, file: &'a str) -> impl Iterator<Item = (&'a str, &'a Exception)> {
        let of_file = self.0.iter().filter(move |((of, _), _)| of == file);
        of_file.map(|((_, test), exception)| (test.as_str(), exception))
    }
}

/// Something that must not be.
#[derive(Debug, PartialEq, Eq)]
enum Finding {
    /// Too few tests pass to say anything.
    TooFew(usize),
    /// A test fails that is no exception.
    Fails { file: String, test: String, complaint: String, log: String },
    /// A file was not run to its end.
    Stopped { file: String, why: String },
    /// A test passes that is an exception.
    Unneeded { file: String, test: String, reason: String },
    /// There is no such test.
    Unknown { file: String, test: String },
}

impl Finding {
    /// What the tests said.
    fn complaint(&self) -> &str {
        match self {
            Self::Fails { complaint, .. } => complaint.trim_start(),
            Self::Stopped { why, .. } => why,
            _ => "",
        }
    }

    /// What the server logged meanwhile, the last lines of it.
    fn log(&self) -> Vec<&str> {
        let Self::Fails { log, .. } = self else { return Vec::new() };
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES_MAX)..].to_vec()
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFew(passed) => {
                write!(out, "{passed} tests pass; {PASSED_MIN} at least are to be expected")
            }
            Self::Fails { file, test, .. } => write!(out, "fails: {file}: {test}"),
            Self::Stopped { file, .. } => write!(out, "{file} was not run to its end"),
            Self::Unneeded { file, test, reason } => {
                write!(out, "passes, and is no exception any more ({reason}): {file}: {test}")
            }
            Self::Unknown { file, test } => {
                write!(out, "there is no such test to be an exception: {file}: {test}")
            }
        }
    }
}

/// Says how the tests went in all, and fails if they show what must not be. What they printed is in `kept`.
pub(crate) fn conclude(
    name: &str,
    exceptions: &Exceptions,
    outcomes: &[Outcomes],
    kept: &Path,
) -> Result<()> {
    let findings = judge(exceptions, outcomes);
    for finding in &findings {
        println!("{name}: {finding}");
        for line in finding.complaint().lines().take(COMPLAINT_LINES_MAX) {
            println!("    {line}");
        }
        for line in finding.log() {
            println!("    log: {line}");
        }
    }
    println!("{name}: {}", Tally::of(exceptions, outcomes));
    if findings.is_empty() {
        return Ok(());
    }
    bail!("{} findings; what the tests printed is in {}", findings.len(), kept.display());
}

/// Everything that is wrong.
fn judge(exceptions: &Exceptions, outcomes: &[Outcomes]) -> Vec<Finding> {
    let passed = outcomes.iter().map(|outcomes| outcomes.passed).sum();
    let mut findings = Vec::new();
    if passed < PASSED_MIN {
        findings.push(Finding::TooFew(passed));
    }
    findings.extend(outcomes.iter().flat_map(|outcomes| judge_file(exceptions, outcomes)));
    findings
}

fn judge_file(exceptions: &Exceptions, outcomes: &Outcomes) -> Vec<Finding> {
    let file = || outcomes.file.clone();
    let excepted: BTreeMap<&str, &Exception> = exceptions.of(&outcomes.file).collect();
    let mut findings = Vec::new();
    for (test, complaint) in &outcomes.tests {
        if let Some(complaint) = complaint.clone().filter(|_| !excepted.contains_key(&**test)) {
            let log = outcomes.logs.get(test).cloned().unwrap_or_default();
            findings.push(Finding::Fails { file: file(), test: test.clone(), complaint, log });
        }
    }
    if let Some(why) = outcomes.stopped.clone() {
        findings.push(Finding::Stopped { file: file(), why });
        return findings;
    }
    for (test, exception) in excepted.into_iter().filter(|(_, exception)| !exception.skipped) {
        let test = test.to_owned();
        if outcomes.passed(&test) {
            let reason = exception.reason.clone();
            findings.push(Finding::Unneeded { file: file(), test, reason });
        } else if !outcomes.tests.contains_key(&test) {
            findings.push(Finding::Unknown { file: file(), test });
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXCEPTIONS: &str = "# a comment\n\n= replication is not there\nunit/a: one: first\n\
                              skip unit/a: it hangs\n= another reason\nunit/b: two\n";

    fn outcomes(file: &str, tests: &[(&str, bool)]) -> Outcomes {
        let complaint = |passed: bool| (!passed).then(|| "no".to_owned());
        Outcomes {
            file: file.to_owned(),
            tests: tests.iter().map(|(test, ok)| ((*test).to_owned(), complaint(*ok))).collect(),
            passed: PASSED_MIN,
            ..Outcomes::default()
        }
    }

    fn said(outcomes: &Outcomes) -> Vec<String> {
        let exceptions = Exceptions::parse(EXCEPTIONS).unwrap();
        let findings = judge(&exceptions, std::slice::from_ref(outcomes));
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn exceptions_may_fail_and_must() {
        assert!(said(&outcomes("unit/a", &[("one: first", false), ("other", true)])).is_empty());
        assert_eq!(
            said(&outcomes("unit/a", &[("one: first", true), ("other", false)])),
            [
                "fails: unit/a: other",
                "passes, and is no exception any more (replication is not there): unit/a: one: first"
            ]
        );
        assert_eq!(
            said(&outcomes("unit/b", &[("other", true)])),
            ["there is no such test to be an exception: unit/b: two"]
        );
    }

    #[test]
    fn a_file_that_stops_and_one_that_tests_nothing_are_findings() {
        let stopped = Outcomes { stopped: Some("hung".to_owned()), ..outcomes("unit/b", &[]) };
        assert_eq!(said(&stopped), ["unit/b was not run to its end"]);
        let empty = Outcomes { passed: 3, ..outcomes("unit/c", &[]) };
        assert_eq!(said(&empty), ["3 tests pass; 1000 at least are to be expected"]);
    }

    #[test]
    fn the_skipped_tests_of_a_file_are_known() {
        let exceptions = Exceptions::parse(EXCEPTIONS).unwrap();
        assert_eq!(exceptions.skipped("unit/a"), ["it hangs"]);
        assert!(exceptions.skipped("unit/b").is_empty());
    }

    #[test]
    fn an_exception_for_no_file_is_an_error() {
        let exceptions = Exceptions::parse(EXCEPTIONS).unwrap();
        assert!(exceptions.check_files(&["unit/a", "unit/b", "unit/c"].into()).is_ok());
        let error = exceptions.check_files(&["unit/a"].into()).unwrap_err();
        assert_eq!(error.to_string(), "`unit/b: two` is for none of {\"unit/a\"}");
    }

    #[test]
    fn an_exception_without_a_reason_is_none() {
        for bad in ["unit/a: x", "= \nunit/a: x", "= r\nunit/a", "= r\nu: x\nskip u: x"] {
            assert!(Exceptions::parse(bad).is_err(), "{bad}");
        }
    }
}
