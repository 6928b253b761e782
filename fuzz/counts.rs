//! What a pool counts by limit, computed anew from the series of its identities.

use std::collections::BTreeMap;

use cognitosync_exporter::config::{IdentityMetrics, Series};
use cognitosync_exporter::targets::Pool;

/// Compares the counts of a pool whose identities have all series; returns how many identities are
/// near a limit.
pub(crate) fn counted(pool: &Pool, samples: &BTreeMap<String, String>) -> u64 {
    let settings = &pool.settings;
    if settings.series != Series::Each || settings.identity_metrics != IdentityMetrics::ALL {
        return 0;
    }
    let value = |series: String| samples.get(&series).map(|text| text.parse().unwrap());
    let of_pool = |family: &str, labels: &str| -> u128 {
        let id = &pool.id;
        value(format!(
            "cognitosync_pool_{family}{{identity_pool_id=\"{id}\"{labels}}}"
        ))
        .unwrap()
    };
    let of_identities = |family: &str| {
        let of_identity = |identity: &str| {
            let labels = format!(
                "identity_pool_id=\"{}\",identity_id=\"{identity}\"",
                pool.id
            );
            value(format!("cognitosync_identity_{family}{{{labels}}}"))
        };
        let ids = pool.identities.ids();
        ids.map(|id| of_identity(id.as_str()))
            .collect::<Vec<Option<u128>>>()
    };
    let datasets = of_identities("datasets");
    let storage = of_identities("storage_bytes");
    let exact = of_identities("largest_dataset_storage_bytes");
    let fullest = (0..pool.identities.len()).map(|at| {
        exact[at].or_else(|| match (datasets[at]?, storage[at]?) {
            (0, 0) => Some(0),
            (0, _) => None,
            (datasets, storage) => Some(storage.div_ceil(datasets)),
        })
    });
    let records = of_identities("largest_dataset_records");
    let histograms = [
        (
            "dataset_storage",
            "largest_dataset_storage_used_ratio",
            fullest.collect(),
        ),
        (
            "dataset_records",
            "largest_dataset_records_used_ratio",
            records,
        ),
        ("datasets", "identity_datasets_used_ratio", datasets),
    ];
    let limits = [
        of_pool("dataset_storage_limit_bytes", ""),
        of_pool("dataset_records_limit", ""),
        of_pool("identity_datasets_limit", ""),
    ];
    let mut all_near = 0;
    for ((limit, histogram, used), most) in histograms.into_iter().zip(limits) {
        let used: Vec<u128> = used.into_iter().flatten().collect();
        let count =
            |holds: &dyn Fn(u128) -> bool| used.iter().filter(|used| holds(**used)).count() as u128;
        let near = count(&|used| 100 * used >= 80 * most);
        let label = format!(",limit=\"{limit}\"");
        let certain = of_pool(
            "identities_near_limit",
            &format!("{label},certainty=\"certain\""),
        );
        assert_eq!(certain, near, "{limit}");
        // Of datasets, none can be added; of the others, little is left.
        let is_full = |used| match limit {
            "datasets" => used == most,
            _ => 100 * used >= 99 * most && used <= most,
        };
        let full = count(&is_full);
        assert_eq!(of_pool("identities_full", &label), full, "{limit}");
        let above = count(&|used| used > most);
        assert_eq!(of_pool("identities_above_limit", &label), above, "{limit}");
        let counted = of_pool(&format!("{histogram}_count"), "");
        assert_eq!(counted, used.len() as u128, "{histogram}");
        all_near += near as u64;
    }
    all_near
}
