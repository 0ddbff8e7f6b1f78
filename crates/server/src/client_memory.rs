//! `maxmemory-clients`: what all connections together may take.

use std::cmp::Reverse;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use guarda_commands::ClientCard;
use guarda_config::{Amount, Config};
use parking_lot::Mutex;

use crate::state::Server;

/// Clients that are to be closed for what they take, and may not be closed yet: their threads do that.
///
/// The lock is a leaf.
#[derive(Default)]
pub(crate) struct LeavingClients(Mutex<Vec<Arc<ClientCard>>>);

impl LeavingClients {
    /// Bytes that they still take from the allocator. No key need go for them.
    pub(crate) fn memory(&self) -> usize {
        let mut leaving = self.0.lock();
        leaving.retain(|card| card.memory.load(Ordering::Relaxed) > 0);
        leaving.iter().map(|card| allocated(card.memory.load(Ordering::Relaxed))).sum()
    }
}

/// What the allocator takes for so many bytes: jemalloc has four sizes between a power of two and the next.
fn allocated(len: usize) -> usize {
    len.next_multiple_of(1 << len.max(16).ilog2().saturating_sub(2))
}

/// The limit in bytes; 0: none.
pub(crate) fn limit_of(config: &Config) -> usize {
    let bytes = match config.maxmemory_clients {
        Amount::Bytes(bytes) => bytes.0,
        // Of no limit, no part is one either.
        Amount::Percent(part) => {
            let whole = config.maxmemory.map_or(0, |bytes| bytes.0);
            (u128::from(whole) * u128::from(part) / 100) as u64
        }
    };
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// Closes the connections that take most while all together take too much; those that asked not to be
/// (`CLIENT NO-EVICT`) excepted.
pub(crate) fn evict(server: &Server) {
    let limit = server.limits.clients_memory_max.load(Ordering::Relaxed);
    let mut left = server.clients_memory.load(Ordering::Relaxed);
    if limit == 0 || left <= limit {
        return;
    }
    let mut cards = server.clients.cards();
    cards.sort_by_key(|card| Reverse(card.memory.load(Ordering::Relaxed)));
    for card in cards {
        if left <= limit {
            break;
        }
        if card.details.lock().no_evict {
            continue;
        }
        let bytes = card.memory.load(Ordering::Relaxed);
        // What is being closed already will be free soon.
        left = left.saturating_sub(bytes);
        if !card.killed.swap(true, Ordering::Relaxed) {
            tracing::warn!(client = card.id, bytes, "closed: clients exceed maxmemory-clients");
            server.stats.evicted_clients.fetch_add(1, Ordering::Relaxed);
            server.kill(card.id);
            server.leaving_clients.0.lock().push(card);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_takes_the_next_of_four_sizes() {
        let sizes = [0, 1, 16, 17, 1 << 20, 1_601_504, (1 << 21) + 1];
        let taken = [0, 4, 16, 20, 1 << 20, 1_835_008, (1 << 21) + (1 << 19)];
        assert_eq!(sizes.map(allocated), taken);
    }
}
