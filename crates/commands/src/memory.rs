//! What INFO and MEMORY tell of the server's memory.

use crate::overview::Overview;

/// Memory, in bytes, by who has it. The host fills it in; what can be computed is computed here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryReport {
    /// In use: what `maxmemory` is compared with, but for `uncounted`.
    pub used: u64,
    /// The most that ever was.
    pub peak: u64,
    /// In use before any data was loaded.
    pub at_start: u64,
    /// `maxmemory`; 0: no limit.
    pub limit: u64,
    /// Resident pages of the process, by the operating system.
    pub resident: u64,
    /// Handed out, by the allocator's own statistics.
    pub allocated: u64,
    /// The allocator's pages in which that is.
    pub active: u64,
    /// All of the allocator's pages that are resident.
    pub allocator_resident: u64,
    /// The allocator.
    pub allocator: &'static str,
    /// Clients: their buffers, queued commands and what is kept of each.
    pub clients: u64,
    /// How many clients there are.
    pub client_count: u64,
    /// Records that the log does not have yet.
    pub log_buffer: u64,
    /// In use, but left out of account by eviction.
    pub uncounted: u64,
    /// The Lua interpreter.
    pub interpreter: u64,
    /// The texts of cached scripts.
    pub scripts: u64,
    /// How many scripts are cached.
    pub script_count: u64,
    /// The tables of all keys and the index of expiries, without what they hold.
    pub tables: u64,
    /// Keys in all databases.
    pub keys: u64,
}

/// How much one figure exceeds another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Excess {
    /// The larger by the smaller; 0 if there is nothing to compare with.
    pub ratio: f64,
    /// The larger less the smaller; may be negative.
    pub bytes: i64,
}

impl Excess {
    fn of(larger: u64, smaller: u64) -> Excess {
        let ratio = if smaller == 0 { 0.0 } else { larger as f64 / smaller as f64 };
        Excess { ratio, bytes: larger.wrapping_sub(smaller).cast_signed() }
    }
}

fn percentage(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}

impl MemoryReport {
    /// Notes what the keys' tables take.
    pub fn note_tables(&mut self, overview: &Overview) {
        let databases = &overview.databases;
        self.tables = databases.iter().map(|of| (of.table_len + of.expiry_index_len) as u64).sum();
        self.keys = databases.iter().map(|of| of.keys as u64).sum();
    }

    /// What is not data.
    pub fn overhead(&self) -> u64 {
        self.at_start + self.clients + self.log_buffer + self.scripts + self.tables
    }

    /// Keys and values.
    pub fn dataset(&self) -> u64 {
        self.used.saturating_sub(self.overhead())
    }

    /// How much of what came since the start is data, in percent.
    pub fn dataset_percentage(&self) -> f64 {
        percentage(self.dataset(), self.used.saturating_sub(self.at_start)).min(100.0)
    }

    /// How much of the peak is in use, in percent.
    pub fn peak_percentage(&self) -> f64 {
        percentage(self.used, self.peak)
    }

    /// Bytes in use for each key.
    pub fn bytes_per_key(&self) -> u64 {
        self.used.saturating_sub(self.at_start).checked_div(self.keys).unwrap_or(0)
    }

    /// Holes between what the allocator has handed out.
    pub fn allocator_fragmentation(&self) -> Excess {
        Excess::of(self.active, self.allocated)
    }

    /// Pages that the allocator keeps.
    pub fn allocator_reserve(&self) -> Excess {
        Excess::of(self.allocator_resident, self.active)
    }

    /// Resident pages that are not the allocator's: the program, stacks.
    pub fn other_resident(&self) -> Excess {
        Excess::of(self.resident, self.allocator_resident)
    }

    /// Resident pages beyond what is in use, for whatever reason.
    pub fn fragmentation(&self) -> Excess {
        Excess::of(self.resident, self.used)
    }
}

const MIB: u64 = 1 << 20;

/// Less than this in use says nothing.
const TELLING_MIN: u64 = 5 * MIB;
/// Waste below this does no harm, whatever its share.
const WASTE_MIN: i64 = 10 * MIB as i64;
/// A share of waste that is usual.
const USUAL_RATIO: f64 = 1.1;
/// Memory per client that is usual.
const CLIENT_USUAL: u64 = 200 << 10;
/// Cached scripts beyond which their texts seem to be made anew for each call.
const SCRIPTS_USUAL: u64 = 500;

