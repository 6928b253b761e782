//! The users that may log in, with their bcrypt hashes.

use std::collections::BTreeMap;
use std::fmt;

use bcrypt::{BcryptError, HashParts};
use thiserror::Error;

/// The costs of bcrypt, as powers of two.
const COSTS: std::ops::RangeInclusive<u32> = 4..=31;
/// The largest cost that failures with cheaper hashes are padded to: a second or so. Beyond it, one
/// hash would make every failure, and so every flood of them, far more costly than its own logins.
pub(crate) const MAX_PADDED_COST: u32 = 14;
/// Minimum length of a hash with its salt, and all that Go's check asks for.
const MIN_LENGTH: usize = 59;
/// A salt and a hash of no user, which unknown users are checked against.
const PLACEHOLDER: &str = "QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi";

/// Users by name.
#[derive(Default)]
pub(crate) struct Users {
    hashes: BTreeMap<String, Hash>,
    /// The cost of the most costly hash.
    max_cost: u32,
}

/// Shows neither names nor hashes.
impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Users({})", self.len())
    }
}

#[derive(Clone)]
struct Hash {
    text: String,
    cost: u32,
}

/// A text that is no bcrypt hash, in the words of Go's `bcrypt.Cost`.
#[derive(Debug, Error)]
pub(crate) enum HashError {
    #[error("crypto/bcrypt: hashedSecret too short to be a bcrypted password")]
    TooShort,
    #[error(
        "crypto/bcrypt: bcrypt hashes must start with '$', but hashedSecret started with '{0}'"
    )]
    Prefix(char),
    #[error(
        "crypto/bcrypt: bcrypt algorithm version '{0}' requested is newer than current version '2'"
    )]
    Version(char),
    #[error("crypto/bcrypt: {0}")]
    Malformed(BcryptError),
    #[error(
        "crypto/bcrypt: cost {0} is outside allowed range ({min},{max})",
        min = COSTS.start(),
        max = COSTS.end()
    )]
    Cost(u32),
}

impl Users {
    /// From names and hashes.
    ///
    /// # Errors
    /// When a hash is not of bcrypt.
    pub(crate) fn new(entries: Vec<(String, String)>) -> Result<Self, HashError> {
        let mut users = Self::default();
        for (name, text) in entries {
            let cost = cost(&text)?;
            users.max_cost = users.max_cost.max(cost);
            users.hashes.insert(name, Hash { text, cost });
        }
        Ok(users)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Whether a hash costs more than failures are padded to.
    pub(crate) fn has_very_costly(&self) -> bool {
        self.max_cost > MAX_PADDED_COST
    }

    /// Prepares the check of a user's password.
    pub(crate) fn check(&self, name: &[u8]) -> Check {
        let user = std::str::from_utf8(name)
            .ok()
            .and_then(|name| self.hashes.get(name))
            .cloned();
        Check {
            user,
            padded_cost: self.max_cost.min(MAX_PADDED_COST),
        }
    }
}

/// The check of one password. All checks that fail take equally long, whether or not the user
/// exists, but for those with a hash of more than [`MAX_PADDED_COST`].
pub(crate) struct Check {
    user: Option<Hash>,
    padded_cost: u32,
}

impl Check {
    /// The user's hash, or a placeholder for an unknown user.
    pub(crate) fn hash(&self) -> &str {
        self.user.as_ref().map_or(PLACEHOLDER, |user| &user.text)
    }

    /// Whether the user exists.
    pub(crate) fn is_known(&self) -> bool {
        self.user.is_some()
    }

