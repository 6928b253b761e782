//! What every request passes first, in the exporter-toolkit's order: the rate limit, then the
//! login; every answer carries the headers that the web configuration sets.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, StatusCode};
use prometheus::IntCounter;
use warp::reply::Response;

use super::login::{Credentials, Logins, Peer, Verdict};
use super::web_config::{Kept, RateLimit, WebConfig};
use super::{TEXT, page};
use crate::clock::{Clock, Mono};

const SCHEME: HeaderValue = HeaderValue::from_static("Basic");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const SOON: HeaderValue = HeaderValue::from_static("1");
/// Routes that ask whether the process works.
const HEALTH: [&str; 2] = ["/-/healthy", "/-/ready"];

/// Lets requests in, or not.
pub struct Door {
    config: Arc<Kept>,
    logins: Arc<Logins>,
    bucket: Mutex<Bucket>,
    failures: IntCounter,
    health_without_login: bool,
    clock: Clock,
}

impl Door {
    /// A door as the web configuration says; `failures` counts those without a good login. Health
    /// may be asked for without one.
    #[must_use]
    pub fn new(
        config: Arc<Kept>,
        failures: IntCounter,
        health_without_login: bool,
        clock: Clock,
    ) -> Self {
        let bucket = Mutex::new(Bucket {
            limit: None,
            left: 0.0,
            since: Mono::START,
        });
        Self {
            config,
            logins: Arc::new(Logins::new()),
            bucket,
            failures,
            health_without_login,
            clock,
        }
    }

    /// The answer to a request, from behind the door or at it.
    pub(super) async fn answer(
        &self,
        path: &str,
        headers: &HeaderMap,
        peer: Peer,
        inside: impl Future<Output = Response>,
    ) -> Response {
        let config = self.config.current().await;
        let mut response = match self.refusal(&config, path, headers, peer).await {
            Some(refusal) => refusal,
            None => inside.await,
        };
        for (name, value) in &config.headers {
            response.headers_mut().insert(name, value.clone());
        }
        response
    }

    fn bucket(&self) -> MutexGuard<'_, Bucket> {
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn refusal(
        &self,
        config: &WebConfig,
        path: &str,
        headers: &HeaderMap,
        peer: Peer,
    ) -> Option<Response> {
        if !self.bucket().take(config.rate_limit, self.clock.now().mono) {
            return Some(refusal(StatusCode::TOO_MANY_REQUESTS));
        }
        if config.users.is_empty() || (self.health_without_login && HEALTH.contains(&path)) {
            return None;
        }
        let verdict = match headers
            .get(AUTHORIZATION)
            .and_then(|header| Credentials::parse(header.as_bytes()))
        {
            Some(credentials) => self.logins.check(&config.users, credentials, peer).await,
            None => Verdict::Bad,
        };
        let mut refused = match verdict {
            Verdict::Good => return None,
            Verdict::Bad => refusal(StatusCode::UNAUTHORIZED),
            Verdict::Busy => refusal(StatusCode::TOO_MANY_REQUESTS),
        };
        let (name, value) = match verdict {
            Verdict::Busy => (RETRY_AFTER, SOON),
            _ => (WWW_AUTHENTICATE, SCHEME),
        };
        refused.headers_mut().insert(name, value);
        if verdict == Verdict::Bad {
            self.failures.inc();
        }
        Some(refused)
    }
}

/// As Go's `http.Error` writes it.
fn refusal(status: StatusCode) -> Response {
    let mut response = page(
        status,
        TEXT,
        format!("{}\n", status.canonical_reason().unwrap_or_default()),
    );
    response
        .headers_mut()
        .insert(X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    response
}

/// Requests that may be made: `burst` at most, and one more each `interval`.
struct Bucket {
    limit: Option<RateLimit>,
    left: f64,
    since: Mono,
}

impl Bucket {
    /// Takes a request out, if there is one. With a new limit the bucket is full.
    fn take(&mut self, limit: Option<RateLimit>, now: Mono) -> bool {
        let Some(RateLimit { interval, burst }) = limit else {
            return true;
        };
        if self.limit != limit {
            *self = Self {
                limit,
                left: f64::from(burst),
                since: now,
            };
        }
        let fallen = now.since(self.since).as_secs_f64() / interval.as_secs_f64();
        self.left = (self.left + fallen).min(f64::from(burst));
        self.since = now;
        let may_ask = self.left >= 1.0;
        if may_ask {
            self.left -= 1.0;
        }
        may_ask
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_burst_and_then_one_each_interval() {
        let mut bucket = Bucket {
            limit: None,
            left: 0.0,
            since: Mono::START,
        };
        let limit = Some(RateLimit {
            interval: Duration::from_secs(2),
            burst: 3,
        });
        let mut asked = |seconds| bucket.take(limit, Mono::START + Duration::from_secs(seconds));
        let allowed: Vec<_> = [10, 10, 10, 10, 11, 12, 12, 14, 100, 100, 100, 100]
            .map(&mut asked)
            .into();
        assert_eq!(
            allowed,
            [
                true, true, true, false, false, true, false, true, true, true, true, false
            ]
        );
        assert!(bucket.take(None, Mono::START));
        let none = Some(RateLimit {
            interval: Duration::from_secs(2),
            burst: 0,
        });
        assert!(!bucket.take(none, Mono::START + Duration::from_secs(100)));
    }
}
