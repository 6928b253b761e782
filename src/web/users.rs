//! Who may log in: names and bcrypt hashes.

use std::collections::BTreeMap;
use std::fmt;

/// bcrypt's costs, as powers of two.
const COSTS: std::ops::RangeInclusive<u32> = 4..=31;
/// A hash with its salt is never shorter, and Go asks for no more.
const SHORTEST: usize = 59;
/// A salt and a hash that nobody has: what unknown users are checked against.
const NOBODYS: &str = "QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi";

/// Users by name.
#[derive(Default)]
pub(super) struct Users {
    hashes: BTreeMap<String, Hash>,
    costliest: u32,
}

/// Names no user and shows no hash.
impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Users({})", self.len())
    }
}

/// A bcrypt hash.
#[derive(Clone)]
pub(super) struct Hash {
    text: String,
    cost: u32,
}

impl Users {
    /// All hashes have to be of bcrypt.
    ///
    /// # Errors
    /// What Go's `bcrypt.Cost` says.
    pub(super) fn new(entries: Vec<(String, String)>) -> Result<Self, String> {
        let mut users = Self::default();
        for (name, text) in entries {
            let cost = cost(&text)?;
            users.costliest = users.costliest.max(cost);
            users.hashes.insert(name, Hash { text, cost });
        }
        Ok(users)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.hashes.len()
    }

    /// How to check somebody's password, so that all who fail take equally long.
    pub(super) fn check(&self, name: &[u8]) -> Check {
        let known = std::str::from_utf8(name)
            .ok()
            .and_then(|name| self.hashes.get(name))
            .cloned();
        Check {
            known,
            costliest: self.costliest,
        }
    }
}

/// A check of a password.
pub(super) struct Check {
    known: Option<Hash>,
    costliest: u32,
}

impl Check {
    /// The hash of a user who is known, or one of nobody.
    pub(super) fn hash(&self) -> &str {
        self.known.as_ref().map_or(NOBODYS, |known| &known.text)
    }

    /// Whether the user is known.
    pub(super) fn is_known(&self) -> bool {
        self.known.is_some()
    }

    /// Whether the password is the user's. This takes long: a failure as long as with the costliest
    /// of all hashes.
    pub(super) fn passes(&self, password: &[u8]) -> bool {
        let is_right = |hash: &str| bcrypt::verify(password, hash).unwrap_or(false);
        let nobodys = |cost: u32| format!("$2y${cost:02}${NOBODYS}");
        match &self.known {
            Some(Hash { text, .. }) if is_right(text) => true,
            // 2^c and then 2^c + 2^(c+1) + ... + 2^(m-1) make 2^m.
            Some(Hash { cost, .. }) => {
                for cost in *cost..self.costliest {
                    is_right(&nobodys(cost));
                }
                false
            }
            None => {
                is_right(&nobodys(self.costliest));
                false
            }
        }
    }
}

/// In Go's words; what Go's check lets pass and no bcrypt can read is refused too.
fn cost(hash: &str) -> Result<u32, String> {
    let bytes = hash.as_bytes();
    if bytes.len() < SHORTEST {
        return Err("crypto/bcrypt: hashedSecret too short to be a bcrypted password".to_owned());
    }
    if bytes[0] != b'$' {
        let first = char::from(bytes[0]);
        return Err(format!(
            "crypto/bcrypt: bcrypt hashes must start with '$', but hashedSecret started with '{first}'"
        ));
    }
    if bytes[1] > b'2' {
        let version = char::from(bytes[1]);
        return Err(format!(
            "crypto/bcrypt: bcrypt algorithm version '{version}' requested is newer than current version '2'"
        ));
    }
    let parts: Result<bcrypt::HashParts, _> = hash.parse();
    let parts = parts.map_err(|error| format!("crypto/bcrypt: {error}"))?;
    let cost = parts.get_cost();
    if !COSTS.contains(&cost) {
        let (least, most) = (COSTS.start(), COSTS.end());
        return Err(format!(
            "crypto/bcrypt: cost {cost} is outside allowed range ({least},{most})"
        ));
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
    fn nobody_gets_in_with_what_nobodys_hash_was_made_from() {
        let users = users(&[("alice", 10)]);
        let made_from = bcrypt::verify("fakepassword", &format!("$2y$10${NOBODYS}")).unwrap();
        assert!(made_from, "the exporter-toolkit's own");
        assert!(!users.check(b"nobody").passes(b"fakepassword"));
    }

    #[test]
    fn hashes_that_are_none() {
        let rest = "a".repeat(58);
        for (hash, told) in [
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
            (&format!("$2y$xx${NOBODYS}"), "crypto/bcrypt: "),
            (&format!("$2y$32${NOBODYS}"), "crypto/bcrypt: "),
            (&format!("$2y$10${}", "!".repeat(53)), "crypto/bcrypt: "),
        ] {
            let error = Users::new(vec![("a".to_owned(), hash.to_owned())]).unwrap_err();
            assert!(error.contains(told), "{hash}: {error}");
        }
    }
}
