//! Rate quotas.

use crate::clock::Mono;

/// The rate quota of an account in one service: a token bucket for one second's calls.
pub(super) struct Quota {
    per_second: f64,
    tokens: f64,
    updated_at: Mono,
}

impl Quota {
    pub(super) fn new(per_second: f64, now: Mono) -> Self {
        Self {
            per_second,
            tokens: per_second,
            updated_at: now,
        }
    }

    /// Takes a token, if there is one.
    pub(super) fn try_take(&mut self, now: Mono) -> bool {
        let added = now.since(self.updated_at).as_secs_f64() * self.per_second;
        self.tokens = (self.tokens + added).min(self.per_second.max(1.0));
        self.updated_at = now;
        let has_token = self.tokens >= 1.0;
        self.tokens -= f64::from(u8::from(has_token));
        has_token
    }
}
