//! The temporary keys that were handed out for identities.
//!
//! Nothing here has a `Debug`: secrets and tokens belong into no log.

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::request::Parts;

use crate::api::Service;
use crate::identity::hash;
use crate::simulator::dataset::round_to_milliseconds;
use crate::simulator::reply::AwsError;
use crate::simulator::signature::Signature;

/// With which the access key ids of all temporary keys begin (AWS's IAM identifiers).
const TEMPORARY: &str = "ASIA";
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// AWS's guests' keys live this long.
const LIFE: Duration = Duration::from_secs(3_600);

/// A key, without its access key id.
pub(in crate::simulator) struct Key {
    pub(in crate::simulator) secret: String,
    pub(in crate::simulator) token: String,
    pub(in crate::simulator) pool: String,
    pub(in crate::simulator) identity: String,
    /// In seconds since 1970.
    pub(in crate::simulator) expires: f64,
}

/// All keys that were handed out, by access key id, and how long the next one will live.
pub(in crate::simulator) struct Keys {
    handed_out: HashMap<String, Key>,
    life: Duration,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            handed_out: HashMap::new(),
            life: LIFE,
        }
    }
}

impl Keys {
    pub(in crate::simulator) fn set_life(&mut self, life: Duration) {
        self.life = life;
    }

    /// Makes a new key of an identity; returns its access key id, too. `now` is in seconds since
    /// 1970.
    pub(in crate::simulator) fn hand_out(
        &mut self,
        pool: &str,
        identity: &str,
        now: f64,
    ) -> (String, &Key) {
        // Never the same twice, and the same in each run.
        let number = self.handed_out.len().to_string();
        let bytes = |kind: &str, count: usize| -> Vec<u8> {
            let chunk = |at: usize| hash(&[kind, identity, &number, &at.to_string()]).to_be_bytes();
            (0..count.div_ceil(8)).flat_map(chunk).take(count).collect()
        };
        let letters = bytes("access key", 16).into_iter();
        let letters = letters.map(|byte| char::from(BASE32[usize::from(byte % 32)]));
        let access_key = TEMPORARY.chars().chain(letters).collect::<String>();
        let key = Key {
            secret: STANDARD.encode(bytes("secret", 30)),
            token: STANDARD.encode(bytes("token", 510)),
            pool: pool.to_owned(),
            identity: identity.to_owned(),
            expires: round_to_milliseconds(now + self.life.as_secs_f64()),
        };
        let entry = self.handed_out.entry(access_key.clone());
        (access_key, entry.or_insert(key))
    }

    /// The identity that an access key was handed out for.
    pub(in crate::simulator) fn holder(&self, access_key: &str) -> Option<&str> {
        Some(&self.handed_out.get(access_key)?.identity)
    }

    /// Every secret key and session token.
    pub(in crate::simulator) fn secrets(&self) -> impl Iterator<Item = &str> {
        let keys = self.handed_out.values();
        keys.flat_map(|key| [key.secret.as_str(), key.token.as_str()])
    }

    /// Ends the life of every key. `now` is in seconds since 1970.
    pub(in crate::simulator) fn expire(&mut self, now: f64) {
        for key in self.handed_out.values_mut() {
            key.expires = key.expires.min(now);
        }
    }

    /// The key that a request is signed with, if it was handed out here. Others are not verified.
    ///
    /// # Errors
    /// As AWS's: when it is a temporary key that is not known or not used with its session token,
    /// when it has expired, and when the signature is wrong.
    pub(in crate::simulator) fn verify(
        &self,
        signature: &Signature<'_>,
        service: Service,
        (head, body): (&Parts, &[u8]),
        now: f64,
    ) -> Result<Option<&Key>, AwsError> {
        let refuse = |code, message: &str| Err((403, code, message.to_owned()));
        let key = self.handed_out.get(signature.access_key);
        if key.is_none() && !signature.access_key.starts_with(TEMPORARY) {
            return Ok(None);
        }
        let token = head.headers.get("x-amz-security-token");
        let token = token.map_or(&b""[..], |token| token.as_bytes());
        let Some(key) = key.filter(|key| key.token.as_bytes() == token) else {
            return refuse(
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
            );
        };
        if key.expires <= now {
            return refuse(
                "ExpiredTokenException",
                "The security token included in the request is expired",
            );
        }
        let expected = signature.expected(service, (head, body), &key.secret, &key.token);
        if expected.as_deref() != Some(signature.value) {
            return refuse(
                "InvalidSignatureException",
                "The request signature we calculated does not match the signature you provided. \
                 Check your AWS Secret Access Key and signing method. Consult the service \
                 documentation for details.",
            );
        }
        Ok(Some(key))
    }
}
