//! `tls_server_config` as rustls takes it. What rustls does not have (CBC suites, TLS 1.0 and 1.1)
//! is known by name, warned of, and never served.

use std::path::Path;
use std::sync::Arc;

use tokio_rustls::rustls::crypto::aws_lc_rs::cipher_suite::{
    TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
};
use tokio_rustls::rustls::crypto::aws_lc_rs::{default_provider, kx_group};
use tokio_rustls::rustls::crypto::{CryptoProvider, SupportedKxGroup};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::NoServerSessionStorage;
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::rustls::{ServerConfig, SupportedCipherSuite, SupportedProtocolVersion, version};

use super::client_auth::{ClientAuth, Verifier};
use super::p521::P521;
use super::read::Reader;
use super::schema::{CipherSuite, Curve, Tls, Version};

/// The suites of TLS 1.2 that rustls has, under their names in Go.
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

/// What a client may use, and what has to be said of it.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) config: ServerConfig,
    pub(super) client_auth: ClientAuth,
    pub(super) warnings: Vec<String>,
}

/// Reads certificates and keys and puts all together, in the exporter-toolkit's order of checks.
///
/// # Errors
/// The first thing wrong, in the exporter-toolkit's words where it has some.
pub(super) fn offer(tls: &Tls, http2: bool, files: &mut Reader) -> Result<Offer, String> {
    let certificate = given(&tls.cert, &tls.cert_file).ok_or("missing one of cert or cert_file")?;
    let key = given(&tls.key, &tls.key_file).ok_or("missing one of key or key_file")?;
    let (certificate, key) = (
        files.text("cert_file", certificate)?,
        files.text("key_file", key)?,
    );
    let certified = pair(&certificate, &key)
        .map_err(|error| format!("failed to load X509KeyPair: tls: {error}"))?;
    let authorities = match given(&tls.client_ca, &tls.client_ca_file) {
        Some(given) => Some(authorities(&files.text("client_ca_file", given)?)?),
        None => None,
    };
    let word = tls.client_auth_type.as_deref().unwrap_or_default();
    let client_auth =
        ClientAuth::parse(word).ok_or_else(|| format!("invalid ClientAuth: {word}"))?;
    if client_auth == ClientAuth::No && authorities.is_some() {
        return Err("Client CA's have been configured without a Client Auth Policy".to_owned());
    }
    let mut warnings = Vec::new();
    let allowed_names = tls.client_allowed_sans.clone().unwrap_or_default();
    if client_auth == ClientAuth::No && !allowed_names.is_empty() {
        warnings.push(
            "client_allowed_sans has no effect, for client_auth_type asks for no certificate"
                .to_owned(),
        );
    }
    let (provider, versions) = protocol(tls, &mut warnings)?;
    let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions);
    let config = config.map_err(|_| "nothing is left to be served".to_owned())?;
    let config = match client_auth {
        ClientAuth::No => config.with_no_client_auth(),
        mode => {
            let authorities = authorities.map_or_else(system_authorities, Ok)?;
            config.with_client_cert_verifier(Arc::new(Verifier::new(
                mode,
                authorities,
                allowed_names,
                &provider,
            )?))
        }
    };
    let mut config = config.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    config.ignore_client_order = tls
        .prefer_server_cipher_suites
        .is_none_or(|prefer| prefer.0);
    config.alpn_protocols = if http2 {
        vec![b"h2".to_vec(), b"http/1.1".to_vec()]
    } else {
        vec![b"http/1.1".to_vec()]
    };
    if client_auth != ClientAuth::No {
        // A resumed session would not be verified again.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(Offer {
        config,
        client_auth,
        warnings,
    })
}

