//! Keeping memory below `maxmemory`: when keys are evicted, and for how long a command is held up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use guarda_commands::{Evicted, EvictionRules, Evictor};
use guarda_config::{Config, MaxmemoryPolicy};
use guarda_store::{Eligible, Preference};
use parking_lot::{Condvar, Mutex, RwLock};

use crate::memory::note_thread;
use crate::state::Server;

/// Evictions between two looks at the clock and at what does not count.
const PER_LOOK: usize = 16;

/// How long the background pauses when commands could not wait for it, or shards were held.
const PAUSE: Duration = Duration::from_millis(1);

/// What is evicted, by whom, and whether more must be.
///
/// The lock of `evictor` is taken while no shard is held, and its holder holds one shard at a time.
#[derive(Default)]
pub(crate) struct Eviction {
    evictor: Mutex<Evictor>,
    plan: RwLock<Plan>,
    /// Whether the background is to work.
    is_wanted: Mutex<bool>,
    wanted: Condvar,
    /// Monotonic microseconds, plus one, since which memory is beyond the limit; 0 when it is not.
    beyond_since_us: AtomicU64,
}

#[derive(Clone, Copy, Default)]
struct Plan {
    /// `None`: `noeviction`.
    rules: Option<EvictionRules>,
    /// How long one command may be held up; `None`: as long as it takes.
    slice: Option<Duration>,
}

/// Whether there is memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    Enough,
    /// There will be: the background goes on evicting.
    Coming,
    Lacking,
}

/// Puts the directives of memory and eviction into effect.
pub(crate) fn configure(server: &Server, config: &Config) {
    use MaxmemoryPolicy as Policy;
    let rules = match config.maxmemory_policy {
        Policy::VolatileLru => Some((Eligible::Expiring, Preference::Idle)),
        Policy::VolatileLfu => Some((Eligible::Expiring, Preference::Rare)),
        Policy::VolatileRandom => Some((Eligible::Expiring, Preference::Chance)),
        Policy::VolatileTtl => Some((Eligible::Expiring, Preference::Soonest)),
        Policy::AllkeysLru => Some((Eligible::All, Preference::Idle)),
        Policy::AllkeysLfu => Some((Eligible::All, Preference::Rare)),
        Policy::AllkeysRandom => Some((Eligible::All, Preference::Chance)),
        Policy::Noeviction => None,
    };
    let samples = config.maxmemory_samples as usize;
    let rules = rules.map(|(eligible, preference)| EvictionRules { eligible, preference, samples });
    let slice = slice_of(config.maxmemory_eviction_tenacity);
    *server.eviction.plan.write() = Plan { rules, slice };
    let counts = rules.is_some_and(|rules| rules.preference == Preference::Rare);
    server.keyspace.usage().set(counts, config.lfu_log_factor, config.lfu_decay_time);
    let shares = config.maxmemory.is_none_or(|limit| limit.0 == 0)
        || rules
            .is_none_or(|rules| !matches!(rules.preference, Preference::Idle | Preference::Rare));
    server.settings.shares_integers.store(shares, Ordering::Relaxed);
    server.memory.set_limit(config.maxmemory.map_or(0, |bytes| bytes.0));
    // As at once as it may be: the caller may hold shards.
    server.eviction.wake();
}

/// How long `maxmemory-eviction-tenacity` lets a command be held up: up to 10 half a millisecond, then
/// 15 % more for each, without end at 100.
fn slice_of(tenacity: u32) -> Option<Duration> {
    let (steps, more) = (tenacity.min(10), tenacity.saturating_sub(10));
    let micros = f64::from(steps * 50) * 1.15f64.powi(more.min(100) as i32);
    (tenacity < 100).then(|| Duration::from_micros(micros as u64))
}

/// Evicts what must go, if anything must, before a command runs; false if memory is beyond the limit
/// all the same. The caller holds no shard.
pub(crate) fn make_room(server: &Server) -> bool {
    if server.memory.limit() == 0 {
        return true;
    }
    let room =
        if excess(server, 0) == 0 || is_held_off(server) { Room::Enough } else { evict(server) };
    server.eviction.note(server, room);
    if room == Room::Coming {
        server.eviction.wake();
    }
    room != Room::Lacking
}

/// Whether nothing is to be evicted now: while data is loaded, and while clients are paused, when data
/// must stay as it is. Commands that are let through are not refused for want of memory either.
fn is_held_off(server: &Server) -> bool {
    let pause = &server.pause;
    server.persistence.is_loading()
        || pause.is_on() && pause.left(server.clock.monotonic()).is_some()
}

/// How many bytes are beyond the limit, `spared` left out of account.
fn excess(server: &Server, spared: u64) -> u64 {
    match server.memory.limit() {
        0 => 0,
        limit => (server.memory.used() as u64).saturating_sub(limit.saturating_add(spared)),
    }
}

