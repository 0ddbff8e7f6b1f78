//! INFO's text, under Redis's field names.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use guarda_commands::{ClientCard, Topic};

use crate::memory_report;
use crate::state::Server;
use crate::stats::read;

/// The version of Redis whose behaviour this server has.
pub(crate) use guarda_commands::REDIS_VERSION;
use guarda_commands::{Overview, SessionCounters};
use guarda_config::BindAddress;

type Section = fn(&Server, &Overview, &mut Text);

/// Sections in the order INFO prints them, and whether plain INFO does.
const SECTIONS: &[(&str, &str, bool, Section)] = &[
    ("server", "Server", true, server),
    ("clients", "Clients", true, clients),
    ("memory", "Memory", true, memory_report::memory),
    ("persistence", "Persistence", true, persistence),
    ("stats", "Stats", true, stats),
    ("sessions", "Sessions", true, sessions),
    ("replication", "Replication", true, replication),
    ("cpu", "CPU", true, cpu),
    ("modules", "Modules", true, |_, _, _| ()),
    ("commandstats", "Commandstats", false, command_statistics),
    ("errorstats", "Errorstats", true, error_statistics),
    ("latencystats", "Latencystats", false, latency_statistics),
    ("cluster", "Cluster", true, |_, _, text| text.field("cluster_enabled", 0)),
    ("keyspace", "Keyspace", true, keyspace),
    ("debug", "Debug", false, debug),
];

/// Lines under construction.
pub(crate) struct Text(String);

impl Text {
    /// Fields that mean something in Redis and nothing here.
    fn zeros(&mut self, names: &[&str]) {
        names.iter().for_each(|name| self.field(name, 0));
    }

    pub(crate) fn field(&mut self, name: &str, value: impl std::fmt::Display) {
        let _ = write!(self.0, "{name}:{value}\r\n");
    }
}

/// INFO for these sections; none means the default ones.
pub(crate) fn render(server: &Server, sections: &[String], overview: &Overview) -> String {
    let wants = |name: &str, by_default: bool| {
        if sections.is_empty() {
            return by_default;
        }
        sections.iter().any(|asked| match asked.as_str() {
            // Told only to who asks for it.
            "all" | "everything" => name != "debug",
            "default" => by_default,
            other => other == name,
        })
    };
    let mut text = Text(String::new());
    for (name, title, by_default, fill) in SECTIONS {
        if wants(name, *by_default) {
            if !text.0.is_empty() {
                text.0.push_str("\r\n");
            }
            let _ = write!(text.0, "# {title}\r\n");
            fill(server, overview, &mut text);
        }
    }
    text.0
}

fn server(server: &Server, _: &Overview, text: &mut Text) {
    let uptime = server.clock.monotonic().as_secs();
    text.field("redis_version", REDIS_VERSION);
    text.field("guarda_version", env!("CARGO_PKG_VERSION"));
    text.field("redis_git_sha1", "00000000");
    text.field("redis_git_dirty", 0);
    text.field("redis_build_id", "0");
    text.field("redis_mode", "standalone");
    let uname = rustix::system::uname();
    text.field(
        "os",
        format_args!(
            "{} {} {}",
            uname.sysname().to_string_lossy(),
            uname.release().to_string_lossy(),
            uname.machine().to_string_lossy()
        ),
    );
    text.field("arch_bits", usize::BITS);
    text.field("monotonic_clock", "POSIX clock_gettime");
    text.field("multiplexing_api", "epoll");
    text.field("atomicvar_api", "std");
    text.field("gcc_version", "0.0.0");
    text.field("process_id", std::process::id());
    text.field("process_supervised", server.config.lock().supervised.as_str());
    text.field("run_id", &server.run_id);
    text.field("tcp_port", server.config.lock().port);
    text.field("server_time_usec", server.clock.now_micros());
    text.field("uptime_in_seconds", uptime);
    text.field("uptime_in_days", uptime / 86_400);
    text.field("hz", 10);
    text.field("configured_hz", 10);
    text.field("lru_clock", server.clock.now().seconds() & 0x00ff_ffff);
    text.field("executable", &server.executable);
    text.field("config_file", server.config_source.shown());
    text.field("io_threads_active", server.thread_count());
    for (n, listener) in listeners(server).iter().enumerate() {
        text.field(&format!("listener{n}"), listener);
    }
}

