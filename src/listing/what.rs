//! What is listed, and how it is written.

use super::lister::{Lister, PageError};
use crate::api::ListedPool;
use crate::discovery::completion;
use crate::identity::{IdentityId, PoolId, canonicalize, ids_in};
use crate::printable::Printable;

/// What is listed.
#[derive(Clone, Debug)]
pub enum What {
    /// The pools of a region.
    Pools,
    /// The identities of a pool.
    Identities {
        pool: PoolId,
        include_disabled: bool,
    },
}

/// One of what is listed.
pub(super) struct Entry {
    pub(super) id: String,
    /// What stands behind the id.
    name: Option<String>,
}

impl What {
    pub(super) fn things(&self) -> &'static str {
        match self {
            Self::Pools => "pools",
            Self::Identities { .. } => "identities",
        }
    }

    /// The last line of a list.
    pub(super) fn completion(&self, count: usize) -> String {
        match self {
            Self::Pools => format!("# complete: {count} pools"),
            Self::Identities { .. } => completion(count),
        }
    }

    /// A page as entries, and the token of the next one.
    pub(super) async fn page(
        &self,
        lister: &mut Lister,
        token: Option<&str>,
    ) -> Result<(Vec<Entry>, Option<String>), PageError> {
        match self {
            Self::Pools => {
                let page = lister.pools(token).await?;
                Ok((
                    page.items.into_iter().map(Entry::of_pool).collect(),
                    page.next,
                ))
            }
            Self::Identities {
                pool,
                include_disabled,
            } => {
                let page = lister.identities(pool, *include_disabled, token).await?;
                let entry = |id| Entry { id, name: None };
                Ok((page.items.into_iter().map(entry).collect(), page.next))
            }
        }
    }
}

impl Entry {
    fn of_pool(ListedPool { id, name }: ListedPool) -> Self {
        let name = Some(shown_name(&name)).filter(|name| !name.is_empty());
        Self { id, name }
    }

    /// The entry with its id as it is polled.
    ///
    /// # Errors
    /// When it has none of this region. The text does not hold what it has.
    pub(super) fn checked(self, region: &str) -> Result<Self, String> {
        let id = canonicalize(&self.id).into_owned();
        match IdentityId::parse(&id) {
            Ok(parsed) if parsed.region() == region => Ok(Self { id, ..self }),
            Ok(_) => Err("an id is of another region".to_owned()),
            Err(error) => Err(format!("an id {error}")),
        }
    }

    pub(super) fn write(&self, lines: &mut String) {
        lines.push_str(&self.id);
        if let Some(name) = &self.name {
            lines.extend([" ", name]);
        }
        lines.push('\n');
    }
}

/// A name on one line, in which nothing looks like an id or a comment.
fn shown_name(name: &str) -> String {
    let name = Printable(name.trim()).to_string();
    let name = name.replace('#', "\\u{23}");
    if ids_in(&name).next().is_some() {
        name.replace(':', "\\u{3a}")
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_on_one_line_and_looks_like_nothing_else() {
        for (name, expected) in [
            ("my pool_1 +=,.@-", "my pool_1 +=,.@-"),
            (" \tmy\n\u{2028}pool\r\n", "my\\n\\u{2028}pool"),
            ("# 1", "\\u{23} 1"),
            ("us-east-1:2a1f8a52", "us-east-1\\u{3a}2a1f8a52"),
            ("at 10:30", "at 10\\u{3a}30"),
            ("", ""),
        ] {
            assert_eq!(shown_name(name), expected);
        }
    }

    #[test]
    fn an_entry_is_of_its_region() {
        let entry = |id: &str| Entry {
            id: id.to_owned(),
            name: None,
        };
        let checked = |id| entry(id).checked("r").map(|entry| entry.id);
        assert_eq!(checked("r:AB"), Ok("r:ab".to_owned()));
        assert_eq!(checked("q:a"), Err("an id is of another region".to_owned()));
        let expected = "an id has no colon, expected REGION:HEX such as us-east-1:2a1f8a52-…";
        assert_eq!(checked("secret"), Err(expected.to_owned()));
    }
}
