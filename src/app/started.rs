//! What is logged once all is built.

use std::path::PathBuf;
use std::time::Duration;

use tracing::info;

use crate::clock::Timestamp;
use crate::first_sweep::FirstSweep;
use crate::targets::Targets;
use crate::telemetry::{REVISION, VERSION};

/// The most budgets that are named.
const MAX_BUDGETS: usize = 5;

/// What the daemon starts with.
#[derive(Debug, Default)]
pub(super) struct Started {
    /// None for `demo`.
    config_file: Option<PathBuf>,
    pools: usize,
    identities: usize,
    /// The budgets of the identities' calls with their ceilings.
    budgets: String,
    /// The status page, if a browser can open one.
    page: Option<String>,
    /// How long the first sweep takes at least. None if all was restored.
    first_sweep: Option<Duration>,
}

impl Started {
    pub(super) fn new(
        first_sweep: &FirstSweep,
        targets: &Targets,
        rate_limit: f64,
        config_file: Option<PathBuf>,
        now: Timestamp,
    ) -> Self {
        let standing = first_sweep.look(now);
        let ends = standing.sweep.and_then(|sweep| sweep.end.unix());
        let seconds = ends.map(|ends| (ends - now.unix).max(0.0).ceil());
        Self {
            config_file,
            pools: targets.pools.len(),
            identities: standing.identities,
            budgets: budgets(targets, rate_limit),
            page: None,
            first_sweep: seconds.map(Duration::from_secs_f64),
        }
    }

    /// With the address of the status page. The first of several is enough.
    pub(super) fn with_page(mut self, page: Option<String>) -> Self {
        self.page = page;
        self
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
        let (budgets, page) = (&self.budgets, &self.page);
        info!(
            version = VERSION,
            revision = REVISION,
            config,
            pools,
            identities,
            budgets,
            first_sweep,
            page,
            "started"
        );
    }
}

/// Such as `us-east-1 10/s, eu-west-1 10/s`, and at most five of them.
fn budgets(targets: &Targets, rate_limit: f64) -> String {
    let budgets = &targets.budgets;
    let named = budgets.iter().take(MAX_BUDGETS);
    let named = named.map(|budget| format!("{} {}/s", budget.label, budget.ceiling(rate_limit)));
    let more = budgets.len().saturating_sub(MAX_BUDGETS);
    let more = (more > 0).then(|| format!("{more} more"));
    named.chain(more).collect::<Vec<_>>().join(", ")
}
