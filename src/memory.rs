//! Gives memory back to the system after a crowd of clients has gone.

use std::time::Duration;

use procfs::process::Process;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::clock::Clock;

/// Time between two looks.
const INTERVAL: Duration = Duration::from_secs(15);
/// The growth since the last trim that is worth another.
const WORTH_TRIMMING: f64 = 1.1;

/// Looks now and then until `stop`, and trims the heap when the process has grown. What is in use
/// stays, so growth that is not a crowd's costs one trim.
pub async fn trim_after_growth(clock: Clock, stop: CancellationToken) {
    let mut usual = f64::INFINITY;
    loop {
        let wake = clock.now().mono + INTERVAL;
        tokio::select! {
            () = stop.cancelled() => return,
            () = clock.sleep_until(wake) => {}
        }
        let Some(grown) = resident_pages() else {
            return;
        };
        if grown > usual * WORTH_TRIMMING || usual.is_infinite() {
            // Allocations wait for it, but no task does.
            if tokio::task::spawn_blocking(heap::trim).await.is_err() {
                return;
            }
            usual = resident_pages().unwrap_or(grown);
            debug!(pages_before = grown, pages = usual, "heap trimmed");
        }
    }
}

/// `None` without a /proc file system.
fn resident_pages() -> Option<f64> {
    let stat = Process::myself().ok()?.stat().ok()?;
    Some(stat.rss as f64)
}
