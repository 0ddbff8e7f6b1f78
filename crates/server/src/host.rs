//! The server as commands see it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use guarda_commands::{
    Addressed, ClientCard, CommandError, ConfigSetRejected, Diagnostics, Effects, Host, Log,
    MemoryReport, Observations, Overview, Pause, PubSub, Renames, Scripting, Settings,
    ShutdownMode, Ticket, Users,
};
use guarda_journal::log::Seq;
use guarda_store::{Keyspace, Locked, Remains, UnixMillis};

use crate::eviction;
use crate::io::{Heard, Message, Served};
use crate::state::Server;

impl Host for Server {
    fn keyspace(&self) -> &Keyspace {
        &self.keyspace
    }

    fn log(&self) -> Option<&dyn Log> {
        self.persistence.log()
    }

    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn scripting(&self) -> &dyn Scripting {
        &*self.scripting
    }

    fn diagnostics(&self) -> Option<&dyn Diagnostics> {
        Some(self)
    }

    fn allows_guarded(&self, client: &ClientCard) -> bool {
        // DEBUG is the only one so far.
        self.limits.debug_command.allows(client.is_local())
    }

    fn users(&self) -> &Users {
        &self.users
    }

    fn renames(&self) -> Option<&Renames> {
        Some(&self.renames).filter(|renames| !renames.is_empty())
    }

    fn load_users(&self) -> Result<(), CommandError> {
        crate::access::load(self)
    }

    fn save_users(&self) -> Result<(), CommandError> {
        crate::access::save(self)
    }

    fn user_changed(&self, name: &[u8]) {
        crate::access::end_forbidden_subscriptions(self, name);
    }

    fn pubsub(&self) -> &PubSub {
        &self.pubsub
    }

    fn pause(&self) -> &Pause {
        &self.pause
    }

    fn end_pause(&self) {
        self.end_pause();
    }

    fn spread(&self, messages: Vec<Addressed>, seq: u64) {
        let mut by_thread: Vec<Vec<Heard>> = Vec::new();
        by_thread.resize_with(self.thread_count(), Vec::new);
        for Addressed { publication, clients } in messages {
            self.clients.places_of(&clients, |id, place| {
                let (slot, publication) = (place.slot as usize, Arc::clone(&publication));
                by_thread[place.thread as usize].push(Heard { slot, id, publication, seq });
            });
        }
        for (thread, heard) in by_thread.into_iter().enumerate() {
            if !heard.is_empty() {
                self.mailbox(thread).send_heard(heard);
            }
        }
    }

    fn fill_random(&self, bytes: &mut [u8]) -> Result<(), CommandError> {
        getrandom::fill(bytes)
            .map_err(|_| CommandError::text("ERR the operating system has no random numbers"))
    }

    fn make_room(&self) -> bool {
        eviction::make_room(self)
    }

    fn refuses_writes(&self) -> Option<CommandError> {
        self.persistence.refuses_writes()
    }

    fn is_loading(&self) -> bool {
        self.persistence.is_loading()
    }

    fn config_get(&self, patterns: &[&[u8]]) -> Vec<(String, String)> {
        let found = self.config.lock().config_get(patterns);
        found
            .into_iter()
            .map(|(name, value)| (name, String::from_utf8_lossy(&value).into_owned()))
            .collect()
    }

    fn config_set(
        &self,
        pairs: &[(&[u8], &[u8])],
        client: &ClientCard,
    ) -> Result<(), ConfigSetRejected> {
        crate::configure::config_set(self, pairs, client.is_local())
    }

    fn config_rewrite(&self) -> Result<(), CommandError> {
        crate::rewriting::config_rewrite(self)
    }

    fn observations(&self) -> &Observations {
        &self.observations
    }

    fn collect(&self, effects: &mut Effects) {
        self.collect_effects(effects);
    }

    fn config_reset_statistics(&self) {
        self.stats.reset();
        self.rates.reset();
        self.persistence.journal().reset_delayed_syncs();
        self.observations.commands.reset();
    }

    fn info(&self, sections: &[String], overview: &Overview) -> String {
        crate::info::render(self, sections, overview)
    }

    fn memory(&self, overview: &Overview) -> MemoryReport {
        crate::memory_report::of(self, overview)
    }

    fn purge_memory(&self) {
        if let Some(allocator) = crate::memory::allocator() {
            (allocator.purge)();
        }
    }

    fn allocator_report(&self) -> String {
        crate::memory::allocator().map_or_else(String::new, |allocator| (allocator.report)())
    }

    fn clients(&self) -> Vec<Arc<ClientCard>> {
        self.clients.connected()
    }

    fn kill_client(&self, id: u64) {
        self.kill(id);
    }

    fn free_later(&self, remains: Remains) {
        self.reclaimer.free_later(remains);
    }

    fn save(&self) -> Result<(), CommandError> {
        crate::snapshots::save_now(self)
    }

    fn note_refused_payload(&self, why: &str) {
        tracing::warn!("RESTORE: integrity check failed: {why}");
    }

    fn save_flushed(&self, locked: &mut Locked<'_>) -> bool {
        crate::snapshots::save_flushed(self, locked)
    }

    fn background_save(&self, schedule: bool) -> Result<&'static str, CommandError> {
        crate::snapshots::background_save(self, schedule)
    }

    fn background_rewrite(&self) -> Result<&'static str, CommandError> {
        crate::snapshots::background_rewrite(self)
    }

    fn last_save(&self) -> i64 {
        self.persistence.last_save.load(Ordering::Relaxed)
    }

    fn shutdown(&self, mode: ShutdownMode) -> Result<(), CommandError> {
        crate::shutdown::shutdown(self, mode)
    }

    fn abort_shutdown(&self) -> Result<(), CommandError> {
        // A shutdown here ends within its command: there is never one to call off.
        Err(CommandError::text("ERR No shutdown in progress."))
    }

    fn now_micros(&self) -> i64 {
        self.clock.now_micros()
    }

    fn now(&self) -> UnixMillis {
        self.clock.now()
    }

    fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }

    fn is_synced(&self, seq: u64) -> bool {
        self.persistence.is_logging() && self.persistence.journal().is_synced(Seq(seq))
    }

    fn await_sync(&self, client: u64, ticket: &Arc<Ticket>, seq: u64) {
        self.log_waits.add(self, client, ticket, seq);
    }

    fn deliver(&self, client: u64, reply: Vec<u8>, seq: u64) {
        if let Some(place) = self.clients.place_of(client) {
            let slot = place.slot as usize;
            let served = Served { slot, id: client, reply, seq };
            self.mailbox(place.thread as usize).send(Message::Served(served));
        }
    }

    fn tend_later(&self, shard: usize, at: Duration) {
        // Any thread will do; this spreads them.
        self.mailbox(shard % self.thread_count()).send(Message::Tend { shard, at });
    }
}
