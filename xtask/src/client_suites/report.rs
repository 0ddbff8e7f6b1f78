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

    fn passed(&self) -> impl Iterator<Item = &String> {
        self.tests.iter().filter(|(_, complaint)| complaint.is_none()).map(|(test, _)| test)
    }

    /// One line for people.
    pub(super) fn summary(&self) -> String {
        format!("{} of {}", self.passed().count(), self.tests.len())
    }

    /// What is asked of us: the tests that pass with the reference, `passed_min` at least, and how they went with the
    /// subject. What is complained of says in which suite.
    pub(super) fn measured(&self, suite: &str, passed_min: usize, subject: &Self) -> Outcomes {
        let outcome = |test: &String| match subject.tests.get(test) {
            Some(outcome) => outcome.clone(),
            None => Some("it was not run, or it was skipped".to_owned()),
        };
        let of_suite = |complaint| format!("{suite}: {complaint}");
        let tests: BTreeMap<String, Option<String>> =
            self.passed().map(|test| (test.clone(), outcome(test).map(of_suite))).collect();
        let stopped = if !self.is_whole {
            Some("the tests ended without a word with redis-server".to_owned())
        } else if tests.len() < passed_min {
            let passed = tests.len();
            Some(format!("{passed} tests pass with redis-server, not {passed_min} at least"))
        } else if !subject.is_whole {
            Some("the tests ended without a word".to_owned())
        } else {
            None
        };
        Outcomes {
            file: suite.to_owned(),
            passed: tests.values().filter(|complaint| complaint.is_none()).count(),
            tests,
            stopped: stopped.map(of_suite),
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
        let measured = reference.measured("suite", 3, &subject);
        assert_eq!(measured.tests.keys().collect::<Vec<_>>(), ["a", "d", "e"]);
        assert_eq!(measured.tests["d"].as_deref(), Some("suite: bad"));
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
    fn a_report_without_an_end_or_with_too_few_tests_is_cut_short() {
        let [whole, cut] = [REFERENCE, "passed\ta\t\n"].map(|text| Report::read(text).unwrap());
        let stopped = |reference: &Report, passed_min, subject: &Report| {
            reference.measured("suite", passed_min, subject).stopped
        };
        assert_eq!(stopped(&whole, 3, &whole), None);
        let text = "suite: the tests ended without a word";
        assert_eq!(stopped(&whole, 3, &cut).as_deref(), Some(text));
        assert_eq!(stopped(&cut, 1, &whole), Some(format!("{text} with redis-server")));
        let text = "suite: 3 tests pass with redis-server, not 4 at least";
        assert_eq!(stopped(&whole, 4, &whole).as_deref(), Some(text));
    }

    #[test]
    fn a_line_that_says_something_else_is_an_error() {
        for bad in ["passed", "flown\ta\t"] {
            assert!(Report::read(bad).is_err(), "{bad}");
        }
    }
}
