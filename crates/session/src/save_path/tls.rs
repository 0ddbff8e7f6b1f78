//! `stream[...]`: PHP's `ssl` context options, for a connection by TLS.

use super::query::Value;

/// Which versions of TLS are spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TlsVersions {
    /// 1.2 and 1.3.
    #[default]
    Any,
    /// 1.2 alone: `tlsv1.2://`.
    Only12,
    /// 1.3 alone: `tlsv1.3://`.
    Only13,
}

/// How a connection by TLS is made. Paths, no contents: files are read at the first use.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TlsOptions {
    /// From the scheme.
    pub versions: TlsVersions,
    /// `verify_peer`: whether the certificate must come from somebody trusted.
    pub verify_peer: bool,
    /// `verify_peer_name`: whether it must be made out to the host's name.
    pub verify_peer_name: bool,
    /// `allow_self_signed`: whether a certificate that vouches for itself will do.
    pub allow_self_signed: bool,
    /// `cafile`: a PEM file of trusted authorities, in place of the system's.
    pub ca_file: Option<String>,
    /// `capath`: a directory of such files.
    pub ca_path: Option<String>,
    /// `local_cert`: a PEM file with our certificate, its chain, and the key unless `local_pk` is set.
    pub local_cert: Option<String>,
    /// `local_pk`: a PEM file with our key.
    pub local_pk: Option<String>,
    /// `peer_name`: the name to ask for and to verify, in place of the host's.
    pub peer_name: Option<String>,
    /// `SNI_enabled`: whether the server is told that name.
    pub sni: bool,
}

impl TlsOptions {
    /// What holds without any `stream[...]`.
    pub fn new(versions: TlsVersions) -> Self {
        Self {
            versions,
            verify_peer: true,
            verify_peer_name: true,
            allow_self_signed: false,
            ca_file: None,
            ca_path: None,
            local_cert: None,
            local_pk: None,
            peer_name: None,
            sni: true,
        }
    }

    /// Takes `stream[...]`; advice goes to `notices`.
    ///
    /// # Errors
    ///
    /// The name of an option that cannot be obeyed and must not be ignored, and what to do.
    pub(super) fn take(
        &mut self,
        stream: &Value,
        notices: &mut Vec<String>,
    ) -> Result<(), (&'static str, &'static str)> {
        let Value::Array(options) = stream else {
            notices.push("`stream` takes options, as in `stream[cafile]=/path`".to_owned());
            return Ok(());
        };
        for (name, value) in options {
            let value = value.as_deref().unwrap_or(b"Array");
            let text = || Some(String::from_utf8_lossy(value).into_owned());
            match name.as_slice() {
                b"verify_peer" => self.verify_peer = truth(name, value, notices),
                b"verify_peer_name" => self.verify_peer_name = truth(name, value, notices),
                b"allow_self_signed" => self.allow_self_signed = truth(name, value, notices),
                b"SNI_enabled" => self.sni = truth(name, value, notices),
                b"cafile" => self.ca_file = text(),
                b"capath" => self.ca_path = text(),
                b"local_cert" => self.local_cert = text(),
                b"local_pk" => self.local_pk = text(),
                b"peer_name" => self.peer_name = text(),
                b"passphrase" => {
                    return Err((
                        "stream[passphrase]",
                        "left out: encrypted keys are not supported; decrypt the key with \
                         `openssl pkey` and protect the file by its permissions",
                    ));
                }
                b"peer_fingerprint" => {
                    return Err((
                        "stream[peer_fingerprint]",
                        "left out: it is not supported; name the certificate in stream[cafile]",
                    ));
                }
                other => notices.push(ignored(other)),
            }
        }
        if self.verify_peer && !self.verify_peer_name {
            notices.push(
                "`stream[verify_peer_name]` is off: any server with a certificate of the same \
                 authority is taken for this one"
                    .to_owned(),
            );
        }
        if !self.verify_peer {
            notices.push(
                "`stream[verify_peer]` is off: whoever is on the way can read the sessions and \
                 the password; name the server's certificate in `stream[cafile]` instead"
                    .to_owned(),
            );
        }
        Ok(())
    }
}

/// PHP's idea of a true string: anything but nothing and `0`.
fn truth(name: &[u8], value: &[u8], notices: &mut Vec<String>) -> bool {
    if [&b"false"[..], b"off", b"no"].iter().any(|word| value.eq_ignore_ascii_case(word)) {
        notices.push(format!(
            "`stream[{}]` counts as on in PHP whatever the word is; write 0 to turn it off",
            String::from_utf8_lossy(name)
        ));
    }
    !matches!(value, b"" | b"0")
}

fn ignored(name: &[u8]) -> String {
    let why = match name {
        b"ciphers" | b"security_level" => "the cipher suites are rustls's, all of them strong",
        b"crypto_method" => "tls://, tlsv1.2:// and tlsv1.3:// choose the version",
        b"verify_depth" => "chains of any depth up to rustls's limit are followed",
        b"disable_compression" => "TLS compression does not exist here",
        b"capture_peer_cert" | b"capture_peer_cert_chain" => "nobody could ask for it",
        _ => "it is not an option of a TLS client here",
    };
    let plain = name.len() <= 32 && name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_');
    let shown = if plain { String::from_utf8_lossy(name) } else { "(not shown)".into() };
    format!("`stream[{shown}]` is ignored: {why}")
}
