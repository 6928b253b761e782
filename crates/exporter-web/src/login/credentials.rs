//! The credentials of HTTP's basic scheme (RFC 7617).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// A user name and a password as a client sent them. They are never logged, and wiped from memory
/// when dropped.
pub struct Credentials {
    bytes: Zeroizing<Vec<u8>>,
    colon: usize,
}

impl Credentials {
    /// Parses the value of an `Authorization` header as Go's `Request.BasicAuth` does. `None` when
    /// it is of another scheme or malformed.
    #[must_use]
    pub fn parse(authorization: &[u8]) -> Option<Self> {
        const SCHEME: &[u8] = b"Basic ";
        let (scheme, encoded) = authorization.split_at_checked(SCHEME.len())?;
        if !scheme.eq_ignore_ascii_case(SCHEME) {
            return None;
        }
        let bytes = Zeroizing::new(STANDARD.decode(encoded).ok()?);
        let colon = bytes.iter().position(|byte| *byte == b':')?;
        Some(Self { bytes, colon })
    }

    /// The user name: all before the first colon.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        &self.bytes[..self.colon]
    }

    /// The password: all after the first colon.
    #[must_use]
    pub fn password(&self) -> &[u8] {
        &self.bytes[self.colon + 1..]
    }

    /// Name, colon and password.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorization_as_go_reads_it() {
        for (header, parsed) in [
            (
                "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
                Some(("Aladdin", "open sesame")),
            ),
            ("bAsIc YTpiOmM=", Some(("a", "b:c"))),
            ("Basic Og==", Some(("", ""))),
            ("Basic YQ==", None),
            ("Basic  YTpi", None),
            ("Basic YTpi=", None),
            ("Bearer YTpi", None),
            ("Basic", None),
            ("", None),
        ] {
            let found = Credentials::parse(header.as_bytes());
            let found = found.as_ref().map(|found| (found.name(), found.password()));
            assert_eq!(
                found,
                parsed.map(|(name, password)| (name.as_bytes(), password.as_bytes())),
                "{header}"
            );
        }
    }
}
