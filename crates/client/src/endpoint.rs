//! Where a connection leads, and everything in which connections differ.

use std::fmt;
use std::time::Duration;

use guarda_session::save_path::{Address, Credentials, Host, TlsOptions};

/// Everything in which connections differ: two sites share one only if all of this is equal.
///
/// `Display` shows the address alone, `Debug` no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Where the server listens.
    pub address: Address,
    /// How TLS is spoken, if it is.
    pub tls: Option<TlsOptions>,
    /// What AUTH is given.
    pub credentials: Credentials,
    /// What SELECT is given.
    pub database: Option<u32>,
    /// `persistent_id` of the save_path.
    pub persistent_id: Vec<u8>,
    /// For connecting, the TLS handshake included; None: what the budget leaves.
    pub connect_timeout: Option<Duration>,
    /// For each answer; None: what the budget leaves.
    pub read_timeout: Option<Duration>,
    /// The pause between tries to replace a connection that the server has closed; zero: one try.
    pub retry_interval: Duration,
}

impl Endpoint {
    /// The endpoint of a host, with timeouts for where it sets none.
    pub fn of(host: &Host, connect: Option<Duration>, read: Option<Duration>) -> Self {
        Self {
            address: host.address.clone(),
            tls: host.tls.clone(),
            credentials: host.credentials.clone(),
            database: host.database,
            persistent_id: host.persistent_id.clone(),
            connect_timeout: host.connect_timeout.or(connect),
            read_timeout: host.read_timeout.filter(|limit| !limit.is_zero()).or(read),
            retry_interval: host.retry_interval,
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.tls.is_some() {
            out.write_str("tls://")?;
        }
        self.address.fmt(out)
    }
}
