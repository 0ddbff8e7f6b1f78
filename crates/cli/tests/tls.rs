//! TLS: real clients, certificates of all sorts, and peers that speak something else.

#![allow(clippy::unwrap_used, reason = "clippy exempts tests, but not their helpers")]

mod support;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use guarda_testkit::connection::{Connection, Endpoint};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use support::{Launch, SOON, call, free_port, refused};

/// An authority and what it has signed, as files in a directory.
struct Authority {
    dir: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(dir: &Path, name: &str) -> Authority {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let certificate = params.self_signed(&key).unwrap();
        fs::write(dir.join(format!("{name}.crt")), certificate.pem()).unwrap();
        Authority { dir: dir.to_owned(), issuer: Issuer::new(params, key) }
    }

    /// Signs a certificate for this name, into `<file>.crt` and `<file>.key`.
    fn sign(&self, file: &str, name: &str) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        fs::write(self.dir.join(format!("{file}.crt")), certificate.pem()).unwrap();
        fs::write(self.dir.join(format!("{file}.key")), key.serialize_pem()).unwrap();
    }
}

/// A server with TLS, and what clients need to trust it.
struct Setup {
    launch: Launch,
    dir: PathBuf,
    plain: u16,
    tls: u16,
}

impl Setup {
    fn new(directives: &str) -> Setup {
        let dir = support::scratch();
        let authority = Authority::new(&dir, "ca");
        for (file, name) in [("server", "localhost"), ("renewed", "localhost"), ("client", "web1")]
        {
            authority.sign(file, name);
        }
        Authority::new(&dir, "stranger").sign("impostor", "web1");
        let (plain, tls) = (free_port(), free_port());
        let text = format!(
            "port {plain}\ntls-port {tls}\ndir {}\ntls-cert-file server.crt\ntls-key-file server.key\n\
             tls-ca-cert-file ca.crt\n{directives}\n",
            dir.display()
        );
        fs::write(dir.join("redis.conf"), text).unwrap();
        let launch = Launch::start(dir.clone(), &["redis.conf"]);
        Setup { launch, dir, plain, tls }
    }

    /// What redis-cli prints for these arguments over TLS.
    fn cli(&self, arguments: &[&str], input: &str) -> String {
        let mut command = Command::new("redis-cli");
        command.args(["-h", "localhost", "-p", &self.tls.to_string(), "--tls"]);
        command.arg("--cacert").arg(self.dir.join("ca.crt")).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("redis-cli: `cargo xtask test` installs it");
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).trim().to_owned()
    }

    fn client_certificate(&self, file: &str) -> [String; 4] {
        let path = |end: &str| self.dir.join(format!("{file}.{end}")).display().to_string();
        ["--cert".into(), path("crt"), "--key".into(), path("key")]
    }

    /// A connection of our own, to keep open; it trusts the authority.
    fn connect(&self) -> StreamOwned<ClientConnection, TcpStream> {
        let mut roots = RootCertStore::empty();
        let pem = self.dir.join("ca.crt");
        roots.add(rustls::pki_types::CertificateDer::from_pem_file(pem).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let tcp = TcpStream::connect((Ipv4Addr::LOCALHOST, self.tls)).unwrap();
        tcp.set_read_timeout(Some(SOON)).unwrap();
        StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), tcp)
    }

    fn administrator(&self) -> Connection {
        Connection::open(&Endpoint::Tcp(self.plain)).unwrap()
    }
}

fn ask(stream: &mut StreamOwned<ClientConnection, TcpStream>, command: &[u8], answer: &[u8]) {
    stream.write_all(command).unwrap();
    let mut got = vec![0; answer.len()];
    stream.read_exact(&mut got).unwrap();
    assert_eq!(got, answer);
}

/// The first certificate that the server showed.
fn shown(stream: &StreamOwned<ClientConnection, TcpStream>) -> Vec<u8> {
    stream.conn.peer_certificates().unwrap()[0].to_vec()
}

#[test]
fn redis_cli_and_plain_clients_are_served_side_by_side() {
    let setup = Setup::new("tls-auth-clients no");
    assert_eq!(setup.cli(&["SET", "k", "v"], ""), "OK");
    assert_eq!(call(&mut setup.administrator(), "GET k"), "v");
    for version in ["tlsv1.2", "tlsv1.3"] {
        let ciphers: &[&str] = if version == "tlsv1.2" {
            &["--tls-ciphers", "ECDHE-ECDSA-AES256-GCM-SHA384"]
        } else {
            &["--tls-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"]
        };
        assert_eq!(setup.cli(&[ciphers, &["GET", "k"]].concat(), ""), "v", "{version}");
    }
    // Without the authority nobody trusts the server.
    let distrustful = Command::new("redis-cli")
        .args(["-h", "localhost", "-p", &setup.tls.to_string(), "--tls", "PING"])
        .output()
        .unwrap();
    assert!(!distrustful.status.success());
}

