//! One run of php-src's session tests.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::super::installed::Php;
use super::Keeper;
use super::memory::Report;
use super::rewrite::{Handler, rewrite};

/// E_ALL without E_DEPRECATED.
const ALL_BUT_DEPRECATED: u32 = 32_767 - 8_192;
/// What one test may take; most take a few hundredths.
const TEST_SECONDS_MAX: &str = "120";

/// Longer than a request takes under valgrind, in seconds.
const LONG_S: u32 = 600;

/// What is certainly lost at the end of a process is an error like any other. PHP itself keeps some memory to its
/// end on purpose, and that is not lost.
const VALGRIND: &str =
    "--leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite";

/// Whom a run is about.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    pub(super) keeper: Keeper,
    pub(super) extensions: Vec<PathBuf>,
    pub(super) locking: bool,
    /// Whether PHP keeps silent about what is deprecated.
    pub(super) without_deprecations: bool,
    /// Whether each test runs under valgrind, which takes some fifty times as long.
    pub(super) under_valgrind: bool,
    /// The tests to run; none means all.
    pub(super) only: Vec<String>,
    /// Tells runs of the same handler apart that share the tests.
    pub(super) part: Option<usize>,
    /// The server's name, for people.
    pub(super) server: String,
    pub(super) save_path: String,
}

impl Subject {
    /// PHP's own files.
    pub(super) fn files() -> Self {
        Self {
            keeper: Keeper::Files,
            extensions: Vec::new(),
            locking: false,
            without_deprecations: false,
            under_valgrind: false,
            only: Vec::new(),
            part: None,
            server: String::new(),
            save_path: String::new(),
        }
    }

    /// A name that is also one of a directory.
    pub(super) fn name(&self) -> String {
        let valgrind = if self.under_valgrind { "-under-valgrind" } else { "" };
        let keeper = match self.keeper {
            Keeper::Files => return format!("files{valgrind}"),
            Keeper::Phpredis => "phpredis",
            Keeper::Guarda => "guarda",
            Keeper::Redis => "redis",
        };
        let locking = if self.locking { "locking" } else { "no-locking" };
        let part = self.part.map(|part| format!("-{part}")).unwrap_or_default();
        format!("{keeper}-{locking}-on-{}{valgrind}{part}", self.server)
    }

    /// Whether the test is one of those to run.
    pub(super) fn has(&self, test: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|one| one == test)
    }

    fn handler(&self) -> Option<Handler<'_>> {
        let name = match self.keeper {
            Keeper::Files => return None,
            Keeper::Phpredis | Keeper::Redis => "redis",
            Keeper::Guarda => "guarda",
        };
        Some(Handler { name, save_path: &self.save_path })
    }

    fn settings(&self) -> Vec<String> {
        let mut settings: Vec<String> =
            self.extensions.iter().map(|path| format!("extension={}", path.display())).collect();
        if self.without_deprecations {
            settings.push(format!("error_reporting={ALL_BUT_DEPRECATED}"));
        }
        match self.handler() {
            Some(Handler { name, save_path }) => {
                settings.push(format!("session.save_handler={name}"));
                settings.push(format!("session.save_path=\"{save_path}\""));
            }
            // The tests take php-src's default for granted; Debian's is a directory.
            None => settings.push("session.save_path=".to_owned()),
        }
        if self.under_valgrind {
            // What is for seconds otherwise takes a minute: PHP would tell of an upload's progress more often.
            settings.push(format!("session.upload_progress.min_freq={LONG_S}"));
            settings.push(format!("guarda.io_budget={LONG_S}"));
        }
        settings.extend(match (self.keeper, self.locking) {
            (Keeper::Phpredis | Keeper::Redis, true) => {
                Some("redis.session.locking_enabled=1".to_owned())
            }
            (Keeper::Guarda, false) => Some("guarda.mode=unlocked".to_owned()),
            _ => None,
        });
        settings
    }
}

/// How one test went, in the words of run-tests.php.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Passed,
    /// Failed, skipped or broken: with what the test printed, if it ran so far.
    Other {
        word: String,
        printed: Option<String>,
    },
    /// php-src knows that it fails.
    ExpectedToFail,
}

