//! A PHP farm as a library: what `cargo xtask demo` shows and what the end-to-end tests drive.
//!
//! A [`Farm`] is a store server with a generated password, two php-fpm masters that stand for two web
//! servers, and nginx balancing between them round-robin. Everything listens on 127.0.0.1 or on Unix
//! sockets in one private scratch directory, and all of it is gone when the [`Farm`] is dropped.
//!
//! ```no_run
//! use guarda_farm::{Farm, FarmOptions, StoreProgram};
//!
//! # fn main() -> anyhow::Result<()> {
//! let farm = Farm::start(FarmOptions::new(StoreProgram::redis_server()?))?;
//! let mut browser = farm.browser();
//! let first = browser.get("/")?;
//! let second = browser.get("/")?;
//! assert_ne!(first.field("web"), second.field("web"));
//! assert_eq!(second.field("counter"), Some("2"));
//! # Ok(())
//! # }
//! ```
//!
//! # What is absent
//!
//! - No mock: php-fpm, phpredis, nginx and redis-cli are the distribution's own programs.
//! - No fixed port, no fixed path, no wait for a fixed time: readiness is a condition.
//! - No secret in a command line or an error: passwords travel in files that only their owner reads.

#![forbid(unsafe_code)]

mod config;
mod farm;
mod fastcgi;
mod http;
mod install;
mod port;
mod prerequisites;
mod process;
mod relay;
mod scratch;
mod site;
mod store;
mod wait;
mod web;

pub use farm::{Farm, FarmOptions, WEBS};
pub use fastcgi::{Answer, FastCgi};
pub use http::{Browser, Response};
pub use install::{install, is_root};
pub use prerequisites::{Need, Tool, missing, require};
pub use process::{descendants, find_program, is_running, resident_kib};
pub use relay::Relay;
pub use scratch::Secret;
pub use site::{Handler, Locking, Site};
pub use store::{Store, StoreProgram};
pub use wait::{Cancel, Deadline, wait_until};
