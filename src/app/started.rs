//! What is logged once all is built.

use std::path::PathBuf;
use std::time::Duration;

use tracing::info;

use crate::clock::Timestamp;
use crate::first_sweep::FirstSweep;
use crate::telemetry::{REVISION, VERSION};

/// What the daemon starts with.
#[derive(Debug, Default)]
pub(super) struct Started {
    /// None for `demo`.
    config_file: Option<PathBuf>,
    pools: usize,
    identities: usize,
    /// How long the first sweep takes at least. None if all was restored.
    first_sweep: Option<Duration>,
}

impl Started {
    pub(super) fn new(
        first_sweep: &FirstSweep,
        pools: usize,
        config_file: Option<PathBuf>,
        now: Timestamp,
    ) -> Self {
        let standing = first_sweep.look(now);
        let ends = standing.sweep.and_then(|sweep| sweep.end.unix());
        let seconds = ends.map(|ends| (ends - now.unix).max(0.0).ceil());
        Self {
            config_file,
            pools,
            identities: standing.identities,
            first_sweep: seconds.map(Duration::from_secs_f64),
        }
    }

    pub(super) fn log(&self) {
        let (pools, identities) = (self.pools, self.identities);
        let config = self
            .config_file
            .as_ref()
            .map(|file| file.display().to_string());
        let first_sweep = self
            .first_sweep
            .map(|it| humantime::format_duration(it).to_string());
        info!(
            version = VERSION,
            revision = REVISION,
            config,
            pools,
            identities,
            first_sweep,
            "started"
        );
    }
}
