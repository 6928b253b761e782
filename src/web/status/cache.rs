//! The status that was made last.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use super::model::Status;
use crate::clock::{Clock, Mono};

/// How long a status is served from the cache: making one takes a pass over all identities, and one
/// over all waiting jobs.
const CACHE_TTL: Duration = Duration::from_secs(1);

/// The status that was made last, and when.
#[derive(Default)]
pub(in crate::web) struct StatusCache(Mutex<Option<(Mono, Arc<Status>)>>);

impl StatusCache {
    /// The cached status if it is not older than [`CACHE_TTL`], or a new one. Requests that come
    /// while one is made wait for it.
    pub(super) async fn get_or_make(
        &self,
        clock: &Clock,
        make: impl Future<Output = Status>,
    ) -> Arc<Status> {
        let mut cache = self.0.lock().await;
        if let Some((at, status)) = &*cache
            && clock.now().mono.since(*at) < CACHE_TTL
        {
            return Arc::clone(status);
        }
        let status = Arc::new(make.await);
        *cache = Some((clock.now().mono, Arc::clone(&status)));
        status
    }
}
