//! TLS by rustls: the `tls-*` directives become one configuration that new connections use.
//!
//! CONFIG SET makes a new one; connections that are there keep theirs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use guarda_config::{TlsClients, TlsSettings};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion, version};

/// Why TLS cannot be served as configured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A directive is missing that others need.
    #[error("`{missing}` is needed {why}")]
    Missing {
        /// The directive.
        missing: &'static str,
        /// What for.
        why: &'static str,
    },
    /// A file cannot be used.
    #[error("{directive} {}: {reason}", .path.display())]
    File {
        /// The directive that names it.
        directive: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A word of a list is not known.
    #[error("{directive}: `{word}` is none of {known}")]
    Word {
        /// The directive.
        directive: &'static str,
        /// The word.
        word: String,
        /// Those that are.
        known: String,
    },
    /// The parts do not fit each other.
    #[error("tls-cert-file and tls-key-file: {0}")]
    Mismatch(String),
}

/// What new connections on `tls-port` use.
///
/// # Errors
/// The first directive that cannot be obeyed.
pub(crate) fn server_config(settings: &TlsSettings) -> Result<Arc<ServerConfig>, TlsError> {
    let mut provider = rustls::crypto::ring::default_provider();
    if let Some(names) = &settings.ciphersuites {
        let known = provider.cipher_suites.clone();
        let name = |suite: &rustls::SupportedCipherSuite| format!("{:?}", suite.suite());
        let wanted = words(names, "tls-ciphersuites", |word| {
            let matches = |suite: &&rustls::SupportedCipherSuite| is_suite(word, &name(suite));
            known
                .iter()
                .find(matches)
                .copied()
                .ok_or_else(|| known.iter().map(name).collect::<Vec<_>>().join(", "))
        })?;
        // The directive is about TLS 1.3; the suites of 1.2 stay.
        provider.cipher_suites.retain(|suite| suite.tls13().is_none());
        provider.cipher_suites.splice(0..0, wanted);
    }
    let provider = Arc::new(provider);
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions(settings)?)
        .map_err(|error| TlsError::Mismatch(error.to_string()))?;
    let (chain, key) = identity(settings)?;
    let builder = match client_verifier(settings, provider)? {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder
        .with_single_cert(chain, key)
        .map_err(|error| TlsError::Mismatch(error.to_string()))?;
    if !settings.session_caching {
        config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    config.ignore_client_order = settings.prefer_server_ciphers;
    Ok(Arc::new(config))
}

/// `TLS_AES_256_GCM_SHA384` is `TLS13_AES_256_GCM_SHA384` in rustls.
fn is_suite(word: &str, name: &str) -> bool {
    let bare = |text: &str| text.replacen("TLS13_", "TLS_", 1);
    bare(name).eq_ignore_ascii_case(word) && name.starts_with("TLS13_")
}

fn versions(settings: &TlsSettings) -> Result<Vec<&'static SupportedProtocolVersion>, TlsError> {
    let Some(names) = &settings.protocols else {
        return Ok(rustls::DEFAULT_VERSIONS.to_vec());
    };
    words(names, "tls-protocols", |word| match word.to_ascii_lowercase().as_str() {
        "tlsv1.2" => Ok(&version::TLS12),
        "tlsv1.3" => Ok(&version::TLS13),
        _ => Err("TLSv1.2, TLSv1.3 (older ones are broken)".to_owned()),
    })
}

/// The words of a list; those that are not known are an error that lists the others.
fn words<T>(
    text: &str,
    directive: &'static str,
    find: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, TlsError> {
    text.split([' ', ':', ','])
        .filter(|word| !word.is_empty())
        .map(|word| {
            find(word).map_err(|known| TlsError::Word { directive, word: word.to_owned(), known })
        })
        .collect()
}

fn identity(
    settings: &TlsSettings,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
    let needed = |path: &Option<PathBuf>, missing| {
        path.clone().ok_or(TlsError::Missing { missing, why: "for `tls-port`" })
    };
    let certificate = needed(&settings.cert_file, "tls-cert-file")?;
    let key = needed(&settings.key_file, "tls-key-file")?;
    if settings.has_key_passphrase {
        return Err(TlsError::File {
            directive: "tls-key-file",
            path: key,
            reason:
                "encrypted keys are not supported: decrypt it (`openssl pkey -in old -out new`), \
                     let only the server read it, and take `tls-key-file-pass` out"
                    .to_owned(),
        });
    }
    let chain = certificates(&certificate, "tls-cert-file")?;
    let key = PrivateKeyDer::from_pem_file(&key).map_err(|error| TlsError::File {
        directive: "tls-key-file",
        path: key,
        reason: error.to_string(),
    })?;
    Ok((chain, key))
}

fn certificates(
    path: &Path,
    directive: &'static str,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let failed = |reason: String| TlsError::File { directive, path: path.to_owned(), reason };
    let found = certificates_if_any(path, directive)?;
    if found.is_empty() {
        return Err(failed("there is no certificate in it (PEM is expected)".to_owned()));
    }
    Ok(found)
}

/// None from a file that holds something else.
fn certificates_if_any(
    path: &Path,
    directive: &'static str,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<_, _>>).map_err(
        |error| TlsError::File { directive, path: path.to_owned(), reason: error.to_string() },
    )
}

/// Who checks clients' certificates; nobody with `tls-auth-clients no`.
fn client_verifier(
    settings: &TlsSettings,
    provider: Arc<rustls::crypto::CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, TlsError> {
    if settings.clients == TlsClients::NotAsked {
        return Ok(None);
    }
    let mut roots = RootCertStore::empty();
    let mut add = |found: Vec<CertificateDer<'static>>, path: &Path, directive| {
        for certificate in found {
            roots.add(certificate).map_err(|error| TlsError::File {
                directive,
                path: path.to_owned(),
                reason: error.to_string(),
            })?;
        }
        Ok::<(), TlsError>(())
    };
    if let Some(path) = &settings.ca_cert_file {
        add(certificates(path, "tls-ca-cert-file")?, path, "tls-ca-cert-file")?;
    }
    if let Some(dir) = &settings.ca_cert_dir {
        let failed = |error: std::io::Error| TlsError::File {
            directive: "tls-ca-cert-dir",
            path: dir.clone(),
            reason: error.to_string(),
        };
        for entry in std::fs::read_dir(dir).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            // The authority's key may lie beside it, or a word about the directory.
            if path.is_file() {
                let found = certificates_if_any(&path, "tls-ca-cert-dir")?;
                add(found, &path, "tls-ca-cert-dir")?;
            }
        }
    }
    if roots.is_empty() {
        return Err(TlsError::Missing {
            missing: "tls-ca-cert-file",
            why: "to check clients' certificates (or say `tls-auth-clients no`)",
        });
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let builder = match settings.clients {
        TlsClients::Optional => builder.allow_unauthenticated(),
        _ => builder,
    };
    let verifier = builder.build().map_err(|error| TlsError::Mismatch(error.to_string()))?;
    Ok(Some(verifier))
}
