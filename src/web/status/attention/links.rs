//! Links of the page, relative to it, so that a proxy may put all of it below a path.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::super::pool::Pool;
use super::Named;

/// What RFC 3986 does not let stand anywhere in a URL without a meaning of its own.
const RESERVED: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

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

    /// Its name, or its id if it has none.
    pub(in crate::web::status) fn label(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.identity_id)
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
        assert_eq!(named.label(), "us_x:1?2/3");
        named.name = Some("canary".to_owned());
        assert_eq!(named.label(), "canary");
    }
}
