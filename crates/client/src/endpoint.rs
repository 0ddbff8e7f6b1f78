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
            read_timeout: read_timeout(host, read),
            retry_interval: host.retry_interval,
        }
    }

    /// Whether this is what [`of`](Self::of) makes of the same: to ask, nothing is copied.
    pub fn is_of(&self, host: &Host, connect: Option<Duration>, read: Option<Duration>) -> bool {
        // By name, so that no field is forgotten.
        let Self {
            address,
            tls,
            credentials,
            database,
            persistent_id,
            connect_timeout,
            read_timeout: limit,
            retry_interval,
        } = self;
        *address == host.address
            && *tls == host.tls
            && *credentials == host.credentials
            && *database == host.database
            && *persistent_id == host.persistent_id
            && *connect_timeout == host.connect_timeout.or(connect)
            && *limit == read_timeout(host, read)
            && *retry_interval == host.retry_interval
    }
}

/// Zero is no limit of the host's own.
fn read_timeout(host: &Host, default: Option<Duration>) -> Option<Duration> {
    host.read_timeout.filter(|limit| !limit.is_zero()).or(default)
}

impl fmt::Display for Endpoint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.tls.is_some() {
            out.write_str("tls://")?;
        }
        self.address.fmt(out)
    }
}

#[cfg(test)]
mod tests {
    use guarda_session::SavePath;

    use super::*;

    #[test]
    fn an_endpoint_is_of_its_host_and_of_no_other() {
        let plain =
            "tcp://h:1?database=2&auth=a&timeout=1&read_timeout=2&persistent_id=p&retry_interval=3";
        let hosts: Vec<SavePath> = [
            plain,
            &plain.replace("h:1", "h:2"),
            &plain.replace("tcp", "tls"),
            &plain.replace("auth=a", "auth=b"),
            &plain.replace("database=2", "database=3"),
            &plain.replace("persistent_id=p", "persistent_id=q"),
            &plain.replace("&timeout=1", "&timeout=2"),
            &plain.replace("read_timeout=2", "read_timeout=0"),
            &plain.replace("retry_interval=3", "retry_interval=4"),
        ]
        .iter()
        .map(|text| SavePath::parse(text.as_bytes()).unwrap())
        .collect();
        let limits = [None, Some(Duration::from_secs(7))];
        for (one, path) in hosts.iter().enumerate() {
            for limit in limits {
                let endpoint = Endpoint::of(path.host(b"x"), limit, limit);
                for (other, path) in hosts.iter().enumerate() {
                    for again in limits {
                        let host = path.host(b"x");
                        let is_of = endpoint.is_of(host, again, again);
                        assert_eq!(is_of, endpoint == Endpoint::of(host, again, again));
                        assert!(one == other || !is_of, "{one} {other}");
                    }
                }
            }
        }
    }
}
