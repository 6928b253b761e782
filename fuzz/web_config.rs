//! Web configurations of any text, and certificates and keys of any bytes.

use std::fs;

use cognitosync_exporter::web::web_config;

use crate::words::text;

const WORDS: [&str; 48] = [
    "tls_server_config:",
    "http_server_config:",
    "basic_auth_users:",
    "rate_limit:",
    "\n",
    "\n  ",
    "\n    ",
    "{",
    "}",
    "[",
    "]",
    ", ",
    ": ",
    "cert: ",
    "cert_file: ",
    "key: ",
    "key_file: ",
    "client_ca: ",
    "client_ca_file: ",
    "client_auth_type: ",
    "client_allowed_sans: ",
    "min_version: ",
    "max_version: ",
    "cipher_suites: ",
    "curve_preferences: ",
    "prefer_server_cipher_suites: ",
    "http2: ",
    "headers: ",
    "interval: ",
    "burst: ",
    "piece.pem",
    "TLS12",
    "TLS13",
    "CurveP256",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "RequestClientCert",
    "VerifyClientCertIfGiven",
    "X-Frame-Options: ",
    "deny",
    "yes",
    "1s",
    "-1",
    "~",
    "'",
    "\"",
    "|\n  -----BEGIN CERTIFICATE-----\n  ",
    "\n  -----END CERTIFICATE-----\n",
    "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi",
];

#[test]
fn web_config() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(["localhost".to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    let whole = certificate.pem() + &key.serialize_pem();
    let (mut good, mut encrypted) = (0, 0);
    bolero::check!()
        .with_iterations(2_000)
        .for_each(|input: &[u8]| {
            // A file with a certificate and a key, of which a piece is missing, or none.
            let cut = input
                .first()
                .map_or(0, |byte| usize::from(*byte) * whole.len() / 128);
            fs::write(path("piece.pem"), &whole[..cut.min(whole.len())]).unwrap();
            let tls = "tls_server_config: {cert_file: piece.pem, key_file: piece.pem}\n";
            for text in [
                text(&WORDS, input),
                format!("{tls}{}", text(&WORDS, input.get(1..).unwrap_or_default())),
                tls.to_owned(),
            ] {
                fs::write(path("web.yaml"), text).unwrap();
                match web_config::load(&path("web.yaml")) {
                    Ok(loaded) => {
                        good += 1;
                        encrypted += usize::from(loaded.config.to_string().starts_with("TLS"));
                    }
                    Err(problem) => {
                        let told = problem.to_string();
                        assert!(told.contains("web.yaml:"), "{told}");
                        assert!(
                            !told.contains("PRIVATE KEY")
                                && !told.contains(&whole[whole.len() - 80..]),
                            "a key is told"
                        );
                    }
                }
            }
        });
    assert!(
        good > 0 && encrypted > 0,
        "{good} good web configurations were tried, {encrypted} with TLS"
    );
}
