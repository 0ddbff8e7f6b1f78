//! Free loopback ports.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context, Result, bail};

/// Ports are drawn from here: below Linux's default range for outgoing connections (32768 and up), so
/// that no client of another program takes the port of a server that is down for a restart.
const PORTS: std::ops::Range<u16> = 20_000..32_000;
/// How many draws may meet a port in use.
const DRAWS_MAX: usize = 200;

/// A loopback port on which nothing listens at this moment.
pub(crate) fn free_port() -> Result<u16> {
    for _ in 0..DRAWS_MAX {
        let draw = getrandom::u32()
            .map_err(|error| anyhow::anyhow!("no random bytes: {error}"))
            .context("cannot choose a port")?;
        let width = u32::from(PORTS.end - PORTS.start);
        let port = PORTS.start + u16::try_from(draw % width).expect("a remainder of a u16 width");
        if is_free(port) {
            return Ok(port);
        }
    }
    bail!("no free loopback port among {DRAWS_MAX} drawn from {PORTS:?}")
}

/// Whether nothing listens on the loopback port at this moment.
pub(crate) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_free_until_somebody_listens() {
        let port = free_port().unwrap();
        assert!(PORTS.contains(&port));
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        assert!(!is_free(taken.local_addr().unwrap().port()));
    }
}