/// Bytes that evicting keys adds to before it takes any away: records on their way to the log, and
/// old states that a snapshot in progress saves. If they counted, each eviction would ask for the next.
pub(crate) fn uncounted(server: &Server) -> u64 {
    server.persistence.pending_len() + server.persistence.snapshot_waiting() as u64
}

/// Bytes that need no eviction: those of [`uncounted`], and of clients that are being closed for what they take.
fn spared(server: &Server) -> u64 {
    uncounted(server) + server.leaving_clients.memory() as u64
}

/// Evicts until there is room, for as long as one command may be held up.
fn evict(server: &Server) -> Room {
    let mut spared = self::spared(server);
    if excess(server, spared) == 0 {
        return Room::Enough;
    }
    if server.reclaimer.is_busy() {
        // Room is being made already.
        return Room::Coming;
    }
    let Plan { rules, slice } = *server.eviction.plan.read();
    let Some(rules) = rules else { return Room::Lacking };
    let began = server.clock.monotonic();
    let evictor = match slice {
        Some(slice) => server.eviction.evictor.try_lock_for(slice),
        None => Some(server.eviction.evictor.lock()),
    };
    let Some(mut evictor) = evictor else { return Room::Coming };
    let now = server.clock.now();
    let mut evictions = 0;
    let room = loop {
        // A pause may begin at any time.
        if excess(server, spared) == 0 || is_held_off(server) {
            break Room::Enough;
        }
        match evictor.evict(rules, server, now) {
            Evicted::One => evictions += 1,
            Evicted::Nothing => break Room::Lacking,
            Evicted::Later => break Room::Coming,
        }
        if evictions % PER_LOOK == 0 {
            if slice.is_some_and(|slice| server.clock.since(began) > slice) {
                break Room::Coming;
            }
            spared = self::spared(server);
        }
    };
    server.collect_effects(&mut evictor.effects);
    drop(evictor);
    let took = server.clock.since(began);
    let now_s = || server.clock.now().seconds();
    server.observations.latency.note("eviction-cycle", took, now_s);
    room
}

/// Evicts in the background what commands were not held up for, until the process ends.
pub(crate) fn run(server: &Arc<Server>) {
    loop {
        server.eviction.wait();
        // The transaction that lowers the limit may say CLIENT PAUSE next.
        std::thread::sleep(PAUSE);
        while evict_more(server) {
            std::thread::sleep(PAUSE);
        }
    }
}

/// One slice of the background's work; whether more is to be done.
fn evict_more(server: &Server) -> bool {
    let room =
        if excess(server, 0) == 0 || is_held_off(server) { Room::Enough } else { evict(server) };
    server.eviction.note(server, room);
    // Nobody may ever ask for a reply that depends on these records.
    server.persistence.flush();
    note_thread();
    room == Room::Coming
}

impl Eviction {
    /// What the policy goes by, if anything is evicted.
    pub(crate) fn preference(&self) -> Option<Preference> {
        self.plan.read().rules.map(|rules| rules.preference)
    }

    /// Has it looked whether anything must go.
    pub(crate) fn wake(&self) {
        *self.is_wanted.lock() = true;
        self.wanted.notify_one();
    }

    fn wait(&self) {
        let mut is_wanted = self.is_wanted.lock();
        while !std::mem::take(&mut *is_wanted) {
            self.wanted.wait(&mut is_wanted);
        }
    }

    /// Keeps account of the time spent beyond the limit.
    fn note(&self, server: &Server, room: Room) {
        let since = self.beyond_since_us.load(Ordering::Relaxed);
        if (room == Room::Enough) == (since == 0) {
            return;
        }
        let now = server.clock.monotonic().as_micros() as u64;
        let next = if room == Room::Enough { 0 } else { now + 1 };
        let exchanged = self.beyond_since_us.compare_exchange(
            since,
            next,
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
        if exchanged.is_ok() && since > 0 {
            let spent = now.saturating_sub(since - 1);
            server.stats.eviction_exceeded_us.fetch_add(spent, Ordering::Relaxed);
        }
    }

    /// For how long memory has been beyond the limit by now.
    pub(crate) fn beyond_for(&self, now: Duration) -> Duration {
        match self.beyond_since_us.load(Ordering::Relaxed) {
            0 => Duration::ZERO,
            since => now.saturating_sub(Duration::from_micros(since - 1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenacity_is_half_a_millisecond_by_default_and_grows_without_end() {
        assert_eq!(slice_of(0), Some(Duration::ZERO));
        assert_eq!(slice_of(10), Some(Duration::from_micros(500)));
        let seconds = slice_of(99).map(|slice| slice.as_secs());
        assert!(seconds.is_some_and(|seconds| (60..180).contains(&seconds)), "{seconds:?}");
        assert_eq!(slice_of(100), None);
    }
}