/// What is listened on, as 7.2 has it: one line a kind.
fn listeners(server: &Server) -> Vec<String> {
    let config = server.config.lock();
    let mut found = Vec::new();
    for (name, port) in [("tcp", config.port), ("tls", config.tls.port)] {
        if port != 0 {
            let optional = |optional: bool| if optional { "-" } else { "" };
            let one = |bind: &BindAddress| format!("bind={}{bind},", optional(bind.optional));
            let binds: String = config.bind.iter().map(one).collect();
            found.push(format!("name={name},{binds}port={port}"));
        }
    }
    if let Some(path) = &config.unixsocket {
        found.push(format!("name=unix,bind={}", path.display()));
    }
    found
}

fn clients(server: &Server, overview: &Overview, text: &mut Text) {
    let limit = server.limits.clients_max.load(Ordering::Relaxed);
    let cards = server.clients.connected();
    text.field("connected_clients", cards.len());
    text.field("cluster_connections", 0);
    text.field("maxclients", limit);
    let (input, output): (Vec<usize>, Vec<usize>) = cards
        .iter()
        .map(|card| (&card.buffers.query, &card.buffers.unsent))
        .map(|(input, output)| (input.load(Ordering::Relaxed), output.load(Ordering::Relaxed)))
        .unzip();
    text.field("client_recent_max_input_buffer", input.into_iter().max().unwrap_or(0));
    text.field("client_recent_max_output_buffer", output.into_iter().max().unwrap_or(0));
    text.field("blocked_clients", cards.iter().filter(|card| card.is_blocked()).count());
    let is_subscriber = |card: &&Arc<ClientCard>| card.is_subscriber();
    text.field("pubsub_clients", cards.iter().filter(is_subscriber).count());
    text.field("tracking_clients", 0);
    let waits_for_a_time = |card: &&Arc<ClientCard>| card.has_deadline();
    text.field("clients_in_timeout_table", cards.iter().filter(waits_for_a_time).count());
    text.field("total_blocking_keys", overview.awaited_keys);
    text.field("total_blocking_keys_on_nokey", 0);
}

fn persistence(server: &Server, _: &Overview, text: &mut Text) {
    let status = server.persistence.status();
    let progress = server.persistence.progress.lock().clone();
    let now = server.clock.now().seconds();
    let since = |is_under_way| if is_under_way { now - progress.began } else { -1 };
    let word = |ok| if ok { "ok" } else { "err" };
    text.field("loading", u8::from(status.is_loading));
    text.field("async_loading", 0);
    text.zeros(&["current_cow_peak", "current_cow_size", "current_cow_size_age"]);
    text.field("current_fork_perc", "0.00");
    text.zeros(&["current_save_keys_processed", "current_save_keys_total"]);
    text.field("rdb_changes_since_last_save", server.dirty.load(Ordering::Relaxed));
    text.field("rdb_bgsave_in_progress", u8::from(status.save_in_progress));
    text.field("rdb_last_save_time", server.persistence.last_save.load(Ordering::Relaxed));
    text.field("rdb_last_bgsave_status", word(status.last_save_ok));
    text.field("rdb_last_bgsave_time_sec", status.last_save_s);
    text.field("rdb_current_bgsave_time_sec", since(status.save_in_progress));
    text.field("rdb_saves", progress.saves);
    text.field("rdb_last_cow_size", 0);
    text.field("rdb_last_load_keys_expired", progress.loaded.1);
    text.field("rdb_last_load_keys_loaded", progress.loaded.0);
    text.field("aof_enabled", u8::from(status.log_enabled));
    text.field("aof_rewrite_in_progress", u8::from(status.rewrite_in_progress));
    text.field("aof_rewrite_scheduled", u8::from(status.rewrite_scheduled));
    text.field("aof_last_rewrite_time_sec", status.last_rewrite_s);
    text.field("aof_current_rewrite_time_sec", since(status.rewrite_in_progress));
    text.field("aof_last_bgrewrite_status", word(status.last_rewrite_ok));
    text.field("aof_rewrites", progress.rewrites);
    text.field("aof_rewrites_consecutive_failures", progress.rewrites_failed_in_a_row);
    text.field("aof_last_write_status", word(status.last_write_ok));
    text.zeros(&["aof_last_cow_size", "module_fork_in_progress", "module_fork_last_cow_size"]);
    if status.log_enabled {
        text.field("aof_current_size", status.log_size);
        text.field("aof_base_size", status.log_base_size);
        text.field("aof_pending_rewrite", 0);
        text.field("aof_buffer_length", server.persistence.pending_len());
        text.field("aof_pending_bio_fsync", 0);
        text.field("aof_delayed_fsync", status.delayed_syncs);
    }
}

