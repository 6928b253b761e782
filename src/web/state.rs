//! What the handlers of all routes share.

use std::path::PathBuf;
use std::sync::Arc;

use exporter_web::Peer;
use http::{HeaderMap, Method, Version};
use tokio::sync::{Semaphore, mpsc};

use super::identities::Rows;
use super::places::Places;
use super::status::cache::StatusCache;
use crate::clock::Clock;
use crate::exposition::{Blocks, Exposition};
use crate::first_sweep::FirstSweep;
use crate::health::Watchdog;
use crate::poller::PollerHandle;
use crate::progress::{ExchangeProgress, Progress};
use crate::reload;
use crate::store::Store;
use crate::telemetry::Telemetry;

/// Everything that responses are made from.
pub(super) struct AppState {
    pub(super) telemetry_path: String,
    pub(super) store: Arc<Store>,
    pub(super) exposition: Exposition,
    pub(super) places: Places<Blocks>,
    /// Those of lists of identities, so that none takes the place of a scrape.
    pub(super) lists: Places<Rows>,
    /// The turns of work that takes long: passes over all identities, and writing scrapes. Half of
    /// the processors may be busy with it at a time, so that polls and other requests need not
    /// wait.
    pub(super) long_work: Arc<Semaphore>,
    pub(super) telemetry: Arc<Telemetry>,
    pub(super) progress: Arc<Progress>,
    pub(super) exchanges: Arc<ExchangeProgress>,
    pub(super) first_sweep: Arc<FirstSweep>,
    pub(super) poller: PollerHandle,
    pub(super) config_file: Option<PathBuf>,
    pub(super) status: StatusCache,
    pub(super) watchdog: Watchdog,
    pub(super) reload: Option<mpsc::Sender<reload::Request>>,
    pub(super) clock: Clock,
}

/// The parts of a request that handlers look at.
pub(super) struct RequestHead {
    pub(super) method: Method,
    pub(super) path: String,
    /// What stands behind the `?`; empty if there is none.
    pub(super) query: String,
    pub(super) headers: HeaderMap,
    pub(super) version: Version,
    pub(super) peer: Peer,
}

impl RequestHead {
    /// Whether the response has no body.
    pub(super) fn is_head(&self) -> bool {
        self.method == Method::HEAD
    }
}

/// Turns of long work for half of the processors.
pub(super) fn long_work() -> Arc<Semaphore> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    Arc::new(Semaphore::new((processors / 2).max(1)))
}
