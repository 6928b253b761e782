//! Logins by HTTP's basic scheme (RFC 7617).
//!
//! bcrypt is slow on purpose. It runs off the runtime's own threads, on some of the cores, and
//! whoever asks waits in a queue of bounded length, one queue for each client's address, which take
//! turns: who floods one waits in it. A login that was good once is known by a keyed digest and
//! costs no bcrypt again; failures are never kept, so they push out nobody.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zeroize::Zeroizing;

use super::users::Users;

/// How many of one client address, and of all together, may wait.
const WAITING_OF_ONE: usize = 16;
const WAITING_OF_ALL: usize = 128;

/// A name and a password as a client sent them. Neither is ever shown.
pub struct Credentials {
    bytes: Zeroizing<Vec<u8>>,
    colon: usize,
}

impl Credentials {
    /// From the value of an `Authorization` header, as Go's `Request.BasicAuth` reads it.
    #[must_use]
    pub fn parse(authorization: &[u8]) -> Option<Self> {
        const SCHEME: &[u8] = b"Basic ";
        let (scheme, encoded) = authorization.split_at_checked(SCHEME.len())?;
        if !scheme.eq_ignore_ascii_case(SCHEME) {
            return None;
        }
        let bytes = Zeroizing::new(STANDARD.decode(encoded).ok()?);
        let colon = bytes.iter().position(|byte| *byte == b':')?;
        Some(Self { bytes, colon })
    }

    /// The name, before the first colon.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        &self.bytes[..self.colon]
    }

    /// The password, after it.
    #[must_use]
    pub fn password(&self) -> &[u8] {
        &self.bytes[self.colon + 1..]
    }
}

/// What came of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Good,
    Bad,
    /// Too many are waiting; nothing was checked.
    Busy,
}

/// Who a client is, as far as turns are concerned; all who come through sockets in the file system
/// are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Peer(Option<IpAddr>);

impl Peer {
    /// One host has many addresses of IPv6, but they begin with the same 64 bits.
    pub(super) fn new(address: Option<IpAddr>) -> Self {
        Self(address.map(|address| match address.to_canonical() {
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
            v4 => v4,
        }))
    }
}

/// Checks logins.
pub(super) struct Logins {
    /// Of this process alone, so that a digest tells nothing.
    key: hmac::Key,
    /// Each user's last good login, by name.
    good: Mutex<HashMap<Vec<u8>, hmac::Tag>>,
    queue: Arc<Queue>,
}

impl Logins {
    pub(super) fn new() -> Self {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
            .expect("the system has random numbers");
        Self {
            key,
            good: Mutex::default(),
            queue: Arc::new(Queue::new()),
        }
    }

    pub(super) async fn check(
        self: &Arc<Self>,
        users: &Users,
        credentials: Credentials,
        peer: Peer,
    ) -> Verdict {
        let check = users.check(credentials.name());
        let digest = self.digest(&credentials, check.hash());
        let is_known = self.good().get(credentials.name()).is_some_and(|known| {
            aws_lc_rs::constant_time::verify_slices_are_equal(known.as_ref(), digest.as_ref())
                .is_ok()
        });
        if is_known && check.is_known() {
            return Verdict::Good;
        }
        let Some(turn) = Queue::turn(&self.queue, peer).await else {
            return Verdict::Busy;
        };
        let logins = Arc::clone(self);
        let checked = tokio::task::spawn_blocking(move || {
            // Kept to the end even if the client leaves: the work goes on.
            let _turn = turn;
            let passes = check.passes(credentials.password());
            if passes {
                logins.good().insert(credentials.name().to_vec(), digest);
            }
            passes
        });
        if checked.await.unwrap_or(false) {
            Verdict::Good
        } else {
            Verdict::Bad
        }
    }

    fn good(&self) -> MutexGuard<'_, HashMap<Vec<u8>, hmac::Tag>> {
        self.good.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Of all that a verdict depends on. A hash has no colon.
    fn digest(&self, credentials: &Credentials, hash: &str) -> hmac::Tag {
        let mut digest = hmac::Context::with_key(&self.key);
        digest.update(hash.as_bytes());
        digest.update(b":");
        digest.update(&credentials.bytes);
        digest.sign()
    }
}

/// Those who wait for bcrypt.
struct Queue {
    workers: Arc<Semaphore>,
    lanes: Mutex<Lanes>,
}

#[derive(Default)]
struct Lanes {
    waiting: usize,
    of: HashMap<Peer, Lane>,
}

/// Those with the same address: one of them at a time waits for a worker.
struct Lane {
    front: Arc<Semaphore>,
    waiting: usize,
}

/// A place in the queue.
struct Waiting {
    queue: Arc<Queue>,
    peer: Peer,
}

/// A worker.
struct Turn {
    _worker: OwnedSemaphorePermit,
    _front: OwnedSemaphorePermit,
    _waiting: Waiting,
}

