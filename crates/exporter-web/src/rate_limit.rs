//! The rate limit over all requests.

use std::time::Duration;

use tokio::time::Instant;

/// A token bucket of `burst` requests that earns one more each `interval`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct RateLimit {
    pub(crate) interval: Duration,
    pub(crate) burst: u32,
}

/// The requests that may be made now.
pub(crate) struct TokenBucket {
    limit: Option<RateLimit>,
    tokens: f64,
    updated: Instant,
}

impl TokenBucket {
    /// A bucket without a limit.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            limit: None,
            tokens: 0.0,
            updated: now,
        }
    }

    /// Takes a token for one request; false when there is none. A changed limit starts with a full
    /// bucket.
    pub(crate) fn take(&mut self, limit: Option<RateLimit>, now: Instant) -> bool {
        let Some(RateLimit { interval, burst }) = limit else {
            return true;
        };
        if self.limit != limit {
            *self = Self {
                limit,
                tokens: f64::from(burst),
                updated: now,
            };
        }
        let elapsed = now.saturating_duration_since(self.updated).as_secs_f64();
        self.tokens = (self.tokens + elapsed / interval.as_secs_f64()).min(f64::from(burst));
        self.updated = now;
        let is_allowed = self.tokens >= 1.0;
        if is_allowed {
            self.tokens -= 1.0;
        }
        is_allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_one_each_interval() {
        let start = crate::clock::now();
        let mut bucket = TokenBucket::new(start);
        let limit = Some(RateLimit {
            interval: Duration::from_secs(2),
            burst: 3,
        });
        let mut asked = |seconds| bucket.take(limit, start + Duration::from_secs(seconds));
        let allowed: Vec<_> = [10, 10, 10, 10, 11, 12, 12, 14, 100, 100, 100, 100]
            .map(&mut asked)
            .into();
        assert_eq!(
            allowed,
            [
                true, true, true, false, false, true, false, true, true, true, true, false
            ]
        );
        assert!(bucket.take(None, start));
        let none = Some(RateLimit {
            interval: Duration::from_secs(2),
            burst: 0,
        });
        assert!(!bucket.take(none, start + Duration::from_secs(100)));
    }
}
