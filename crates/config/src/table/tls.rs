//! Encrypted connections.

use super::{Directive, INT_MAX, Status, int};
use crate::kind::Kind;

const NO_REPLICATION: &str = "there is no replication yet";
const RUSTLS_CHOOSES: &str = "rustls has its own, all of them with forward secrecy";

const fn obeyed(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    doc: &'static str,
) -> Directive {
    Directive::new(name, kind, default, Status::Implemented, doc)
}

const fn ignored(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    why: &'static str,
    doc: &'static str,
) -> Directive {
    Directive::new(name, kind, default, Status::AcceptedIgnored(why), doc)
}

const fn refused(name: &'static str, why: &'static str, doc: &'static str) -> Directive {
    Directive::new(name, Kind::Bool, "no", Status::Refused(why), doc)
}

pub(super) const ROWS: &[Directive] = &[
    obeyed(
        "tls-port",
        int(0, 65_535),
        "0",
        "TCP port for TLS, on the addresses of `bind`; 0 means none.",
    ),
    refused("tls-replication", NO_REPLICATION, "Use TLS between primary and replica."),
    refused("tls-cluster", "there is no cluster mode", "Use TLS between cluster nodes."),
    obeyed(
        "tls-cert-file",
        Kind::Text,
        "",
        "Certificate of the server and what leads to its authority, in PEM.",
    ),
    obeyed(
        "tls-key-file",
        Kind::Text,
        "",
        "Private key of the certificate, in PEM, not encrypted.",
    ),
    obeyed(
        "tls-key-file-pass",
        Kind::Secret,
        "",
        "Passphrase of the private key. Encrypted keys are refused, with the command that decrypts one.",
    ),
    ignored(
        "tls-client-cert-file",
        Kind::Text,
        "",
        NO_REPLICATION,
        "Certificate for outgoing connections.",
    ),
    ignored(
        "tls-client-key-file",
        Kind::Text,
        "",
        NO_REPLICATION,
        "Private key for outgoing connections.",
    ),
    ignored(
        "tls-client-key-file-pass",
        Kind::Secret,
        "",
        NO_REPLICATION,
        "Passphrase of that key.",
    ),
    ignored("tls-dh-params-file", Kind::Text, "", RUSTLS_CHOOSES, "Diffie-Hellman parameters."),
    obeyed(
        "tls-ca-cert-file",
        Kind::Text,
        "",
        "Certificates of the authorities that vouch for clients, in PEM.",
    ),
    obeyed(
        "tls-ca-cert-dir",
        Kind::Text,
        "",
        "Directory of such certificates; each file in it is read.",
    ),
    obeyed(
        "tls-auth-clients",
        Kind::Enum(&["no", "yes", "optional"]),
        "yes",
        "Ask clients for a certificate: none is asked for, everybody needs one, or who gives one must \
         give a good one.",
    ),
    obeyed(
        "tls-protocols",
        Kind::Text,
        "",
        "TLS versions out of `TLSv1.2 TLSv1.3`; empty means both.",
    ),
    ignored("tls-ciphers", Kind::Text, "", RUSTLS_CHOOSES, "Ciphers up to TLS 1.2."),
    obeyed(
        "tls-ciphersuites",
        Kind::Text,
        "",
        "Ciphers of TLS 1.3, separated by colons; empty means all.",
    ),
    obeyed("tls-prefer-server-ciphers", Kind::Bool, "no", "Prefer the server's order of ciphers."),
    obeyed("tls-session-caching", Kind::Bool, "yes", "Let clients resume TLS sessions."),
    ignored(
        "tls-session-cache-size",
        int(0, INT_MAX),
        "20480",
        "rustls remembers 256 sessions; TLS 1.3's tickets need no memory here",
        "TLS sessions remembered.",
    ),
    ignored(
        "tls-session-cache-timeout",
        int(0, INT_MAX),
        "300",
        "sessions are forgotten when newer ones need their place",
        "Seconds a TLS session is remembered.",
    ),
];
