//! Ids of identity pools and identities, parsed once at the boundary.
//!
//! An id is `REGION:HEX`, as Cognito's API model defines it: 1 to 55 characters of the pattern
//! `[\w-]+:[0-9a-f-]+`. Errors never contain the text: identity ids are personal data, and errors
//! are logged.

mod hex;
mod mistaken;

use std::borrow::Cow;
use std::fmt;
use std::hash::Hasher;
use std::ops::Range;
use std::sync::Arc;

use siphasher::sip::SipHasher13;
use thiserror::Error;

pub use hex::Hex;
pub use mistaken::{Mistaken, has_variable};

/// The longest id, in characters (botocore's service model of Cognito Sync: `IdentityId`,
/// `IdentityPoolId`, max 55).
pub const MAX_LEN: usize = 55;

/// The id of an identity pool. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PoolId(Arc<str>);

/// The id of an identity, borrowed from the text that holds all ids of its pool.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IdentityId<'a>(&'a str);

/// Why a text is not an id. Positions count characters from 1.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum InvalidId {
    #[error("is empty, expected REGION:HEX such as us-east-1:2a1f8a52-…")]
    Empty,
    /// More than [`MAX_LEN`] characters: this many.
    #[error("has {0} characters, expected at most {MAX_LEN}")]
    TooLong(usize),
    #[error("has no colon, expected REGION:HEX such as us-east-1:2a1f8a52-…")]
    NoColon,
    #[error("has no region before its colon, expected REGION:HEX such as us-east-1:2a1f8a52-…")]
    NoRegion,
    #[error("ends at its colon, expected REGION:HEX such as us-east-1:2a1f8a52-…")]
    NoHex,
    /// A character that is not allowed in a region.
    #[error(
        "has {found:?} at character {at}, expected a letter, digit, '_' or '-' before the colon"
    )]
    Region { at: usize, found: char },
    /// A character that is neither hex nor a hyphen.
    #[error("has {found:?} at character {at}, expected a hex digit or '-' behind the colon")]
    Hex { at: usize, found: char },
}

impl PoolId {
    /// Parses an id with lower-case hex; see [`canonicalize`].
    ///
    /// # Errors
    /// When the text is not an id.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        check(text)?;
        Ok(Self(text.into()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The AWS region: what stands before the colon.
    #[must_use]
    pub fn region(&self) -> &str {
        region(&self.0)
    }
}

impl fmt::Display for PoolId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'a> IdentityId<'a> {
    /// Parses an id with lower-case hex; see [`canonicalize`].
    ///
    /// # Errors
    /// When the text is not an id.
    pub fn parse(text: &'a str) -> Result<Self, InvalidId> {
        check(text)?;
        Ok(Self(text))
    }

    /// Wraps a text that [`IdentityId::parse`] has accepted before.
    pub(crate) fn new_unchecked(text: &'a str) -> Self {
        debug_assert!(check(text).is_ok());
        Self(text)
    }

    #[must_use]
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// The AWS region: what stands before the colon.
    #[must_use]
    pub fn region(self) -> &'a str {
        region(self.0)
    }

    /// What stands behind the colon.
    #[must_use]
    pub fn hex(self) -> &'a str {
        self.0.split_once(':').map_or("", |(_, hex)| hex)
    }
}

/// Shows the region only, so that `{:?}` cannot put an identity id into a log.
impl fmt::Debug for IdentityId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IdentityId({}:…)", self.region())
    }
}

/// Converts the hex digits behind the colon to lower case. AWS's examples are in upper case, but
/// its API accepts lower case only.
#[must_use]
pub fn canonicalize(text: &str) -> Cow<'_, str> {
    match text.split_once(':') {
        Some((region, hex)) if hex.bytes().any(|byte| matches!(byte, b'A'..=b'F')) => {
            Cow::Owned(format!("{region}:{}", hex.to_ascii_lowercase()))
        }
        _ => Cow::Borrowed(text),
    }
}

