//! Running `cargo test` and keeping its closing lines, so that they can stand at the end of a long run.

use std::fmt;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

/// What one test program said at its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Closing {
    /// Whether it ended with `ok`.
    ok: bool,
    passed: u64,
    failed: u64,
    ignored: u64,
    /// The names of the tests that failed.
    pub(super) failed_tests: Vec<String>,
    /// How many test programs this is the sum of.
    programs: u64,
}

/// Runs the tests, shows their output as it comes, and returns whether cargo was content, with the closing
/// lines of each test program.
pub(super) fn run(mut command: Command) -> Result<(bool, Vec<Closing>)> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot run cargo test")?;
    let output = child.stdout.take().context("cargo test has no output")?;
    let (mut closings, mut failed_tests) = (Vec::new(), Vec::new());
    for line in BufReader::new(output).split(b'\n') {
        let line = line.context("cannot read the output of cargo test")?;
        // A test may print anything at all.
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        failed_tests.extend(failed_test(&line));
        if let Some(closing) = closing_line(&line) {
            closings.push(Closing { failed_tests: std::mem::take(&mut failed_tests), ..closing });
        }
    }
    let status = child.wait().context("cannot wait for cargo test")?;
    Ok((status.success(), closings))
}

fn failed_test(line: &str) -> Option<String> {
    let name = line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?;
    Some(name.to_owned())
}

/// `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s`
fn closing_line(line: &str) -> Option<Closing> {
    let (word, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let count = |name: &str| {
        counts.split("; ").find_map(|count| count.strip_suffix(name)?.trim().parse().ok())
    };
    Some(Closing {
        ok: word == "ok",
        passed: count("passed")?,
        failed: count("failed")?,
        ignored: count("ignored")?,
        failed_tests: Vec::new(),
        programs: 1,
    })
}

impl Closing {
    /// The sum of several; nothing if there are none.
    pub(super) fn sum(closings: &[Self]) -> Option<Self> {
        let start = Self { ok: true, ..Self::default() };
        let sum = closings.iter().cloned().fold(start, |mut sum, one| {
            sum.ok &= one.ok;
            sum.passed += one.passed;
            sum.failed += one.failed;
            sum.ignored += one.ignored;
            sum.programs += one.programs;
            sum.failed_tests.extend(one.failed_tests);
            sum
        });
        (!closings.is_empty()).then_some(sum)
    }
}

impl fmt::Display for Closing {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for test in &self.failed_tests {
            writeln!(out, "test {test} ... FAILED")?;
        }
        let word = if self.ok { "ok" } else { "FAILED" };
        let Self { passed, failed, ignored, programs, .. } = self;
        write!(
            out,
            "test result: {word}. {passed} passed; {failed} failed; {ignored} ignored; \
             in {programs} test programs"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; \
                        finished in 0.01s";
    const BAD: &str = "test result: FAILED. 4 passed; 2 failed; 0 ignored; 0 measured; 7 filtered \
                       out; finished in 1.50s";

    #[test]
    fn closing_lines_are_read_and_summed() {
        let closings: Vec<Closing> = [GOOD, BAD].map(|line| closing_line(line).unwrap()).to_vec();
        assert_eq!((closings[0].ok, closings[0].passed, closings[0].ignored), (true, 3, 1));
        assert_eq!((closings[1].ok, closings[1].passed, closings[1].failed), (false, 4, 2));
        assert_eq!(
            Closing::sum(&closings).unwrap().to_string(),
            "test result: FAILED. 7 passed; 2 failed; 1 ignored; in 2 test programs"
        );
        assert_eq!(Closing::sum(&[]), None);
    }

    #[test]
    fn other_lines_are_not_closing_lines() {
        for line in ["test a ... ok", "test result: ok", "test result: ok. all; well", ""] {
            assert_eq!(closing_line(line), None, "{line}");
        }
    }

    #[test]
    fn the_failed_tests_are_kept_with_the_program_that_ran_them() {
        let script = format!("echo 'test a::b ... FAILED'; echo '{BAD}'; echo '{GOOD}'; exit 101");
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]);
        let (content, closings) = run(shell).unwrap();
        assert!(!content);
        let failed: Vec<usize> = closings.iter().map(|one| one.failed_tests.len()).collect();
        assert_eq!(failed, [1, 0]);
        let sum = Closing::sum(&closings).unwrap().to_string();
        assert!(sum.starts_with("test a::b ... FAILED\ntest result: FAILED. 7 passed;"), "{sum}");
    }
}
