//! Whether a server is the one that was meant, by PHP's options.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// Verifies the chain and the name apart, since PHP has an option for each.
#[derive(Debug)]
pub(super) struct Verifier {
    pub(super) roots: RootCertStore,
    /// Certificates of `cafile` and `capath`: a server may have one of them for its own.
    pub(super) trusted: Vec<CertificateDer<'static>>,
    pub(super) verify_peer: bool,
    pub(super) verify_name: bool,
    pub(super) allow_self_signed: bool,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    fn verify_chain(
        &self,
        own: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        let cert = ParsedCertificate::try_from(own)?;
        let verify = |roots: &RootCertStore| {
            let algorithms = self.algorithms.all;
            verify_server_cert_signed_by_trust_anchor(&cert, roots, chain, now, algorithms)
        };
        let Err(error) = verify(&self.roots) else { return Ok(()) };
        // webpki takes no authority's certificate for a server's, but `openssl req -x509` makes
        // just such ones; whoever names one in `cafile` means exactly it.
        if self.trusted.iter().any(|trusted| trusted == own) && is_of_an_authority(&error) {
            return Ok(());
        }
        if !self.allow_self_signed || !chain.is_empty() {
            return Err(error);
        }
        let mut itself = RootCertStore::empty();
        itself.add(own.clone().into_owned())?;
        match verify(&itself) {
            Ok(()) => Ok(()),
            Err(error) if is_of_an_authority(&error) => Ok(()),
            Err(_) => Err(error),
        }
    }
}

/// Whether a certificate is refused only because it may sign others.
fn is_of_an_authority(error: &Error) -> bool {
    let Error::InvalidCertificate(CertificateError::Other(other)) = error else { return false };
    // The type behind it is webpki's, which rustls does not give away; its text is its name.
    other.to_string().contains("CaUsedAsEndEntity")
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.verify_peer {
            self.verify_chain(end_entity, intermediates, now)?;
        }
        if self.verify_name {
            verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
