//! Commands that wait for the end of a pause (CLIENT PAUSE).

use std::time::Duration;

use guarda_resp::encode_command;
use guarda_store::UnixMillis;

use super::IoThread;

impl IoThread {
    /// Puts a command aside until the pause is over. It goes back to the head of the buffer.
    pub(super) fn postpone(&mut self, slot: usize, args: &[&[u8]]) {
        let connection = &mut self.connections[slot];
        if connection.hung_up {
            // Nobody waits for it.
            self.close(slot);
            return;
        }
        connection.is_paused = true;
        encode_command(&mut connection.pending, args);
        if let Some(client) = &mut connection.client {
            client.postpone(self.server.clock.monotonic());
        }
        self.paused.push((slot, connection.id));
    }

    /// How long the event loop may sleep for the sake of those who wait; `None` for ever.
    pub(super) fn pause_left(&self, now: Duration) -> Option<Duration> {
        (!self.paused.is_empty()).then(|| self.server.pause.left(now).unwrap_or_default())
    }

    /// Takes the commands up again once the pause is over, in the order in which they came.
    pub(super) fn look_after_paused(&mut self, now: UnixMillis) {
        if self.paused.is_empty() || self.server.pause.left(self.server.clock.monotonic()).is_some()
        {
            return;
        }
        for (slot, id) in std::mem::take(&mut self.paused) {
            let Some(connection) = self.connections.get_mut(slot).filter(|c| c.id == id) else {
                continue;
            };
            connection.is_paused = false;
            connection.has_unparsed = true;
            if let Some(client) = &mut connection.client {
                client.go_on();
            }
            self.serve(slot, now);
        }
    }
}
