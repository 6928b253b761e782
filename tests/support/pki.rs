//! Certificates made for a test, as files in a directory of its own.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary includes this and uses its own part of it"
)]
#![allow(
    clippy::unwrap_used,
    reason = "tests may, and clippy does not see that this is one"
)]

use std::fs;
use std::path::PathBuf;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, SanType, date_time_ymd,
};

/// Names that clients' certificates carry.
pub const CLIENT_NAMES: [&str; 4] = [
    "prometheus.example",
    "ops@example.org",
    "192.0.2.7",
    "spiffe://example.org/prometheus",
];

/// An authority, a server's certificate, and clients' of all kinds, each as `NAME.crt` and
/// `NAME.key`: `right` and those that are refused when verified: `wrong` (of an authority of the
/// same name), `expired`, `server` (of another use); `own` has signed itself, as an authority.
pub struct Pki {
    pub directory: tempfile::TempDir,
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Pki {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let authority = authority();
        let pki = Self {
            directory,
            authority,
        };
        pki.write("ca.crt", &pki.authority.pem());
        pki.write("ca.key", &pki.authority.key().serialize_pem());
        pki.rotate();
        pki.client("right", &client(), &pki.authority);
        pki.client("wrong", &client(), &self::authority());
        let mut expired = client();
        (expired.not_before, expired.not_after) =
            (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
        pki.client("expired", &expired, &pki.authority);
        let mut own = client();
        own.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        own.distinguished_name.push(DnType::CommonName, "own");
        let key = KeyPair::generate().unwrap();
        pki.write("own.crt", &own.self_signed(&key).unwrap().pem());
        pki.write("own.key", &key.serialize_pem());
        pki
    }

    /// A new certificate for the server, with a key of its own.
    pub fn rotate(&self) {
        let (certificate, key) = self.server();
        self.write("server.crt", &certificate);
        self.write("server.key", &key);
    }

    /// The same, not written yet.
    pub fn server(&self) -> (String, String) {
        self.server_named("localhost")
    }

    /// A certificate and key for a server of this name.
    pub fn server_named(&self, name: &str) -> (String, String) {
        let mut server = CertificateParams::new([name.to_owned(), "127.0.0.1".to_owned()]).unwrap();
        // Its own, or else it would seem to have signed itself.
        server
            .distinguished_name
            .push(DnType::CommonName, "localhost");
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate().unwrap();
        (
            server.signed_by(&key, &self.authority).unwrap().pem(),
            key.serialize_pem(),
        )
    }

    fn client(
        &self,
        name: &str,
        client: &CertificateParams,
        authority: &CertifiedIssuer<'static, KeyPair>,
    ) {
        let key = KeyPair::generate().unwrap();
        self.write(
            &format!("{name}.crt"),
            &client.signed_by(&key, authority).unwrap().pem(),
        );
        self.write(&format!("{name}.key"), &key.serialize_pem());
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Takes the place of a file at once.
    pub fn replace(&self, name: &str, text: &str) {
        self.write("new", text);
        fs::rename(self.path("new"), self.path(name)).unwrap();
    }

    /// A web configuration in this directory.
    pub fn web_config(&self, text: &str) -> PathBuf {
        self.write("web.yaml", text);
        self.path("web.yaml")
    }
}

/// One that serves TLS, and whatever else.
pub fn tls(more: &str) -> String {
    format!("tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n{more}")
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn client() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "client");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.subject_alt_names = vec![
        SanType::DnsName(CLIENT_NAMES[0].try_into().unwrap()),
        SanType::Rfc822Name(CLIENT_NAMES[1].try_into().unwrap()),
        SanType::IpAddress(CLIENT_NAMES[2].parse().unwrap()),
        SanType::URI(CLIENT_NAMES[3].try_into().unwrap()),
    ];
    params
}
