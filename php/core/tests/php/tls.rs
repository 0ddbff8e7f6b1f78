//! Sessions over TLS: the server must be the one that was meant, and plain connections are not fallen back to.

use std::net::{Ipv4Addr, TcpListener};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use super::*;

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// A server with a certificate for `localhost` that an authority of the test's own has signed, and its port for TLS.
fn server(program: Program) -> (Server, u16) {
    let key = || KeyPair::generate().expect("a key");
    let mut authority = params("guarda test authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, key()).expect("signs");
    let own_key = key();
    let own = params("localhost").signed_by(&own_key, &authority).expect("signs");
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("binds");
    let port = free.local_addr().expect("bound").port();
    drop(free);
    let spec = ServerSpec::new(program)
        .with("tls-port", &port.to_string())
        .with("tls-cert-file", "own.pem")
        .with("tls-key-file", "own.key")
        .with("tls-ca-cert-file", "ca.pem")
        .with("tls-auth-clients", "no")
        .with_file("own.pem", own.pem())
        .with_file("own.key", own_key.serialize_pem())
        .with_file("ca.pem", authority.pem());
    (Server::start(spec).expect("starts"), port)
}

#[test]
fn sessions_over_tls_and_servers_that_are_not_the_one_meant() {
    let guarda = std::env::var_os("GUARDA_TEST_BINARY").map(|path| Program::Guarda(path.into()));
    for program in std::iter::once(Program::reference()).chain(guarda) {
        let (server, port) = server(program);
        let at = Fixture { server };
        let ca = format!("stream[cafile]={}", at.server.dir().join("ca.pem").display());
        let mut served = 0;
        for handler in ["guarda", "redis"] {
            let php = |place: &str, query: &str| {
                Php::new(&format!("{place}:{port}?timeout=2&{query}")).handler(handler)
            };
            for scheme in ["rediss", "tls", "tlsv1.3"] {
                served += 1;
                let said = php(&format!("{scheme}://localhost"), &ca).run(&session(COUNT));
                assert_eq!(said, served.to_string(), "{scheme}");
            }
            for (place, query, why) in [
                ("tls://localhost", "", "stream[cafile]"),
                ("rediss://localhost", "", "stream[cafile]"),
                ("tls://127.0.0.1", ca.as_str(), "stream[peer_name]"),
            ] {
                let said = php(place, query).run(&session(COUNT));
                assert!(said.contains(why) && said.contains("Failed to read"), "{place}: {said}");
                assert!(!said.contains(ID), "{place}: {said}");
            }
            let named = format!("{ca}&stream[peer_name]=localhost");
            served += 1;
            let said = php("tls://127.0.0.1", &named).run(&session(COUNT));
            assert_eq!(said, served.to_string());
        }
        assert_eq!(at.raw(&format!("GET {KEY}")), format!("\"n|i:{served};\""));
    }
}
