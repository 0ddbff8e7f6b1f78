//! What commands cost and which errors were answered, as INFO and LATENCY show it.
//!
//! A thread notes its calls in [`Tallies`], a few bytes each, and adds them once per turn to a part of
//! the [`CommandStatistics`] that is its own. So the path of a command takes no lock for its
//! statistics, and no thread waits for another's.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::histogram::Histogram;
use crate::spec::CommandSpec;
use crate::table::{CommandTable, table};

/// Error codes that are told apart; whatever scripts make up beyond them is counted as `OTHER`.
const CODES_MAX: usize = 128;
/// The code of all further codes.
const OTHER: &str = "OTHER";
/// Longest code that is told apart, in bytes.
const CODE_LEN_MAX: usize = 64;

/// How one call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Answered,
    Failed,
    /// A gate refused it: it did not run.
    Rejected,
}

/// One call, as its thread remembers it until the end of the turn.
#[derive(Clone, Copy, Debug)]
struct Noted {
    row: u16,
    end: End,
    /// What it took, in nanoseconds; 4 seconds and more are all the same.
    nanos: u32,
}

/// What one thread has noted since it was last collected.
#[derive(Default)]
pub struct Tallies {
    calls: Vec<Noted>,
    errors: BTreeMap<String, u64>,
    /// Where this thread's are added up, from the first time on.
    part: Option<Arc<Mutex<Totals>>>,
}

/// What one command has cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Calls that ran.
    pub calls: u64,
    /// What they took together, in nanoseconds.
    pub nanos: u64,
    /// Calls that a gate refused.
    pub rejected: u64,
    /// Calls that ran and answered an error.
    pub failed: u64,
}

/// One row's part of the statistics.
#[derive(Default)]
struct Row {
    tally: Tally,
    /// How long each call took; from the first that was to be remembered on.
    latency: Option<Box<Histogram>>,
}

/// Statistics of all commands since start or CONFIG RESETSTAT; shared by all threads.
#[derive(Default)]
pub struct CommandStatistics {
    /// One for each thread, and those of threads that have ended.
    parts: Mutex<Vec<Arc<Mutex<Totals>>>>,
}

#[derive(Default)]
struct Totals {
    /// By number of the row.
    rows: Vec<Row>,
    errors: BTreeMap<String, u64>,
}

impl Tallies {
    /// Notes a call that ran.
    pub(crate) fn note_call(&mut self, spec: &'static CommandSpec, took: Duration, failed: bool) {
        let end = if failed { End::Failed } else { End::Answered };
        let nanos = u32::try_from(took.as_nanos()).unwrap_or(u32::MAX);
        self.note(spec, end, nanos);
    }

    /// Notes a call that a gate refused.
    pub(crate) fn note_rejected(&mut self, spec: &'static CommandSpec) {
        self.note(spec, End::Rejected, 0);
    }

    fn note(&mut self, spec: &'static CommandSpec, end: End, nanos: u32) {
        let row = table().row(spec) as u16;
        self.calls.push(Noted { row, end, nanos });
    }

    /// Notes an error by the first word of its text.
    pub(crate) fn note_error(&mut self, text: &[u8]) {
        let code = text.split(|byte| *byte == b' ').next().unwrap_or_default();
        let code = String::from_utf8_lossy(&code[..code.len().min(CODE_LEN_MAX)]);
        count_error(&mut self.errors, &code, 1);
    }

    /// Forgets what was noted.
    pub(crate) fn clear(&mut self) {
        self.calls.clear();
        self.errors.clear();
    }
}

fn count_error(errors: &mut BTreeMap<String, u64>, code: &str, n: u64) {
    let known = errors.contains_key(code) || errors.len() < CODES_MAX;
    *errors.entry(if known { code } else { OTHER }.to_owned()).or_default() += n;
}

fn add_errors(errors: &mut BTreeMap<String, u64>, more: &BTreeMap<String, u64>) {
    more.iter().for_each(|(code, n)| count_error(errors, code, *n));
}

impl CommandStatistics {
    /// Adds what a thread has noted, and empties it: always to the same statistics. `latency`: keep
    /// histograms too.
    pub fn collect(&self, tallies: &mut Tallies, latency: bool) {
        let Tallies { calls, errors, part } = tallies;
        if calls.is_empty() && errors.is_empty() {
            return;
        }
        let totals = &mut *part.get_or_insert_with(|| self.part()).lock();
        totals.rows.resize_with(table().rows(), Row::default);
        for noted in calls.drain(..) {
            totals.rows[usize::from(noted.row)].add(noted, latency);
        }
        for (code, n) in std::mem::take(errors) {
            count_error(&mut totals.errors, &code, n);
        }
    }

    /// A part for a thread: one that nobody uses any more, or a new one.
    fn part(&self) -> Arc<Mutex<Totals>> {
        let mut parts = self.parts.lock();
        if let Some(part) = parts.iter().find(|part| Arc::strong_count(part) == 1) {
            return Arc::clone(part);
        }
        parts.push(Arc::default());
        Arc::clone(&parts[parts.len() - 1])
    }

    /// CONFIG RESETSTAT.
    pub fn reset(&self) {
        self.parts.lock().iter().for_each(|part| *part.lock() = Totals::default());
    }

    /// The commands that were called or refused, by their full names (`config|get`), sorted.
    pub fn commands(&self) -> BTreeMap<String, Tally> {
        // Without the histograms, each of which is larger than all that is asked for here.
        let mut all = vec![Tally::default(); table().rows()];
        for part in &*self.parts.lock() {
            all.iter_mut().zip(&part.lock().rows).for_each(|(all, row)| all.merge(&row.tally));
        }
        let rows = CommandTable::named_rows().filter_map(|(name, spec)| {
            let tally = all[table().row(spec)];
            (tally.calls + tally.rejected > 0).then_some((name, tally))
        });
        rows.collect()
    }