/// The phase of an identity or, without one, of the pool itself: the point in its interval at which
/// it is polled, in units of 2^-32 of the interval. It is the same in every process and release, so
/// that a restart keeps the spacing of polls.
#[must_use]
pub fn phase(pool: &PoolId, identity: Option<IdentityId<'_>>) -> u32 {
    (hash(&[pool.as_str(), identity.map_or("", IdentityId::as_str)]) >> 32) as u32
}

/// A hash of texts that is stable across releases: SipHash-1-3 with a zero key, and a separator
/// after each text.
pub(crate) fn hash(texts: &[&str]) -> u64 {
    let mut hasher = SipHasher13::new();
    for text in texts {
        hasher.write(text.as_bytes());
        hasher.write_u8(0xff);
    }
    hasher.finish()
}

/// Whether an id's part behind the colon is a GUID (8-4-4-4-12 hex digits), as all ids are that
/// Cognito gives out.
#[must_use]
pub fn has_guid(id: &str) -> bool {
    id.split_once(':').is_some_and(|(_, guid)| is_guid(guid))
}

/// Where GUIDs (8-4-4-4-12 hex digits) stand in a text. One without its region names an identity
/// too.
pub fn guids_in(text: &str) -> impl Iterator<Item = Range<usize>> {
    let is_of_guid = |c: char| c.is_ascii_hexdigit() || c == '-';
    let mut rest = 0;
    std::iter::from_fn(move || {
        loop {
            let start = rest + text[rest..].find(is_of_guid)?;
            let length = text[start..].find(|c| !is_of_guid(c));
            rest = start + length.unwrap_or(text.len() - start);
            let found = text[start..rest].trim_matches('-');
            if is_guid(found) {
                let start = start + text[start..rest].find(|c| c != '-')?;
                return Some(start..start + found.len());
            }
        }
    })
}

fn is_guid(text: &str) -> bool {
    let groups = text.split('-').map(|group| {
        let is_hex = group.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hex.then_some(group.len())
    });
    groups.eq([8, 4, 4, 4, 12].map(Some))
}

/// Where ids stand in a text, also between quotes, commas or other words, and with upper-case hex.
pub fn ids_in(text: &str) -> impl Iterator<Item = Range<usize>> {
    let is_region = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let is_hex = |c: char| c.is_ascii_hexdigit() || c == '-';
    let around = move |colon: usize| {
        let (before, after) = (&text[..colon], &text[colon + 1..]);
        let hex = after.len() - after.trim_start_matches(is_hex).len();
        let start = before.trim_end_matches(is_region).len();
        let is_cut = after[hex..].starts_with(is_region);
        (start < colon && hex > 0 && !is_cut).then_some(start..colon + 1 + hex)
    };
    text.match_indices(':')
        .filter_map(move |(colon, _)| around(colon))
}

fn region(id: &str) -> &str {
    id.split_once(':').map_or("", |(region, _)| region)
}

