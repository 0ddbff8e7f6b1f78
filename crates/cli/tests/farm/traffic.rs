//! Browsers that keep a ledger of what was acknowledged, and the audit of that ledger.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use guarda_farm::{Browser, Cancel, wait_until};

/// How long a test waits for traffic to reach a count: requests may stand behind an orphaned lock.
const PROGRESS_LIMIT: Duration = Duration::from_secs(90);
/// A browser that got an error waits a little before it tries again, as people do.
const AFTER_FAILURE: Duration = Duration::from_millis(20);

/// What became of the updates sent to one session.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Marks of the updates that were acknowledged, with the counter that was answered.
    acknowledged: BTreeMap<String, u64>,
    /// Marks of the others, with what was answered instead.
    failed: BTreeMap<String, String>,
}

impl Ledger {
    /// Sends one update and enters its outcome; returns whether it was acknowledged.
    pub(crate) fn update(&mut self, browser: &mut Browser, mark: &str, query: &str) -> bool {
        let failure = match browser.get(&format!("/probe.php?mark={mark}{query}")) {
            Ok(answer) if answer.status == 200 => {
                let counter = answer.number("counter").expect("an acknowledgement has a counter");
                assert!(
                    self.acknowledged.insert(mark.to_owned(), counter).is_none(),
                    "{mark} twice"
                );
                return true;
            }
            Ok(answer) => format!("{} {}", answer.status, answer.body.trim()),
            Err(error) => format!("{error:#}"),
        };
        self.failed.insert(mark.to_owned(), failure);
        false
    }

    pub(crate) fn acknowledged(&self) -> usize {
        self.acknowledged.len()
    }

    /// Asserts that every update sent so far was acknowledged.
    pub(crate) fn assert_nothing_failed(&self) {
        assert!(self.failed.is_empty(), "failed: {:#?}", self.failed);
    }

    /// One ledger from those of several browsers of the same session.
    pub(crate) fn merged(ledgers: impl IntoIterator<Item = Self>) -> Self {
        let mut whole = Self::default();
        for ledger in ledgers {
            whole.acknowledged.extend(ledger.acknowledged);
            whole.failed.extend(ledger.failed);
        }
        whole
    }

    /// Compares the ledger with what the session holds now.
    ///
    /// The script appends each mark to a list and answers the list's length, so an acknowledged mark must
    /// stand exactly at the place that was answered: that finds lost updates, a session set back, updates
    /// applied twice and counters given out twice. A failed update may be there once, or not at all.
    pub(crate) fn audit(&self, browser: &mut Browser) {
        let marks = stored_marks(browser);
        for (mark, counter) in &self.acknowledged {
            let place = usize::try_from(*counter).expect("a small number") - 1;
            assert_eq!(
                marks.get(place).map(String::as_str),
                Some(mark.as_str()),
                "acknowledged update {mark} is not where it was acknowledged ({counter}) among {} \
                 updates: {marks:?}\nfailed: {:#?}",
                marks.len(),
                self.failed,
            );
        }
        let mut seen = BTreeMap::new();
        for mark in &marks {
            *seen.entry(mark).or_insert(0) += 1;
            let sent = self.acknowledged.contains_key(mark) || self.failed.contains_key(mark);
            assert!(sent, "the session holds the update `{mark}`, which nobody sent");
        }
        seen.retain(|_, times| *times > 1);
        assert!(seen.is_empty(), "updates stored more than once: {seen:?}");
    }
}

/// The marks that the browser's session holds, oldest first.
pub(crate) fn stored_marks(browser: &mut Browser) -> Vec<String> {
    let answer = browser.get("/probe.php?list").expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.body);
    let marks = answer.field("marks").expect("a list of marks");
    marks.split(',').filter(|mark| !mark.is_empty()).map(str::to_owned).collect()
}

/// What the threads of a running traffic tell the test that drives it, and the other way round.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    acknowledged: Vec<AtomicUsize>,
    failures: AtomicUsize,
    over: AtomicBool,
}

impl Progress {
    /// Waits until each browser has had `more` further updates acknowledged.
    pub(crate) fn wait_for_acknowledged(&self, more: usize) {
        let now = || self.acknowledged.iter().map(|count| count.load(Ordering::SeqCst));
        let goals: Vec<usize> = now().map(|count| count + more).collect();
        let reached = || now().zip(&goals).all(|(count, goal)| count >= *goal);
        self.wait(&format!("{more} acknowledged updates of each browser"), reached);
    }

    /// How many requests have failed so far.
    pub(crate) fn failures(&self) -> usize {
        self.failures.load(Ordering::SeqCst)
    }

    /// Waits until `more` further requests have failed, over all browsers.
    pub(crate) fn wait_for_failures(&self, more: usize) {
        let goal = self.failures() + more;
        self.wait(&format!("{more} failed requests"), || self.failures() >= goal);
    }

    fn wait(&self, what: &str, reached: impl Fn() -> bool) {
        let waited = wait_until(what, PROGRESS_LIMIT, &Cancel::default(), || {
            assert!(!self.over.load(Ordering::SeqCst), "the traffic ended before {what}");
            Ok(reached().then_some(()))
        });
        waited.unwrap_or_else(|error| panic!("{error:#}"));
    }
}

/// Ends the traffic when it goes out of scope, on a panic of the test too.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Lets each browser send one update after the other from a thread of its own while `drive` runs on this
/// thread; returns browsers and ledgers. `requests_max` bounds each browser.
pub(crate) fn run(
    browsers: Vec<Browser>,
    query: &str,
    requests_max: usize,
    drive: impl FnOnce(&Progress),
) -> Vec<(Browser, Ledger)> {
    let progress = Progress {
        acknowledged: browsers.iter().map(|_| AtomicUsize::new(0)).collect(),
        ..Progress::default()
    };
    thread::scope(|scope| {
        let progress = &progress;
        let threads: Vec<_> = browsers
            .into_iter()
            .enumerate()
            .map(|(number, browser)| {
                scope.spawn(move || one_browser(number, browser, query, requests_max, progress))
            })
            .collect();
        let over = Over(&progress.over);
        drive(progress);
        drop(over);
        threads.into_iter().map(|thread| thread.join().expect("a browser's thread")).collect()
    })
}

fn one_browser(
    number: usize,
    mut browser: Browser,
    query: &str,
    requests_max: usize,
    progress: &Progress,
) -> (Browser, Ledger) {
    let _over = Over(&progress.over); // a browser that ends early, or panics, ends the test
    let mut ledger = Ledger::default();
    for request in 0..requests_max {
        if progress.over.load(Ordering::SeqCst) {
            break;
        }
        if ledger.update(&mut browser, &format!("b{number}r{request}"), query) {
            progress.acknowledged[number].fetch_add(1, Ordering::SeqCst);
        } else {
            progress.failures.fetch_add(1, Ordering::SeqCst);
            thread::sleep(AFTER_FAILURE);
        }
    }
    (browser, ledger)
}

/// A browser whose session exists: it has its cookie, so that later failures cannot give it another one.
pub(crate) fn with_session(mut browser: Browser) -> Browser {
    let answer = browser.get("/probe.php?list").expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(browser.cookie("PHPSESSID").is_some(), "PHP gave no session cookie");
    browser
}