    /// How long the calls of each command took, of those commands of which that was remembered; sorted.
    pub fn latencies(&self) -> BTreeMap<String, Histogram> {
        let mut all: Vec<Option<Histogram>> = vec![None; table().rows()];
        for part in &*self.parts.lock() {
            for (all, row) in all.iter_mut().zip(&part.lock().rows) {
                match (all, &row.latency) {
                    (_, None) => {}
                    (Some(all), Some(latency)) => all.merge(latency),
                    (all, Some(latency)) => *all = Some((**latency).clone()),
                }
            }
        }
        let rows = CommandTable::named_rows()
            .filter_map(|(name, spec)| Some((name, all[table().row(spec)].take()?)));
        rows.collect()
    }

    /// How often each error was answered, by its first word.
    pub fn errors(&self) -> BTreeMap<String, u64> {
        let mut errors = BTreeMap::new();
        for part in &*self.parts.lock() {
            add_errors(&mut errors, &part.lock().errors);
        }
        errors
    }
}

impl Tally {
    fn merge(&mut self, other: &Tally) {
        self.calls += other.calls;
        self.nanos += other.nanos;
        self.rejected += other.rejected;
        self.failed += other.failed;
    }
}

impl Row {
    fn add(&mut self, noted: Noted, latency: bool) {
        let tally = &mut self.tally;
        match noted.end {
            End::Rejected => {
                tally.rejected += 1;
                return;
            }
            End::Failed => tally.failed += 1,
            End::Answered => {}
        }
        tally.calls += 1;
        tally.nanos += u64::from(noted.nanos);
        if latency {
            self.latency.get_or_insert_default().record(u64::from(noted.nanos));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Bench, err, int};

    fn collected(bench: &mut Bench) -> CommandStatistics {
        let statistics = CommandStatistics::default();
        statistics.collect(&mut bench.worker.effects.tallies, true);
        statistics
    }

    /// `calls rejected failed` of a command.
    fn numbers(statistics: &CommandStatistics, name: &str) -> Option<[u64; 3]> {
        statistics.commands().get(name).map(|tally| [tally.calls, tally.rejected, tally.failed])
    }

    #[test]
    fn calls_failures_and_refusals_are_told_apart() {
        let mut bench = Bench::new();
        bench.check("LPUSH l a", int(1));
        let wrong_type = "WRONGTYPE Operation against a key holding the wrong kind of value";
        bench.check("GET l", err(wrong_type));
        bench.check("GET", err("ERR wrong number of arguments for 'get' command"));
        bench.run("CONFIG GET maxmemory");
        let statistics = collected(&mut bench);
        assert_eq!(numbers(&statistics, "lpush"), Some([1, 0, 0]));
        assert_eq!(numbers(&statistics, "get"), Some([1, 1, 1]));
        assert_eq!(numbers(&statistics, "config|get"), Some([1, 0, 0]));
        assert_eq!(numbers(&statistics, "set"), None);
        assert_eq!(statistics.errors(), [("ERR".into(), 1), ("WRONGTYPE".into(), 1)].into());
        statistics.reset();
        assert!(statistics.commands().is_empty() && statistics.errors().is_empty());
    }

    #[test]
    fn threads_add_up() {
        let statistics = CommandStatistics::default();
        let get = table().find(b"get").unwrap();
        let mut threads = [Tallies::default(), Tallies::default()];
        for _ in 0..2 {
            for tallies in &mut threads {
                tallies.note_call(get, Duration::from_micros(5), false);
                tallies.note_error(b"ERR one");
                statistics.collect(tallies, true);
            }
        }
        let collected = &statistics.commands()["get"];
        assert_eq!((collected.calls, collected.nanos), (4, 20_000));
        assert_eq!(statistics.latencies()["get"].total(), 4);
        assert_eq!(statistics.errors()["ERR"], 4);
        let one = numbers(&statistics, "get");
        threads[0] = Tallies::default();
        threads[0].note_call(get, Duration::ZERO, false);
        statistics.collect(&mut threads[0], true);
        assert_eq!(one, Some([4, 0, 0]));
        assert_eq!(numbers(&statistics, "get"), Some([5, 0, 0]), "a thread that ended counts on");
        assert_eq!(statistics.parts.lock().len(), 2, "and its part serves the next");
        statistics.reset();
        assert!(statistics.commands().is_empty() && statistics.errors().is_empty());
        assert!(statistics.latencies().is_empty());
    }

    #[test]
    fn queued_commands_count_when_they_run() {
        let mut bench = Bench::new();
        for line in ["LPUSH l a", "MULTI", "GET l", "LLEN l", "EXEC"] {
            bench.run(line);
        }
        let statistics = collected(&mut bench);
        assert_eq!(numbers(&statistics, "get"), Some([1, 0, 1]));
        assert_eq!(numbers(&statistics, "llen"), Some([1, 0, 0]));
        assert_eq!(
            numbers(&statistics, "exec"),
            Some([1, 0, 0]),
            "its commands' errors are theirs"
        );
    }

    #[test]
    fn made_up_errors_take_no_more_room_than_a_hundred_codes() {
        let mut tallies = Tallies::default();
        for n in 0..10 * CODES_MAX {
            tallies.note_error(format!("CODE{n} text").as_bytes());
        }
        let statistics = CommandStatistics::default();
        statistics.collect(&mut tallies, false);
        let errors = statistics.errors();
        assert_eq!(errors.len(), CODES_MAX + 1);
        assert_eq!(errors[OTHER], (9 * CODES_MAX) as u64);
    }
}
