//! The versions of TLS, cipher suites and curves that are left to serve. What rustls does not have
//! (CBC suites, TLS 1.0 and 1.1) is known by name, warned of, and never served.

use std::sync::Arc;

use thiserror::Error;
use tokio_rustls::rustls::crypto::aws_lc_rs::cipher_suite::{
    TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
};
use tokio_rustls::rustls::crypto::aws_lc_rs::{default_provider, kx_group};
use tokio_rustls::rustls::crypto::{CryptoProvider, SupportedKxGroup};
use tokio_rustls::rustls::{
    CipherSuite as CipherSuiteId, SupportedCipherSuite, SupportedProtocolVersion, version,
};

use super::p521::P521;
use super::scalars::{CipherSuite, Curve, TlsVersion};
use super::schema::TlsServerConfig;
use super::warning::Warning;

/// The cipher suites of TLS 1.2 that rustls has, by their names in Go.
static SUITES: [(&str, SupportedCipherSuite); 6] = [
    (
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
    (
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    ),
    (
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    ),
    (
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
];

/// A configuration that leaves nothing to serve.
#[derive(Debug, Error)]
#[error(
    "nothing of min_version, max_version and cipher_suites is left to be served: \
     TLS 1.0, TLS 1.1 and CBC suites never are"
)]
pub(super) struct NothingToServe;

/// What clients may negotiate.
pub(super) struct Negotiable {
    pub(super) provider: Arc<CryptoProvider>,
    pub(super) versions: Vec<&'static SupportedProtocolVersion>,
    pub(super) warnings: Vec<Warning>,
}

impl Negotiable {
    pub(super) fn new(tls: &TlsServerConfig) -> Result<Self, NothingToServe> {
        let (min, max) = (
            tls.min_version.unwrap_or(TlsVersion::Tls12),
            tls.max_version.unwrap_or(TlsVersion::Tls13),
        );
        let mut warnings = Vec::new();
        if min < TlsVersion::Tls12 {
            warnings.push(Warning::OldVersions);
        }
        let mut provider = default_provider();
        let suites = tls.cipher_suites.as_deref().unwrap_or_default();
        if !suites.is_empty() {
            warnings.extend(choose_suites(&mut provider, suites));
        }
        provider.kx_groups.push(&P521);
        let curves = tls.curve_preferences.as_deref().unwrap_or_default();
        if !curves.is_empty() {
            provider.kx_groups = curves.iter().map(|curve| group(*curve)).collect();
        }
        let has_suites_of = |protocol: &SupportedProtocolVersion| {
            provider
                .cipher_suites
                .iter()
                .any(|suite| suite.version().version == protocol.version)
        };
        let versions: Vec<_> = [
            (TlsVersion::Tls13, &version::TLS13),
            (TlsVersion::Tls12, &version::TLS12),
        ]
        .into_iter()
        .filter(|(version, protocol)| (min..=max).contains(version) && has_suites_of(protocol))
        .map(|(_, protocol)| protocol)
        .collect();
        if versions.is_empty() {
            return Err(NothingToServe);
        }
        Ok(Self {
            provider: Arc::new(provider),
            versions,
            warnings,
        })
    }
}

impl Negotiable {
    /// Whether a suite is left that HTTP/2 requires of TLS 1.2 (RFC 9113, 9.2.2). With TLS 1.3, all
    /// clients have one in common.
    pub(super) fn has_what_http2_requires(&self) -> bool {
        let required = [
            CipherSuiteId::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
            CipherSuiteId::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        ];
        let suites = &self.provider.cipher_suites;
        self.versions.contains(&&version::TLS13)
            || suites.iter().any(|suite| required.contains(&suite.suite()))
    }
}

/// Removes the cipher suites of TLS 1.2 that are not asked for. Those of TLS 1.3 stay, as in Go.
fn choose_suites(provider: &mut CryptoProvider, asked: &[CipherSuite]) -> Vec<Warning> {
    provider
        .cipher_suites
        .retain(|suite| suite.tls13().is_some());
    let of_tls13: Vec<_> = provider
        .cipher_suites
        .iter()
        .map(SupportedCipherSuite::suite)
        .collect();
    let mut warnings = Vec::new();
    for CipherSuite(name) in asked {
        match SUITES.iter().find(|(known, _)| known == name) {
            Some((_, suite)) => provider.cipher_suites.push(*suite),
            None if of_tls13
                .iter()
                .any(|suite| suite.as_str().is_some_and(|known| is_same(known, name))) => {}
            None => warnings.push(Warning::CipherSuite(name.clone())),
        }
    }
    warnings
}

/// rustls has `TLS13_AES_128_GCM_SHA256` for what all others call `TLS_AES_128_GCM_SHA256`.
fn is_same(rustls: &str, go: &str) -> bool {
    rustls.strip_prefix("TLS13_") == go.strip_prefix("TLS_")
}

fn group(curve: Curve) -> &'static dyn SupportedKxGroup {
    match curve {
        Curve::P256 => kx_group::SECP256R1,
        Curve::P384 => kx_group::SECP384R1,
        Curve::P521 => &P521,
        Curve::X25519 => kx_group::X25519,
    }
}
