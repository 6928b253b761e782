//! Gives memory back to the system: that of identities which have left for good, and of a crowd of
//! clients that has gone.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::store::Store;

/// Time between two times. One that finds nothing to give back takes less than a millisecond.
const INTERVAL: Duration = Duration::from_secs(15);

/// Gives back what is not needed, now and then until `stop`.
pub async fn give_back_regularly(store: Arc<Store>, clock: Clock, stop: CancellationToken) {
    loop {
        let now = clock.now().mono;
        tokio::select! {
            () = stop.cancelled() => return,
            () = clock.sleep_until(now + INTERVAL) => {}
        }
        let store = Arc::clone(&store);
        let give_back = move || {
            store.forget_departed(now);
            heap::trim();
        };
        // Other threads' allocations may wait for it, but no task does. It cannot panic.
        let _ = tokio::task::spawn_blocking(give_back).await;
    }
}