/// All tests of one run.
#[derive(Clone, Debug)]
pub(super) struct Outcomes {
    pub(super) subject: Subject,
    pub(super) tests: BTreeMap<String, Status>,
    /// What valgrind said, of tests of which it said something.
    pub(super) reports: BTreeMap<String, Vec<Report>>,
    /// The directory of the run.
    pub(super) place: PathBuf,
}

impl Outcomes {
    pub(super) fn passed(&self, test: &str) -> bool {
        self.tests.get(test) == Some(&Status::Passed)
    }

    /// What a test printed, without what may differ from run to run: directories, names, random numbers, ids of
    /// sessions, and the words for an id that is none.
    pub(super) fn without_names(&self, printed: &str) -> String {
        let place = self.place.display().to_string();
        let mut text: String = printed
            .split_inclusive('\n')
            .map(|line| without_place(line, &place).unwrap_or_else(|| line.to_owned()))
            .collect();
        if let Some(Handler { name, save_path }) = self.subject.handler() {
            text = text
                .replace(&format!("string({}) \"{save_path}\"", save_path.len()), "string(0) \"\"")
                .replace(save_path, "")
                .replace(&format!("{name} (path: "), "files (path: ");
        }
        text.lines().map(|line| plain(line) + "\n").collect()
    }

    pub(super) fn summary(&self) -> String {
        let passed = self.tests.values().filter(|status| **status == Status::Passed).count();
        let reported = match self.reports.len() {
            0 => String::new(),
            tests => format!(", and valgrind reports something in {tests}"),
        };
        format!("{passed} of {} pass with {}{reported}", self.tests.len(), self.subject.name())
    }
}

/// The line without the directory of the run, and without the length that `var_dump()` gives of it.
fn without_place(line: &str, place: &str) -> Option<String> {
    let (before, after) = line.split_once(place)?;
    let dumped = before.split_once("string(").filter(|(_, rest)| rest.ends_with(") \""));
    Some(format!("{}{}", dumped.map_or(before, |(before, _)| before), after.replace(place, "")))
}

/// Whether this is how `var_dump()` shows the id of a session, which is random.
fn is_id(line: &str) -> bool {
    let id = line.strip_prefix("string(32) \"").and_then(|rest| rest.strip_suffix('"'));
    id.is_some_and(|id| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

fn plain(line: &str) -> String {
    if is_id(line) {
        return "an id".to_owned();
    }
    if let Some((before, _)) = line.split_once("\"/tmp/php") {
        return before.to_owned();
    }
    match line.split_once("Startup: ") {
        Some((before, said))
            if said.to_lowercase().contains("session id ") && said.contains(" characters") =>
        {
            format!("{before}: a bad id")
        }
        _ => line.to_owned(),
    }
}

/// Copies the tests into a directory of the run's own, rewrites and runs them.
pub(super) fn run(
    php: &Php,
    pristine: &Path,
    scratch: &Path,
    subject: Subject,
) -> Result<Outcomes> {
    let place = scratch.join(subject.name());
    copy(pristine, &place, subject.handler().as_ref())?;
    let results = place.join("results");
    let mut command = Command::new(&php.cli);
    command.args(["-n", "-d", "open_basedir=", "-d", "output_buffering=0"]);
    command.arg(&php.run_tests);
    command.args(["-n", "-q", "--no-color", "--no-progress", "--set-timeout", TEST_SECONDS_MAX]);
    command.arg("-p").arg(&php.cli).arg("-W").arg(&results);
    if subject.under_valgrind {
        command.arg("-m").env("VALGRIND_OPTS", VALGRIND);
    }
    for setting in subject.settings() {
        command.arg("-d").arg(setting);
    }
    let directory = place.join("ext/session/tests");
    match subject.only.as_slice() {
        [] => command.arg(&directory),
        tests => command.args(tests.iter().map(|test| directory.join(format!("{test}.phpt")))),
    };
    command.env("TEST_PHP_CGI_EXECUTABLE", &php.cgi).env("TEST_PHP_SRCDIR", &place);
    let log = place.join("run-tests.log");
    let file = File::create(&log).with_context(|| format!("{}", log.display()))?;
    command.current_dir(&place).stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
    // It fails when a test fails; what counts is the list of results.
    command.status().context("cannot run run-tests.php")?;
    let list = fs::read_to_string(&results).unwrap_or_default();
    let tests = read_results(&list, &directory);
    let reports = |test: &String| (test.clone(), Report::of_test(&directory, test));
    let reports = tests.keys().map(reports).filter(|(_, reports)| !reports.is_empty()).collect();
    if tests.is_empty() {
        bail!("run-tests.php ran no test with {}: see {}", subject.name(), log.display());
    }
    Ok(Outcomes { subject, tests, reports, place })
}

/// Copies a tree of text files; the .phpt files change on the way.
fn copy(from: &Path, to: &Path, handler: Option<&Handler<'_>>) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("{}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("{}", from.display()))? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy(&source, &target, handler)?;
            continue;
        }
        let name = entry.file_name().to_string_lossy().into_owned();
        let text = fs::read(&source).with_context(|| format!("{}", source.display()))?;
        let text = match handler {
            Some(handler) => rewrite(&name, &text, handler),
            None => text,
        };
        fs::write(&target, text).with_context(|| format!("{}", target.display()))?;
    }
    Ok(())
}

