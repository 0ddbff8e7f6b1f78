//! CONFIG REWRITE.

use std::io;
use std::path::{Path, PathBuf};

use guarda_commands::CommandError;

use crate::access;
use crate::configure::{CHANGES_RUN, TURN_PATIENCE};
use crate::replace::replace_file;
use crate::state::Server;

/// Where the configuration came from.
pub(crate) struct ConfigSource {
    /// The file, absolute; `None` if there was none.
    pub(crate) file: Option<PathBuf>,
    /// The directory in which the server was started: relative paths in the file are seen from there.
    pub(crate) started_in: PathBuf,
}

impl ConfigSource {
    /// As INFO shows it: empty if there was none.
    pub(crate) fn shown(&self) -> String {
        self.file.as_ref().map(|path| path.display().to_string()).unwrap_or_default()
    }
}

/// Writes what is in effect to the file that the server was started with.
pub(crate) fn config_rewrite(server: &Server) -> Result<(), CommandError> {
    let source = &server.config_source;
    let Some(file) = &source.file else {
        return Err(CommandError::text("ERR The server is running without a config file"));
    };
    // None changes meanwhile.
    let Some(_turn) = server.config_changes.try_lock_for(TURN_PATIENCE) else {
        return Err(CommandError::owned(format!("ERR Rewriting config file: {CHANGES_RUN}")));
    };
    let failed = |why: String| {
        tracing::warn!("CONFIG REWRITE of {}: {why}", file.display());
        CommandError::owned(format!("ERR Rewriting config file: {why}"))
    };
    let system = |error: io::Error| {
        // Redis gives the system's text without its number.
        let text = error.to_string();
        failed(text.split_once(" (os error").map_or(&*text, |(text, _)| text).to_owned())
    };
    // A link stays one.
    let place = std::fs::canonicalize(file).unwrap_or_else(|_| file.clone());
    let old = match std::fs::read(&place) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        other => other.map_err(system)?,
    };
    let new = rewritten(server, &old, file, &source.started_in).map_err(failed)?;
    if new != old {
        replace_file(&place, &new).map_err(system)?;
        tracing::info!("CONFIG REWRITE: {} was written", file.display());
    }
    Ok(())
}

fn rewritten(server: &Server, old: &[u8], file: &Path, base: &Path) -> Result<Vec<u8>, String> {
    let config = server.config.lock().clone();
    let text = guarda_config::rewrite(&config, old, file, base).map_err(|e| e.to_string())?;
    if config.aclfile.is_some() {
        return Ok(text);
    }
    let read = |text: &[u8]| {
        let config = guarda_config::read_text(text, file, base).map_err(|e| e.to_string())?;
        access::users_of(&config).map_err(|error| error.to_string())
    };
    let users = server.users.lines();
    if read(&text)?.lines() == users {
        return Ok(text);
    }
    let text = guarda_config::replace_users(&text, users.clone());
    // An included file may define users of its own.
    if read(&text)?.lines() != users {
        return Err("the users in an included file are others than those in effect".to_owned());
    }
    Ok(text)
}
