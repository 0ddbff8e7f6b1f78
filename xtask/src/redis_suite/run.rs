//! One file of Redis's tests, and what became of each test in it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::stage::Stage;

/// Seconds without a test's end, after which the tests are ended: a server hangs.
const SILENCE_MAX: &str = "300";
/// Seconds for a whole file.
const FILE_MAX: &str = "1200";
/// What is said of a failure outside of all tests, which hides the tests behind it.
pub(super) const OUTSIDE: &str = "(outside of a test)";

/// What a file's run has shown.
#[derive(Debug, Default)]
pub(crate) struct Outcomes {
    pub(crate) file: String,
    /// What each test that failed complained of; nothing for those that passed.
    ///
    /// A name may stand for several tests: if one of them fails, it has failed.
    pub(crate) tests: BTreeMap<String, Option<String>>,
    /// What the servers logged while a test ran that failed.
    pub(crate) logs: BTreeMap<String, String>,
    /// How many tests passed, each counted.
    pub(crate) passed: usize,
    /// Why the run stopped before its end.
    pub(crate) stopped: Option<String>,
}

impl Outcomes {
    /// One line for people.
    pub(crate) fn summary(&self) -> String {
        let failed = self.tests.values().flatten().count();
        let stopped = if self.stopped.is_some() { ", stopped" } else { "" };
        format!("{}: {} passed, {failed} failed{stopped}", self.file, self.passed)
    }

    /// Whether the test was run and passed.
    pub(crate) fn passed(&self, test: &str) -> bool {
        matches!(self.tests.get(test), Some(None))
    }

    /// Reads what the tests print.
    fn read(file: &str, printed: &str) -> Self {
        let mut outcomes = Self { file: file.to_owned(), ..Self::default() };
        let mut is_done = false;
        // The list of failures at the end says everything a second time.
        let printed = printed.split("\nThe End").next().unwrap_or_default();
        let mut lines = printed.lines().peekable();
        while let Some(line) = lines.next() {
            if let Some(test) = passed_test(line) {
                outcomes.passed += 1;
                outcomes.tests.entry(test.to_owned()).or_default();
            } else if let Some(head) = line.strip_prefix("[err]: ") {
                let (test, head) = match head.rsplit_once(" in tests/") {
                    Some((test, _)) => (test, ""),
                    None => (OUTSIDE, head),
                };
                let mut complaint = head.to_owned();
                while let Some(line) = lines.next_if(|line| !line.starts_with('[')) {
                    complaint.push('\n');
                    complaint.push_str(line);
                }
                outcomes.tests.insert(test.to_owned(), Some(complaint));
            } else if line.contains("[TIMEOUT]") || line.starts_with("[exception]: ") {
                let rest: Vec<&str> = lines.by_ref().collect();
                outcomes.stopped = Some(format!("{line}\n{}", rest.join("\n")));
            }
            is_done |= line.contains(" done]: ");
        }
        if !is_done && outcomes.stopped.is_none() {
            outcomes.stopped = Some("it ended without a word".to_owned());
        }
        outcomes
    }
}

/// `[ok]: SET and GET an item (2 ms)`
fn passed_test(line: &str) -> Option<&str> {
    let (test, took) = line.strip_prefix("[ok]: ")?.rsplit_once(" (")?;
    took.ends_with(" ms)").then_some(test)
}

