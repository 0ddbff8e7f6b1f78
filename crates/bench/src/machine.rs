//! The machine: what it is, how busy it was, which processors are used.

use std::fs;

use anyhow::{Context as _, ensure};
use rustix::process::{Resource, Rlimit};
use rustix::thread::CpuSet;

/// Which processors the generator and the servers run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pinning {
    /// The scheduler decides.
    Free,
    /// One processor each.
    Apart {
        /// The generator's.
        generator: usize,
        /// The servers'.
        server: usize,
    },
}

impl Pinning {
    /// Takes the first two processors this process may use; free when there is only one.
    pub(crate) fn choose() -> anyhow::Result<Self> {
        let allowed = rustix::thread::sched_getaffinity(None)?;
        let mut cpus = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu));
        match (cpus.next(), cpus.next()) {
            (Some(generator), Some(server)) => Ok(Self::Apart { generator, server }),
            _ => Ok(Self::Free),
        }
    }

    /// Moves the current thread to the generator's processor.
    pub(crate) fn pin_generator(self) -> anyhow::Result<()> {
        match self {
            Self::Free => Ok(()),
            Self::Apart { generator, .. } => pin(generator),
        }
    }

    /// Runs `spawn` on the servers' processor. A child inherits the mask of the thread that starts
    /// it, before its first instruction, so that a server sees one processor from the beginning.
    pub(crate) fn on_server_cpu<T>(
        self,
        spawn: impl FnOnce() -> std::io::Result<T>,
    ) -> anyhow::Result<T> {
        if let Self::Apart { server, .. } = self {
            pin(server)?;
        }
        let spawned = spawn();
        self.pin_generator()?;
        Ok(spawned?)
    }
}

impl std::fmt::Display for Pinning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Free => f.write_str("not pinned"),
            Self::Apart { generator, server } => {
                write!(f, "generator on CPU {generator}, servers on CPU {server}")
            }
        }
    }
}

fn pin(cpu: usize) -> anyhow::Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu);
    rustix::thread::sched_setaffinity(None, &set)
        .with_context(|| format!("cannot move to CPU {cpu}; --no-pin leaves it to the scheduler"))
}

/// Raises the soft limit of open files to the hard one; servers inherit it.
///
/// # Errors
///
/// When not even the hard limit allows `needed`.
pub(crate) fn raise_open_files(needed: u64) -> anyhow::Result<()> {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(u64::MAX);
    ensure!(
        most >= needed,
        "this run opens {needed} files but the limit is {most}: raise it (`ulimit -Hn`) or lower --scale"
    );
    let raised = Rlimit { current: Some(most.min(1 << 20)), maximum: limit.maximum };
    rustix::process::setrlimit(Resource::Nofile, raised).context("cannot raise RLIMIT_NOFILE")
}

/// One line that says what the machine is.
pub(crate) fn describe() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": ").map(|(_, name)| name))
        .unwrap_or("unknown processor");
    let cpus = cpuinfo.lines().filter(|line| line.starts_with("processor")).count();
    let system = rustix::system::uname();
    let memory = rustix::system::sysinfo();
    let gib = (memory.totalram as f64 * f64::from(memory.mem_unit)) / f64::from(1_u32 << 30);
    format!(
        "{cpus} x {model}, {gib:.0} GiB, {} {} {}",
        system.sysname().to_string_lossy(),
        system.release().to_string_lossy(),
        system.machine().to_string_lossy(),
    )
}

/// How disturbed the machine is: load average and stolen time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Noise {
    load_average: f64,
    stolen_ticks: u64,
    all_ticks: u64,
}

impl Noise {
    /// The present state; zeros where `/proc` does not tell.
    pub(crate) fn now() -> Self {
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
        let ticks = parse_cpu_line(&stat).unwrap_or_default();
        let load_average = load.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0.0);
        Self { load_average, stolen_ticks: ticks.0, all_ticks: ticks.1 }
    }

    /// From `self` to `end`, in words.
    pub(crate) fn until(&self, end: &Self) -> String {
        let all = end.all_ticks.saturating_sub(self.all_ticks).max(1) as f64;
        let stolen = end.stolen_ticks.saturating_sub(self.stolen_ticks) as f64;
        format!(
            "load average {:.2} at the start, {:.2} at the end (2 of it are the run's own); {:.1} % of the time stolen by the host",
            self.load_average,
            end.load_average,
            100.0 * stolen / all
        )
    }
}

/// Stolen and all ticks of the first line of `/proc/stat`.
fn parse_cpu_line(stat: &str) -> Option<(u64, u64)> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<u64> = line.split_whitespace().map_while(|n| n.parse().ok()).take(8).collect();
    Some((*ticks.get(7)?, ticks.iter().sum()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steal_is_the_eighth_number_and_guest_time_is_not_counted_twice() {
        assert_eq!(parse_cpu_line("cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1"), Some((8, 36)));
        assert_eq!(parse_cpu_line("cpu  1 2"), None);
    }

    #[test]
    fn description_names_the_system() {
        assert!(describe().contains("Linux"), "{}", describe());
    }

    #[test]
    fn pinning_takes_two_different_processors() {
        if let Pinning::Apart { generator, server } = Pinning::choose().unwrap() {
            assert_ne!(generator, server);
        }
    }
}
