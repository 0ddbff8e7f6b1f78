//! What a client's tests have reported: a line for each, `outcome`, name and complaint with tabs between them.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};

use crate::redis_suite::Outcomes;

/// The last line, without which the tests ended before their end.
const END: &str = "end";

/// What became of each test that was run on one server.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// What each test that failed complained of; nothing for those that passed.
    tests: BTreeMap<String, Option<String>>,
    is_whole: bool,
}

impl Report {
    /// Reads what was reported. A test that is skipped is not there; a name may stand for several tests, or for
    /// several stages of one: if one of them fails, it has failed.
    pub(super) fn read(text: &str) -> Result<Self> {
        let mut report = Self::default();
        for line in text.lines() {
            if line == END {
                report.is_whole = true;
                continue;
            }
            let mut fields = line.splitn(3, '\t');
            let outcome = fields.next().unwrap_or_default();
            let test = fields.next().with_context(|| format!("no test is named: `{line}`"))?;
            let complaint = fields.next().unwrap_or_default();
            match outcome {
                "passed" => {
                    report.tests.entry(test.to_owned()).or_default();
                }
                "failed" => {
                    report.tests.insert(test.to_owned(), Some(complaint.to_owned()));
                }
                "skipped" => {}
                other => bail!("`{other}` is no outcome of a test: `{line}`"),
            }
        }
        Ok(report)
    }

    /// Whether the tests were run to their end.
    pub(super) fn is_whole(&self) -> bool {
        self.is_whole
    }

    fn passed(&self) -> impl Iterator<Item = &String> {
        self.tests.iter().filter(|(_, complaint)| complaint.is_none()).map(|(test, _)| test)
    }

    /// One line for people.
    pub(super) fn summary(&self) -> String {
        format!("{} of {}", self.passed().count(), self.tests.len())
    }

    /// What is asked of us: the tests that pass with the reference, and how they went with the subject.
    pub(super) fn measured(&self, suite: &str, subject: &Self) -> Outcomes {
        let outcome = |test: &String| match subject.tests.get(test) {
            Some(outcome) => outcome.clone(),
            None => Some("it was not run, or it was skipped".to_owned()),
        };
        let tests: BTreeMap<String, Option<String>> =
            self.passed().map(|test| (test.clone(), outcome(test))).collect();
        Outcomes {
            file: suite.to_owned(),
            passed: tests.values().filter(|complaint| complaint.is_none()).count(),
            tests,
            stopped: (!subject.is_whole).then(|| "the tests ended without a word".to_owned()),
            ..Outcomes::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFERENCE: &str =
        "passed\ta\t\nfailed\tb\tno\nskipped\tc\t\npassed\td\t\npassed\te\t\nend\n";

    #[test]
    fn what_passes_with_the_reference_is_asked_of_us() {
        let reference = Report::read(REFERENCE).unwrap();
        let subject = Report::read("passed\ta\t\npassed\tb\t\nfailed\td\tbad\nend\n").unwrap();
        let measured = reference.measured("suite", &subject);
        assert_eq!(measured.tests.keys().collect::<Vec<_>>(), ["a", "d", "e"]);
        assert_eq!(measured.tests["d"].as_deref(), Some("bad"));
        assert!(measured.passed("a") && !measured.passed("e"));
        assert_eq!((measured.passed, measured.stopped), (1, None));
        assert_eq!(reference.summary(), "3 of 4");
    }

    #[test]
    fn a_test_that_failed_once_has_failed() {
        for text in ["passed\ta\t\nfailed\ta\tx\n", "failed\ta\tx\npassed\ta\t\n"] {
            assert_eq!(Report::read(text).unwrap().passed().count(), 0, "{text}");
        }
    }

    #[test]
    fn a_report_without_an_end_is_cut_short() {
        let cut = Report::read("passed\ta\t\n").unwrap();
        assert!(!cut.is_whole());
        let reference = Report::read(REFERENCE).unwrap();
        assert!(reference.measured("suite", &cut).stopped.is_some());
    }

    #[test]
    fn a_line_that_says_something_else_is_an_error() {
        for bad in ["passed", "flown\ta\t"] {
            assert!(Report::read(bad).is_err(), "{bad}");
        }
    }
}
