//! Gives memory back to the system after a crowd of clients has gone.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::Clock;

/// Time between two trims. One that finds nothing to give back takes less than a millisecond.
const INTERVAL: Duration = Duration::from_secs(15);

/// Trims the heap now and then until `stop`.
pub async fn trim_regularly(clock: Clock, stop: CancellationToken) {
    loop {
        let wake = clock.now().mono + INTERVAL;
        tokio::select! {
            () = stop.cancelled() => return,
            () = clock.sleep_until(wake) => {}
        }
        // Other threads' allocations may wait for it, but no task does. It cannot panic.
        let _ = tokio::task::spawn_blocking(heap::trim).await;
    }
}
