//! The housekeeping thread: active expiry, idle clients, save points, log rewrites.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use guarda_commands::{Log as _, Records, Worker, tend_shard};
use guarda_store::{SHARDS, SWEEP_MAX};

use crate::snapshots;
use crate::state::Server;

/// One turn of housekeeping.
const TURN: Duration = Duration::from_millis(100);

/// Turns between two looks at idle clients and save points.
const SLOW_EVERY: u64 = 10;

/// Share of one core that active expiry takes at most while much is due: it works for this long,
/// then sleeps as long.
const SWEEP_SLICE: Duration = Duration::from_millis(10);

/// Runs housekeeping until the process ends.
pub(crate) fn run(server: &Arc<Server>) {
    let mut expiry = Sweeper { next: 0, records: Records::default(), worker: Worker::default() };
    for turn in 0u64.. {
        if server.tampering.cron_is_paused() {
            std::thread::sleep(TURN);
            continue;
        }
        expiry.turn(server);
        server.memory.used();
        server.rates.sample(server.clock.monotonic(), &server.stats);
        if turn % SLOW_EVERY == 0 {
            close_idle(server);
            snapshots::start_if_due(server);
        }
    }
}

/// How long a shard is waited for. One that a script holds is passed over until the next turn: the
/// leases of locks in all others must not run out because of it.
const PATIENCE: Duration = Duration::from_millis(1);

/// Active expiry and session leases, shard by shard.
struct Sweeper {
    next: usize,
    records: Records,
    worker: Worker,
}

impl Sweeper {
    /// Spends one turn: removes what is due, however much it is, in slices between which commands
    /// run; sleeps for the rest.
    fn turn(&mut self, server: &Server) {
        let began = server.clock.monotonic();
        let mut slice_began = began;
        let (mut clean, mut rested) = (0, Duration::ZERO);
        while clean < SHARDS {
            let looked_at = self.sweep(server);
            if looked_at < SWEEP_MAX {
                self.next = (self.next + 1) % SHARDS;
                clean += 1;
            } else {
                clean = 0;
            }
            if server.clock.since(slice_began) > SWEEP_SLICE {
                // What is journalled must not pile up while nobody sends commands.
                server.persistence.flush();
                std::thread::sleep(SWEEP_SLICE);
                rested += SWEEP_SLICE;
                slice_began = server.clock.monotonic();
            }
            if server.clock.since(began) > TURN * 5 {
                server.stats.expiry_cut_short.fetch_add(1, Ordering::Relaxed);
                break;
            }
        }
        let worked = server.clock.since(began).saturating_sub(rested);
        let now_s = || server.clock.now_micros() / 1_000_000;
        server.observations.latency.note("expire-cycle", worked, now_s);
        server.stats.expiry_micros.fetch_add(worked.as_micros() as u64, Ordering::Relaxed);
        // Redis's event loop does this too, and counts it.
        server.stats.cron_nanos.fetch_add(worked.as_nanos() as u64, Ordering::Relaxed);
        self.worker.effects.counters.eventloop_cycles += 1;
        self.worker.effects.counters.eventloop_nanos += worked.as_nanos() as u64;
        server.collect(&mut self.worker);
        server.persistence.flush();
        let spent = server.clock.since(began);
        std::thread::sleep(TURN.saturating_sub(spent));
    }

    /// Sweeps the next shard once: at most [`SWEEP_MAX`] keys under its lock.
    fn sweep(&mut self, server: &Server) -> usize {
        let now = server.clock.now();
        // Leases are renewed before what is due is removed: a jump of the wall clock frees no lock.
        let is_tended = tend_shard(server, &mut self.worker, self.next, now, PATIENCE);
        if !is_tended || !server.tampering.expires_actively() {
            return 0;
        }
        let records = &mut self.records;
        records.clear();
        // What is due is not removed while clients are paused.
        let limit =
            if server.pause.left(server.clock.monotonic()).is_some() { 0 } else { SWEEP_MAX };
        let Some(mut locked) = server.keyspace.lock_one(self.next, PATIENCE) else { return 0 };
        let shard = locked.held().next().expect("one shard was locked");
        let (looked_at, removed) = {
            let looked_at = shard.sweep(now, limit);
            let expired = shard.take_expired();
            for (db, key) in &expired {
                records.push(*db, &[b"DEL", key]);
            }
            server.pubsub.tell_expired(&expired, server, || {
                if records.is_empty() || !server.persistence.is_logging() {
                    return 0;
                }
                let seq = server.persistence.append(records);
                shard.set_last_seq(seq);
                seq
            });
            (looked_at, expired.len() as u64)
        };
        drop(locked);
        server.stats.expired_keys.fetch_add(removed, Ordering::Relaxed);
        server.stats.expired_per_hold_max.fetch_max(removed, Ordering::Relaxed);
        server.dirty.fetch_add(removed, Ordering::Relaxed);
        if removed > 0 {
            // Among what expired may be locks that others wait for.
            tend_shard(server, &mut self.worker, self.next, now, PATIENCE);
        }
        looked_at
    }
}

/// Closes clients that have sent nothing for `timeout` seconds.
fn close_idle(server: &Server) {
    let limit = server.limits.idle_timeout_s.load(Ordering::Relaxed);
    if limit == 0 {
        return;
    }
    let now = server.clock.now();
    let hold_max_s = server.settings.sessions.lock_max_hold_s.load(Ordering::Relaxed);
    let hold_max_ms = i64::try_from(hold_max_s).unwrap_or(i64::MAX).saturating_mul(1000);
    for card in server.clients.cards() {
        let idle_ms = now.0 - card.active.load(Ordering::Relaxed);
        // The end of a connection would free the lock under a request that is still at work.
        let is_at_work = card.holds_locks() && idle_ms <= hold_max_ms;
        let is_idle =
            !is_at_work && !card.is_parked() && !card.is_subscriber() && !card.is_monitor();
        if is_idle && idle_ms > (limit as i64).saturating_mul(1000) {
            tracing::debug!(client = card.id, "closed: idle for longer than `timeout`");
            server.kill(card.id);
        }
    }
}
