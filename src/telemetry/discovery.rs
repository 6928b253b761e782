//! Metrics of discovered pools.

use prometheus::proto::MetricFamily;

use super::by_hand::{counter, counters, gauge, gauges};
use crate::discovery::{Catalog, Passes};
use crate::exposition::families::{
    Family, POOL_DISCOVERED, POOL_DISCOVERY_INTERVAL, POOL_DISCOVERY_LAST_COMPLETE,
    POOL_DISCOVERY_PASSES, POOL_NOT_LISTED,
};
use crate::identity::PoolId;
use crate::passes::PassProgress;

/// What the passes have found, and how many there were. What only a complete pass shows is absent
/// before the first.
pub(super) fn families(
    catalog: &Catalog,
    progress: &PassProgress,
) -> impl Iterator<Item = MetricFamily> {
    let pools = catalog.all();
    let of_pools = |family: &Family, value: &dyn Fn(usize, Passes) -> Option<f64>| {
        let metric = |(pool, known, passes): &(_, usize, Passes)| {
            let value = value(*known, *passes)?;
            Some(gauge(family, &[PoolId::as_str(pool)], value))
        };
        gauges(family, pools.iter().filter_map(metric).collect())
    };
    let passes = pools.iter().map(|(pool, _, passes)| {
        counter(
            &POOL_DISCOVERY_PASSES,
            &[pool.as_str()],
            passes.complete as f64,
        )
    });
    let of_progress = |family: &Family, value: &dyn Fn(&PoolId) -> Option<f64>| {
        let metric = |(pool, ..): &(PoolId, usize, Passes)| {
            Some(gauge(family, &[pool.as_str()], value(pool)?))
        };
        gauges(family, pools.iter().filter_map(metric).collect())
    };
    let families = [
        of_pools(&POOL_DISCOVERED, &|known, _| Some(known as f64)),
        of_pools(&POOL_DISCOVERY_LAST_COMPLETE, &|_, passes| {
            passes.last.map(|last| last.ended)
        }),
        of_progress(&POOL_DISCOVERY_INTERVAL, &|pool| {
            Some(progress.standing(pool)?.interval.as_secs_f64())
        }),
        counters(&POOL_DISCOVERY_PASSES, passes.collect()),
        of_progress(
            &POOL_NOT_LISTED,
            &|pool| Some(progress.missed(pool)? as f64),
        ),
    ];
    let is_there = |family: &MetricFamily| !family.get_metric().is_empty();
    families.into_iter().filter(is_there)
}
