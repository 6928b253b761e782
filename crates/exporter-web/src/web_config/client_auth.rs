//! Client certificates, requested, required and verified as Go's `tls.ClientAuthType` has it.
//!
//! webpki verifies them, but for those that it does not accept and Go does: a certificate that is
//! itself a trusted authority, and one of version 1 or with `CA:TRUE` that an authority signed
//! directly.

use std::fmt;
use std::sync::Arc;

use thiserror::Error as ThisError;
use tokio_rustls::rustls::client::danger::HandshakeSignatureValid;
use tokio_rustls::rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    SignatureScheme,
};
use tracing::debug;

use super::certificate::{Certificate, Unfit};

/// The exporter-toolkit's `client_auth_type`, in ascending order of strictness.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ClientAuth {
    /// No certificate is requested.
    #[default]
    No,
    /// A certificate is requested; none or any will do.
    Request,
    /// A certificate is required; any will do.
    RequireAny,
    /// A certificate is requested; if there is one, an authority must have issued it.
    VerifyIfGiven,
    /// A certificate that an authority issued is required.
    RequireAndVerify,
}

impl ClientAuth {
    const ALL: [Self; 5] = [
        Self::No,
        Self::Request,
        Self::RequireAny,
        Self::VerifyIfGiven,
        Self::RequireAndVerify,
    ];

    pub(super) fn parse(word: &str) -> Option<Self> {
        match word {
            "" => Some(Self::No),
            "RequireClientCert" => Some(Self::RequireAny),
            word => Self::ALL.into_iter().find(|kind| kind.word() == word),
        }
    }

    /// Its name in the configuration.
    fn word(self) -> &'static str {
        match self {
            Self::No => "NoClientCert",
            Self::Request => "RequestClientCert",
            Self::RequireAny => "RequireAnyClientCert",
            Self::VerifyIfGiven => "VerifyClientCertIfGiven",
            Self::RequireAndVerify => "RequireAndVerifyClientCert",
        }
    }

    fn requires(self) -> bool {
        matches!(self, Self::RequireAny | Self::RequireAndVerify)
    }

    fn verifies(self) -> bool {
        matches!(self, Self::VerifyIfGiven | Self::RequireAndVerify)
    }
}

impl fmt::Display for ClientAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A verifier that cannot be made.
#[derive(Debug, ThisError)]
pub(super) enum VerifierError {
    #[error("no certificate among the client CAs can be used as one")]
    NoAuthority,
    #[error(transparent)]
    Build(#[from] VerifierBuilderError),
}

/// Verifies clients' certificates.
#[derive(Debug)]
pub(super) struct Verifier {
    mode: ClientAuth,
    /// Certificates that may issue clients' certificates, or be one.
    authorities: Vec<CertificateDer<'static>>,
    chains: Option<Arc<dyn ClientCertVerifier>>,
    /// If not empty, a certificate must have one of these names.
    allowed_names: Vec<String>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    /// For a mode that requests a certificate.
    ///
    /// # Errors
    /// When certificates are to be verified and there is no usable authority.
    pub(super) fn new(
        mode: ClientAuth,
        authorities: Vec<CertificateDer<'static>>,
        allowed_names: Vec<String>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, VerifierError> {
        let algorithms = provider.signature_verification_algorithms;
        let mut verifier = Self {
            mode,
            authorities,
            chains: None,
            allowed_names,
            algorithms,
        };
        if mode.verifies() {
            let mut roots = RootCertStore::empty();
            let (_, unusable) =
                roots.add_parsable_certificates(verifier.authorities.iter().cloned());
            if unusable > 0 && roots.is_empty() {
                return Err(VerifierError::NoAuthority);
            }
            let chains =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
                    .build();
            verifier.chains = Some(chains?);
        }
        Ok(verifier)
    }

    /// Verifies as Go's `x509.Verify` does: an authority itself is trusted, and what webpki does
    /// not accept may be signed by an authority directly.
    fn verify(
        &self,
        der: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        let Some(chains) = &self.chains else {
            return Ok(());
        };
        let certificate = Certificate::parse(der).ok_or(CertificateError::BadEncoding)?;
        let is_authority = self.authorities.iter().any(|authority| authority == der);
        if is_authority || certificate.is_beyond_webpki() {
            let known = self.authorities.iter().filter_map(Certificate::parse);
            let mut known = known.filter(|authority| authority.fit(now) != Err(Unfit::Time));
            if !is_authority
                && !known.any(|authority| certificate.is_signed_by(&authority, self.algorithms.all))
            {
                return Err(CertificateError::UnknownIssuer.into());
            }
            return certificate.fit(now).map_err(|unfit| match unfit {
                Unfit::Time => CertificateError::Expired.into(),
                Unfit::Use => CertificateError::InvalidPurpose.into(),
            });
        }
        chains
            .verify_client_cert(der, intermediates, now)
            .map(|_| ())
    }

    fn has_allowed_name(&self, der: &CertificateDer<'_>) -> bool {
        let names = || {
            Certificate::parse(der)
                .map(|certificate| certificate.names())
                .unwrap_or_default()
        };
        self.allowed_names.is_empty()
            || names().iter().any(|name| self.allowed_names.contains(name))
    }
}

/// The same error with the alert that Go would send: `unknown_ca`, `certificate_expired`, or else
/// `bad_certificate`.
fn to_go_alert(error: Error) -> Error {
    let Error::InvalidCertificate(reason) = error else {
        return error;
    };
    use CertificateError::{
        Expired, ExpiredContext, NotValidForName, NotValidYet, NotValidYetContext, UnknownIssuer,
    };
    #[allow(deprecated, reason = "rustls still returns it")]
    Error::InvalidCertificate(match reason {
        Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. } => Expired,
        // The authority has the right name and another key.
        UnknownIssuer | CertificateError::BadSignature => UnknownIssuer,
        _ => NotValidForName,
    })
}

impl ClientCertVerifier for Verifier {
    fn client_auth_mandatory(&self) -> bool {
        self.mode.requires()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chains
            .as_ref()
            .map_or(&[], |chains| chains.root_hint_subjects())
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.verify(end_entity, intermediates, now)
            .map_err(|error| {
                debug!(%error, "client certificate rejected");
                to_go_alert(error)
            })?;
        if !self.has_allowed_name(end_entity) {
            debug!(allowed = ?self.allowed_names, "could not find allowed SANs in client cert");
            return Err(CertificateError::NotValidForName.into());
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let certificate = Certificate::parse(cert).ok_or(CertificateError::BadEncoding)?;
        let usable = self
            .algorithms
            .mapping
            .iter()
            .find(|(scheme, _)| *scheme == signed.scheme);
        let mut usable = usable.map_or(&[][..], |(_, algorithms)| *algorithms).iter();
        if usable.any(|algorithm| certificate.verifies(*algorithm, message, signed.signature())) {
            return Ok(HandshakeSignatureValid::assertion());
        }
        #[allow(deprecated, reason = "rustls has no other error with the right alert")]
        Err(CertificateError::BadSignature.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let key = Certificate::parse(cert).and_then(|certificate| certificate.key());
        let key = key.ok_or(CertificateError::BadEncoding)?;
        verify_tls13_signature_with_raw_key(message, &key, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
