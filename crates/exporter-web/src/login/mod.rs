//! Logins by HTTP's basic scheme (RFC 7617).
//!
//! bcrypt is slow on purpose. It runs on threads of its own and on some of the cores only, behind a
//! [`queue`]. A successful login is remembered as a keyed digest, one for each user, and costs no
//! bcrypt again. Failed logins are not remembered, so they cannot push out the others.

mod credentials;
mod queue;
mod users;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;

pub use self::credentials::Credentials;
use self::queue::Queue;
pub(crate) use self::users::{Hash, MAX_PADDED_COST, Users};
use crate::peer::Peer;
use crate::sync::lock;

/// The result of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Name and password are right.
    Good,
    /// Name or password is wrong.
    Bad,
    /// Too many logins wait; nothing was checked.
    Busy,
}

/// Checks logins.
pub(crate) struct Logins {
    /// Random for each process, so that a digest is of no use outside it.
    key: hmac::Key,
    /// The digest of each user's last successful login, by name.
    known: Mutex<HashMap<Vec<u8>, hmac::Tag>>,
    queue: Queue,
}

impl Logins {
    pub(crate) fn new() -> Self {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
            .expect("the system has random numbers");
        Self {
            key,
            known: Mutex::default(),
            queue: Queue::new(),
        }
    }

    pub(crate) async fn check(
        self: &Arc<Self>,
        users: &Users,
        credentials: Credentials,
        peer: Peer,
    ) -> Verdict {
        let check = users.check(credentials.name());
        let digest = self.digest(&credentials, check.hash());
        let is_remembered = lock(&self.known)
            .get(credentials.name())
            .is_some_and(|known| {
                aws_lc_rs::constant_time::verify_slices_are_equal(known.as_ref(), digest.as_ref())
                    .is_ok()
            });
        if is_remembered && check.is_known() {
            return Verdict::Good;
        }
        let Some(turn) = self.queue.turn(peer).await else {
            return Verdict::Busy;
        };
        let logins = Arc::clone(self);
        let checked = tokio::task::spawn_blocking(move || {
            // Held to the end even if the client leaves, since the work goes on.
            let _turn = turn;
            let passes = check.passes(credentials.password());
            if passes {
                lock(&logins.known).insert(credentials.name().to_vec(), digest);
            }
            passes
        });
        let passed = checked.await.unwrap_or(false);
        self.queue.checked(peer, passed);
        if passed { Verdict::Good } else { Verdict::Bad }
    }

    /// A digest of everything that a verdict depends on. The colon separates: a hash has none.
    fn digest(&self, credentials: &Credentials, hash: &str) -> hmac::Tag {
        let mut digest = hmac::Context::with_key(&self.key);
        digest.update(hash.as_bytes());
        digest.update(b":");
        digest.update(credentials.as_bytes());
        digest.sign()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use std::time::Duration;
    use tokio::task::JoinSet;

    fn credentials(text: &str) -> Credentials {
        Credentials::parse(format!("Basic {}", STANDARD.encode(text)).as_bytes()).unwrap()
    }

    fn users(password: &str, cost: u32) -> Users {
        let hash = bcrypt::hash_with_salt(password, cost, [7; 16])
            .unwrap()
            .to_string();
        Users::new([("alice".to_owned(), hash.parse().unwrap())].into())
    }

    fn peer(last: u8) -> Peer {
        Peer::at([127, 0, 0, last].into())
    }

    #[tokio::test]
    async fn a_good_login_is_known_until_its_hash_changes() {
        let logins = Arc::new(Logins::new());
        let users = users("secret", 4);
        assert_eq!(
            logins
                .check(&users, credentials("alice:wrong"), peer(1))
                .await,
            Verdict::Bad
        );
        assert_eq!(
            logins
                .check(&users, credentials("alice:secret"), peer(1))
                .await,
            Verdict::Good
        );
        // A remembered login needs no core.
        let mut all = Vec::new();
        let at_once = || tokio::time::timeout(Duration::ZERO, logins.queue.turn(peer(3)));
        while let Ok(Some(turn)) = at_once().await {
            all.push(turn);
        }
        assert_eq!(
            logins
                .check(&users, credentials("alice:secret"), peer(2))
                .await,
            Verdict::Good
        );
        let mut others = JoinSet::new();
        for text in ["alice:Secret", "bob:secret", "alice:secret:"] {
            let (logins, users) = (Arc::clone(&logins), self::users("secret", 4));
            others.spawn(async move { logins.check(&users, credentials(text), peer(1)).await });
        }
        let (changed, own) = (self::users("other", 4), Arc::clone(&logins));
        others.spawn(async move {
            own.check(&changed, credentials("alice:secret"), peer(1))
                .await
        });
        tokio::task::yield_now().await;
        assert_eq!(logins.queue.waiting(), 4, "all these have to be checked");
        drop(all);
        assert_eq!(others.join_all().await, [Verdict::Bad; 4]);
        assert_eq!(logins.queue.waiting(), 0);
    }
}
