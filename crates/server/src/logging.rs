//! The log: one line an event, to standard output or `logfile`.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use guarda_config::LogLevel;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt as _;

static LEVEL: OnceLock<reload::Handle<LevelFilter, tracing_subscriber::Registry>> = OnceLock::new();

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Debug => LevelFilter::TRACE,
        LogLevel::Verbose => LevelFilter::DEBUG,
        LogLevel::Notice => LevelFilter::INFO,
        LogLevel::Warning => LevelFilter::WARN,
        LogLevel::Nothing => LevelFilter::OFF,
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// Where lines go.
#[derive(Clone)]
enum Output {
    Standard,
    File(Arc<Path>),
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Output::Standard => io::stdout().write(bytes),
            // Opened for each line, as Redis does: packages rotate its log by renaming it, and tell
            // nobody.
            Output::File(path) => open(path)?.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Output {
    type Writer = Output;

    fn make_writer(&'a self) -> Output {
        self.clone()
    }
}

/// Starts logging. Called once.
///
/// # Errors
/// When `logfile` cannot be opened.
pub(crate) fn start(level: LogLevel, file: Option<&Path>) -> io::Result<()> {
    let output = match file {
        None => Output::Standard,
        Some(path) => {
            open(path)?;
            // The working directory may be another one by the next line.
            Output::File(std::path::absolute(path)?.into())
        }
    };
    let (filter, handle) = reload::Layer::new(filter(level));
    // A line that cannot be written is lost: saying so elsewhere could fail as well, and must not
    // end the server.
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(output)
        .with_ansi(false)
        .with_target(false)
        .log_internal_errors(false);
    // A second server in one process (tests) goes on with the first one's log.
    if tracing_subscriber::registry().with(filter).with(lines).try_init().is_ok() {
        let _ = LEVEL.set(handle);
    }
    Ok(())
}

/// CONFIG SET loglevel.
pub(crate) fn set_level(level: LogLevel) {
    if let Some(handle) = LEVEL.get() {
        let _ = handle.modify(|current| *current = filter(level));
    }
}