const WITHOUT_COUNTERPART: &[&str] = &[
    "migrate_cached_sockets",
    "slave_expires_tracked_keys",
    "active_defrag_hits",
    "active_defrag_misses",
    "active_defrag_key_hits",
    "active_defrag_key_misses",
    "total_active_defrag_time",
    "current_active_defrag_time",
    "tracking_total_keys",
    "tracking_total_items",
    "tracking_total_prefixes",
];

fn stats(server: &Server, _: &Overview, text: &mut Text) {
    let stats = &server.stats;
    text.field("total_connections_received", read(&stats.connections_received));
    text.field("total_commands_processed", read(&stats.commands_processed));
    let [commands, input, output, cycles, loop_nanos] = server.rates.per_second();
    text.field("instantaneous_ops_per_sec", commands as u64);
    text.field("total_net_input_bytes", read(&stats.net_input));
    text.field("total_net_output_bytes", read(&stats.net_output));
    text.zeros(&["total_net_repl_input_bytes", "total_net_repl_output_bytes"]);
    text.field("instantaneous_input_kbps", format_args!("{:.2}", input / 1024.0));
    text.field("instantaneous_output_kbps", format_args!("{:.2}", output / 1024.0));
    text.field("instantaneous_input_repl_kbps", "0.00");
    text.field("instantaneous_output_repl_kbps", "0.00");
    text.field("rejected_connections", read(&stats.connections_rejected));
    text.zeros(&["sync_full", "sync_partial_ok", "sync_partial_err"]);
    text.field("expired_keys", read(&stats.expired_keys));
    text.field("expired_stale_perc", "0.00");
    text.field("expired_time_cap_reached_count", read(&stats.expiry_cut_short));
    text.field("expire_cycle_cpu_milliseconds", read(&stats.expiry_micros) / 1000);
    text.field("expired_keys_per_hold_max", read(&stats.expired_per_hold_max));
    text.field("evicted_keys", read(&stats.evicted_keys));
    text.field("evicted_clients", read(&stats.evicted_clients));
    let exceeded_ms = server.eviction.beyond_for(server.clock.monotonic()).as_millis() as u64;
    let total_ms = read(&stats.eviction_exceeded_us) / 1000 + exceeded_ms;
    text.field("total_eviction_exceeded_time", total_ms);
    text.field("current_eviction_exceeded_time", exceeded_ms);
    text.field("keyspace_hits", read(&stats.keyspace_hits));
    text.field("keyspace_misses", read(&stats.keyspace_misses));
    for (name, topic) in [
        ("pubsub_channels", Topic::Channel),
        ("pubsub_patterns", Topic::Pattern),
        ("pubsubshard_channels", Topic::ShardChannel),
    ] {
        text.field(name, server.pubsub.len(topic));
    }
    text.field("latest_fork_usec", 0);
    text.field("total_forks", 0);
    text.zeros(WITHOUT_COUNTERPART);
    text.field("unexpected_error_replies", 0);
    text.field("total_error_replies", read(&stats.error_replies));
    text.field("dump_payload_sanitizations", 0);
    text.field("total_reads_processed", read(&stats.reads_processed));
    text.field("total_writes_processed", read(&stats.writes_processed));
    text.field("io_threaded_reads_processed", read(&stats.reads_processed));
    text.field("io_threaded_writes_processed", read(&stats.writes_processed));
    text.zeros(&["reply_buffer_shrinks", "reply_buffer_expands"]);
    text.field("eventloop_cycles", read(&stats.eventloop_cycles));
    text.field("eventloop_duration_sum", read(&stats.eventloop_nanos) / 1000);
    text.field("eventloop_duration_cmd_sum", read(&stats.command_nanos) / 1000);
    text.field("instantaneous_eventloop_cycles_per_sec", cycles as u64);
    let average_us = if cycles > 0.0 { loop_nanos / cycles / 1000.0 } else { 0.0 };
    text.field("instantaneous_eventloop_duration_usec", average_us as u64);
    let denied = server.users.denial_counts();
    for (reason, count) in ["auth", "cmd", "key", "channel"].iter().zip(denied) {
        text.field(&format!("acl_access_denied_{reason}"), count);
    }
    text.field(
        "client_query_buffer_limit_disconnections",
        read(&stats.query_buffer_limit_disconnections),
    );
    text.field(
        "client_output_buffer_limit_disconnections",
        read(&stats.output_buffer_limit_disconnections),
    );
}

