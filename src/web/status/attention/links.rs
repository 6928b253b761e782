//! Links of the page, relative to it, so that a proxy may put all of it below a path.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::super::pool::Pool;
use super::Named;

/// What RFC 3986 does not let stand anywhere in a URL without a meaning of its own.
const RESERVED: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// So many characters of an id are enough to tell it from the others of its line.
const SHORT_ID: usize = 8;

impl Pool {
    /// The anchor of the pool's card: an `id` in HTML, and a fragment of a URL.
    pub(in crate::web::status) fn anchor(&self) -> String {
        anchor(&self.identity_pool_id)
    }
}

/// The same by the pool's id.
pub(super) fn anchor(pool: &str) -> String {
    format!("pool-{pool}")
}

/// The list of identities of a pool with these further parameters, which are words and numbers.
pub(super) fn list(pool: &str, parameters: &str) -> String {
    let pool = utf8_percent_encode(pool, &RESERVED);
    format!("api/v1/identities?pool={pool}&{parameters}")
}

impl Named {
    /// The identity's page.
    pub(in crate::web::status) fn link(&self) -> String {
        let id = utf8_percent_encode(&self.identity_id, &RESERVED);
        format!("api/v1/identities/{id}")
    }

    pub(in crate::web::status) fn id(&self) -> &str {
        &self.identity_id
    }

    /// Its name, or the beginning of its id if it has none: five whole ids are hard to read. What
    /// stands before the colon is the region, as in the id of the pool.
    pub(in crate::web::status) fn label(&self) -> Cow<'_, str> {
        if let Some(name) = &self.name {
            return name.into();
        }
        let hex = self.identity_id.split(':').next_back().unwrap_or_default();
        match hex.get(..SHORT_ID) {
            Some(short) if hex.len() > SHORT_ID => format!("{short}…").into(),
            _ => hex.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_encoded() {
        let pool = "us-east-1:7b6bd1a1-5f5c";
        assert_eq!(anchor(pool), "pool-us-east-1:7b6bd1a1-5f5c");
        assert_eq!(
            list(pool, "state=failing"),
            "api/v1/identities?pool=us-east-1%3A7b6bd1a1-5f5c&state=failing"
        );
        assert_eq!(
            list("a&b=ü", "near=1"),
            "api/v1/identities?pool=a%26b%3D%C3%BC&near=1"
        );
        let mut named = Named {
            identity_id: "us_x:1?2/3".to_owned(),
            name: None,
        };
        assert_eq!(named.link(), "api/v1/identities/us_x%3A1%3F2%2F3");
        assert_eq!(named.label(), "1?2/3");
        named.identity_id = "us-east-1:2a1f8a52".to_owned();
        assert_eq!(named.label(), "2a1f8a52");
        named.identity_id += "-9c6b-4a7e-8f6d-3f8f1f0a9e10";
        assert_eq!(named.label(), "2a1f8a52…");
        named.name = Some("canary".to_owned());
        assert_eq!(named.label(), "canary");
    }
}
