//! TLS by rustls: what PHP's `ssl` context options mean there.
//!
//! Configurations are built at the first use, since PHP-FPM forks after it has started, and kept for
//! a while: a certificate that was renewed on disk is seen without a restart.

mod explain;
mod verify;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use guarda_session::save_path::{Address, TlsOptions, TlsVersions};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

pub(crate) use self::explain::explain;
use self::verify::Verifier;
use crate::deadline::now;

/// Configurations that are kept.
const KEPT_MAX: usize = 32;
/// How long one is kept.
const KEPT_FOR: Duration = Duration::from_mins(10);

/// One per identity. Only complete ones get in, so a panic in between leaves nothing half done.
static KEPT: Mutex<Vec<(TlsOptions, Instant, Arc<ClientConfig>)>> = Mutex::new(Vec::new());

/// A TLS client for this address; what cannot be done is said in words for an administrator.
pub(crate) fn client(options: &TlsOptions, address: &Address) -> Result<ClientConnection, String> {
    let host = match (&options.peer_name, address) {
        (Some(name), _) => name.clone(),
        (None, Address::Tcp { host, .. }) => host.clone(),
        (None, Address::Unix(_)) => "localhost".to_owned(),
    };
    let name = ServerName::try_from(host.clone())
        .map_err(|_| format!("`{host}` is no name that a certificate could have"))?;
    let config = kept(options)?;
    ClientConnection::new(config, name).map_err(|error| error.to_string())
}

fn kept(options: &TlsOptions) -> Result<Arc<ClientConfig>, String> {
    let fresh = |made: &Instant| now().saturating_duration_since(*made) < KEPT_FOR;
    let mut kept = KEPT.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    kept.retain(|(_, made, _)| fresh(made));
    if let Some((_, _, config)) = kept.iter().find(|(known, _, _)| known == options) {
        return Ok(Arc::clone(config));
    }
    let config = Arc::new(build(options)?);
    if kept.len() == KEPT_MAX {
        kept.remove(0);
    }
    kept.push((options.clone(), now(), Arc::clone(&config)));
    Ok(config)
}

fn build(options: &TlsOptions) -> Result<ClientConfig, String> {
    let provider = Arc::new(ring::default_provider());
    let algorithms = provider.signature_verification_algorithms;
    let versions: &[_] = match options.versions {
        TlsVersions::Any => &[&TLS13, &TLS12],
        TlsVersions::Only12 => &[&TLS12],
        TlsVersions::Only13 => &[&TLS13],
    };
    let (roots, trusted) =
        if options.verify_peer { trust(options)? } else { (RootCertStore::empty(), Vec::new()) };
    let verifier = Verifier {
        roots,
        trusted,
        verify_peer: options.verify_peer,
        verify_name: options.verify_peer_name,
        allow_self_signed: options.allow_self_signed,
        algorithms,
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match &options.local_cert {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let chain = certificates(Path::new(path), "local_cert")?;
            let key = key(options.local_pk.as_ref().unwrap_or(path))?;
            let unfit = |error| format!("stream[local_cert] and its key do not fit: {error}");
            builder.with_client_auth_cert(chain, key).map_err(unfit)?
        }
    };
    config.enable_sni = options.sni;
    Ok(config)
}

type Trust = (RootCertStore, Vec<CertificateDer<'static>>);

/// Who is trusted: those named, or else those of the system. The certificates that were named are
/// returned too: a server may use one of them itself.
fn trust(options: &TlsOptions) -> Result<Trust, String> {
    let mut roots = RootCertStore::empty();
    let mut named = Vec::new();
    if let Some(path) = &options.ca_file {
        named = certificates(Path::new(path), "cafile")?;
    }
    if let Some(path) = &options.ca_path {
        let failed = |error| format!("cannot read stream[capath] {path}: {error}");
        for entry in fs::read_dir(path).map_err(failed)? {
            // What is no certificate in such a directory is passed over, as OpenSSL does.
            let file = entry.map_err(failed)?.path();
            named.extend(certificates(&file, "capath").unwrap_or_default());
        }
        if named.is_empty() {
            return Err(format!("there is no certificate in stream[capath] {path}"));
        }
    }
    if options.ca_file.is_none() && options.ca_path.is_none() {
        let system = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(system.certs);
        if roots.is_empty() && !options.allow_self_signed {
            return Err("this machine has no trusted certificates (install ca-certificates), and \
                        stream[cafile] names none"
                .to_owned());
        }
        return Ok((roots, named));
    }
    roots.add_parsable_certificates(named.iter().cloned());
    Ok((roots, named))
}

fn certificates(path: &Path, option: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let shown = path.display();
    let bytes =
        fs::read(path).map_err(|error| format!("cannot read stream[{option}] {shown}: {error}"))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(format!("there is no PEM certificate in stream[{option}] {shown}")),
    }
}

fn key(path: &str) -> Result<PrivateKeyDer<'static>, String> {
    let bytes =
        fs::read(path).map_err(|error| format!("cannot read the key in {path}: {error}"))?;
    if bytes.windows(9).any(|window| window == b"ENCRYPTED") {
        return Err(format!(
            "the key in {path} is encrypted, which is not supported; decrypt it with `openssl pkey`"
        ));
    }
    PrivateKeyDer::from_pem_slice(&bytes)
        .map_err(|_| format!("there is no PEM key in {path}; see stream[local_pk]"))
}
