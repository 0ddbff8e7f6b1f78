//! Who may reach the server: addresses to listen on, and the rule of protected mode.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address of `bind`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindAddress {
    /// Written with a leading `-`: the server starts even if the machine does not have the address.
    pub optional: bool,
    /// The address itself.
    pub host: BindHost,
}

/// The address of a [`BindAddress`], without its `-`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BindHost {
    /// An address; `*` is `0.0.0.0` and `::*` is `::`.
    Ip(IpAddr),
    /// A name, or an IPv6 address with a zone, that is still to be resolved.
    Name(String),
}

impl BindAddress {
    /// Reads one word of `bind`. Every word is something: what is no address is a name.
    pub fn parse(word: &str) -> Self {
        let (optional, host) = match word.strip_prefix('-') {
            Some(host) => (true, host),
            None => (false, word),
        };
        let host = match host {
            "*" => BindHost::Ip(Ipv4Addr::UNSPECIFIED.into()),
            "::*" => BindHost::Ip(Ipv6Addr::UNSPECIFIED.into()),
            other => match other.parse() {
                Ok(address) => BindHost::Ip(address),
                Err(_) => BindHost::Name(other.into()),
            },
        };
        Self { optional, host }
    }

    /// Whether only this machine can reach it. A name other than `localhost` may mean anything.
    pub fn is_loopback(&self) -> bool {
        match &self.host {
            BindHost::Ip(address) => address.to_canonical().is_loopback(),
            BindHost::Name(name) => name.eq_ignore_ascii_case("localhost"),
        }
    }
}

impl fmt::Display for BindAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            BindHost::Ip(address) => address.fmt(f),
            BindHost::Name(name) => name.fmt(f),
        }
    }
}

/// Whether the server may start listening.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Exposure {
    /// Nobody gets in from outside without a password.
    Ok,
    /// Strangers could reach the server without a password and nobody has said that this is wanted.
    RefuseToStart(String),
    /// The same, but the configuration says `protected-mode no`: a warning should name these
    /// addresses.
    WarnExposed(Vec<String>),
}

/// Decides whether listening on `bind` and `port` is safe.
///
/// Redis starts in any case and, in protected mode without a password, refuses each connection from
/// outside. Guarda does that too ([`serves_peer`]), but does not start at all when such connections
/// could only ever be refused or be a danger: listening beyond loopback takes a password, or
/// `protected-mode no` in so many words. Port 0 and an empty `bind` listen on no address; a Unix
/// socket is not reachable from outside.
pub fn exposure(port: u16, bind: &[BindAddress], protected: bool, has_password: bool) -> Exposure {
    if port == 0 || has_password {
        return Exposure::Ok;
    }
    let outside: Vec<String> =
        bind.iter().filter(|address| !address.is_loopback()).map(ToString::to_string).collect();
    if outside.is_empty() {
        return Exposure::Ok;
    }
    if !protected {
        return Exposure::WarnExposed(outside);
    }
    Exposure::RefuseToStart(format!(
        "refusing to listen on {} (port {port}) without a password: whoever reaches it could read and \
         change every session. Set `requirepass`, or listen on this machine only with \
         `bind 127.0.0.1 -::1`, or write `protected-mode no` if the network already keeps strangers out",
        outside.join(", ")
    ))
}

/// Whether protected mode lets a connection in: `peer` is its address, or nothing for a Unix
/// socket.
///
/// Redis 7.0 serves only this machine while protected mode is on and there is no password, however
/// the server was bound. It matters when the password is taken away at run time.
pub fn serves_peer(peer: Option<IpAddr>, protected: bool, has_password: bool) -> bool {
    !protected || has_password || peer.is_none_or(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decide(bind: &str, protected: bool, has_password: bool) -> Exposure {
        let bind: Vec<_> = bind.split_whitespace().map(BindAddress::parse).collect();
        exposure(6379, &bind, protected, has_password)
    }

    #[test]
    fn loopback_and_passwords_are_safe() {
        for bind in [
            "",
            "127.0.0.1",
            "127.0.0.1 -::1",
            "127.8.9.1",
            "::1",
            "localhost",
            "-::ffff:127.0.0.1",
        ] {
            assert_eq!(decide(bind, true, false), Exposure::Ok, "{bind}");
            assert_eq!(decide(bind, false, false), Exposure::Ok, "{bind}");
        }
        assert_eq!(decide("* -::*", true, true), Exposure::Ok);
        assert_eq!(decide("* -::*", false, true), Exposure::Ok);
    }

    #[test]
    fn listening_beyond_loopback_without_a_password_refuses_to_start() {
        for (bind, named) in [
            ("*", "0.0.0.0"),
            ("-*", "0.0.0.0"),
            ("0.0.0.0", "0.0.0.0"),
            ("::", "::"),
            ("-::*", "::"),
            ("127.0.0.1 10.0.0.5", "10.0.0.5"),
            ("redis.internal", "redis.internal"),
            ("fe80::1%eth0", "fe80::1%eth0"),
            ("::ffff:10.0.0.5", "::ffff:10.0.0.5"),
        ] {
            let Exposure::RefuseToStart(text) = decide(bind, true, false) else {
                panic!("{bind} was accepted");
            };
            assert!(text.contains(&format!("listen on {named} (port 6379)")), "{text}");
            assert!(text.contains("`protected-mode no`"), "{text}");
        }
    }

    #[test]
    fn protected_mode_no_warns_with_the_addresses_from_outside_only() {
        let expected = Exposure::WarnExposed(vec!["10.0.0.5".into(), "::".into()]);
        assert_eq!(decide("127.0.0.1 10.0.0.5 -::*", false, false), expected);
    }

    #[test]
    fn no_tcp_port_exposes_nothing() {
        assert_eq!(exposure(0, &[BindAddress::parse("*")], true, false), Exposure::Ok);
    }

    #[test]
    fn protected_mode_serves_this_machine_only() {
        let outside = Some("10.0.0.5".parse().unwrap());
        let mapped = Some("::ffff:127.0.0.1".parse().unwrap());
        assert!(!serves_peer(outside, true, false));
        assert!(serves_peer(outside, true, true));
        assert!(serves_peer(outside, false, false));
        assert!(serves_peer(mapped, true, false));
        assert!(serves_peer(None, true, false));
    }
}
