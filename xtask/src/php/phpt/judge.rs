//! What the runs of php-src's tests must show.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Result, bail};

use super::Keeper;
use super::memory::Report;
use super::run::{Outcomes, Status};

/// Tests that phpredis fails, and that can be no exceptions all the same.
const BESIDES: [&str; 2] = ["session_gc_basic", "rfc1867_sid_invalid"];
/// `files` passes some 240. Fewer means that something is missing here, php-cgi for example.
const PASSED_BY_FILES_MIN: usize = 200;

/// Tests that are left out, each with its reason.
#[derive(Debug, Default)]
pub(super) struct Exceptions(BTreeMap<String, String>);

impl Exceptions {
    /// Lines `name: reason`; `#` begins a comment.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut exceptions = BTreeMap::new();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            match line.split_once(": ") {
                Some((name, reason)) if !reason.trim().is_empty() => {
                    exceptions.insert(name.to_owned(), reason.trim().to_owned());
                }
                _ => bail!("an exception is `name: reason`, not `{line}`"),
            }
        }
        Ok(Self(exceptions))
    }
}

/// Something that must not be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// `files` passes too few to say anything.
    TooFew(usize),
    /// One of our handlers fails a test that it must pass.
    Fails { test: String, runs: Vec<String>, all: bool, phpredis_passes: bool },
    /// All runs pass a test that is left out.
    Unneeded(String),
    /// A test that phpredis passes, or that is one of [`BESIDES`], is left out.
    Regression(String),
    /// phpredis does not fare on our server as it does on the others.
    Server { test: String, run: String },
    /// valgrind reports of one of our handlers what it does not report of `files` in the same test.
    Memory { test: String, run: String, report: Report },
}

impl Finding {
    /// The test and the run whose difference from what is expected explains the finding.
    pub(super) fn example(&self) -> Option<(&str, &str)> {
        match self {
            Self::Fails { test, runs, .. } => Some((test, runs.first()?)),
            Self::Server { test, run } => Some((test, run)),
            _ => None,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFew(passed) => {
                write!(
                    out,
                    "`files` passes {passed} tests; {PASSED_BY_FILES_MIN} at least are to be expected"
                )
            }
            Self::Fails { test, runs, all, phpredis_passes } => {
                let peer = if *phpredis_passes { "passes" } else { "fails, too" };
                let runs = if *all { "all our runs".to_owned() } else { runs.join(", ") };
                write!(out, "{test}: fails (phpredis {peer}) with {runs}")
            }
            Self::Unneeded(test) => {
                write!(out, "{test}: every run passes it; it is no exception any more")
            }
            Self::Regression(test) => {
                write!(out, "{test}: it must pass, and can be no exception")
            }
            Self::Server { test, run } => {
                write!(out, "{test}: {run} differs from phpredis elsewhere")
            }
            Self::Memory { test, run, report } => {
                let report = report.text.replace('\n', "\n    ");
                write!(out, "{test}: valgrind says of {run}, and not of `files`:\n    {report}")
            }
        }
    }
}

/// Everything that is wrong.
pub(super) fn judge(exceptions: &Exceptions, runs: &[Outcomes]) -> Vec<Finding> {
    let Some(files) = runs.iter().find(|run| run.subject.keeper == Keeper::Files) else {
        return vec![Finding::TooFew(0)];
    };
    let passed = files.tests.keys().filter(|test| files.passed(test)).count();
    if passed < PASSED_BY_FILES_MIN {
        return vec![Finding::TooFew(passed)];
    }
    let mut findings = Vec::new();
    for test in files.tests.keys() {
        let excepted = exceptions.0.contains_key(test);
        findings.extend(judge_test(test, files, excepted, runs));
        findings.extend(judge_server(test, runs));
    }
    findings.extend(ours(runs).flat_map(|run| judge_memory(files, run)));
    findings
}

fn ours(runs: &[Outcomes]) -> impl Iterator<Item = &Outcomes> {
    runs.iter().filter(|run| matches!(run.subject.keeper, Keeper::Guarda | Keeper::Redis))
}

