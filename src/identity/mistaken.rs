//! What a text that is not an id probably is.

use std::fmt::{self, Display, Formatter};

use super::has_guid;

/// A text that stands where an id is expected, and is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistaken {
    /// The example's `us-east-1:REPLACE-…`.
    Placeholder,
    /// `${POOL_ID}`, `$POOL_ID`, `<POOL_ID>` and the like.
    Variable,
    UserPool,
    Arn,
    /// The part of an id behind its colon.
    Guid,
    /// An id with a character that a word processor or a web page has added.
    Typographic(char),
}

impl Mistaken {
    /// What a text that is not an id seems to be.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        if text.contains("REPLACE") || is_placeholder(text) {
            Some(Self::Placeholder)
        } else if has_variable(text) || text.starts_with('<') {
            Some(Self::Variable)
        } else if text.starts_with("arn:") {
            Some(Self::Arn)
        } else if let Some(found) = text.chars().find(|c| is_typographic(*c)) {
            Some(Self::Typographic(found))
        } else if is_user_pool(text) {
            Some(Self::UserPool)
        } else {
            has_guid(&format!("region:{text}")).then_some(Self::Guid)
        }
    }

    /// The same as [`Display`], of a pool's id.
    #[must_use]
    pub fn for_pool(self) -> String {
        match self {
            Self::Placeholder => "is still a placeholder: put your identity pool's id here \
                                  (`cognitosync_exporter list-pools` prints them)"
                .to_owned(),
            Self::UserPool => "looks like the id of a user pool, expected that of an identity \
                               pool, REGION:GUID: `cognitosync_exporter list-pools` prints them"
                .to_owned(),
            Self::Arn => {
                "is an ARN, expected the id alone, which stands behind `identitypool/`".to_owned()
            }
            other => other.to_string(),
        }
    }
}

impl Display for Mistaken {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Placeholder => {
                "is still a placeholder: put the id of an identity here (`cognitosync_exporter \
                 list-identities POOL_ID` prints them)"
            }
            Self::Variable => {
                "has a variable or placeholder, which is not expanded, expected the id itself, \
                 REGION:GUID"
            }
            Self::UserPool => {
                "looks like the id of a user pool, expected that of an identity, REGION:GUID"
            }
            Self::Arn => "is an ARN, expected the id alone, which stands behind `identity/`",
            Self::Guid => {
                "has no region, expected REGION:GUID: put the pool's region and a colon before it"
            }
            Self::Typographic(found) => {
                return write!(
                    f,
                    "has {found:?} in it, which a word processor or web page has added, expected \
                     the id alone: type it anew"
                );
            }
        };
        f.write_str(text)
    }
}

/// Words of documents, such as `REGION:GUID`, `POOL_ID` and `xxxxxxxx-xxxx`.
fn is_placeholder(text: &str) -> bool {
    let words = ["GUID", "HEX", "POOL_ID", "IDENTITY_ID", "POOL", "YOUR"];
    let mut parts = text.split([':', '-']);
    words.contains(&text)
        || parts.any(|part| words.contains(&part))
        || text.to_lowercase().contains("xxxx")
}

/// Whether a text has a variable of a shell or of a template in it: `${A}`, `$A`, `$(a)`, `{{ a }}`
/// or `%A%`.
#[must_use]
pub fn has_variable(text: &str) -> bool {
    let is_shell = |rest: &str| {
        rest.starts_with(|c: char| c == '{' || c == '(' || c == '_' || c.is_ascii_alphabetic())
    };
    let is_percent = text.len() > 2 && text.starts_with('%') && text.ends_with('%');
    text.split('$').skip(1).any(is_shell) || text.contains("{{") || is_percent
}

fn is_typographic(c: char) -> bool {
    matches!(
        c,
        '\u{a0}' | '\u{ad}' | '\u{2000}'..='\u{206f}' | '\u{3000}' | '\u{feff}'
    )
}

/// `us-east-1_AbC`.
fn is_user_pool(text: &str) -> bool {
    text.split_once('_').is_some_and(|(region, rest)| {
        region.matches('-').count() >= 2
            && region.ends_with(|c: char| c.is_ascii_digit())
            && !rest.is_empty()
            && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_not_an_id_is_recognized() {
        let typographic = |c| Some(Mistaken::Typographic(c));
        for (text, expected) in [
            ("us-east-1:REPLACE-ME", Some(Mistaken::Placeholder)),
            ("REGION:GUID", Some(Mistaken::Placeholder)),
            ("POOL_ID", Some(Mistaken::Placeholder)),
            ("us-east-1:XXXXXXXX-xxxx", Some(Mistaken::Placeholder)),
            ("us-east-1_AbC123", Some(Mistaken::UserPool)),
            ("${POOL_ID}", Some(Mistaken::Variable)),
            ("us-east-1:$POOL", Some(Mistaken::Variable)),
            ("{{ pool }}", Some(Mistaken::Variable)),
            ("%POOL%", Some(Mistaken::Variable)),
            ("<POOL_ID>", Some(Mistaken::Variable)),
            (
                "arn:aws:cognito-identity:us-east-1:1:identitypool/x",
                Some(Mistaken::Arn),
            ),
            ("2a1f8a52-9c6b-4a7e-8f6d-3f8f1f0a9e10", Some(Mistaken::Guid)),
            ("\u{201c}us-east-1:2a\u{201d}", typographic('\u{201c}')),
            ("us\u{2011}east:2a", typographic('\u{2011}')),
            ("us-east-1:2a\u{a0}", typographic('\u{a0}')),
            ("production", None),
            ("my_pool", None),
            ("us-east-1:2z", None),
            ("5$", None),
            ("", None),
        ] {
            assert_eq!(Mistaken::of(text), expected, "{text}");
        }
    }
}