/// A text of the configuration, or the file that it is in, which goes first.
#[derive(Clone, Copy)]
pub(super) enum Given<'a> {
    Inline(&'a str),
    File(&'a Path),
}

fn given<'a>(inline: &'a Option<String>, file: &'a Option<String>) -> Option<Given<'a>> {
    let filled = |text: &'a Option<String>| text.as_deref().filter(|text| !text.is_empty());
    filled(file)
        .map(|file| Given::File(Path::new(file)))
        .or_else(|| filled(inline).map(Given::Inline))
}

fn pair(certificate: &[u8], key: &[u8]) -> Result<CertifiedKey, String> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate).collect();
    let chain = chain.map_err(|error| format!("failed to parse certificate PEM: {error}"))?;
    let leaf = chain.first().ok_or_else(|| match PrivateKeyDer::from_pem_slice(certificate) {
        Ok(_) => {
            "failed to find certificate PEM data in certificate input, but did find a private key; \
             PEM inputs may have been switched"
        }
        Err(_) => "failed to find any PEM data in certificate input",
    })?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| match error {
        pem::Error::NoItemsFound if CertificateDer::from_pem_slice(key).is_ok() => {
            "found a certificate rather than a key in the PEM for the private key".to_owned()
        }
        pem::Error::NoItemsFound => "failed to find any PEM data in key input".to_owned(),
        error => format!("failed to parse private key PEM: {error}"),
    })?;
    let key = default_provider().key_provider.load_private_key(key);
    let key = key.map_err(|error| format!("failed to parse private key: {error}"))?;
    let certificate =
        super::certificate::Certificate::parse(leaf).ok_or("failed to parse certificate")?;
    if key
        .public_key()
        .is_some_and(|key| Some(key) != certificate.key())
    {
        return Err("private key does not match public key".to_owned());
    }
    Ok(CertifiedKey::new(chain, key))
}

fn authorities(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|error| format!("failed to parse client CA PEM: {error}"))?;
    if found.is_empty() {
        Err("failed to find any certificate among the client CAs".to_owned())
    } else {
        Ok(found)
    }
}

/// Go falls back on these as well.
fn system_authorities() -> Result<Vec<CertificateDer<'static>>, String> {
    Ok(rustls_native_certs::load_native_certs().certs)
}

type Protocol = (Arc<CryptoProvider>, Vec<&'static SupportedProtocolVersion>);

/// The versions, suites and groups that are left.
fn protocol(tls: &Tls, warnings: &mut Vec<String>) -> Result<Protocol, String> {
    let (min, max) = (
        tls.min_version.unwrap_or(Version::Tls12),
        tls.max_version.unwrap_or(Version::Tls13),
    );
    if min < Version::Tls12 {
        warnings.push("TLS 1.0 and 1.1 are not served, whatever min_version says".to_owned());
    }
    let is_asked = |version| (min..=max).contains(&version);
    let mut provider = default_provider();
    if let Some(suites) = tls
        .cipher_suites
        .as_ref()
        .filter(|suites| !suites.is_empty())
    {
        choose_suites(&mut provider, suites, warnings);
    }
    provider.kx_groups.push(&P521);
    if let Some(curves) = tls
        .curve_preferences
        .as_ref()
        .filter(|curves| !curves.is_empty())
    {
        provider.kx_groups = curves.iter().map(|curve| group(*curve)).collect();
    }
    let has_suites_of = |protocol: &SupportedProtocolVersion| {
        provider
            .cipher_suites
            .iter()
            .any(|suite| suite.version().version == protocol.version)
    };
    let versions = [
        (Version::Tls13, &version::TLS13),
        (Version::Tls12, &version::TLS12),
    ];
    let mut left = versions
        .into_iter()
        .filter(|(asked, protocol)| is_asked(*asked) && has_suites_of(protocol));
    let left: Vec<_> = left.by_ref().map(|(_, protocol)| protocol).collect();
    if left.is_empty() {
        return Err(
            "nothing of min_version, max_version and cipher_suites is left to be served: \
                    TLS 1.0, TLS 1.1 and CBC suites never are"
                .to_owned(),
        );
    }
    Ok((Arc::new(provider), left))
}

/// Takes out the suites of TLS 1.2 that are not asked for; those of TLS 1.3 always stay, as in Go.
fn choose_suites(provider: &mut CryptoProvider, asked: &[CipherSuite], warnings: &mut Vec<String>) {
    let find = |name: &str| {
        SUITES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, suite)| *suite)
    };
    provider
        .cipher_suites
        .retain(|suite| suite.tls13().is_some());
    let of_tls13: Vec<_> = provider
        .cipher_suites
        .iter()
        .map(SupportedCipherSuite::suite)
        .collect();
    for CipherSuite(name) in asked {
        match find(name) {
            Some(suite) => provider.cipher_suites.push(suite),
            None if of_tls13
                .iter()
                .any(|suite| suite.as_str().is_some_and(|known| is_same(known, name))) => {}
            None => warnings.push(format!(
                "{name} is not served: it encrypts in CBC mode or has no forward secrecy"
            )),
        }
    }
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
