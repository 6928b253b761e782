//! Web configurations of any text, and certificates and keys of any bytes.

use std::fs;

use exporter_web::WebConfigFile;

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

/// A text in which each byte of the input is a word of the list, or itself.
fn text(input: &[u8]) -> String {
    let word = |byte: &u8| {
        WORDS
            .get(usize::from(*byte))
            .map_or_else(|| char::from(*byte).to_string(), |word| (*word).to_owned())
    };
    input.iter().map(word).collect()
}

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
            // A file with a certificate and a key, the end of which may be missing.
            let cut = input
                .first()
                .map_or(0, |byte| usize::from(*byte) * whole.len() / 128);
            fs::write(path("piece.pem"), &whole[..cut.min(whole.len())]).unwrap();
            let tls = "tls_server_config: {cert_file: piece.pem, key_file: piece.pem}\n";
            for text in [
                text(input),
                format!("{tls}{}", text(input.get(1..).unwrap_or_default())),
                tls.to_owned(),
            ] {
                fs::write(path("web.yaml"), text).unwrap();
                match WebConfigFile::load(&path("web.yaml")) {
                    Ok(loaded) => {
                        good += 1;
                        encrypted += usize::from(loaded.summary().starts_with("TLS"));
                    }
                    Err(error) => {
                        let message = error.to_string();
                        assert!(message.contains("web.yaml:"), "{message}");
                        assert!(
                            !message.contains("PRIVATE KEY")
                                && !message.contains(&whole[whole.len() - 80..]),
                            "a key is shown"
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
