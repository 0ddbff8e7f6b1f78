//! What the operating system says a process used: processor time and memory, from `/proc`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};

/// Clock ticks of `/proc/<pid>/stat` as time.
fn ticks(count: u64) -> Duration {
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    Duration::from_nanos(count.saturating_mul(1_000_000_000 / per_second))
}

/// The processor time of one server: its threads, and the children it forked.
///
/// Threads come from `task/*/schedstat` in nanoseconds. Ended threads disappear from there, so the
/// whole group's `stat` (which keeps them, in ticks) is the check: when it knows clearly more than
/// the living threads, it is the figure. Children count too, since a server that rewrites its log
/// in a forked child pays for it as one that does it in a thread: the living ones by schedstat, the
/// reaped ones by the parent's `cutime` and `cstime`.
#[derive(Debug)]
pub(crate) struct CpuMeter {
    process: PathBuf,
}

/// A reading of a [`CpuMeter`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct CpuReading {
    threads: Duration,
    group: Duration,
    children: Duration,
}

impl CpuMeter {
    /// The meter of process `pid`.
    pub(crate) fn new(pid: u32) -> Self {
        Self { process: PathBuf::from(format!("/proc/{pid}")) }
    }

    /// Reads the accounts. Costs some tens of microseconds.
    pub(crate) fn read(&self) -> anyhow::Result<CpuReading> {
        let stat = fs::read_to_string(self.process.join("stat"))
            .with_context(|| format!("{}: has the server ended?", self.process.display()))?;
        let stat = Stat::parse(&stat).context("/proc/<pid>/stat is not understood")?;
        let mut children = ticks(stat.children_ticks);
        let threads = threads_time(&self.process, Some(&mut children))?;
        Ok(CpuReading { threads, group: ticks(stat.own_ticks), children })
    }
}

impl CpuReading {
    /// Processor time from `earlier` to this reading.
    pub(crate) fn since(&self, earlier: &Self) -> Duration {
        let threads = self.threads.saturating_sub(earlier.threads);
        let group = self.group.saturating_sub(earlier.group);
        // Ticks are right to two of them at most; more than that is a thread that has ended.
        let own = if group > threads + ticks(3) { group } else { threads };
        own + self.children.saturating_sub(earlier.children)
    }
}

/// Sums the threads' schedstat; adds their living children's to `children_sum`.
fn threads_time(
    process: &Path,
    mut children_sum: Option<&mut Duration>,
) -> anyhow::Result<Duration> {
    let mut total = Duration::ZERO;
    let tasks = process.join("task");
    for task in fs::read_dir(&tasks).with_context(|| format!("{}", tasks.display()))? {
        let task = task?.path();
        // A thread may end between the listing and the reading.
        if let Ok(text) = fs::read_to_string(task.join("schedstat")) {
            total += parse_schedstat(&text).context("schedstat is not understood")?;
        }
        if let Some(sum) = children_sum.as_deref_mut() {
            let children = fs::read_to_string(task.join("children")).unwrap_or_default();
            for child in children.split_whitespace() {
                *sum += threads_time(&Path::new("/proc").join(child), None).unwrap_or_default();
            }
        }
    }
    Ok(total)
}

/// The time on a processor: the first of the three numbers, in nanoseconds.
fn parse_schedstat(text: &str) -> Option<Duration> {
    let mut numbers = text.split_whitespace().map(str::parse::<u64>);
    let on_cpu = numbers.next()?.ok()?;
    let waiting = numbers.next()?.ok();
    let slices = numbers.next()?.ok();
    (waiting.is_some() && slices.is_some() && numbers.next().is_none())
        .then_some(Duration::from_nanos(on_cpu))
}

/// The fields of `/proc/<pid>/stat` that are of use, in ticks.
#[derive(Debug, PartialEq)]
struct Stat {
    own_ticks: u64,
    children_ticks: u64,
}

impl Stat {
    /// `utime` is field 14 of proc(5); the name in field 2 may itself hold spaces and brackets.
    fn parse(text: &str) -> Option<Self> {
        let after_name = &text[text.rfind(')')? + 1..];
        let mut ticks = after_name.split_whitespace().skip(11).map(str::parse::<u64>);
        let mut next = || ticks.next()?.ok();
        let (utime, stime, cutime, cstime) = (next()?, next()?, next()?, next()?);
        Some(Self { own_ticks: utime + stime, children_ticks: cutime + cstime })
    }
}

/// Resident memory of process `pid`, in bytes, from the page tables (`smaps_rollup`): `VmRSS` lags
/// behind by up to a batch of pages per processor.
pub(crate) fn resident_bytes(pid: u32) -> anyhow::Result<u64> {
    for file in ["smaps_rollup", "status"] {
        if let Ok(text) = fs::read_to_string(format!("/proc/{pid}/{file}"))
            && let Some(kib) = parse_resident_kib(&text)
        {
            return Ok(kib * 1024);
        }
    }
    bail!("process {pid} has no resident memory in /proc: has the server ended?")
}

fn parse_resident_kib(text: &str) -> Option<u64> {
    let value =
        text.lines().find_map(|l| l.strip_prefix("Rss:").or_else(|| l.strip_prefix("VmRSS:")))?;
    value.trim().strip_suffix(" kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedstat_gives_the_first_of_three_numbers() {
        assert_eq!(parse_schedstat("80141 58940 2\n"), Some(Duration::from_nanos(80141)));
        for bad in ["", "1", "1 2", "x 2 3", "1 2 3 4", "-1 2 3"] {
            assert_eq!(parse_schedstat(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn stat_survives_brackets_in_the_name() {
        let text = "42 (a) b (c)) S 1 1 1 0 -1 4194304 100 0 0 0 11 22 33 44 20 0 5 0 9 9 9";
        assert_eq!(Stat::parse(text), Some(Stat { own_ticks: 33, children_ticks: 77 }));
        assert_eq!(Stat::parse("42 (x) S 1 2"), None);
    }

    #[test]
    fn resident_memory_is_found_in_both_files() {
        assert_eq!(
            parse_resident_kib("00400000-7ff ---p [rollup]\nRss:   5 kB\nPss: 4 kB"),
            Some(5)
        );
        assert_eq!(parse_resident_kib("Name: x\nVmRSS:\t    123 kB\n"), Some(123));
        assert_eq!(parse_resident_kib("Name: x\n"), None);
        assert!(resident_bytes(std::process::id()).unwrap() > 100_000);
    }

    #[test]
    fn work_of_a_thread_is_counted_and_sleep_is_not() {
        let meter = CpuMeter::new(std::process::id());
        let before = meter.read().unwrap();
        let spun = std::thread::spawn(|| {
            let start = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
            let start = Duration::try_from(start).unwrap();
            loop {
                let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
                let spent = Duration::try_from(now).unwrap().saturating_sub(start);
                if spent > Duration::from_millis(120) {
                    return spent;
                }
            }
        });
        // The thread has ended by the second reading: only the group's account still knows it.
        let spent = spun.join().unwrap();
        let counted = meter.read().unwrap().since(&before);
        assert!(counted + ticks(3) >= spent, "{counted:?} of {spent:?}");
    }
}
