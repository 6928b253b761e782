//! A server's certificate with its private key, and the certificates of authorities.

use thiserror::Error;
use tokio_rustls::rustls;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::CertifiedKey;

use super::certificate::Certificate;

/// A certificate and a private key that cannot be used together, in the words of Go's
/// `tls.X509KeyPair`.
#[derive(Debug, Error)]
pub(super) enum KeyPairError {
    #[error("failed to parse certificate PEM: {0}")]
    CertificatePem(pem::Error),
    #[error(
        "failed to find certificate PEM data in certificate input, but did find a private key; \
         PEM inputs may have been switched"
    )]
    KeyAsCertificate,
    #[error("failed to find any PEM data in certificate input")]
    NoCertificate,
    #[error("found a certificate rather than a key in the PEM for the private key")]
    CertificateAsKey,
    #[error("failed to find any PEM data in key input")]
    NoKey,
    #[error("failed to parse private key PEM: {0}")]
    KeyPem(pem::Error),
    #[error("failed to parse private key: {0}")]
    Key(rustls::Error),
    #[error("failed to parse certificate")]
    Certificate,
    #[error("private key does not match public key")]
    Mismatch,
}

/// Parses a certificate chain and the private key of its first certificate.
pub(super) fn key_pair(chain: &[u8], key: &[u8]) -> Result<CertifiedKey, KeyPairError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain).collect();
    let certificates = certificates.map_err(KeyPairError::CertificatePem)?;
    let Some(leaf) = certificates.first() else {
        return Err(match PrivateKeyDer::from_pem_slice(chain) {
            Ok(_) => KeyPairError::KeyAsCertificate,
            Err(_) => KeyPairError::NoCertificate,
        });
    };
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| match error {
        pem::Error::NoItemsFound if CertificateDer::from_pem_slice(key).is_ok() => {
            KeyPairError::CertificateAsKey
        }
        pem::Error::NoItemsFound => KeyPairError::NoKey,
        error => KeyPairError::KeyPem(error),
    })?;
    let key = default_provider()
        .key_provider
        .load_private_key(key)
        .map_err(KeyPairError::Key)?;
    let certificate = Certificate::parse(leaf).ok_or(KeyPairError::Certificate)?;
    if key
        .public_key()
        .is_some_and(|key| Some(key) != certificate.key())
    {
        return Err(KeyPairError::Mismatch);
    }
    Ok(CertifiedKey::new(certificates, key))
}

/// A text without usable certificates of authorities.
#[derive(Debug, Error)]
pub(super) enum AuthoritiesError {
    #[error("failed to parse client CA PEM: {0}")]
    Pem(pem::Error),
    #[error("failed to find any certificate among the client CAs")]
    None,
}

/// Parses the certificates of authorities for clients.
pub(super) fn authorities(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, AuthoritiesError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(AuthoritiesError::Pem)?;
    if found.is_empty() {
        Err(AuthoritiesError::None)
    } else {
        Ok(found)
    }
}

/// The authorities that the system trusts, which Go uses when none are configured.
pub(super) fn system_authorities() -> Vec<CertificateDer<'static>> {
    rustls_native_certs::load_native_certs().certs
}
