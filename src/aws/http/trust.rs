//! The certificate authorities that the calls trust: the system's, or those of a bundle that the
//! environment or a profile names, in their place, as in AWS's CLI.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use aws_config::profile;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use thiserror::Error;
use tracing::warn;

use crate::file::{self, ReadError};

/// Names a bundle. `SSL_CERT_FILE` and `SSL_CERT_DIR` name the system's authorities.
const VARIABLE: &str = "AWS_CA_BUNDLE";
/// The key of a profile that names a bundle.
const PROFILE_KEY: &str = "ca_bundle";
/// The largest bundle that is read, in bytes. All public authorities take some 200,000.
const MAX_BUNDLE_BYTES: u64 = 16 * 1024 * 1024;

/// A bundle that cannot be used.
#[derive(Debug, Error)]
#[error("{source_name}: {} {problem}", .path.display())]
pub struct InvalidBundle {
    /// The variable, or the key and the profile.
    source_name: String,
    path: PathBuf,
    problem: Problem,
}

#[derive(Debug, Error)]
enum Problem {
    #[error("cannot be read: {0}, expected certificates in PEM format")]
    Unreadable(#[from] ReadError),
    #[error("is no good PEM, expected certificates in PEM format")]
    NoPem,
    #[error("holds no certificate, expected certificates in PEM format")]
    NoCertificate,
}

/// A file with certificate authorities.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Bundle {
    /// Where the path was found, for messages.
    source_name: String,
    path: PathBuf,
}

impl fmt::Display for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.source_name, self.path.display())
    }
}

impl Bundle {
    /// The bundle of the environment, or else of the profile in force. A profile that cannot be
    /// read has none; the credentials' provider reports it.
    pub(super) async fn in_force(profile: Option<&str>) -> Option<Self> {
        let variable = std::env::var_os(VARIABLE).filter(|path| !path.is_empty());
        if let Some(path) = variable {
            return Some(Self {
                source_name: VARIABLE.to_owned(),
                path: path.into(),
            });
        }
        let selected = profile.map(|profile| profile.to_owned().into());
        let real = (
            &Default::default(),
            &Default::default(),
            &Default::default(),
        );
        let (files, environment, paths) = real;
        let profiles = profile::load(files, environment, paths, selected).await;
        let profiles = profiles.ok()?;
        let path = profiles.get(PROFILE_KEY).filter(|path| !path.is_empty())?;
        Some(Self {
            source_name: format!("{PROFILE_KEY} of profile {}", profiles.selected_profile()),
            path: path.into(),
        })
    }

    /// The content of the file. May block for a moment.
    ///
    /// # Errors
    /// When it is no regular file, cannot be read, or is far too long.
    pub(super) fn read(&self) -> Result<Vec<u8>, InvalidBundle> {
        file::read(&self.path, MAX_BUNDLE_BYTES).map_err(|error| self.invalid(error.into()))
    }

    /// The authorities in the bundle's content.
    ///
    /// # Errors
    /// When there is none, or one that is cut off.
    pub(super) fn authorities(&self, content: &[u8]) -> Result<RootCertStore, InvalidBundle> {
        let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(content).collect();
        let certificates = certificates.map_err(|_| self.invalid(Problem::NoPem))?;
        let mut authorities = RootCertStore::empty();
        let (good, bad) = authorities.add_parsable_certificates(certificates);
        if good == 0 {
            return Err(self.invalid(Problem::NoCertificate));
        }
        if bad > 0 {
            warn!(
                bundle = %self.path.display(), good, bad,
                "some certificates of the bundle cannot be used as authorities"
            );
        }
        Ok(authorities)
    }

    fn invalid(&self, problem: Problem) -> InvalidBundle {
        InvalidBundle {
            source_name: self.source_name.clone(),
            path: self.path.clone(),
            problem,
        }
    }
}

/// The system's authorities, read once. A host without any can still call endpoints on loopback.
pub(super) fn of_system() -> RootCertStore {
    static OF_SYSTEM: LazyLock<Arc<RootCertStore>> = LazyLock::new(|| {
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            warn!(%error, "cannot read some of the system's certificate authorities");
        }
        let mut authorities = RootCertStore::empty();
        authorities.add_parsable_certificates(found.certs);
        if authorities.is_empty() {
            warn!(
                "the system has no certificate authorities, so no https endpoint is trusted; \
                 name a file in AWS_CA_BUNDLE or SSL_CERT_FILE"
            );
        }
        Arc::new(authorities)
    });
    RootCertStore::clone(&OF_SYSTEM)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair};

    fn certificate() -> String {
        let params = CertificateParams::new(["ca.example".to_owned()]).unwrap();
        params
            .self_signed(&KeyPair::generate().unwrap())
            .unwrap()
            .pem()
    }

    fn authorities(content: &[u8]) -> Result<usize, String> {
        let directory = tempfile::tempdir().unwrap();
        let bundle = Bundle {
            source_name: VARIABLE.to_owned(),
            path: directory.path().join("ca.pem"),
        };
        std::fs::write(&bundle.path, content).unwrap();
        let content = bundle.read().unwrap();
        let authorities = bundle.authorities(&content);
        authorities
            .map(|authorities| authorities.len())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_bundle_has_text_around_its_certificates() {
        let (one, two) = (certificate(), certificate());
        assert_eq!(authorities(one.as_bytes()), Ok(1));
        assert_eq!(
            authorities(format!("\u{feff}{one}# two\n{two}").as_bytes()),
            Ok(2)
        );
        assert_eq!(authorities(one.replace('\n', "\r\n").as_bytes()), Ok(1));
    }

    #[test]
    fn a_bundle_without_a_whole_certificate_is_refused() {
        let one = certificate();
        let key = KeyPair::generate().unwrap().serialize_pem();
        let not_der = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for (content, problem) in [
            ("", "holds no certificate"),
            ("not PEM", "holds no certificate"),
            (&*key, "holds no certificate"),
            (not_der, "holds no certificate"),
            (&one[..one.len() / 2], "is no good PEM"),
            (&format!("{one}{}", &one[..one.len() / 2]), "is no good PEM"),
            (&one.replace('M', "*"), "is no good PEM"),
        ] {
            let error = authorities(content.as_bytes()).unwrap_err();
            assert!(error.starts_with("AWS_CA_BUNDLE: /"), "{error}");
            assert!(error.contains(problem), "{content}: {error}");
        }
    }

    #[test]
    fn only_a_regular_file_is_read() {
        let directory = tempfile::tempdir().unwrap();
        for (path, problem) in [
            (
                directory.path().to_owned(),
                "cannot be read: it is a directory",
            ),
            (PathBuf::from("/dev/zero"), "cannot be read: it is a device"),
            (
                directory.path().join("absent"),
                "cannot be read: No such file",
            ),
        ] {
            let source_name = "ca_bundle of profile staging".to_owned();
            let error = Bundle { source_name, path }.read().unwrap_err().to_string();
            assert!(
                error.starts_with("ca_bundle of profile staging: /"),
                "{error}"
            );
            assert!(error.contains(problem), "{error}");
        }
    }
}