/// What `files` has, too, is PHP's own.
fn judge_memory(files: &Outcomes, run: &Outcomes) -> Vec<Finding> {
    let of_files = |test: &String| files.reports.get(test).map_or(&[][..], Vec::as_slice);
    let mut findings = Vec::new();
    for (test, reports) in &run.reports {
        let known = |report: &Report| of_files(test).iter().any(|other| report.is_like(other));
        for report in reports.iter().filter(|report| !known(report)) {
            let (test, run, report) = (test.clone(), run.subject.name(), report.clone());
            findings.push(Finding::Memory { test, run, report });
        }
    }
    findings
}

fn judge_test(test: &str, files: &Outcomes, excepted: bool, runs: &[Outcomes]) -> Vec<Finding> {
    let phpredis = runs.iter().filter(|run| run.subject.keeper == Keeper::Phpredis);
    let phpredis_passes = phpredis.into_iter().any(|run| run.passed(test));
    let ours = || ours(runs).filter(|run| run.subject.has(test));
    let failing: Vec<&Outcomes> = ours().filter(|run| !good(test, files, run)).collect();
    let must_pass = phpredis_passes && files.passed(test) || BESIDES.contains(&test);
    match (excepted, failing.as_slice()) {
        (true, []) => vec![Finding::Unneeded(test.to_owned())],
        (true, _) if must_pass => vec![Finding::Regression(test.to_owned())],
        (true, _) | (false, []) => Vec::new(),
        (false, failing) => {
            let all = failing.len() == ours().count();
            let runs = failing.iter().map(|run| run.subject.name()).collect();
            vec![Finding::Fails { test: test.to_owned(), runs, all, phpredis_passes }]
        }
    }
}

/// Whether a run did as well as `files`. Where `files` itself fails, because the tests are of another patch
/// level than this PHP, it is to print what `files` printed.
fn good(test: &str, files: &Outcomes, run: &Outcomes) -> bool {
    match (files.tests.get(test), run.tests.get(test)) {
        (_, Some(Status::Passed)) | (Some(Status::ExpectedToFail), Some(_)) => true,
        (
            Some(Status::Other { printed: Some(by_files), .. }),
            Some(Status::Other { printed: Some(by_run), .. }),
        ) => files.without_names(by_files) == run.without_names(by_run),
        _ => false,
    }
}

