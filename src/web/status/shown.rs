//! Which target is shown, and what is known of it.

use serde::Serialize;

use super::humanize::Time;
use crate::api::Usage;
use crate::clock::Timestamp;
use crate::job::Target;
use crate::targets::Targets;

/// An identity, or a pool itself.
#[derive(Clone, Debug, Serialize)]
pub(super) struct TargetRef {
    pub(super) identity_pool_id: String,
    /// Absent for the pool itself.
    pub(super) identity_id: Option<String>,
    pub(super) name: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct ShownUsage {
    pub(super) datasets: Option<u32>,
    pub(super) storage_bytes: Option<u64>,
    pub(super) last_modified: Option<Time>,
}

impl ShownUsage {
    /// A date ahead of `now`, by AWS's clock, is shown as now.
    pub(super) fn of(usage: &Usage, now: Timestamp) -> Self {
        Self {
            datasets: usage.datasets,
            storage_bytes: usage.storage_bytes,
            last_modified: usage.last_modified.map(|date| Time(date.min(now.unix))),
        }
    }
}

impl TargetRef {
    pub(super) fn of(target: Target, targets: &Targets) -> Self {
        let pool = targets.pool(target);
        let (identity_id, name) = match target {
            Target::Identity { identity, .. } => (
                Some(pool.identities.id(identity).as_str().to_owned()),
                pool.identities.name(identity),
            ),
            Target::Pool { .. } => (None, pool.settings.name.as_deref()),
        };
        Self {
            identity_pool_id: pool.id.as_str().to_owned(),
            identity_id,
            name: name.map(str::to_owned),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Mono;

    #[test]
    fn nothing_was_written_in_the_future() {
        let now = Timestamp {
            mono: Mono::START,
            unix: 1_000.0,
        };
        for (date, shown) in [(999.0, 999.0), (1_040.0, 1_000.0)] {
            let usage = Usage {
                datasets: None,
                storage_bytes: None,
                last_modified: Some(date),
            };
            let usage = ShownUsage::of(&usage, now);
            assert_eq!(usage.last_modified, Some(Time(shown)));
        }
    }
}
