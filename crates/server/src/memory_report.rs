//! INFO's section on memory, and the figures of MEMORY STATS.

use std::sync::atomic::Ordering;

use guarda_commands::{Excess, MemoryReport, Overview};

use crate::eviction::uncounted;
use crate::info::Text;
use crate::memory::{AllocatorFigures, allocator, used_at_start};
use crate::state::Server;
use crate::stats;

/// The figures of this moment.
pub(crate) fn of(server: &Server, overview: &Overview) -> MemoryReport {
    let allocator = allocator();
    let figures = allocator.map_or_else(AllocatorFigures::default, |known| (known.figures)());
    let scripts = server.scripting.statistics();
    let mut report = MemoryReport {
        used: server.memory.used() as u64,
        peak: server.memory.peak() as u64,
        at_start: used_at_start() as u64,
        limit: server.memory.limit(),
        resident: resident_bytes(),
        allocated: figures.allocated,
        active: figures.active,
        allocator_resident: figures.resident,
        allocator: allocator.map_or("", |known| known.name),
        clients: server.clients_memory.load(Ordering::Relaxed) as u64,
        client_count: server.clients.len() as u64,
        log_buffer: server.persistence.pending_len(),
        uncounted: uncounted(server),
        interpreter: scripts.interpreter_bytes as u64,
        scripts: scripts.scripts_bytes as u64,
        script_count: scripts.scripts as u64,
        ..MemoryReport::default()
    };
    report.note_tables(overview);
    report
}

/// Resident memory of this process, from the operating system.
fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 =
        statm.split_ascii_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or(0);
    pages * rustix::param::page_size() as u64
}

/// The machine's memory.
fn machine_bytes() -> u64 {
    let system = rustix::system::sysinfo();
    system.totalram * u64::from(system.mem_unit)
}

fn human(bytes: u64) -> String {
    const UNITS: [(&str, f64); 3] = [("G", 1_073_741_824.0), ("M", 1_048_576.0), ("K", 1024.0)];
    let value = bytes as f64;
    UNITS
        .iter()
        .find(|(_, size)| value >= *size)
        .map_or_else(|| format!("{bytes}B"), |(unit, size)| format!("{:.2}{unit}", value / size))
}

/// `# Memory`: every field of Redis 7.2, in its order.
pub(crate) fn memory(server: &Server, overview: &Overview, text: &mut Text) {
    let report = of(server, overview);
    usage(&report, text);
    limits(server, &report, text);
    fragmentation(&report, text);
    text.field("mem_not_counted_for_evict", report.uncounted);
    text.field("mem_replication_backlog", 0);
    text.field("mem_total_replication_buffers", 0);
    text.field("mem_clients_slaves", 0);
    text.field("mem_clients_normal", report.clients);
    text.field("mem_cluster_links", 0);
    text.field("mem_aof_buffer", report.log_buffer);
    text.field("mem_allocator", report.allocator);
    text.field("active_defrag_running", 0);
    text.field("lazyfree_pending_objects", server.reclaimer.pending());
    text.field("lazyfreed_objects", stats::read(&server.stats.lazily_freed));
}

fn both(text: &mut Text, name: &str, bytes: u64) {
    text.field(name, bytes);
    text.field(&format!("{name}_human"), human(bytes));
}

fn usage(report: &MemoryReport, text: &mut Text) {
    both(text, "used_memory", report.used);
    both(text, "used_memory_rss", report.resident);
    both(text, "used_memory_peak", report.peak);
    text.field("used_memory_peak_perc", format_args!("{:.2}%", report.peak_percentage()));
    text.field("used_memory_overhead", report.overhead());
    text.field("used_memory_startup", report.at_start);
    text.field("used_memory_dataset", report.dataset());
    text.field("used_memory_dataset_perc", format_args!("{:.2}%", report.dataset_percentage()));
    text.field("allocator_allocated", report.allocated);
    text.field("allocator_active", report.active);
    text.field("allocator_resident", report.allocator_resident);
    both(text, "total_system_memory", machine_bytes());
}

fn limits(server: &Server, report: &MemoryReport, text: &mut Text) {
    text.field("used_memory_lua", report.interpreter);
    text.field("used_memory_vm_eval", report.interpreter);
    text.field("used_memory_lua_human", human(report.interpreter));
    text.field("used_memory_scripts_eval", report.scripts);
    text.field("number_of_cached_scripts", report.script_count);
    text.field("number_of_functions", 0);
    text.field("number_of_libraries", 0);
    text.field("used_memory_vm_functions", 0);
    both(text, "used_memory_vm_total", report.interpreter);
    text.field("used_memory_functions", 0);
    both(text, "used_memory_scripts", report.scripts);
    both(text, "maxmemory", report.limit);
    text.field("maxmemory_policy", server.config.lock().maxmemory_policy.as_str());
}

fn fragmentation(report: &MemoryReport, text: &mut Text) {
    let mut put = |name: &str, Excess { ratio, bytes }| {
        text.field(&format!("{name}_ratio"), format_args!("{ratio:.2}"));
        text.field(&format!("{name}_bytes"), bytes);
    };
    put("allocator_frag", report.allocator_fragmentation());
    put("allocator_rss", report.allocator_reserve());
    put("rss_overhead", report.other_resident());
    put("mem_fragmentation", report.fragmentation());
}
