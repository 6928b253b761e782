//! `tls_server_config` as rustls takes it.

use std::sync::Arc;

use thiserror::Error;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::server::NoServerSessionStorage;
use tokio_rustls::rustls::sign::SingleCertAndKey;

use super::cipher_suites::{Negotiable, NothingToServe};
use super::client_auth::{ClientAuth, Verifier, VerifierError};
use super::key_pair::{AuthoritiesError, KeyPairError, authorities, key_pair, system_authorities};
use super::read::{FileReader, PemSource, ReadPemError};
use super::schema::TlsServerConfig;
use super::warning::Warning;

/// TLS as it is served.
#[derive(Debug)]
pub(super) struct ServerTls {
    pub(super) config: ServerConfig,
    pub(super) warnings: Vec<Warning>,
}

/// A `tls_server_config` that cannot be used.
#[derive(Debug, Error)]
pub(super) enum TlsError {
    #[error("missing one of cert or cert_file")]
    NoCertificate,
    #[error("missing one of key or key_file")]
    NoKey,
    #[error(transparent)]
    Read(#[from] ReadPemError),
    #[error("failed to load X509KeyPair: tls: {0}")]
    KeyPair(#[from] KeyPairError),
    #[error(transparent)]
    Authorities(#[from] AuthoritiesError),
    #[error("invalid ClientAuth: {0}")]
    ClientAuth(String),
    #[error("client CA's have been configured without a Client Auth Policy")]
    AuthoritiesWithoutPolicy,
    #[error(transparent)]
    NothingToServe(#[from] NothingToServe),
    /// In the words of Go's server.
    #[error(
        "http2: TLSConfig.CipherSuites is missing an HTTP/2-required AES_128_GCM_SHA256 cipher \
         (need at least one of TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 or \
         TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)"
    )]
    Http2Suites,
    #[error("nothing is left to be served")]
    Inconsistent,
    #[error(transparent)]
    Verifier(#[from] VerifierError),
}

impl ServerTls {
    /// Reads certificates and keys and checks everything in the exporter-toolkit's order.
    ///
    /// # Errors
    /// The first problem.
    pub(super) fn new(
        tls: &TlsServerConfig,
        http2: bool,
        files: &mut FileReader,
    ) -> Result<Self, TlsError> {
        let certificate =
            PemSource::of(&tls.cert, &tls.cert_file).ok_or(TlsError::NoCertificate)?;
        let key = PemSource::of(&tls.key, &tls.key_file).ok_or(TlsError::NoKey)?;
        let certificate = files.read_pem("cert_file", certificate)?;
        let key = files.read_pem("key_file", key)?;
        let certified_key = key_pair(&certificate, &key)?;
        let source = PemSource::of(&tls.client_ca, &tls.client_ca_file);
        let authorities = match source.map(|source| files.read_pem("client_ca_file", source)) {
            Some(Err(error)) if !error.is_ours() => return Err(error.into()),
            read => read,
        };
        let word = tls.client_auth_type.as_deref().unwrap_or_default();
        let client_auth =
            ClientAuth::parse(word).ok_or_else(|| TlsError::ClientAuth(word.to_owned()))?;
        if client_auth == ClientAuth::No && authorities.is_some() {
            return Err(TlsError::AuthoritiesWithoutPolicy);
        }
        // What only we refuse comes after what the exporter-toolkit refuses.
        let authorities = match authorities {
            Some(pem) => Some(self::authorities(&pem?)?),
            None => None,
        };
        let mut warnings = Vec::new();
        let allowed_names = tls.client_allowed_sans.clone().unwrap_or_default();
        if client_auth == ClientAuth::No && !allowed_names.is_empty() {
            warnings.push(Warning::AllowedNames);
        }
        let negotiable = Negotiable::new(tls)?;
        if http2 && !negotiable.has_what_http2_requires() {
            return Err(TlsError::Http2Suites);
        }
        warnings.extend(negotiable.warnings);
        let config = ServerConfig::builder_with_provider(Arc::clone(&negotiable.provider))
            .with_protocol_versions(&negotiable.versions)
            .map_err(|_| TlsError::Inconsistent)?;
        let config = match client_auth {
            ClientAuth::No => config.with_no_client_auth(),
            mode => config.with_client_cert_verifier(Arc::new(Verifier::new(
                mode,
                authorities.unwrap_or_else(system_authorities),
                allowed_names,
                &negotiable.provider,
            )?)),
        };
        let mut config = config.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified_key)));
        config.ignore_client_order = tls
            .prefer_server_cipher_suites
            .is_none_or(|prefer| prefer.0);
        config.alpn_protocols = if http2 {
            vec![b"h2".to_vec(), b"http/1.1".to_vec()]
        } else {
            vec![b"http/1.1".to_vec()]
        };
        if client_auth != ClientAuth::No {
            // The certificate of a resumed session would not be verified again.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        Ok(Self { config, warnings })
    }
}
