//! The users that may log in, with their bcrypt hashes.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use bcrypt::HashParts;
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

/// A bcrypt hash.
#[derive(Clone, Debug)]
pub(crate) struct Hash {
    text: String,
    cost: u32,
}

/// A text that is no bcrypt hash. It may be a password, so nothing of it is repeated.
#[derive(Debug, Error)]
pub(crate) enum HashError {
    #[error("is not a bcrypt hash, expected $2y$…, which `htpasswd -nBC 12 USER` prints")]
    NotBcrypt,
    #[error(
        "has a cost of {0}, expected {min} to {max}",
        min = COSTS.start(),
        max = COSTS.end()
    )]
    Cost(u32),
}

impl FromStr for Hash {
    type Err = HashError;

    /// Hashes that Go's check lets pass but no bcrypt can read are refused too.
    fn from_str(text: &str) -> Result<Self, HashError> {
        let bytes = text.as_bytes();
        if bytes.len() < MIN_LENGTH || bytes[0] != b'$' || bytes[1] > b'2' {
            return Err(HashError::NotBcrypt);
        }
        let parts: HashParts = text.parse().map_err(|_| HashError::NotBcrypt)?;
        let cost = parts.get_cost();
        if !COSTS.contains(&cost) {
            return Err(HashError::Cost(cost));
        }
        Ok(Self {
            text: text.to_owned(),
            cost,
        })
    }
}

impl Users {
    /// From names and hashes.
    pub(crate) fn new(hashes: BTreeMap<String, Hash>) -> Self {
        let max_cost = hashes.values().map(|hash| hash.cost).max();
        Self {
            max_cost: max_cost.unwrap_or_default(),
            hashes,
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn users(costs: &[(&str, u32)]) -> Users {
        let hash = |name: &str, cost| {
            bcrypt::hash_with_salt(name, cost, [7; 16])
                .unwrap()
                .to_string()
        };
        let entries = costs.iter().map(|(name, cost)| {
            let hash: Hash = hash(name, *cost).parse().unwrap();
            ((*name).to_owned(), hash)
        });
        Users::new(entries.collect())
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
        let entries = entries.map(|(name, hash)| (name.to_owned(), hash.parse().unwrap()));
        let users = Users::new(entries.into());
        assert!(users.has_very_costly());
        assert_eq!(users.check(b"a").padded_cost, MAX_PADDED_COST);
        assert_eq!(users.check(b"nobody").padded_cost, MAX_PADDED_COST);
    }

    #[test]
    fn malformed_hashes() {
        let rest = "a".repeat(58);
        for hash in [
            "",
            "$2y$10$short",
            &format!("x{rest}"),
            &format!("$3y$10${rest}"),
            &format!("$apr1${rest}"),
            &format!("$2y$xx${PLACEHOLDER}"),
            &format!("$2y$10${}", "!".repeat(53)),
        ] {
            let error = hash.parse::<Hash>().unwrap_err().to_string();
            assert!(error.starts_with("is not a bcrypt hash"), "{hash}: {error}");
        }
        let error = format!("$2y$32${PLACEHOLDER}").parse::<Hash>().unwrap_err();
        assert_eq!(error.to_string(), "has a cost of 32, expected 4 to 31");
    }
}
