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
/// Keys are renewed this long before they expire, or at a tenth of their life, if that is shorter.
/// A call that is under way then is repeated with new ones.
const MAX_MARGIN: Duration = Duration::from_secs(10);
/// Keys of an identity that AWS may refuse in [`MAX_LIFE`]: what refuses them twice refuses them
/// for longer, and exchanges draw on the quota of the app's logins.
const MAX_REFUSED: u8 = 2;
/// How often those that have expired are looked for.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// The keys of the guests of one pool, each for its identity only. They are wiped when they are
/// dropped: `Keys` is one place in memory, however often it is cloned. Those of an identity that is
/// no longer polled are dropped when they expire.
#[derive(Default)]
pub(super) struct Keyring(Mutex<Contents>);

struct Contents {
    held: HashMap<Box<str>, Held>,
    /// Identities whose keys AWS has refused.
    refused: HashMap<Box<str>, Refused>,
    sweep_at: Mono,
}

#[derive(Clone, Copy)]
struct Refused {
    times: u8,
    /// When it happened first.
    since: Mono,
}

struct Held {
    keys: Keys,
    good_until: Mono,
}

impl Default for Contents {
    fn default() -> Self {
        Self {
            held: HashMap::new(),
            refused: HashMap::new(),
            sweep_at: Mono::START,
        }
    }
}

impl Keyring {
    /// Whether an exchange has to come before another call about an identity: there are no good
    /// keys, and AWS has not refused several.
    pub(super) fn needs_exchange(&self, identity: IdentityId<'_>, now: Mono) -> bool {
        let contents = self.contents(now);
        let held = contents.held.get(identity.as_str());
        let is_good = held.is_some_and(|held| now < held.good_until);
        let refused = contents.refused.get(identity.as_str());
        !is_good
            && refused.is_none_or(|refused| refused.times < MAX_REFUSED || refused.is_over(now))
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
        let held = Held { keys, good_until };
        let mut contents = self.contents(now);
        contents.held.insert(identity.as_str().into(), held);
    }

    /// Drops the keys of an identity, which AWS has refused.
    pub(super) fn drop_refused(&self, identity: IdentityId<'_>, now: Mono) {
        let mut contents = self.contents(now);
        contents.held.remove(identity.as_str());
        let first = Refused {
            times: 0,
            since: now,
        };
        let refused = contents.refused.entry(identity.as_str().into());
        let refused = refused.or_insert(first);
        if refused.is_over(now) {
            *refused = first;
        }
        refused.times = refused.times.saturating_add(1);
    }

    /// AWS has accepted the keys of an identity.
    pub(super) fn accepted(&self, identity: IdentityId<'_>) {
        self.lock().refused.remove(identity.as_str());
    }

    /// A poll of an identity has ended. Its keys stay only where they will be good for the next
    /// one, in an interval at the earliest.
    pub(super) fn poll_ended(&self, identity: IdentityId<'_>, interval: Duration, now: Mono) {
        let mut contents = self.lock();
        let held = contents.held.get(identity.as_str());
        if held.is_some_and(|held| held.good_until <= now + interval) {
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
            contents.refused.retain(|_, refused| !refused.is_over(now));
        }
        contents
    }

    fn lock(&self) -> MutexGuard<'_, Contents> {
        // What it holds is whole after a panic too.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Refused {
    fn is_over(self, now: Mono) -> bool {
        now.since(self.since) >= MAX_LIFE
    }
}

#[cfg(test)]
mod tests;