fn debug(server: &Server, _: &Overview, text: &mut Text) {
    let stats = &server.stats;
    text.field("eventloop_duration_aof_sum", read(&stats.eventloop_log_nanos) / 1000);
    text.field("eventloop_duration_cron_sum", read(&stats.cron_nanos) / 1000);
    text.field("eventloop_duration_max", read(&stats.eventloop_nanos_max) / 1000);
    text.field("eventloop_cmd_per_cycle_max", read(&stats.eventloop_commands_max));
}

fn sessions(server: &Server, overview: &Overview, text: &mut Text) {
    let stats = &server.stats;
    text.field("session_locks_held", overview.session_locks);
    text.field("session_waiters", overview.session_waiters);
    for (name, counter) in SessionCounters::NAMES.iter().zip(&stats.sessions) {
        text.field(name, read(counter));
    }
}

fn replication(server: &Server, _: &Overview, text: &mut Text) {
    text.field("role", "master");
    text.field("connected_slaves", 0);
    text.field("master_failover_state", "no-failover");
    text.field("master_replid", server.replication_id.lock());
    text.field("master_replid2", "0".repeat(40));
    text.field("master_repl_offset", 0);
    text.field("second_repl_offset", -1);
    text.field("repl_backlog_active", 0);
    text.field("repl_backlog_size", 1_048_576);
    text.field("repl_backlog_first_byte_offset", 0);
    text.field("repl_backlog_histlen", 0);
}

fn cpu(_: &Server, _: &Overview, text: &mut Text) {
    let main = format!("/proc/self/task/{}/stat", std::process::id());
    let (user, system) = cpu_seconds("/proc/self/stat");
    let (main_user, main_system) = cpu_seconds(&main);
    text.field("used_cpu_sys", format_args!("{system:.6}"));
    text.field("used_cpu_user", format_args!("{user:.6}"));
    text.field("used_cpu_sys_children", "0.000000");
    text.field("used_cpu_user_children", "0.000000");
    text.field("used_cpu_sys_main_thread", format_args!("{main_system:.6}"));
    text.field("used_cpu_user_main_thread", format_args!("{main_user:.6}"));
}

/// User and system time of this process or one of its threads, from the operating system.
fn cpu_seconds(stat: &str) -> (f64, f64) {
    let stat = std::fs::read_to_string(stat).unwrap_or_default();
    // The second field, the program's name, may hold anything; the rest follows its last ')'.
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    let mut next = || fields.next().and_then(|n| n.parse::<f64>().ok()).unwrap_or(0.0) / ticks;
    (next(), next())
}

fn command_statistics(server: &Server, _: &Overview, text: &mut Text) {
    for (name, tally) in server.observations.commands.commands() {
        let micros = tally.nanos / 1000;
        let per_call = if tally.calls > 0 { micros as f64 / tally.calls as f64 } else { 0.0 };
        text.field(
            &format!("cmdstat_{name}"),
            format_args!(
                "calls={},usec={micros},usec_per_call={per_call:.2},rejected_calls={},failed_calls={}",
                tally.calls, tally.rejected, tally.failed
            ),
        );
    }
}

fn error_statistics(server: &Server, _: &Overview, text: &mut Text) {
    for (code, count) in server.observations.commands.errors() {
        text.field(&format!("errorstat_{code}"), format_args!("count={count}"));
    }
}

fn latency_statistics(server: &Server, _: &Overview, text: &mut Text) {
    let percentiles = server.config.lock().latency_percentiles.clone();
    for (name, latency) in server.observations.commands.latencies() {
        let value = |percentile: &String| {
            let nanos = latency.percentile(percentile.parse().unwrap_or(0.0));
            format!("p{percentile}={:.3}", nanos as f64 / 1000.0)
        };
        let values: Vec<String> = percentiles.iter().map(value).collect();
        text.field(&format!("latency_percentiles_usec_{name}"), values.join(","));
    }
}

fn keyspace(_: &Server, overview: &Overview, text: &mut Text) {
    for (db, counts) in overview.databases.iter().enumerate().filter(|(_, of)| of.keys > 0) {
        text.field(
            &format!("db{db}"),
            format_args!(
                "keys={},expires={},avg_ttl={}",
                counts.keys, counts.expiring, counts.average_ttl
            ),
        );
    }
}