fn check(text: &str) -> Result<(), InvalidId> {
    if text.is_empty() {
        return Err(InvalidId::Empty);
    }
    let (region, hex) = text.split_once(':').ok_or(InvalidId::NoColon)?;
    let first_invalid = |part: &str, is_valid: fn(char) -> bool| {
        part.chars()
            .enumerate()
            .find_map(|(at, found)| (!is_valid(found)).then_some((at + 1, found)))
    };
    if let Some((at, found)) = first_invalid(region, |c| {
        c.is_ascii_alphanumeric() || c == '_' || c == '-'
    }) {
        return Err(InvalidId::Region { at, found });
    }
    if let Some((at, found)) = first_invalid(hex, |c| matches!(c, '0'..='9' | 'a'..='f' | '-')) {
        return Err(InvalidId::Hex {
            at: region.len() + 1 + at,
            found,
        });
    }
    match (region.len(), hex.len(), text.len()) {
        (0, ..) => Err(InvalidId::NoRegion),
        (_, 0, _) => Err(InvalidId::NoHex),
        (.., len) if len > MAX_LEN => Err(InvalidId::TooLong(len)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_the_api_models_pattern() {
        let long = format!("us-east-1:{}", "a".repeat(45));
        let longer = format!("us-east-1:{}", "a".repeat(46));
        for (text, expected) in [
            ("us-east-1:2a1f8a52-9c6b-4a7e-8f6d-3f8f1f0a9e10", Ok(())),
            ("a_b:-", Ok(())),
            (&long, Ok(())),
            (&longer, Err(InvalidId::TooLong(56))),
            ("", Err(InvalidId::Empty)),
            ("us-east-1", Err(InvalidId::NoColon)),
            (":abc", Err(InvalidId::NoRegion)),
            ("us-east-1:", Err(InvalidId::NoHex)),
            (
                "us east-1:abc",
                Err(InvalidId::Region { at: 3, found: ' ' }),
            ),
            ("us-east-1:2a1g", Err(InvalidId::Hex { at: 14, found: 'g' })),
            ("us-east-1:2A", Err(InvalidId::Hex { at: 12, found: 'A' })),
            ("us-east-1:a:b", Err(InvalidId::Hex { at: 12, found: ':' })),
            ("ü:a", Err(InvalidId::Region { at: 1, found: 'ü' })),
        ] {
            assert_eq!(IdentityId::parse(text).map(|_| ()), expected, "{text}");
            assert_eq!(PoolId::parse(text).map(|_| ()), expected, "{text}");
        }
    }

    #[test]
    fn only_hex_is_canonicalized() {
        assert_eq!(
            canonicalize("US-East-1:23EC4050-6AEA"),
            "US-East-1:23ec4050-6aea"
        );
        assert!(matches!(canonicalize("us-east-1:23ec"), Cow::Borrowed(_)));
        assert_eq!(canonicalize("US-EAST"), "US-EAST");
    }

    #[test]
    fn guids() {
        for (id, expected) in [
            ("r:2a1f8a52-9c6b-4a7e-8f6d-3f8f1f0a9e10", true),
            ("r:2A1F8A52-9c6b-4a7e-8f6d-3f8f1f0a9e10", true),
            ("r:2a1f8a52-9c6b-4a7e-8f6d-3f8f1f0a9e1", false),
            ("r:2a1f8a52-9c6b-4a7e-8f6d-3f8f1f0a9e100", false),
            ("r:2a1f8a52-9c6b-4a7e-8f6d-3f8f1f0a9e10-", false),
            ("r:2a1f8a529c6b4a7e8f6d3f8f1f0a9e10", false),
            ("r:2a", false),
            ("r", false),
        ] {
            assert_eq!(has_guid(id), expected, "{id}");
        }
    }

    #[test]
    fn ids_are_found_whatever_is_around_them() {
        let found = |text: &'static str| -> Vec<_> { ids_in(text).map(|at| &text[at]).collect() };
        for (text, expected) in [
            ("r:2a", &["r:2a"] as &[&str]),
            ("\"us-east-1:2A-b\",", &["us-east-1:2A-b"]),
            ("a,r:1,r:2;r:3", &["r:1", "r:2", "r:3"]),
            ("arn:x:id/r:1", &["r:1"]),
            ("r:1r:2", &["1r:2"]),
            ("\u{e9}r:1\u{e9}", &["r:1"]),
            ("id:r:1", &["r:1"]),
            ("note:beta", &[]),
            (":1", &[]),
            ("r:", &[]),
            ("arn:aws:iam::123456789012:role/x", &[]),
        ] {
            assert_eq!(found(text), expected, "{text}");
        }
    }

    #[test]
    fn debug_shows_no_identity_id() {
        let id = IdentityId::parse("us-east-1:2a1f8a52").unwrap();
        assert_eq!(format!("{id:?}"), "IdentityId(us-east-1:…)");
    }

    #[test]
    fn the_phase_is_the_same_in_every_release() {
        let pool = PoolId::parse("us-east-1:7b6bd1a1-5f5c-4f43-9a0b-0f6a3b8d8c11").unwrap();
        let identity = IdentityId::parse("us-east-1:2a1f8a52-9c6b-4a7e-8f6d-3f8f1f0a9e10").unwrap();
        assert_eq!(
            (phase(&pool, Some(identity)), phase(&pool, None)),
            (891_585_328, 2_114_765_552)
        );
    }
}
