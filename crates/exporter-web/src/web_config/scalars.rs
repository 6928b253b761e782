//! The values of a web configuration that are written as one word, as Go reads them.

use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error};

/// Deserializes a type from one word.
macro_rules! word {
    ($name:ident, $parse:expr) => {
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $parse(String::deserialize(deserializer)?.as_str()).map_err(D::Error::custom)
            }
        }
    };
}

/// A boolean as YAML 1.1 writes it, since Go's parser accepts that.
#[derive(Clone, Copy, Debug)]
pub(super) struct YamlBool(pub(super) bool);

word!(YamlBool, |word: &str| match word.to_lowercase().as_str() {
    "true" | "yes" | "on" | "y" => Ok(Self(true)),
    "false" | "no" | "off" | "n" => Ok(Self(false)),
    _ => Err(format!(
        "cannot unmarshal {word:?} into bool, expected true or false"
    )),
});

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TlsVersion {
    Tls10,
    Tls11,
    Tls12,
    Tls13,
}

word!(TlsVersion, |word: &str| match word {
    "TLS10" => Ok(Self::Tls10),
    "TLS11" => Ok(Self::Tls11),
    "TLS12" => Ok(Self::Tls12),
    "TLS13" => Ok(Self::Tls13),
    _ => Err(format!("unknown TLS version: {word}")),
});

/// The name of a cipher suite in Go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CipherSuite(pub(super) String);

/// Go's `tls.CipherSuites()`, with those that were in it until Go 1.22.
const CIPHER_SUITES: [&str; 17] = [
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
];

word!(CipherSuite, |word: &str| if CIPHER_SUITES.contains(&word) {
    Ok(Self(word.to_owned()))
} else {
    Err(format!("unknown cipher: {word}"))
});

/// An elliptic curve for the key exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
    P521,
    X25519,
}

word!(Curve, |word: &str| match word {
    "CurveP256" => Ok(Self::P256),
    "CurveP384" => Ok(Self::P384),
    "CurveP521" => Ok(Self::P521),
    "X25519" => Ok(Self::X25519),
    _ => Err(format!("unknown curve: {word}")),
});

/// A duration as Go's `time.ParseDuration` reads it, or a whole number of nanoseconds. A negative
/// one is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GoDuration(pub(super) Duration);

word!(GoDuration, |word: &str| go_duration(word)
    .map(Self)
    .ok_or_else(|| format!(
        "cannot unmarshal {word:?} into time.Duration, expected one such as 500ms or 1m30s"
    )));

fn go_duration(text: &str) -> Option<Duration> {
    let magnitude = text.strip_prefix(['-', '+']).unwrap_or(text);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let mut seconds = 0.0;
    if digits(magnitude) {
        seconds = magnitude.parse::<f64>().ok()? / 1e9;
    } else {
        let mut rest = magnitude;
        while !rest.is_empty() {
            let (number, after) =
                rest.split_at(rest.find(|c: char| !c.is_ascii_digit() && c != '.')?);
            let (unit, after) = after.split_at(
                after
                    .find(|c: char| c.is_ascii_digit() || c == '.')
                    .unwrap_or(after.len()),
            );
            let number: f64 = number.parse().ok()?;
            seconds += number * UNITS.iter().find(|(name, _)| *name == unit)?.1;
            rest = after;
        }
        if magnitude.is_empty() {
            return None;
        }
    }
    if text.starts_with('-') {
        Some(Duration::ZERO)
    } else {
        Duration::try_from_secs_f64(seconds).ok()
    }
}

/// Go's units, in seconds. There are two characters for micro.
const UNITS: [(&str, f64); 8] = [
    ("ns", 1e-9),
    ("us", 1e-6),
    ("\u{b5}s", 1e-6),
    ("\u{3bc}s", 1e-6),
    ("ms", 1e-3),
    ("s", 1.0),
    ("m", 60.0),
    ("h", 3_600.0),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_as_go_reads_them() {
        for (text, seconds) in [
            ("0", 0.0),
            ("1s", 1.0),
            ("1.5s", 1.5),
            ("100ms", 0.1),
            ("1h1m1s", 3_661.0),
            ("250us", 0.000_25),
            ("250\u{b5}s", 0.000_25),
            ("1000000000", 1.0),
            ("-1s", 0.0),
            ("+2s", 2.0),
            (".5s", 0.5),
        ] {
            assert_eq!(
                go_duration(text),
                Some(Duration::from_secs_f64(seconds)),
                "{text}"
            );
        }
        for text in ["", "s", "1d", "1 s", "1s ", "--1s", "1.1.1s", "1e3s", "."] {
            assert_eq!(go_duration(text), None, "{text}");
        }
    }
}
