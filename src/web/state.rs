//! What the handlers of all routes share.

use std::path::PathBuf;
use std::sync::Arc;

use http::{HeaderMap, Method, Version};
use tokio::sync::mpsc;

use super::status::cache::StatusCache;
use crate::clock::Clock;
use crate::exposition::Exposition;
use crate::health::Watchdog;
use crate::poller::PollerHandle;
use crate::progress::Progress;
use crate::reload;
use crate::store::Store;
use crate::telemetry::Telemetry;

/// Everything that responses are made from.
pub(super) struct AppState {
    pub(super) telemetry_path: String,
    pub(super) store: Arc<Store>,
    pub(super) exposition: Exposition,
    pub(super) telemetry: Arc<Telemetry>,
    pub(super) progress: Arc<Progress>,
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
    pub(super) headers: HeaderMap,
    pub(super) version: Version,
}
