//! Guarda's configuration: redis.conf, its directives, `CONFIG GET` and `CONFIG SET`.
//!
//! One table of directives ([`directives`]) is the single source: parsing, errors, warnings, both
//! commands and docs/configuration.md derive from it. The crate reads files when asked to
//! ([`load`], [`rewrite()`]) and does nothing else: it opens no socket, changes no directory, writes nothing and
//! logs nothing.
//!
//! ```
//! use guarda_config::{Arguments, load};
//!
//! let arguments = Arguments::parse(["--port", "6380", "--maxmemory", "512mb"]);
//! let loaded = load(&arguments, std::io::empty())?;
//! assert_eq!(loaded.config.port, 6380);
//! assert_eq!(loaded.config.config_get([b"maxmemory"])[0].1, b"536870912");
//! assert!(loaded.warnings.is_empty());
//! # Ok::<(), guarda_config::ConfigError>(())
//! ```
#![forbid(unsafe_code)]

mod config;
mod error;
mod exposure;
mod glob;
mod kind;
mod line;
mod reference;
mod rewrite;
mod secret;
mod settings;
mod source;
mod suggest;
mod table;
mod value;

pub use config::{Applied, Config, Loaded, Proposal};
pub use error::{ConfigError, ConfigSetError, Warning};
pub use exposure::{BindAddress, BindHost, Exposure, exposure, serves_peer};
pub use kind::Kind;
pub use line::{Line, Origin};
pub use reference::reference_markdown;
pub use rewrite::{RewriteError, read_text, replace_users, rewrite};
pub use secret::Secret;
pub use settings::{
    AllowedFor, AppendFsync, EncodingLimits, IoThreads, LogLevel, MaxmemoryPolicy, OomScoreAdj,
    SessionSettings, Settings, SignalShutdown, Supervised, TlsClients, TlsSettings,
};
pub use source::{
    Arguments, ConfigFile, FILE_LEN_MAX, FILES_MAX, INCLUDE_DEPTH_MAX, load, parse_text,
};
pub use table::{Directive, Runtime, Status, directives};
pub use value::{Amount, ByteCount, OutputLimit, OutputLimits, SavePoint, Value};
