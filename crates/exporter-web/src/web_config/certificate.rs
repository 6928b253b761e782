//! The contents of a client's certificate that webpki does not give: it parses no certificates of
//! version 1, which `openssl x509 -req` makes, and shows no addresses.

use std::net::IpAddr;

use tokio_rustls::rustls::pki_types::{
    CertificateDer, SignatureVerificationAlgorithm, SubjectPublicKeyInfoDer, UnixTime,
};
use x509_cert::certificate::Version;
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::oid::db::rfc5280::{ANY_EXTENDED_KEY_USAGE, ID_KP_CLIENT_AUTH};
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, NameConstraints, SubjectAltName};
use x509_cert::spki::AlgorithmIdentifierOwned;

/// A parsed certificate.
pub(super) struct Certificate(x509_cert::Certificate);

/// Why a certificate cannot be a client's now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// It is not valid yet, or no longer.
    Time,
    /// Its extended key usage is another.
    Use,
}

impl Certificate {
    pub(super) fn parse(der: &CertificateDer<'_>) -> Option<Self> {
        x509_cert::Certificate::from_der(der).ok().map(Self)
    }

    /// Whether webpki would not accept it as a client's.
    pub(super) fn is_beyond_webpki(&self) -> bool {
        let tbs = self.0.tbs_certificate();
        tbs.version() != Version::V3
            || tbs
                .get_extension::<BasicConstraints>()
                .is_ok_and(|found| found.is_some_and(|(_, is)| is.ca))
    }

    /// Its subject alternative names as Go writes them: hosts, mail addresses, IP addresses, URIs.
    pub(super) fn names(&self) -> Vec<String> {
        let found = self.0.tbs_certificate().get_extension::<SubjectAltName>();
        let names = found
            .ok()
            .flatten()
            .map(|(_, SubjectAltName(names))| names)
            .unwrap_or_default();
        names.iter().filter_map(name).collect()
    }

    /// Whether it may be a client's at a time.
    pub(super) fn fit(&self, now: UnixTime) -> Result<(), Unfit> {
        let tbs = self.0.tbs_certificate();
        let (start, end) = (tbs.validity().not_before, tbs.validity().not_after);
        if !(start.to_unix_duration().as_secs()..=end.to_unix_duration().as_secs())
            .contains(&now.as_secs())
        {
            return Err(Unfit::Time);
        }
        let uses = tbs
            .get_extension::<ExtendedKeyUsage>()
            .map_err(|_| Unfit::Use)?;
        let is_clients = |uses: &[ObjectIdentifier]| {
            uses.iter()
                .any(|usage| [ID_KP_CLIENT_AUTH, ANY_EXTENDED_KEY_USAGE].contains(usage))
        };
        if uses.is_none_or(|(_, ExtendedKeyUsage(uses))| is_clients(&uses)) {
            Ok(())
        } else {
            Err(Unfit::Use)
        }
    }

    /// Whether an authority without name constraints signed it.
    pub(super) fn is_signed_by(
        &self,
        authority: &Self,
        algorithms: &[&dyn SignatureVerificationAlgorithm],
    ) -> bool {
        let (own, theirs) = (self.0.tbs_certificate(), authority.0.tbs_certificate());
        let is_theirs = own.issuer() == theirs.subject()
            && theirs
                .get_extension::<NameConstraints>()
                .is_ok_and(|it| it.is_none());
        let (Some(identifier), Ok(message)) =
            (identifier(self.0.signature_algorithm()), own.to_der())
        else {
            return false;
        };
        let mut usable = algorithms
            .iter()
            .filter(|algorithm| algorithm.signature_alg_id().as_ref() == identifier);
        is_theirs
            && usable.any(|algorithm| {
                authority.verifies(*algorithm, &message, self.0.signature().raw_bytes())
            })
    }

    /// Whether its key made a signature.
    pub(super) fn verifies(
        &self,
        algorithm: &dyn SignatureVerificationAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> bool {
        let key = self.0.tbs_certificate().subject_public_key_info();
        identifier(&key.algorithm)
            .is_some_and(|identifier| algorithm.public_key_alg_id().as_ref() == identifier)
            && algorithm
                .verify_signature(key.subject_public_key.raw_bytes(), message, signature)
                .is_ok()
    }

    /// Its public key.
    pub(super) fn key(&self) -> Option<SubjectPublicKeyInfoDer<'static>> {
        self.0
            .tbs_certificate()
            .subject_public_key_info()
            .to_der()
            .ok()
            .map(Into::into)
    }
}

/// An algorithm as webpki writes it, without the sequence around it.
fn identifier(algorithm: &AlgorithmIdentifierOwned) -> Option<Vec<u8>> {
    let mut der = algorithm.oid.to_der().ok()?;
    if let Some(parameters) = &algorithm.parameters {
        der.extend(parameters.to_der().ok()?);
    }
    Some(der)
}

fn name(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name)
        | GeneralName::Rfc822Name(name)
        | GeneralName::UniformResourceIdentifier(name) => Some(name.to_string()),
        GeneralName::IpAddress(address) => {
            let bytes = address.as_bytes();
            let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
            let address = v4
                .or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
                .ok()?;
            Some(address.to_canonical().to_string())
        }
        _ => None,
    }
}
