//! Ending in good order: SHUTDOWN, SIGTERM, SIGINT.

use std::sync::atomic::Ordering;
use std::time::Duration;

use guarda_commands::{CommandError, ShutdownMode};

use crate::state::Server;
use crate::supervision::Supervisor;
use crate::{configure, snapshots};

const PATIENCE: Duration = Duration::from_secs(10);

/// Saves as asked, makes the log durable and ends the process.
///
/// # Errors
/// When the data could not be made safe: the server goes on serving.
pub(crate) fn shutdown(server: &Server, mode: ShutdownMode) -> Result<(), CommandError> {
    if server.is_stopping.swap(true, Ordering::SeqCst) {
        return Ok(());
    }
    tracing::info!("shutting down");
    let supervisor = Supervisor::found(server.config.lock().supervised);
    supervisor.tell("STATUS=Making the data safe before the end\n");
    match make_safe(server, mode) {
        Ok(()) => {
            for path in server.files_to_remove.lock().drain(..) {
                let _ = std::fs::remove_file(path);
            }
            supervisor.tell("STOPPING=1\nSTATUS=Ended in good order\n");
            tracing::info!("ready to exit, bye bye");
            // Clients whose replies wait see their connection close: the outcome is in the files.
            std::process::exit(0);
        }
        Err(error) => {
            tracing::error!(%error, "Error trying to save the DB, can't exit");
            supervisor.tell("STATUS=Told to end, but the data could not be saved: serving on\n");
            server.is_stopping.store(false, Ordering::SeqCst);
            Err(CommandError::text("ERR Errors trying to SHUTDOWN. Check logs."))
        }
    }
}

fn make_safe(server: &Server, mode: ShutdownMode) -> std::io::Result<()> {
    snapshots::forget_scheduled(server);
    let save = mode.save.unwrap_or_else(|| !server.config.lock().save.is_empty());
    // From here on no write can be acknowledged that the files do not have: the shards stay locked
    // until the process is gone.
    let locked = server.keyspace.lock_all(PATIENCE);
    if locked.is_none() && !mode.force && !mode.now {
        tracing::warn!("a script holds the keyspace; its writes may be missing from the save");
    }
    let synced = server.persistence.sync_at_end();
    if synced.is_err() && !mode.force {
        // The shards are let go: the server serves on.
        server.persistence.undo_sync_at_end(configure::sync_policy(&server.config.lock()));
        return synced;
    }
    let saved = match (save, locked) {
        (true, Some(mut locked)) => {
            let saved = snapshots::save_locked(server, &mut locked);
            if saved.is_ok() {
                std::mem::forget(locked);
            }
            saved
        }
        (true, None) => {
            snapshots::save_now(server).map_err(|e| std::io::Error::other(e.to_string()))
        }
        (false, locked) => {
            std::mem::forget(locked);
            Ok(())
        }
    };
    if saved.is_err() && !mode.force {
        server.persistence.undo_sync_at_end(configure::sync_policy(&server.config.lock()));
        return saved;
    }
    Ok(())
}