fn judge_server(test: &str, runs: &[Outcomes]) -> Vec<Finding> {
    let phpredis = || runs.iter().filter(|run| run.subject.keeper == Keeper::Phpredis);
    let mut findings = Vec::new();
    for run in phpredis() {
        let passes_elsewhere = phpredis()
            .any(|other| other.subject.locking == run.subject.locking && other.passed(test));
        if passes_elsewhere && !run.passed(test) {
            findings.push(Finding::Server { test: test.to_owned(), run: run.subject.name() });
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::run::Subject;
    use super::*;

    /// Runs of `files`, phpredis and one of ours, each with a word per test: `.` passes, `f` fails; and
    /// enough others that all pass.
    fn findings(exceptions: &str, tests: &[(&str, &str)]) -> Vec<Finding> {
        let keepers = [Keeper::Files, Keeper::Phpredis, Keeper::Phpredis, Keeper::Guarda];
        let runs: Vec<Outcomes> = keepers
            .iter()
            .zip(0..)
            .map(|(keeper, at)| {
                let subject =
                    Subject { keeper: *keeper, server: at.to_string(), ..Subject::files() };
                let filler = (0..PASSED_BY_FILES_MIN).map(|n| (format!("t{n}"), Status::Passed));
                let tests = tests.iter().map(|(name, words)| {
                    let status = match words.as_bytes()[at] {
                        b'.' => Status::Passed,
                        b'x' => Status::ExpectedToFail,
                        byte => Status::Other {
                            word: "FAILED".to_owned(),
                            printed: Some(char::from(byte).to_string()),
                        },
                    };
                    ((*name).to_owned(), status)
                });
                let tests = filler.chain(tests).collect();
                Outcomes { subject, tests, reports: BTreeMap::new(), place: "/place".into() }
            })
            .collect();
        judge(&Exceptions::parse(exceptions).unwrap(), &runs)
    }

    fn fails(phpredis_passes: bool) -> Finding {
        let runs = vec!["guarda-no-locking-on-3".to_owned()];
        Finding::Fails { test: "a".to_owned(), runs, all: true, phpredis_passes }
    }

    #[test]
    fn what_files_passes_must_pass() {
        assert_eq!(findings("", &[("a", "...."), ("b", "fff.")]), []);
        assert_eq!(findings("", &[("a", ".fff")]), [fails(false)]);
        assert_eq!(findings("", &[("a", "...f")]), [fails(true)]);
        assert_eq!(findings("", &[("a", "xxxf")]), []);
    }

    #[test]
    fn a_part_answers_for_its_own_tests_only() {
        let run = |keeper, part: &[&str], tests: &[&str]| {
            let only = part.iter().copied().map(str::to_owned).collect();
            let subject = Subject { keeper, only, ..Subject::files() };
            let tests = tests.iter().map(|test| ((*test).to_owned(), Status::Passed)).collect();
            Outcomes { subject, tests, reports: BTreeMap::new(), place: "/place".into() }
        };
        let files = run(Keeper::Files, &[], &["a", "b"]);
        let judged = |runs: &[Outcomes]| judge_test("b", &files, false, runs);
        let (one, other) =
            (run(Keeper::Guarda, &["a"], &["a"]), run(Keeper::Guarda, &["b"], &["b"]));
        assert_eq!(judged(&[one.clone(), other]), []);
        let lost = run(Keeper::Guarda, &["b"], &[]);
        assert!(matches!(judged(&[one, lost]).as_slice(), [Finding::Fails { .. }]));
    }

    #[test]
    fn what_files_fails_must_fail_in_the_same_way() {
        assert_eq!(findings("", &[("a", "gffg")]), []);
        assert_eq!(findings("", &[("a", "gfff")]), [fails(false)]);
    }

    #[test]
    fn exceptions_are_for_what_phpredis_fails_and_only_as_long_as_they_are_needed() {
        assert_eq!(findings("a: why", &[("a", ".fff")]), []);
        assert_eq!(findings("a: why", &[("a", ".ff.")]), [Finding::Unneeded("a".to_owned())]);
        assert_eq!(findings("a: why", &[("a", "...f")]), [Finding::Regression("a".to_owned())]);
        let besides = BESIDES[0];
        let excepted = format!("{besides}: why");
        let expected = [Finding::Regression(besides.to_owned())];
        assert_eq!(findings(&excepted, &[(besides, ".fff")]), expected);
        for bad in ["a", "a:", "a:  "] {
            assert!(Exceptions::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn phpredis_fares_alike_on_every_server() {
        let run = "phpredis-no-locking-on-2".to_owned();
        let expected = [Finding::Server { test: "a".to_owned(), run }];
        assert_eq!(findings("", &[("a", "..f.")]), expected);
    }

    #[test]
    fn what_valgrind_says_of_files_too_is_php_s_own() {
        let said = |keeper, words: &[(&str, &str)]| {
            let reports = words.iter().map(|(test, words)| {
                ((*test).to_owned(), words.split(' ').flat_map(Report::all).collect())
            });
            let (reports, subject) = (reports.collect(), Subject { keeper, ..Subject::files() });
            Outcomes { subject, tests: BTreeMap::new(), reports, place: "/place".into() }
        };
        let files = said(Keeper::Files, &[("a", "x y"), ("b", "z")]);
        let judged = |words: &[(&str, &str)]| -> Vec<String> {
            let findings = judge_memory(&files, &said(Keeper::Guarda, words));
            let text = |finding: &Finding| finding.to_string().replace('\n', "");
            findings.iter().map(text).collect()
        };
        assert_eq!(judged(&[("a", "y x x"), ("b", "z")]), [""; 0]);
        let run = "valgrind says of guarda-no-locking-on-, and not of `files`:";
        assert_eq!(judged(&[("a", "x z")]), [format!("a: {run}    z")]);
        assert_eq!(judged(&[("c", "x")]), [format!("c: {run}    x")]);
    }

    #[test]
    fn a_run_without_tests_proves_nothing() {
        assert_eq!(judge(&Exceptions::default(), &[]), [Finding::TooFew(0)]);
    }
}
