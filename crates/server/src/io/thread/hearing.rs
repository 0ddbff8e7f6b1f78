//! Messages for subscribers.
//!
//! They come through the mailbox, also from this thread's own clients, and are taken after each
//! command: so a client's own message follows the reply to the command that published it, and
//! precedes the next one's. A subscriber's own commands are preceded by what was on its way to it.

use super::IoThread;
use crate::io::mailbox::Heard;

impl IoThread {
    /// Takes what was published, and puts it behind what its listeners are sent.
    pub(super) fn hear_messages(&mut self) {
        for heard in self.mailbox.take_heard() {
            self.hear(heard);
        }
    }

    fn hear(&mut self, heard: Heard) {
        let Some(connection) = self.connections.get_mut(heard.slot) else { return };
        if connection.id != heard.id || connection.closing {
            return;
        }
        let Some(client) = connection.client.as_deref() else {
            connection.unheard.push(heard);
            return;
        };
        if !client.hears(&heard.publication) {
            return;
        }
        heard.publication.write(&mut connection.out, client.protocol);
        // As with a reply: if the record is not known to be in the log, nothing may be said.
        connection.wrote |= heard.seq > 0;
        connection.needs_sync = true;
        self.worker.seen_seq = self.worker.seen_seq.max(heard.seq);
        self.mark_dirty(heard.slot);
    }

    /// The client's script has ended and its reply is in the buffer: what came meanwhile follows.
    pub(super) fn hear_what_came_meanwhile(&mut self, slot: usize) {
        let Some(connection) = self.connections.get_mut(slot) else { return };
        let unheard = std::mem::take(&mut connection.unheard);
        unheard.into_iter().for_each(|heard| self.hear(heard));
        self.hear_messages();
    }
}