/// What MEMORY DOCTOR says of a report.
pub(crate) fn diagnosis(report: &MemoryReport) -> String {
    if report.used < TELLING_MIN {
        return "Less than 5 MiB are in use: too little to tell anything.".to_owned();
    }
    let mib = |bytes: u64| format!("{:.1} MiB", bytes as f64 / MIB as f64);
    let wastes = |excess: Excess| excess.ratio > USUAL_RATIO && excess.bytes > WASTE_MIN;
    let mut found = Vec::new();
    if report.limit > 0 && report.used.saturating_sub(report.uncounted) > report.limit {
        found.push(format!(
            "Memory in use ({}) is beyond maxmemory ({}): raise maxmemory, or choose a \
             maxmemory-policy that evicts.",
            mib(report.used),
            mib(report.limit)
        ));
    }
    if report.peak > report.used / 2 * 3 {
        found.push(format!(
            "The peak ({}) was more than 1.5 times what is in use now ({}): the resident size may \
             still be that of then. It is no loss, new data will use it.",
            mib(report.peak),
            mib(report.used)
        ));
    }
    if wastes(report.allocator_fragmentation()) {
        found.push(
            "The allocator's pages are badly filled (allocator_frag_ratio): values of very \
             different sizes came and went. A restart, with the log or a snapshot to load, packs \
             them anew."
                .to_owned(),
        );
    }
    if wastes(report.allocator_reserve()) {
        found.push(
            "The allocator keeps pages that are not used (allocator_rss_ratio): MEMORY PURGE gives \
             them back."
                .to_owned(),
        );
    }
    if wastes(report.other_resident()) {
        found.push(
            "Much of the process is resident that the allocator does not know of \
             (rss_overhead_ratio)."
                .to_owned(),
        );
    }
    if report.clients.checked_div(report.client_count).is_some_and(|each| each > CLIENT_USUAL) {
        found.push(
            "Clients take more than 200 KiB each on average: some send or receive very large \
             values, or do not read their replies. CLIENT LIST shows tot-mem of each."
                .to_owned(),
        );
    }
    if report.script_count > SCRIPTS_USUAL {
        found.push(
            "More than 500 scripts are cached: give values to scripts in KEYS and ARGV instead of \
             writing them into the text, or SCRIPT FLUSH now and then."
                .to_owned(),
        );
    }
    if found.is_empty() {
        return "No problem was found.".to_owned();
    }
    found.iter().map(|line| format!("* {line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn healthy() -> MemoryReport {
        MemoryReport {
            used: 100 * MIB,
            peak: 101 * MIB,
            at_start: MIB,
            resident: 110 * MIB,
            allocated: 100 * MIB,
            active: 102 * MIB,
            allocator_resident: 105 * MIB,
            clients: MIB,
            client_count: 50,
            tables: 8 * MIB,
            keys: 100_000,
            ..MemoryReport::default()
        }
    }

    #[test]
    fn what_is_not_overhead_is_data() {
        let report = healthy();
        assert_eq!((report.overhead(), report.dataset()), (10 * MIB, 90 * MIB));
        assert!((report.dataset_percentage() - 90.0 * 100.0 / 99.0).abs() < 0.01);
        assert_eq!(report.bytes_per_key(), 99 * MIB / 100_000);
        assert_eq!(report.allocator_fragmentation().bytes, 2 * MIB as i64);
        let empty = MemoryReport::default();
        assert_eq!((empty.bytes_per_key(), empty.dataset()), (0, 0));
        assert!(empty.fragmentation().ratio == 0.0 && empty.peak_percentage() == 0.0);
    }

    #[test]
    fn the_doctor_names_each_problem_and_nothing_else() {
        assert_eq!(diagnosis(&healthy()), "No problem was found.");
        assert!(diagnosis(&MemoryReport::default()).contains("too little"));
        let with = |change: fn(&mut MemoryReport)| {
            let mut report = healthy();
            change(&mut report);
            diagnosis(&report)
        };
        for (said, word) in [
            (with(|r| r.limit = 50 * MIB), "beyond maxmemory"),
            (with(|r| r.peak = 200 * MIB), "The peak"),
            (with(|r| r.allocated = 80 * MIB), "allocator_frag_ratio"),
            (with(|r| r.active = 90 * MIB), "MEMORY PURGE"),
            (with(|r| r.resident = 200 * MIB), "rss_overhead_ratio"),
            (with(|r| r.client_count = 2), "CLIENT LIST"),
            (with(|r| r.script_count = 501), "SCRIPT FLUSH"),
        ] {
            assert!(said.contains(word) && said.lines().count() == 1, "{word}: {said}");
        }
    }
}