#[test]
fn large_values_and_pipelines_pass_whole() {
    let setup = Setup::new("tls-auth-clients no");
    let mut stream = setup.connect();
    let value = vec![b'x'; 8 << 20];
    let set = [b"*3\r\n$3\r\nSET\r\n$1\r\nb\r\n$8388608\r\n", &value[..], b"\r\n"].concat();
    ask(&mut stream, &set, b"+OK\r\n");
    // More than the sockets' buffers, asked for before any of it is read.
    for _ in 0..4 {
        stream.write_all(b"GET b\r\n").unwrap();
    }
    let answer = [b"$8388608\r\n", &value[..], b"\r\n"].concat();
    let mut got = vec![0; answer.len()];
    for _ in 0..4 {
        stream.read_exact(&mut got).unwrap();
        assert!(got == answer, "a value came back otherwise");
    }
    let pipeline = b"INCR n\r\n".repeat(20_000);
    let answers: String = (1..=20_000).map(|n| format!(":{n}\r\n")).collect();
    ask(&mut stream, &pipeline, answers.as_bytes());
}

#[test]
fn clients_need_the_certificate_that_the_directive_asks_for() {
    for (mode, without, good, bad) in
        [("yes", false, true, false), ("optional", true, true, false), ("no", true, true, true)]
    {
        let setup = Setup::new(&format!("tls-auth-clients {mode}"));
        let served = |file: Option<&str>| {
            let certificate = file.map(|file| setup.client_certificate(file));
            let arguments: Vec<&str> = certificate
                .iter()
                .flatten()
                .map(String::as_str)
                .chain(std::iter::once("PING"))
                .collect();
            setup.cli(&arguments, "") == "PONG"
        };
        let outcome = (served(None), served(Some("client")), served(Some("impostor")));
        assert_eq!(outcome, (without, good, bad), "{mode}");
    }
}

#[test]
fn a_new_certificate_serves_new_clients_and_old_ones_stay() {
    let setup = Setup::new("tls-auth-clients no");
    let mut old = setup.connect();
    ask(&mut old, b"PING\r\n", b"+PONG\r\n");
    let mut admin = setup.administrator();
    let refusal = call(&mut admin, "CONFIG SET tls-cert-file nosuch.crt");
    assert!(refusal.contains("nosuch.crt"), "{refusal}");
    let refusal = call(&mut admin, "CONFIG SET tls-cert-file renewed.crt");
    assert!(refusal.starts_with("ERR"), "the key of another certificate: {refusal}");
    assert_eq!(
        call(&mut admin, "CONFIG SET tls-cert-file renewed.crt tls-key-file renewed.key"),
        "OK"
    );
    let mut new = setup.connect();
    ask(&mut new, b"PING\r\n", b"+PONG\r\n");
    assert_ne!(shown(&old), shown(&new));
    ask(&mut old, b"PING\r\n", b"+PONG\r\n");
    // Renewed once more, in the same files: saying the same again reads them, as in Redis.
    for end in ["crt", "key"] {
        let file = |name: &str| setup.dir.join(format!("{name}.{end}"));
        fs::copy(file("server"), file("renewed")).unwrap();
    }
    assert_eq!(call(&mut admin, "CONFIG SET TLS-cert-file renewed.crt"), "OK");
    let mut newest = setup.connect();
    ask(&mut newest, b"PING\r\n", b"+PONG\r\n");
    assert_eq!(shown(&newest), shown(&old));
    fs::write(setup.dir.join("renewed.crt"), "half a certif").unwrap();
    let refusal = call(&mut admin, "CONFIG SET tls-cert-file renewed.crt");
    assert!(refusal.contains("renewed.crt"), "{refusal}");
    ask(&mut setup.connect(), b"PING\r\n", b"+PONG\r\n");
    fs::copy(setup.dir.join("server.crt"), setup.dir.join("renewed.crt")).unwrap();
    assert_eq!(call(&mut admin, "CONFIG SET tls-auth-clients yes"), "OK");
    assert_ne!(setup.cli(&["PING"], ""), "PONG");
    ask(&mut old, b"PING\r\n", b"+PONG\r\n");
}

