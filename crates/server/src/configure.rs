//! Putting the configuration into effect, at start and by CONFIG SET.

use std::sync::atomic::Ordering;
use std::time::Duration;

use guarda_commands::{ConfigSetRejected, EventClasses};
use guarda_config::{AppendFsync, Config, ConfigSetError, Exposure};
use guarda_journal::log::SyncPolicy;

use crate::client_memory;
use crate::eviction;
use crate::io::{OutputLimit, OutputLimits};
use crate::snapshots;
use crate::state::Server;

/// The log's policy by its directive.
pub(crate) fn sync_policy(config: &Config) -> SyncPolicy {
    match config.appendfsync {
        AppendFsync::Always => SyncPolicy::Always,
        AppendFsync::Everysec => SyncPolicy::EverySec,
        AppendFsync::No => SyncPolicy::No,
    }
}

/// Puts everything into effect that can change at run time.
pub(crate) fn apply(server: &Server, config: &Config) {
    let limits = &server.limits;
    limits.clients_max.store(config.maxclients as usize, Ordering::Relaxed);
    let seconds = |duration: Option<Duration>| duration.map_or(0, |d| d.as_secs());
    limits.keepalive_s.store(seconds(config.tcp_keepalive), Ordering::Relaxed);
    limits.idle_timeout_s.store(seconds(config.timeout), Ordering::Relaxed);
    let busy = config.busy_reply_threshold.map_or(0, |d| d.as_millis() as u64);
    limits.busy_script_ms.store(busy, Ordering::Relaxed);
    limits.is_protected.store(config.protected_mode, Ordering::Relaxed);
    limits.tracks_latency.store(config.latency_tracking, Ordering::Relaxed);
    let observations = &server.observations;
    observations.slow.set_limits(config.slowlog_log_slower_than, config.slowlog_max_len);
    observations.latency.set_threshold(config.latency_monitor_threshold_ms);
    limits.clients_memory_max.store(client_memory::limit_of(config), Ordering::Relaxed);
    limits.query_buffer_max.store(config.client_query_buffer_limit.0 as usize, Ordering::Relaxed);
    let limit_of = |class: guarda_config::OutputLimit| OutputLimit {
        hard: class.hard.0 as usize,
        soft: class.soft.0 as usize,
        soft_for: Duration::from_secs(u64::from(class.soft_seconds)),
    };
    let classes = config.client_output_buffer_limit;
    *limits.output.write() =
        OutputLimits { normal: limit_of(classes.normal), subscribers: limit_of(classes.pubsub) };

    let settings = &server.settings;
    settings.list_max_listpack_size.store(config.list_max_listpack_size, Ordering::Relaxed);
    let pairs = [
        (&settings.hash_max_listpack_entries, config.hash_max_listpack.entries),
        (&settings.hash_max_listpack_value, config.hash_max_listpack.value.0),
        (&settings.set_max_intset_entries, config.set_max_intset_entries),
        (&settings.set_max_listpack_entries, config.set_max_listpack.entries),
        (&settings.set_max_listpack_value, config.set_max_listpack.value.0),
        (&settings.zset_max_listpack_entries, config.zset_max_listpack.entries),
        (&settings.zset_max_listpack_value, config.zset_max_listpack.value.0),
        (&settings.proto_max_bulk_len, config.proto_max_bulk_len.0),
    ];
    for (setting, value) in pairs {
        setting.store(usize::try_from(value).unwrap_or(usize::MAX), Ordering::Relaxed);
    }

    let limits = &settings.sessions;
    let pairs = [
        (&limits.lock_max_hold_s, config.sessions.lock_max_hold_s),
        (&limits.max_waiters, config.sessions.max_waiters),
        (&limits.max_locks_per_client, config.sessions.max_locks_per_client),
        (&limits.tombstone_ttl_s, config.sessions.tombstone_ttl_s),
        (&limits.restart_lease_s, config.sessions.restart_lease_s),
        (&limits.fair_after, config.sessions.fair_after),
        (&limits.fair_window_ms, config.sessions.fair_window_ms),
    ];
    for (limit, value) in pairs {
        limit.store(value, Ordering::Relaxed);
    }

    eviction::configure(server, config);
    let events = EventClasses::of_letters(&config.keyspace_events);
    server.pubsub.set_wanted_events(events);
    crate::access::apply(&server.users, config);
    let stop = config.stop_writes_on_bgsave_error && !config.save.is_empty();
    server.persistence.stop_on_save_error.store(stop, Ordering::Relaxed);
}

/// Says that strangers get in.
pub(crate) fn warn_exposed(addresses: &[String]) {
    if !addresses.is_empty() {
        tracing::warn!(
            "anybody who reaches {} can read and change every session: there is no password and \
             `protected-mode` is off",
            addresses.join(", ")
        );
    }
}

/// CONFIG SET: all pairs take effect or none does.
pub(crate) fn config_set(
    server: &Server,
    pairs: &[(&[u8], &[u8])],
) -> Result<(), ConfigSetRejected> {
    // One at a time, from the proposal to the result; `config` itself is not held meanwhile, since
    // rewriting the log asks it.
    let _turn = server.config_changes.lock();
    let rejected = |error: &ConfigSetError| ConfigSetRejected(error.to_string());
    let proposal = server.config.lock().propose(pairs).map_err(|error| rejected(&error))?;
    let changed = |name: &str| proposal.applied.changed.contains(&name);
    let persistence = &server.persistence;
    if changed("appendfsync")
        && let Err(error) = persistence.journal().set_policy(sync_policy(&proposal.config))
    {
        // Whatever the log's state is, the policy stays what CONFIG GET says.
        let before = sync_policy(&server.config.lock());
        let _ = persistence.journal().set_policy(before);
        return Err(rejected(&ConfigSetError::failed("appendfsync", error)));
    }
    if changed("dir") {
        return Err(rejected(&ConfigSetError::failed(
            "dir",
            "not supported yet: stop the server, move its files, start it with the new `dir`",
        )));
    }
    let uses_tls = proposal.config.tls.port != 0;
    let tls = if uses_tls && proposal.applied.changed.iter().any(|name| name.starts_with("tls-")) {
        let made = crate::tls::server_config(&proposal.config.tls);
        Some(made.map_err(|error| rejected(&ConfigSetError::failed("tls-cert-file", error)))?)
    } else {
        None
    };
    if changed("appendonly") {
        let done = if proposal.config.appendonly {
            // The log begins with a base of all data: written now, before the answer.
            snapshots::rewrite_now(server)
        } else {
            let done = persistence.journal().disable().map_err(|error| error.to_string());
            persistence.note_logging(false);
            done
        };
        if let Err(error) = done {
            return Err(rejected(&ConfigSetError::failed("appendonly", error)));
        }
    }
    for warning in &proposal.applied.warnings {
        tracing::warn!("{warning}");
    }
    if changed("loglevel") {
        crate::logging::set_level(proposal.config.loglevel);
    }
    if let Some(tls) = tls {
        *server.tls.write() = Some(tls);
    }
    if changed("requirepass") {
        let password = proposal.config.requirepass.as_ref().map(guarda_config::Secret::reveal);
        server.users.set_default_password(password);
    }
    let has_password = !server.users.default_user().is_open();
    if let Exposure::WarnExposed(addresses) = proposal.config.exposure(has_password) {
        warn_exposed(&addresses);
    }
    apply(server, &proposal.config);
    *server.config.lock() = proposal.config;
    Ok(())
}
