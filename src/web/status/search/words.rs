//! What a person has typed into the search box.

use percent_encoding::percent_decode_str;

use crate::identity::{IdentityId, canonicalize};
use crate::web::parameters::{self, InvalidParameter, set};
use crate::web::status::layout::MAX_SEARCHED;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Words {
    /// As typed, without the white space around it.
    pub(super) text: String,
    /// The same as an id, or a part of one: without escapes, with lower-case hex behind the colon.
    pub(super) id: String,
}

impl Words {
    /// The parameter `id` of a URL; empty without one.
    pub(super) fn parse(query: &str) -> Result<Self, InvalidParameter> {
        let mut text = None;
        parameters::parse(query, |name, value| {
            if name != "id" {
                return Err(InvalidParameter::new(name, "id, at most once"));
            }
            let is_short = value.chars().count() <= MAX_SEARCHED;
            let value = is_short.then(|| value.trim().to_owned());
            let expected = format!("at most {MAX_SEARCHED} characters");
            set(&mut text, name, value, &expected)
        })?;
        Ok(Self::of(text.unwrap_or_default()))
    }

    fn of(text: String) -> Self {
        let unescaped = percent_decode_str(&text).decode_utf8_lossy();
        let id = canonicalize(unescaped.trim()).into_owned();
        Self { text, id }
    }

    /// The id, if it is a whole one.
    pub(super) fn id(&self) -> Option<IdentityId<'_>> {
        IdentityId::parse(&self.id).ok()
    }

    /// With what ids in a region begin whose part behind the colon begins as typed.
    pub(super) fn behind_colon(&self, region: &str) -> Option<String> {
        let is_hex = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
        let is_part = self.id.bytes().all(is_hex);
        is_part.then(|| format!("{region}:{}", self.id.to_ascii_lowercase()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_people_paste_them() {
        for (query, id) in [
            ("id=us-east-1%3A2A1F", "us-east-1:2a1f"),
            ("id=us-east-1:2a1f", "us-east-1:2a1f"),
            ("id=us-east-1%253A2A1F%20", "us-east-1:2a1f"),
            ("id=+%09us-east-1%3A2a1f%0D%0A", "us-east-1:2a1f"),
            ("id=%2520us-east-1%253a2A1f", "us-east-1:2a1f"),
            ("id=%E3%80%80us-east-1%3A2a1f", "us-east-1:2a1f"),
            ("id=2A1F", "2A1F"),
            ("id=100%25", "100%"),
            ("id=", ""),
            ("id=+++", ""),
            ("", ""),
        ] {
            assert_eq!(Words::parse(query).unwrap().id, id, "{query}");
        }
    }

    #[test]
    fn what_is_no_search_is_refused() {
        let long = "é".repeat(MAX_SEARCHED);
        assert_eq!(Words::parse(&format!("id={long}")).unwrap().text, long);
        for (query, expected) in [
            (
                format!("id={long}é"),
                "parameter id: expected at most 200 characters",
            ),
            ("id=a&id=b".to_owned(), "parameter id: expected it once"),
            ("q=a".to_owned(), "parameter q: expected id, at most once"),
        ] {
            assert_eq!(Words::parse(&query).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn only_hex_stands_behind_a_colon() {
        for (text, prefix) in [
            ("2A1F-", Some("r:2a1f-")),
            ("canary", None),
            ("r:2a1f", None),
            ("%61", Some("r:a")),
        ] {
            let words = Words::of(text.to_owned());
            assert_eq!(words.behind_colon("r").as_deref(), prefix, "{text}");
        }
    }
}
