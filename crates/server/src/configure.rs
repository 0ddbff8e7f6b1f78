//! Putting the configuration into effect, at start and by CONFIG SET.

use std::sync::atomic::Ordering;
use std::time::Duration;

use guarda_commands::{ConfigSetRejected, EventClasses};
use guarda_config::{AppendFsync, Config, ConfigSetError, Exposure, Proposal};
use guarda_journal::log::SyncPolicy;

use crate::client_memory;
use crate::crash;
use crate::eviction;
use crate::io::{OutputLimit, OutputLimits};
use crate::listening::Relisten;
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
    crash::set_reports(config.crash_log_enabled);
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
        (&settings.output_hard_max, classes.normal.hard.0),
    ];
    settings.lazyfree_lazy_user_del.store(config.lazyfree_lazy_user_del, Ordering::Relaxed);
    settings.lazyfree_lazy_user_flush.store(config.lazyfree_lazy_user_flush, Ordering::Relaxed);
    for (setting, value) in pairs {
        setting.store(usize::try_from(value).unwrap_or(usize::MAX), Ordering::Relaxed);
    }

    server.disk_times.set_always(sync_policy(config) == SyncPolicy::Always);
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
    server.persistence.key_save_delay.store(config.rdb_key_save_delay, Ordering::Relaxed);
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

/// How long one waits for another CONFIG SET. Behind one that takes long they come one by one by themselves
/// (see `Server::changes_configuration_apart`), but for those in transactions: these may hold shards that
/// it needs, and must not wait for it.
pub(crate) const TURN_PATIENCE: Duration = Duration::from_millis(500);

/// Why it waits no longer.
pub(crate) const CHANGES_RUN: &str =
    "another change of the configuration is under way: try again when it has ended";

/// CONFIG SET: all pairs take effect or none does. `is_local` says that the client is on this machine.
pub(crate) fn config_set(
    server: &Server,
    pairs: &[(&[u8], &[u8])],
    is_local: bool,
) -> Result<(), ConfigSetRejected> {
    // One at a time, from the proposal to the result; `config` itself is not held meanwhile, since
    // rewriting the log asks it.
    let turn = server.config_changes.try_lock_for(TURN_PATIENCE);
    let Some(_turn) = turn else {
        return Err(ConfigSetRejected(format!("ERR CONFIG SET failed - {CHANGES_RUN}")));
    };
    let (proposal, before) = {
        let config = server.config.lock();
        let may_change_protected = config.protected_configs.allows(is_local);
        (config.propose(pairs, may_change_protected), config.clone())
    };
    let rejected = |error: ConfigSetError| ConfigSetRejected(error.to_string());
    let mut proposal = proposal.map_err(rejected)?;
    let mut steps = Steps::default();
    let done = put_into_effect(server, &before, pairs, &mut proposal, &mut steps);
    match done.and_then(|()| steps.finish()) {
        Ok(()) => {}
        Err(error) => return Err(rejected(error)),
    }
    for warning in &proposal.applied.warnings {
        tracing::warn!("{warning}");
    }
    let changed = |name: &str| proposal.applied.changed.contains(&name);
    if changed("loglevel") {
        crate::logging::set_level(proposal.config.loglevel);
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

/// What may fail of a CONFIG SET, carried out so far: undone when dropped, the last step first.
#[derive(Default)]
struct Steps<'s> {
    undo: Vec<Box<dyn FnOnce() + 's>>,
    relisten: Option<Relisten<'s>>,
}

impl Steps<'_> {
    /// All went well.
    fn finish(mut self) -> Result<(), ConfigSetError> {
        if let Some(relisten) = self.relisten.take() {
            relisten.commit().map_err(|error| ConfigSetError::failed("bind", error))?;
        }
        self.undo.clear();
        Ok(())
    }
}

impl Drop for Steps<'_> {
    fn drop(&mut self) {
        while let Some(undo) = self.undo.pop() {
            undo();
        }
    }
}

