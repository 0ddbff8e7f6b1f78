//! TLS with a real redis-server, by PHP's `ssl` context options.

#![allow(missing_docs, reason = "tests")]

mod support;

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use guarda_client::{Budget, Connection, Error, Keys, Pool};
use guarda_testkit::deadline::await_true;
use guarda_testkit::server::{Program, Server, ServerSpec};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use support::{Proxy, SECOND, endpoint};

/// An authority, a certificate it signed for `localhost`, and one that signs for itself.
struct Certificates {
    ca: String,
    own: (String, String),
    self_signed: (String, String),
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn certificates() -> Certificates {
    let mut authority = params("guarda test authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = || KeyPair::generate().expect("a key");
    let ca = CertifiedIssuer::self_signed(authority, key()).expect("signs");
    let own_key = key();
    let own = params("localhost").signed_by(&own_key, &ca).expect("signs");
    // As `openssl req -x509` makes them: an authority of its own.
    let mut lone = params("localhost");
    lone.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let lone_key = key();
    let lone = lone.self_signed(&lone_key).expect("signs");
    Certificates {
        ca: ca.pem(),
        own: (own.pem(), own_key.serialize_pem()),
        self_signed: (lone.pem(), lone_key.serialize_pem()),
    }
}

struct Fixture {
    server: Server,
    port: u16,
}

impl Fixture {
    /// A server with this certificate and key, and further directives.
    fn start(certificate: &(String, String), ca: &str, directives: &[(&str, &str)]) -> Self {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("binds");
        let port = free.local_addr().expect("bound").port();
        drop(free);
        let mut spec = ServerSpec::new(Program::reference())
            .with("tls-port", &port.to_string())
            .with("tls-cert-file", "own.pem")
            .with("tls-key-file", "own.key")
            .with("tls-ca-cert-file", "ca.pem")
            .with_file("own.pem", certificate.0.clone())
            .with_file("own.key", certificate.1.clone())
            .with_file("ca.pem", ca)
            .with_file("both.pem", format!("{}{}", certificate.0, certificate.1))
            .with_file("none.pem", "no certificate")
            .with_file("encrypted.key", "-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
            .with_file("authorities/one.pem", ca)
            .with_file("authorities/readme", "no certificate either");
        for (name, value) in directives {
            spec = spec.with(name, value);
        }
        Self { server: Server::start(spec).expect("starts"), port }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.server.dir().join(name)
    }

    /// Asks once; `{name}` in the query stands for a file's path.
    fn ask(&self, scheme: &str, host: &str, query: &str) -> Result<bool, Error> {
        let dir = self.server.dir().display().to_string();
        let query = query.replace("{}", &dir);
        let to = endpoint(&format!("{scheme}://{host}:{}?{query}", self.port));
        let budget = Budget::start(10 * SECOND);
        Connection::connect(&to, &budget)?.exists(&Keys::new(b"s".to_vec()), &budget)
    }

    fn works(&self, scheme: &str, host: &str, query: &str) {
        match self.ask(scheme, host, query) {
            Ok(there) => assert!(!there),
            Err(error) => panic!("{scheme}://{host}?{query}: {error}"),
        }
    }

    fn fails(&self, scheme: &str, host: &str, query: &str, part: &str) {
        let error = self.ask(scheme, host, query).expect_err(query);
        let text = error.to_string();
        assert!(matches!(error, Error::Tls { .. }), "{query}: {text}");
        assert!(text.contains(part) && text.contains(host), "{query}: {text}");
    }
}

#[test]
fn a_server_must_be_the_one_that_was_meant() {
    let made = certificates();
    let at = Fixture::start(&made.own, &made.ca, &[("tls-auth-clients", "no")]);
    for scheme in ["tls", "ssl", "tlsv1.2", "tlsv1.3", "rediss", "TLS"] {
        at.works(scheme, "localhost", "stream[cafile]={}/ca.pem");
    }
    at.works("tls", "localhost", "stream[capath]={}/authorities");
    at.works("tls", "localhost", "stream[cafile]={}/ca.pem&stream[SNI_enabled]=0");
    at.fails("tls", "localhost", "", "stream[cafile]");
    at.fails("tls", "localhost", "stream[allow_self_signed]=1", "stream[cafile]");
    at.works("tls", "localhost", "stream[verify_peer]=0");
    at.fails("tls", "localhost", "stream[verify_peer_name]=0", "stream[cafile]");

    let trusted = "stream[cafile]={}/ca.pem";
    at.fails("tls", "127.0.0.1", trusted, "stream[peer_name]");
    at.works("tls", "127.0.0.1", &format!("{trusted}&stream[peer_name]=localhost"));
    at.works("tls", "127.0.0.1", &format!("{trusted}&stream[verify_peer_name]=0"));
    at.fails("tls", "localhost", &format!("{trusted}&stream[peer_name]=other"), "peer_name");
    at.fails("tls", "localhost", &format!("{trusted}&stream[peer_name]=a%20b"), "no name");
    at.fails("tls", "127.0.0.1", "stream[verify_peer]=0", "stream[peer_name]");
    at.works("tls", "127.0.0.1", "stream[verify_peer]=0&stream[verify_peer_name]=0");
    // In PHP this word is a true one.
    at.fails("tls", "localhost", "stream[verify_peer]=false", "stream[cafile]");

    at.fails("tls", "localhost", "stream[cafile]={}/absent.pem", "absent.pem");
    at.fails("tls", "localhost", "stream[cafile]={}/none.pem", "no PEM certificate");
    at.fails("tls", "localhost", "stream[capath]={}/absent", "absent");
}

#[test]
fn a_certificate_that_signs_for_itself() {
    let made = certificates();
    let at = Fixture::start(&made.self_signed, &made.ca, &[("tls-auth-clients", "no")]);
    at.fails("tls", "localhost", "stream[cafile]={}/ca.pem", "stream[cafile]");
    at.works("tls", "localhost", "stream[cafile]={}/own.pem");
    at.works("tls", "localhost", "stream[allow_self_signed]=1");
    at.fails("tls", "127.0.0.1", "stream[allow_self_signed]=1", "stream[peer_name]");
    at.works("tls", "localhost", "stream[verify_peer]=0");
}

#[test]
fn a_server_may_want_a_client_certificate() {
    let made = certificates();
    let at = Fixture::start(&made.own, &made.ca, &[("tls-auth-clients", "yes")]);
    let trusted = "stream[cafile]={}/ca.pem";
    for scheme in ["tlsv1.2", "tlsv1.3"] {
        at.fails(scheme, "localhost", trusted, "stream[local_cert]");
        let split = "stream[local_cert]={}/own.pem&stream[local_pk]={}/own.key";
        at.works(scheme, "localhost", &format!("{trusted}&{split}"));
        at.works(scheme, "localhost", &format!("{trusted}&stream[local_cert]={{}}/both.pem"));
    }
    let keyless = format!("{trusted}&stream[local_cert]={{}}/own.pem");
    at.fails("tls", "localhost", &keyless, "local_pk");
    at.fails("tls", "localhost", &format!("{keyless}&stream[local_pk]={{}}/ca.pem"), "no PEM key");
    at.fails(
        "tls",
        "localhost",
        &format!("{keyless}&stream[local_pk]={{}}/encrypted.key"),
        "openssl",
    );
}

#[test]
fn a_server_may_speak_one_version_alone() {
    let made = certificates();
    let trusted = "stream[cafile]={}/ca.pem";
    for (spoken, good, bad) in
        [("TLSv1.2", "tlsv1.2", "tlsv1.3"), ("TLSv1.3", "tlsv1.3", "tlsv1.2")]
    {
        let directives = [("tls-auth-clients", "no"), ("tls-protocols", spoken)];
        let at = Fixture::start(&made.own, &made.ca, &directives);
        at.works(good, "localhost", trusted);
        at.works("tls", "localhost", trusted);
        at.fails(bad, "localhost", trusted, "TLS");
    }
}

#[test]
fn the_wrong_port_is_recognised_in_both_directions() {
    let made = certificates();
    let at = Fixture::start(&made.own, &made.ca, &[("tls-auth-clients", "no")]);
    let error = at.ask("tcp", "localhost", "").expect_err("no TLS here");
    // OpenSSL answers with an alert, or hangs up before it is read.
    let known = matches!(error, Error::Lost { .. }) || error.to_string().contains("write tls://");
    assert!(known, "{error}");
    let plain = endpoint(&format!("tls://localhost:{}?timeout=1", at.server.port()));
    let error = Connection::connect(&plain, &Budget::start(10 * SECOND)).expect_err("no TLS");
    assert!(error.to_string().contains("localhost"), "{error}");
}

#[test]
fn a_kept_connection_is_used_again_and_a_dead_one_replaced() {
    let made = certificates();
    let at = Fixture::start(&made.own, &made.ca, &[("tls-auth-clients", "no")]);
    let proxy = Proxy::to(at.port);
    let ca = at.file("ca.pem");
    let query = format!("stream[cafile]={}&database=2", Path::new(&ca).display());
    let to = endpoint(&format!("tls://localhost:{}?{query}", proxy.port));
    let (mut pool, budget) = (Pool::new(), Budget::start(30 * SECOND));
    let keys = Keys::new(b"s".to_vec());
    for connections in [1, 0, 0] {
        let mut connection = pool.take(&to, &budget).expect("connects");
        assert!(!connection.exists(&keys, &budget).expect("answers"));
        pool.put(connection);
        assert_eq!(proxy.take().0, connections);
    }
    let mut killer = at.server.connect().expect("connects");
    killer.call(&["CLIENT", "KILL", "TYPE", "normal"]).expect("an answer");
    let mut connection = pool.take(&to, &budget).expect("connects");
    assert!(!connection.exists(&keys, &budget).expect("answers"));
    assert_eq!(proxy.take().0, 1);
    // A large value, both ways, in many records.
    let large = vec![b'x'; 3_000_000];
    let none = Duration::ZERO;
    let set = connection.ask(&[&b"SET"[..], b"l", &large], none, &budget).expect("an answer");
    assert_eq!(set.as_bytes(), Some(&b"OK"[..]));
    let got = connection.ask(&["GET", "l"], none, &budget).expect("an answer");
    assert!(got.as_bytes() == Some(&large[..]));
}

/// After a fork the parent still uses what the child drops.
#[test]
fn a_dropped_connection_says_nothing_to_the_server() {
    let made = certificates();
    let at = Fixture::start(&made.own, &made.ca, &[("tls-auth-clients", "no")]);
    let proxy = Proxy::to(at.port);
    let query = format!("stream[cafile]={}", at.file("ca.pem").display());
    let to = endpoint(&format!("tls://localhost:{}?{query}", proxy.port));
    let budget = Budget::start(30 * SECOND);
    let mut connection = Connection::connect(&to, &budget).expect("connects");
    assert!(!connection.exists(&Keys::new(b"s".to_vec()), &budget).expect("answers"));
    proxy.take();
    drop(connection);
    let mut watcher = at.server.connect().expect("connects");
    let gone = await_true(20 * SECOND, || {
        let list = watcher.call(&["CLIENT", "LIST"]).expect("an answer").to_string();
        list.matches("laddr=").count() == 1
    });
    assert!(gone, "the server sees the end");
    assert_eq!(proxy.take(), (0, 0), "and not a byte before it");
}