/// `PASSED\t<path>.phpt` and so on, a line for each test.
fn read_results(list: &str, directory: &Path) -> BTreeMap<String, Status> {
    let mut tests = BTreeMap::new();
    for (word, path) in list.lines().filter_map(|line| line.split_once('\t')) {
        let Some(name) = Path::new(path.trim()).file_stem() else { continue };
        let name = name.to_string_lossy().into_owned();
        let printed = fs::read(directory.join(format!("{name}.out"))).ok();
        let printed = printed.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let status = match (word, printed) {
            // run-tests.php keeps what a test printed if it is not what is expected: then `LEAKED` is short
            // for a test that failed, too.
            ("PASSED", _) | ("LEAKED", None) => Status::Passed,
            ("XFAILED", _) => Status::ExpectedToFail,
            (other, printed) => Status::Other { word: other.to_owned(), printed },
        };
        tests.insert(name, status);
    }
    tests
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_only_leaked_printed_what_it_should() {
        let place = std::env::temp_dir().join(format!("guarda-results-{}", std::process::id()));
        fs::create_dir_all(&place).unwrap();
        fs::write(place.join("both.out"), "x").unwrap();
        let list = "PASSED\t/t/a.phpt\nLEAKED\t/t/leaks.phpt\nLEAKED\t/t/both.phpt\n";
        let tests = read_results(list, &place);
        let printed = Some("x".to_owned());
        assert_eq!(tests["leaks"], Status::Passed);
        assert_eq!(tests["both"], Status::Other { word: "LEAKED".to_owned(), printed });
        fs::remove_dir_all(&place).unwrap();
    }

    #[test]
    fn what_differs_from_run_to_run_is_left_out() {
        let plain = |place: &str, printed: &str| {
            let (subject, tests, reports) = (Subject::files(), BTreeMap::new(), BTreeMap::new());
            Outcomes { subject, tests, reports, place: place.into() }.without_names(printed)
        };
        let [one, other] =
            [("/a", "string(7) \"/a/test\""), ("/another", "string(13) \"/another/test\"")];
        assert_eq!(plain(one.0, one.1), plain(other.0, other.1));
        assert_eq!(plain("/a", "in /a/x.php, not /a/y.php"), "in /x.php, not /y.php\n");
        let id = |digit: char| format!("string(32) \"{}\"", digit.to_string().repeat(32));
        assert_eq!(plain("/a", &id('1')), plain("/a", &id('e')));
        assert_ne!(plain("/a", &id('1')), plain("/a", "string(0) \"\""));
        assert_ne!(plain("/a", "string(1) \"a\""), plain("/a", "string(1) \"b\""));
    }
}