/// The steps that may fail; the one that takes longest comes last. `pairs` are what was given, also where it is as
/// it was: another certificate may lie in the same file now.
fn put_into_effect<'s>(
    server: &'s Server,
    before: &Config,
    pairs: &[(&[u8], &[u8])],
    proposal: &mut Proposal,
    steps: &mut Steps<'s>,
) -> Result<(), ConfigSetError> {
    let names = proposal.applied.changed.clone();
    let changed = |name: &str| names.contains(&name);
    let persistence = &server.persistence;
    if changed("appendfsync") {
        let policy = sync_policy(before);
        steps.undo.push(Box::new(move || {
            // Whatever the log's state is, the policy stays what CONFIG GET says.
            let _ = persistence.journal().set_policy(policy);
        }));
        persistence
            .journal()
            .set_policy(sync_policy(&proposal.config))
            .map_err(|error| ConfigSetError::failed("appendfsync", error))?;
        server.log_waits.serve(server);
    }
    let is_tls = |name: &[u8]| name.get(..4).is_some_and(|tls| tls.eq_ignore_ascii_case(b"tls-"));
    if proposal.config.tls.port != 0 && pairs.iter().any(|(name, _)| is_tls(name)) {
        let tls = crate::tls::server_config(&proposal.config.tls)
            .map_err(|error| ConfigSetError::failed("tls-cert-file", error))?;
        let old = server.tls.write().replace(tls);
        steps.undo.push(Box::new(move || *server.tls.write() = old));
    }
    if changed("dir") {
        steps.undo.push(change_dir(server, proposal)?);
    }
    // As Redis names them: the first that was given.
    let of_oom_score = ["oom-score-adj", "oom-score-adj-values"].into_iter();
    let asked_at = |name: &str| {
        pairs.iter().position(|(asked, _)| asked.eq_ignore_ascii_case(name.as_bytes()))
    };
    if let Some(name) = of_oom_score.filter(|name| changed(name)).min_by_key(|name| asked_at(name))
    {
        server.oom_score.apply(&proposal.config).map_err(|error| {
            tracing::warn!(%error, "the kernel refuses the adjustment of the OOM score");
            let why = "Failed to set current oom_score_adj. Check server logs.";
            ConfigSetError::failed(name, why)
        })?;
        let before = before.clone();
        steps.undo.push(Box::new(move || {
            if let Err(error) = server.oom_score.apply(&before) {
                tracing::error!(%error, "the OOM score could not be changed back");
            }
        }));
    }
    let ports = ["port", "tls-port", "bind"];
    if let Some(name) = ports.into_iter().find(|name| changed(name)) {
        let relisten = Relisten::prepare(server, &proposal.config).map_err(|error| {
            tracing::warn!(%error, "CONFIG SET {name} was refused");
            let why = match name {
                "bind" => "Failed to bind to specified addresses.",
                _ => "Unable to listen on this port. Check server logs.",
            };
            ConfigSetError::failed(name, why)
        })?;
        steps.relisten = Some(relisten);
    }
    if changed("appendonly") {
        let done = if proposal.config.appendonly {
            // The log begins with a base of all data: written now, before the answer.
            snapshots::rewrite_now(server)
        } else {
            server.log_waits.refuse(server);
            let done = persistence.journal().disable();
            persistence.note_logging(false);
            // Also those who began to wait in between.
            server.log_waits.refuse(server);
            if let Err(error) = done {
                // The log is off all the same, and CONFIG GET must not say otherwise: nothing that was
                // acknowledged is lost by it.
                tracing::warn!(%error, "the append log is off; its last records were not written");
            }
            Ok(())
        };
        done.map_err(|error| ConfigSetError::failed("appendonly", error))?;
    }
    Ok(())
}

/// CONFIG SET dir: snapshots go to another directory from now on. Returns how to undo it.
fn change_dir<'s>(
    server: &'s Server,
    proposal: &mut Proposal,
) -> Result<Box<dyn FnOnce() + 's>, ConfigSetError> {
    let failed = |why: String| ConfigSetError::failed("dir", why);
    if server.persistence.is_logging() {
        return Err(failed(
            "the append log stays where it is: move the files while the server is stopped, or say \
             `appendonly no` first"
                .to_owned(),
        ));
    }
    let Some(_idle) = snapshots::IdleFiles::claim(server) else {
        return Err(failed("a snapshot is being written".to_owned()));
    };
    let system = |error: std::io::Error| {
        // Redis gives the system's text without its number.
        let text = error.to_string();
        failed(text.split_once(" (os error").map_or(&*text, |(text, _)| text).to_owned())
    };
    let current = std::env::current_dir().map_err(system)?;
    if proposal.config.dir.as_os_str().is_empty() {
        return Err(system(std::io::Error::from_raw_os_error(
            rustix::io::Errno::NOENT.raw_os_error(),
        )));
    }
    proposal.config.make_dir_absolute(&current);
    let old = server.data.move_to(&proposal.config.dir).map_err(system)?;
    Ok(Box::new(move || {
        if let Err(error) = server.data.move_to(&old) {
            tracing::error!(%error, "the data directory could not be changed back");
        }
    }))
}