#[test]
fn peers_that_do_not_speak_tls_cost_nothing_and_harm_nobody() {
    let setup = Setup::new("tls-auth-clients no");
    for noise in [&b"PING\r\n"[..], b"GET / HTTP/1.1\r\n\r\n", &[0x16, 3, 1, 0xff, 0xff], b"\0"] {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, setup.tls)).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream.write_all(noise).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        // An alert or nothing; then the end.
        let mut said = Vec::new();
        let _ = stream.read_to_end(&mut said);
        assert!(said.len() < 64, "{said:?}");
        assert!(!said.windows(4).any(|window| window == b"PONG"));
    }
    // One that never finishes its handshake, and one that is gone in the middle of a command.
    let silent = TcpStream::connect((Ipv4Addr::LOCALHOST, setup.tls)).unwrap();
    let mut half = setup.connect();
    half.write_all(b"*2\r\n$3\r\nGET\r\n$1").unwrap();
    drop(half);
    assert_eq!(setup.cli(&["PING"], ""), "PONG");
    let mut admin = setup.administrator();
    drop(silent);
    let reached = guarda_testkit::deadline::await_true(SOON, || {
        support::count(&mut admin, "connected_clients") == 1
    });
    assert!(reached, "{}", setup.launch.output());
}

#[test]
fn a_directory_of_authorities_may_hold_other_files() {
    let setup = Setup::new("tls-auth-clients yes");
    let mut admin = setup.administrator();
    let dir = setup.dir.join("authorities");
    fs::create_dir(&dir).unwrap();
    let path = dir.display().to_string();
    let set = ["CONFIG", "SET", "tls-ca-cert-file", "", "tls-ca-cert-dir", &path];
    let refusal = support::text(&admin.call(&set).unwrap());
    assert!(refusal.contains("tls-ca-cert-file"), "nobody is trusted: {refusal}");
    fs::copy(setup.dir.join("ca.crt"), dir.join("ca.crt")).unwrap();
    fs::copy(setup.dir.join("client.key"), dir.join("some.key")).unwrap();
    fs::write(dir.join("README"), "authorities").unwrap();
    assert_eq!(support::text(&admin.call(&set).unwrap()), "OK");
    let served = |file: &str| {
        let certificate = setup.client_certificate(file);
        let arguments: Vec<&str> = certificate.iter().map(String::as_str).chain(["PING"]).collect();
        setup.cli(&arguments, "") == "PONG"
    };
    assert_eq!((served("client"), served("impostor")), (true, false));
}

#[test]
fn what_cannot_be_served_stops_the_start_and_says_how_to_mend_it() {
    for (text, parts) in [
        ("tls-port 0x", &["tls-port"][..]),
        ("tls-port 6390", &["tls-cert-file"]),
        ("tls-port 6390\ntls-cert-file a.crt", &["tls-key-file"]),
        ("tls-port 6390\ntls-cert-file a.crt\ntls-key-file a.key", &["a.crt"]),
        ("tls-port 6390\ntls-protocols \"SSLv3\"", &["tls-protocols", "SSLv3", "TLSv1.2"]),
        ("tls-port 6390\ntls-ciphersuites NONE", &["tls-ciphersuites", "NONE", "AES_256"]),
        (
            "tls-port 6390\ntls-cert-file a\ntls-key-file b\ntls-key-file-pass hunter2",
            &["openssl pkey", "tls-key-file"],
        ),
        ("bind 0.0.0.0\nport 0\ntls-port 6390", &["without a password", "6390"]),
    ] {
        let said = refused(text);
        for part in parts {
            assert!(said.contains(part), "{text}: {part} is not in {said}");
        }
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn phpredis_connects_with_its_own_tls_scheme() {
    let setup = Setup::new("tls-auth-clients yes");
    let code = format!(
        "$r = new Redis(); $r->connect('tls://localhost', {}, 5, null, 0, 5, ['stream' => \
         ['cafile' => '{dir}/ca.crt', 'local_cert' => '{dir}/client.crt', 'local_pk' => \
         '{dir}/client.key']]); $r->set('php', str_repeat('v', 100000)); echo strlen($r->get('php'));",
        setup.tls,
        dir = setup.dir.display()
    );
    let output = Command::new("php").args(["-r", &code]).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert_eq!(String::from_utf8_lossy(&said), "100000");
}
