//! Certificates that change under load.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;

use crate::front_door::{encrypted, exporter, trusting};
use crate::long::parameter;
use crate::pki::{Pki, tls};

#[test]
fn certificates_rotate_under_load_without_a_failed_handshake() {
    let rotations = parameter("ROTATIONS", 200) as usize;
    let pki = Pki::new();
    let exporter = exporter(&pki, &tls(""), &[]);
    let (client, done, served) = (trusting(&pki), AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let (answer, _) =
                        encrypted(&client, &exporter.address, "/-/healthy", None).unwrap();
                    assert_eq!(answer.status(), 200);
                    served.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for rotation in 0..rotations {
            let (certificate, key) = pki.server();
            if rotation % 2 == 0 {
                // Half of the one, then half of the other: both are seen.
                for (name, text) in [("server.crt", &certificate), ("server.key", &key)] {
                    pki.write(name, &text[..text.len() / 2]);
                    let before = served.load(Ordering::Relaxed);
                    crate::support::eventually("a handshake", || {
                        (served.load(Ordering::Relaxed) > before + 3).then_some(())
                    });
                    pki.write(name, text);
                }
            } else {
                pki.replace("server.crt", &certificate);
                pki.replace("server.key", &key);
            }
            let (_, seen) = encrypted(&client, &exporter.address, "/-/healthy", None).unwrap();
            let written = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
            assert_eq!(seen, written.to_vec(), "rotation {rotation}");
        }
        done.store(true, Ordering::Relaxed);
    });
    let failures = exporter.told("the old one stays in force").len();
    assert!(
        failures >= rotations / 2,
        "{failures} were seen half-written"
    );
    let served = served.load(Ordering::Relaxed);
    assert!(served > rotations);
    println!("{rotations} rotations, {failures} seen half-written, {served} requests served");
}
