//! The one place in this package that reads a clock.

use tokio::time::Instant;

/// Monotonic time, which tests can pause with `tokio::time::pause`. All deadlines use it.
#[allow(clippy::disallowed_methods, reason = "this is the clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
