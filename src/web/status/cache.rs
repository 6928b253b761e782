//! The status that was made last, for requests with the same parameters.

use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Mutex;

use super::model::Status;
use super::query::Query;
use crate::clock::{Clock, Mono};

/// How long a status is served from the cache: making one takes a pass over all identities, and one
/// over all waiting jobs.
const CACHE_TTL: Duration = Duration::from_secs(1);

/// The status that was made last, when, and for which parameters. It is only one, so that statuses
/// take no more memory and no more than one pass at a time, whatever clients ask for.
#[derive(Default)]
pub(in crate::web) struct StatusCache(Mutex<Option<(Mono, Query, Arc<Made>)>>);

/// A status with its two forms, each made once and shared by all clients, so that many clients that
/// do not read take no more memory than one.
pub(super) struct Made {
    pub(super) status: Status,
    pub(super) page: OnceLock<Bytes>,
    pub(super) json: OnceLock<Bytes>,
}

impl StatusCache {
    /// The cached status if it is of these parameters and not older than [`CACHE_TTL`], or a new
    /// one. Requests that come while one is made wait for it.
    pub(super) async fn get_or_make<E>(
        &self,
        clock: &Clock,
        query: &Query,
        make: impl Future<Output = Result<Status, E>>,
    ) -> Result<Arc<Made>, E> {
        let mut cache = self.0.lock().await;
        if let Some((at, of, made)) = &*cache
            && clock.now().mono.since(*at) < CACHE_TTL
            && of == query
        {
            return Ok(Arc::clone(made));
        }
        let made = Arc::new(Made {
            status: make.await?,
            page: OnceLock::new(),
            json: OnceLock::new(),
        });
        *cache = Some((clock.now().mono, query.clone(), Arc::clone(&made)));
        Ok(made)
    }
}
