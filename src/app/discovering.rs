//! Connects the passes of `ListIdentities` to the targets, to the metrics and to AWS.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::spawn_blocking;

use crate::api::{Directory, Operation};
use crate::aws::Connector;
use crate::clock::Clock;
use crate::discovery::Catalog;
use crate::passes::{DiscoveredPool, PassProgress, Passes};
use crate::targets::{Budget, Pool, Targets};
use crate::telemetry::Telemetry;

/// The pools that passes are made over, and what the passes find.
pub(super) struct Discovering {
    pub(super) catalog: Catalog,
    pub(super) progress: Arc<PassProgress>,
    pools: watch::Sender<Vec<DiscoveredPool>>,
}

impl Discovering {
    pub(super) fn new(catalog: Catalog) -> Self {
        Self {
            catalog,
            progress: Arc::default(),
            pools: watch::channel(Vec::new()).0,
        }
    }

    /// Passes are made over these targets' pools from now on.
    pub(super) fn discover(&self, targets: &Targets, connector: &mut Connector, timeout: Duration) {
        let pools = targets.pools.iter();
        let pools = pools.filter_map(|pool| discovered(pool, connector, timeout));
        self.pools.send_replace(pools.collect());
    }

    /// The metrics, with what is discovered.
    pub(super) fn shown_by(&self, telemetry: Telemetry) -> Telemetry {
        telemetry.with_discovery(self.catalog.clone(), Arc::clone(&self.progress))
    }

    /// Counts who is polled, but was not listed by the last complete pass.
    pub(super) async fn count_missed(&self, targets: Arc<Targets>) {
        let catalog = self.catalog.clone();
        let count = move || {
            let missed = |pool: &Pool| {
                let missed = catalog.missed(&pool.id, pool.identities.ids())?;
                Some((pool.id.clone(), missed))
            };
            targets.pools.iter().filter_map(missed).collect()
        };
        // It takes time where there are a million. After a panic, which was logged, none is known.
        let missed: HashMap<_, _> = spawn_blocking(count).await.unwrap_or_default();
        self.progress.set_missed(missed);
    }

    /// The task that makes the passes.
    pub(super) fn passes(&self, telemetry: &Arc<Telemetry>, clock: Clock) -> Passes {
        let telemetry = Arc::clone(telemetry);
        let observer = move |took, failure| {
            telemetry.called(Operation::ListIdentities, took, failure);
        };
        Passes {
            catalog: self.catalog.clone(),
            progress: Arc::clone(&self.progress),
            pools: self.pools.subscribe(),
            observer: Arc::new(observer),
            clock,
        }
    }
}

fn discovered(pool: &Pool, connector: &mut Connector, timeout: Duration) -> Option<DiscoveredPool> {
    let settings = &pool.settings;
    let discover = settings.discover?;
    let endpoint = settings.cognito_identity_endpoint_url.as_deref();
    let directory = connector.directory(pool.id.region(), &settings.account, endpoint, timeout);
    let service = Operation::ListIdentities.service();
    Some(DiscoveredPool {
        id: pool.id.clone(),
        interval: discover.interval,
        budget: Budget::of_account(&pool.id, settings, service).label,
        rate_limit: discover.rate_limit,
        directory: directory as Arc<dyn Directory>,
    })
}