impl Queue {
    fn new() -> Self {
        // The other half is for polling and scrapes.
        let workers = available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1));
        Self {
            workers: Arc::new(Semaphore::new(workers)),
            lanes: Mutex::default(),
        }
    }

    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a worker, unless too many do.
    async fn turn(this: &Arc<Self>, peer: Peer) -> Option<Turn> {
        let (waiting, front) = Self::enter(this, peer)?;
        let front = front
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        let worker = Arc::clone(&this.workers)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        Some(Turn {
            _worker: worker,
            _front: front,
            _waiting: waiting,
        })
    }

    fn enter(this: &Arc<Self>, peer: Peer) -> Option<(Waiting, Arc<Semaphore>)> {
        let mut lanes = this.lanes();
        let of_one = lanes.of.get(&peer).map_or(0, |lane| lane.waiting);
        if of_one >= WAITING_OF_ONE || lanes.waiting >= WAITING_OF_ALL {
            return None;
        }
        lanes.waiting += 1;
        let new = || Lane {
            front: Arc::new(Semaphore::new(1)),
            waiting: 0,
        };
        let lane = lanes.of.entry(peer).or_insert_with(new);
        lane.waiting += 1;
        Some((
            Waiting {
                queue: Arc::clone(this),
                peer,
            },
            Arc::clone(&lane.front),
        ))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut lanes = self.queue.lanes();
        lanes.waiting -= 1;
        if let Some(lane) = lanes.of.get_mut(&self.peer) {
            lane.waiting -= 1;
            if lane.waiting == 0 {
                lanes.of.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::task::JoinSet;

    fn credentials(text: &str) -> Credentials {
        Credentials::parse(format!("Basic {}", STANDARD.encode(text)).as_bytes()).unwrap()
    }

    fn users(password: &str, cost: u32) -> Users {
        let hash = bcrypt::hash_with_salt(password, cost, [7; 16])
            .unwrap()
            .to_string();
        Users::new(vec![("alice".to_owned(), hash)]).unwrap()
    }

    fn peer(last: u8) -> Peer {
        Peer::new(Some([127, 0, 0, last].into()))
    }

    #[test]
    fn authorization_as_go_reads_it() {
        for (header, parsed) in [
            (
                "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
                Some(("Aladdin", "open sesame")),
            ),
            ("bAsIc YTpiOmM=", Some(("a", "b:c"))),
            ("Basic Og==", Some(("", ""))),
            ("Basic YQ==", None),
            ("Basic  YTpi", None),
            ("Basic YTpi=", None),
            ("Bearer YTpi", None),
            ("Basic", None),
            ("", None),
        ] {
            let found = Credentials::parse(header.as_bytes());
            let found = found.as_ref().map(|found| (found.name(), found.password()));
            assert_eq!(
                found,
                parsed.map(|(name, password)| (name.as_bytes(), password.as_bytes())),
                "{header}"
            );
        }
    }

    #[test]
    fn addresses_of_one_host() {
        let peer = |address: &str| Peer::new(Some(address.parse().unwrap()));
        assert_eq!(peer("2001:db8::1"), peer("2001:db8::2:0:0:1"));
        assert_ne!(peer("2001:db8::1"), peer("2001:db8:0:1::1"));
        assert_eq!(peer("::ffff:192.0.2.1"), peer("192.0.2.1"));
        assert_ne!(peer("192.0.2.1"), peer("192.0.2.2"));
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
        // No worker is needed any more.
        let _all = logins
            .queue
            .workers
            .acquire_many(logins.queue.workers.available_permits() as u32)
            .await
            .unwrap();
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
        assert_eq!(
            logins.queue.lanes().waiting,
            4,
            "all these have to be checked"
        );
        drop(_all);
        assert_eq!(others.join_all().await, [Verdict::Bad; 4]);
        assert!(logins.queue.lanes().of.is_empty());
    }

    #[tokio::test]
    async fn who_floods_waits_in_a_queue_of_its_own() {
        let queue = Arc::new(Queue {
            workers: Arc::new(Semaphore::new(1)),
            lanes: Mutex::default(),
        });
        let busy = Queue::turn(&queue, peer(1)).await.unwrap();
        let mut flood = JoinSet::new();
        for _ in 0..100 {
            let queue = Arc::clone(&queue);
            flood.spawn(async move { Queue::turn(&queue, peer(2)).await.is_some() });
        }
        tokio::task::yield_now().await;
        let (own, mut other) = (Arc::clone(&queue), JoinSet::new());
        other.spawn(async move { Queue::turn(&own, peer(3)).await.is_some() });
        tokio::task::yield_now().await;
        assert_eq!(queue.lanes().of[&peer(2)].waiting, WAITING_OF_ONE);
        drop(busy);
        assert!(other.join_next().await.unwrap().unwrap());
        let served = flood
            .join_all()
            .await
            .into_iter()
            .filter(|served| *served)
            .count();
        assert_eq!(served, WAITING_OF_ONE);
    }

    #[tokio::test]
    async fn there_is_an_end_to_waiting() {
        let queue = Arc::new(Queue {
            workers: Arc::new(Semaphore::new(0)),
            lanes: Mutex::default(),
        });
        let mut waiting = Vec::new();
        for last in 0..WAITING_OF_ALL {
            waiting.push(Queue::enter(&queue, peer(last as u8)).unwrap());
        }
        assert!(Queue::enter(&queue, peer(255)).is_none());
        waiting.pop();
        assert!(Queue::enter(&queue, peer(255)).is_some());
    }
}
