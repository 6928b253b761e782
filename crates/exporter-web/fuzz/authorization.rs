//! `Authorization` headers of any bytes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use exporter_web::Credentials;

#[test]
fn authorization() {
    bolero::check!()
        .with_iterations(20_000)
        .for_each(|input: &[u8]| {
            // As the header itself, and as what a client encodes.
            let sent = [b"basic ", STANDARD.encode(input).as_bytes()].concat();
            let (raw, sent) = (Credentials::parse(input), Credentials::parse(&sent));
            assert_eq!(sent.is_some(), input.contains(&b':'));
            if let Some(parsed) = sent {
                assert_eq!([parsed.name(), b":", parsed.password()].concat(), input);
                assert!(!parsed.name().contains(&b':'));
            }
            if raw.is_some() {
                assert!(input[..6].eq_ignore_ascii_case(b"Basic "));
            }
        });
}
