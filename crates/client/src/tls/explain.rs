//! What went wrong with TLS, and what to do about it.

use std::io;

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage};

/// In words for an administrator, if TLS is what went wrong.
pub(crate) fn explain(error: &io::Error) -> Option<String> {
    let error = error.get_ref()?.downcast_ref::<Error>()?;
    let known = match error {
        Error::InvalidCertificate(certificate) => in_certificate(certificate),
        Error::AlertReceived(alert) => in_alert(*alert),
        Error::PeerIncompatible(_) => {
            Some("the two have no version of TLS (1.2 or 1.3) and no cipher suite in common")
        }
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            Some("it does not speak TLS on this port; write tcp://, or the port for TLS")
        }
        Error::NoCertificatesPresented => Some("it shows no certificate"),
        _ => None,
    };
    Some(match known {
        Some(known) => format!("{known} ({error})"),
        None => error.to_string(),
    })
}

fn in_certificate(error: &CertificateError) -> Option<&'static str> {
    match error {
        CertificateError::UnknownIssuer => Some(
            "nobody trusted here has signed its certificate; name the authority's PEM file in \
             stream[cafile]",
        ),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            Some(
                "its certificate is made out to another name (subjectAltName counts, the common \
                 name does not); connect by that name or set stream[peer_name]",
            )
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            Some("its certificate has expired; renew it, and look at this machine's clock")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            Some("its certificate is not valid yet; look at this machine's clock")
        }
        CertificateError::Other(_) => Some(
            "its certificate is an authority's own; name exactly it in stream[cafile], or give the \
             server one that the authority signed",
        ),
        _ => None,
    }
}

fn in_alert(alert: AlertDescription) -> Option<&'static str> {
    match alert {
        AlertDescription::CertificateRequired
        | AlertDescription::BadCertificate
        | AlertDescription::NoCertificate => {
            Some("it wants a client certificate; set stream[local_cert] and stream[local_pk]")
        }
        AlertDescription::HandshakeFailure => Some(
            "it refuses: there is no cipher suite in common, or it wants a client certificate \
             (stream[local_cert] and stream[local_pk])",
        ),
        AlertDescription::UnknownCA
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        | AlertDescription::AccessDenied => Some("it does not accept our client certificate"),
        AlertDescription::ProtocolVersion => {
            Some("it does not speak this version of TLS; tls:// allows 1.2 and 1.3")
        }
        AlertDescription::UnrecognisedName => {
            Some("it does not know this name; set stream[peer_name]")
        }
        _ => None,
    }
}
