//! The register of connected clients, for CLIENT LIST, CLIENT KILL and the idle timeout.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use guarda_commands::ClientCard;
use parking_lot::Mutex;

use crate::io::Place;

/// All connected clients.
#[derive(Default)]
pub(crate) struct Clients {
    by_id: Mutex<BTreeMap<u64, Entry>>,
    last_id: AtomicU64,
}

struct Entry {
    card: Arc<ClientCard>,
    /// Where its connection is, once a thread has taken it.
    place: Option<Place>,
}

impl Clients {
    /// A new id: they rise and are never reused.
    pub(crate) fn next_id(&self) -> u64 {
        self.last_id.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn add(&self, card: Arc<ClientCard>) {
        self.by_id.lock().insert(card.id, Entry { card, place: None });
    }

    /// Notes where a client's connection is; false if it was killed before that, when nobody could
    /// tell its thread.
    pub(crate) fn place(&self, id: u64, place: Place) -> bool {
        match self.by_id.lock().get_mut(&id) {
            Some(entry) => {
                entry.place = Some(place);
                !entry.card.killed.load(Ordering::Relaxed)
            }
            None => false,
        }
    }

    /// Where a client's connection is, if it is still there.
    pub(crate) fn place_of(&self, id: u64) -> Option<Place> {
        self.by_id.lock().get(&id)?.place
    }

    /// Tells where the connections of these clients are, as far as they are still there.
    pub(crate) fn places_of(&self, ids: &[u64], mut tell: impl FnMut(u64, Place)) {
        let by_id = self.by_id.lock();
        for id in ids {
            if let Some(place) = by_id.get(id).and_then(|entry| entry.place) {
                tell(*id, place);
            }
        }
    }

    /// Forgets a client; returns its card, which says what memory it takes until that is given back.
    pub(crate) fn remove(&self, id: u64) -> Option<Arc<ClientCard>> {
        self.by_id.lock().remove(&id).map(|entry| entry.card)
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.lock().len()
    }

    /// The cards of those who are not being closed, by rising id: who was killed is gone for everybody else, though its
    /// thread may not have come to it yet.
    pub(crate) fn connected(&self) -> Vec<Arc<ClientCard>> {
        let mut cards = self.cards();
        cards.retain(|card| !card.killed.load(Ordering::Relaxed));
        cards
    }

    /// All cards, by rising id.
    pub(crate) fn cards(&self) -> Vec<Arc<ClientCard>> {
        self.by_id.lock().values().map(|entry| Arc::clone(&entry.card)).collect()
    }

    /// Marks a client as killed and returns where its connection is to be closed.
    pub(crate) fn kill(&self, id: u64) -> Option<Place> {
        let by_id = self.by_id.lock();
        let entry = by_id.get(&id)?;
        entry.card.killed.store(true, Ordering::Relaxed);
        entry.card.give_up_wait();
        entry.place
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use guarda_store::UnixMillis;

    #[test]
    fn who_was_killed_is_gone_before_the_connection_is_closed() {
        let clients = Clients::default();
        for id in 1..=3 {
            let card = ClientCard::new(id, String::new(), String::new(), 9, UnixMillis(0));
            clients.add(Arc::new(card));
        }
        assert_eq!(clients.kill(2), None);
        let ids =
            |cards: Vec<Arc<ClientCard>>| cards.iter().map(|card| card.id).collect::<Vec<_>>();
        assert_eq!(ids(clients.connected()), [1, 3]);
        // Its memory, and its place among `maxclients`, it has until then.
        assert_eq!((ids(clients.cards()), clients.len()), (vec![1, 2, 3], 3));
        assert_eq!(clients.remove(2).map(|card| card.id), Some(2));
        assert_eq!((ids(clients.cards()), clients.len()), (vec![1, 3], 2));
    }
}