/// Runs a file; what it prints is kept in `scratch`.
pub(super) fn run(stage: &Stage, file: &str, skipped: &[&str], scratch: &Path) -> Result<Outcomes> {
    let (first_port, ports) = stage.ports;
    // The tests end their servers when they end; what hangs itself is ended from outside.
    let mut command = Command::new("timeout");
    command.args(["--kill-after=10", FILE_MAX, "tclsh", "tests/test_helper.tcl"]);
    command.args(["--single", file, "--durable", "--clients", "1", "--timeout", SILENCE_MAX]);
    // The servers' logs are looked at; the next file's tests begin with a clean directory all the same.
    command.arg("--dont-clean");
    command.arg("--baseport").arg(first_port.to_string());
    command.arg("--portcount").arg(ports.to_string());
    for test in skipped {
        command.args(["--skiptest", test]);
    }
    // With a TERM the tests print colours.
    command.current_dir(&stage.place).env_remove("TERM").stdin(Stdio::null());
    let output = command.output().context("cannot run tclsh")?;
    let mut printed = String::from_utf8_lossy(&output.stdout).into_owned();
    printed.push_str(&String::from_utf8_lossy(&output.stderr));
    let kept = scratch.join(format!("{}.log", file.replace('/', "-")));
    fs::write(&kept, &printed).with_context(|| format!("cannot write {}", kept.display()))?;
    let mut outcomes = Outcomes::read(file, &printed);
    let logs = logs_in(&stage.place.join("tests/tmp"));
    for (test, _) in outcomes.tests.iter().filter(|(_, complaint)| complaint.is_some()) {
        outcomes.logs.insert(test.clone(), logs.iter().map(|log| part_of(log, test)).collect());
    }
    Ok(outcomes)
}

/// The logs of the servers that ran below a directory.
fn logs_in(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let logs = entries.filter_map(|entry| fs::read(entry.path().join("stdout")).ok());
    logs.map(|log| String::from_utf8_lossy(&log).into_owned()).collect()
}

/// What a log says between the beginning of a test, which the tests write into it, and that of the next.
fn part_of(log: &str, test: &str) -> String {
    const MARK: &str = "### Starting test ";
    let mut is_under_way = false;
    let mut part = String::new();
    for line in log.lines() {
        if let Some(begun) = line.strip_prefix(MARK) {
            is_under_way = begun.strip_prefix(test).is_some_and(|rest| rest.starts_with(" in "));
        } else if is_under_way {
            part.push_str(line);
            part.push('\n');
        }
    }
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "\
Testing unit/one
[ok]: it works (2 ms)
[err]: it breaks in tests/unit/one.tcl
Expected '1' to be equal to '2'
[ok]: it breaks (1 ms)
[ok]: it works (with brackets) (1 ms)
[1/1 done]: unit/one (0 seconds)

                   The End

*** [err]: it breaks in tests/unit/one.tcl
Expected '1' to be equal to '2'
";

    #[test]
    fn a_test_that_failed_once_has_failed() {
        let outcomes = Outcomes::read("unit/one", PRINTED);
        assert!(outcomes.passed("it works") && outcomes.passed("it works (with brackets)"));
        assert!(!outcomes.passed("it breaks") && !outcomes.passed("it is not there"));
        assert_eq!(outcomes.stopped, None);
        assert_eq!(outcomes.summary(), "unit/one: 3 passed, 1 failed");
        let complaint = outcomes.tests["it breaks"].as_deref();
        assert_eq!(complaint, Some("\nExpected '1' to be equal to '2'"));
    }

    #[test]
    fn a_failure_is_told_with_what_the_server_logged_meanwhile() {
        let log = "started\n### Starting test one in tests/a.tcl\nready\nasked\n\
                   ### Starting test one more in tests/a.tcl\nended\n";
        assert_eq!(part_of(log, "one"), "ready\nasked\n");
        assert_eq!(part_of(log, "one more"), "ended\n");
        assert_eq!(part_of(log, "two"), "");
    }

    #[test]
    fn what_stops_a_file_is_kept() {
        let cut = PRINTED.split("[1/1").next().unwrap();
        assert!(Outcomes::read("f", cut).stopped.unwrap().contains("without a word"));
        let hung =
            format!("{cut}[TIMEOUT]: clients state report follows.\nsock5 => (IN PROGRESS) x\n");
        assert!(Outcomes::read("f", &hung).stopped.unwrap().ends_with("(IN PROGRESS) x"));
        let outside =
            "[err]: Can't start the Redis server\nCONFIGURATION:\n[1/1 done]: f (1 seconds)";
        let outcomes = Outcomes::read("f", outside);
        assert!(outcomes.tests[OUTSIDE].as_deref().unwrap().starts_with("Can't start"));
    }
}
