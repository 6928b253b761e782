//! The size of a scrape, measured on one of generated usage.

use std::sync::Arc;

use crate::api::{Dataset, PoolUsage, Usage};
use crate::clock::{Mono, Timestamp};
use crate::config::{Config, Datasets};
use crate::exposition::{Blocks, Coding, Exposition, Format};
use crate::job::PoolIndex;
use crate::observation::Observation;
use crate::progress::Progress;
use crate::store::Store;
use crate::targets::{Pool, Targets};
use crate::telemetry::Telemetry;

/// The time of the sample scrape. Only its number of digits matters.
const SCRAPE_TIME: f64 = 1_763_903_374.25;

/// The size of a scrape when every identity has usage.
pub(super) struct ScrapeSize {
    pub(super) samples: u64,
    pub(super) text_bytes: u64,
    pub(super) gzip_bytes: u64,
}

impl ScrapeSize {
    pub(super) fn measure(config: &Config, targets: &Arc<Targets>) -> Self {
        let now = Timestamp {
            mono: Mono::START,
            unix: SCRAPE_TIME,
        };
        let progress = Arc::new(Progress::new(now.mono, targets, config.poll.rate_limit));
        let telemetry = Telemetry::new(progress, SCRAPE_TIME)
            .expect("the families are the same at every start");
        let exposition = Exposition::new(store(targets, now));
        let scrape = || exposition.scrape(now, Format::Text, &telemetry);
        let (mut samples, mut text_bytes) = (0, 0);
        let mut at_line_start = true;
        for block in Blocks::new(scrape(), Coding::Identity) {
            text_bytes += block.len() as u64;
            for byte in &block[..] {
                samples += u64::from(at_line_start && *byte != b'#');
                at_line_start = *byte == b'\n';
            }
        }
        let gzip_bytes = Blocks::new(scrape(), Coding::Gzip)
            .map(|block| block.len() as u64)
            .sum();
        Self {
            samples,
            text_bytes,
            gzip_bytes,
        }
    }
}

/// A store in which every identity and pool has generated usage.
fn store(targets: &Arc<Targets>, now: Timestamp) -> Arc<Store> {
    let store = Arc::new(Store::new(Arc::clone(targets)));
    for (index, pool) in targets.pools.iter().enumerate() {
        let index = PoolIndex(index);
        for identity in 0..pool.identities.len() {
            let datasets = datasets(pool, identity as u64);
            // Each with a dataset is listed sooner or later.
            store.record(&match pool.settings.datasets {
                Datasets::Near | Datasets::Each => {
                    Observation::of_datasets(index, identity, now, datasets)
                }
                Datasets::Off => {
                    let usage = Usage::of_datasets(&datasets);
                    Observation::of_identity(index, identity, now, Ok(usage))
                }
            });
        }
        let usage = PoolUsage {
            storage_bytes: Some(pool.settings.limits.dataset_storage_bytes),
            sync_sessions: Some(1_000),
            last_modified: Some(SCRAPE_TIME - 60.5),
        };
        store.record(&Observation::of_pool(index, now, Ok(usage)));
    }
    store
}

/// The datasets of an identity: one to three, as most have. Their numbers have realistic length and
/// variety, because gzip compresses equal ones better.
fn datasets(pool: &Pool, identity: u64) -> Vec<Dataset> {
    let half = pool.settings.limits.dataset_storage_bytes / 2;
    let dataset = |number: u64| Dataset {
        name: None,
        storage_bytes: Some((identity + number) * 7_919 % half.max(1)),
        records: Some((identity + number) * 31 % 500),
        last_modified: Some(SCRAPE_TIME - (identity * 104_729 % 9_999_991) as f64 / 1e3),
    };
    (0..=identity % 3).map(dataset).collect()
}
