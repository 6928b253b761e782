//! The keys of a pool's guests, for as long as they are of use.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_credential_types::Credentials as Keys;

use crate::clock::Mono;
use crate::identity::IdentityId;

/// The longest time that keys are kept: AWS's live as long. With so many exchanges in a second, it
/// bounds their number.
const MAX_LIFE: Duration = Duration::from_secs(3_600);
/// Keys are renewed this long before they expire, so that no call is under way then, or at a tenth
/// of their life, if that is shorter.
const MAX_MARGIN: Duration = Duration::from_secs(60);
/// How often those that have expired are looked for.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// The keys of the guests of one pool, each for its identity only. They are wiped when they are
/// dropped: `Keys` is one place in memory, however often it is cloned. Those of an identity that is
/// no longer polled are dropped when they expire.
#[derive(Default)]
pub(super) struct Keyring(Mutex<Contents>);

struct Contents {
    held: HashMap<Box<str>, Held>,
    sweep_at: Mono,
}

struct Held {
    keys: Keys,
    good_until: Mono,
    /// From the exchange to when they expire.
    life: Duration,
}

impl Default for Contents {
    fn default() -> Self {
        Self {
            held: HashMap::new(),
            sweep_at: Mono::START,
        }
    }
}

impl Keyring {
    /// Whether there are keys for an identity that are good for another call.
    pub(super) fn has_good(&self, identity: IdentityId<'_>, now: Mono) -> bool {
        let held = &self.contents(now).held;
        let held = held.get(identity.as_str());
        held.is_some_and(|held| now < held.good_until)
    }

    /// The keys of an identity.
    pub(super) fn get(&self, identity: IdentityId<'_>) -> Option<Keys> {
        let held = &self.lock().held;
        held.get(identity.as_str()).map(|held| held.keys.clone())
    }

    /// Keeps the keys that AWS handed out for an identity now, for this long.
    pub(super) fn put(&self, identity: IdentityId<'_>, keys: Keys, life: Duration, now: Mono) {
        let life = life.min(MAX_LIFE);
        let good_until = now + (life - MAX_MARGIN.min(life / 10));
        let held = Held {
            keys,
            good_until,
            life,
        };
        let mut contents = self.contents(now);
        contents.held.insert(identity.as_str().into(), held);
    }

    /// Drops the keys of an identity, which AWS has refused.
    pub(super) fn drop_refused(&self, identity: IdentityId<'_>) {
        self.lock().held.remove(identity.as_str());
    }

    /// A poll of an identity has ended. Its keys stay only where they live longer than the interval
    /// to the next one.
    pub(super) fn poll_ended(&self, identity: IdentityId<'_>, interval: Duration) {
        let mut contents = self.lock();
        let held = contents.held.get(identity.as_str());
        if held.is_some_and(|held| held.life <= interval) {
            contents.held.remove(identity.as_str());
        }
    }

    /// The contents, without what has expired.
    fn contents(&self, now: Mono) -> MutexGuard<'_, Contents> {
        let mut contents = self.lock();
        if contents.sweep_at <= now {
            contents.sweep_at = now + SWEEP_INTERVAL;
            let held = &mut contents.held;
            held.retain(|_, held| now < held.good_until);
            held.shrink_to(held.len() * 2);
        }
        contents
    }

    fn lock(&self) -> MutexGuard<'_, Contents> {
        // What it holds is whole after a panic too.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