    /// Whether the password is the user's. Blocks: a failure takes as long as the most costly of
    /// all hashes up to [`MAX_PADDED_COST`].
    pub(crate) fn passes(&self, password: &[u8]) -> bool {
        let verify = |hash: &str| bcrypt::verify(password, hash).unwrap_or(false);
        let placeholder = |cost: u32| format!("$2y${cost:02}${PLACEHOLDER}");
        match &self.user {
            Some(Hash { text, .. }) if verify(text) => true,
            // 2^c and then 2^c + 2^(c+1) + ... + 2^(m-1) make 2^m.
            Some(Hash { cost, .. }) => {
                for cost in *cost..self.padded_cost {
                    verify(&placeholder(cost));
                }
                false
            }
            None => {
                verify(&placeholder(self.padded_cost));
                false
            }
        }
    }
}

/// Hashes that Go's check lets pass but no bcrypt can read are refused too.
fn cost(hash: &str) -> Result<u32, HashError> {
    let bytes = hash.as_bytes();
    if bytes.len() < MIN_LENGTH {
        return Err(HashError::TooShort);
    }
    if bytes[0] != b'$' {
        return Err(HashError::Prefix(char::from(bytes[0])));
    }
    if bytes[1] > b'2' {
        return Err(HashError::Version(char::from(bytes[1])));
    }
    let parts: HashParts = hash.parse().map_err(HashError::Malformed)?;
    let cost = parts.get_cost();
    if !COSTS.contains(&cost) {
        return Err(HashError::Cost(cost));
    }
    Ok(cost)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(costs: &[(&str, u32)]) -> Users {
        let hash = |name: &str, cost| {
            bcrypt::hash_with_salt(name, cost, [7; 16])
                .unwrap()
                .to_string()
        };
        Users::new(
            costs
                .iter()
                .map(|(name, cost)| ((*name).to_owned(), hash(name, *cost)))
                .collect(),
        )
        .unwrap()
    }

    #[test]
    fn the_right_password_of_the_right_user() {
        let users = users(&[("alice", 4), ("bob", 6)]);
        for (name, password, passes) in [
            ("alice", "alice", true),
            ("bob", "bob", true),
            ("alice", "bob", false),
            ("carol", "carol", false),
            ("", "", false),
        ] {
            assert_eq!(
                users.check(name.as_bytes()).passes(password.as_bytes()),
                passes,
                "{name}"
            );
        }
        assert!(!format!("{users:?}").contains("alice"));
    }

    #[test]
    fn the_password_of_the_placeholder_lets_no_one_in() {
        let users = users(&[("alice", 10)]);
        let made_from = bcrypt::verify("fakepassword", &format!("$2y$10${PLACEHOLDER}")).unwrap();
        assert!(made_from, "the exporter-toolkit's own");
        assert!(!users.check(b"nobody").passes(b"fakepassword"));
    }

    #[test]
    fn one_very_costly_hash_does_not_make_all_failures_so() {
        let very_costly = format!("$2y$31${PLACEHOLDER}");
        let cheap = bcrypt::hash_with_salt("secret", 4, [7; 16]).unwrap();
        let entries = [("a", cheap.to_string()), ("b", very_costly)];
        let entries = entries.map(|(name, hash)| (name.to_owned(), hash));
        let users = Users::new(entries.into()).unwrap();
        assert!(users.has_very_costly());
        assert_eq!(users.check(b"a").padded_cost, MAX_PADDED_COST);
        assert_eq!(users.check(b"nobody").padded_cost, MAX_PADDED_COST);
    }

    #[test]
    fn malformed_hashes() {
        let rest = "a".repeat(58);
        for (hash, expected) in [
            ("", "hashedSecret too short to be a bcrypted password"),
            (
                "$2y$10$short",
                "hashedSecret too short to be a bcrypted password",
            ),
            (
                &format!("x{rest}"),
                "bcrypt hashes must start with '$', but hashedSecret started with 'x'",
            ),
            (
                &format!("$3y$10${rest}"),
                "bcrypt algorithm version '3' requested is newer than current version '2'",
            ),
            (&format!("$2y$xx${PLACEHOLDER}"), "crypto/bcrypt: "),
            (&format!("$2y$32${PLACEHOLDER}"), "crypto/bcrypt: "),
            (&format!("$2y$10${}", "!".repeat(53)), "crypto/bcrypt: "),
        ] {
            let error = Users::new(vec![("a".to_owned(), hash.to_owned())])
                .unwrap_err()
                .to_string();
            assert!(error.contains(expected), "{hash}: {error}");
        }
    }
}
