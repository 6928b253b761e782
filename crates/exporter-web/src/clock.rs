//! The one place in this package that reads a clock.

use std::time::{SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// Monotonic time, which tests can pause with `tokio::time::pause`. All deadlines use it.
#[allow(clippy::disallowed_methods, reason = "this is the clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Seconds since 1970, to compare with the times of files.
#[allow(clippy::disallowed_methods, reason = "this is the clock")]
pub(crate) fn unix_now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64()
}
