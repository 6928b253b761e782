//! One series for each pool.

use super::families::{
    Family, POOL_DATASETS_LIMIT, POOL_IDENTITIES, POOL_INFO, POOL_LAST_MODIFIED, POOL_STORAGE, POOL_STORAGE_LIMIT,
    POOL_SYNC_SESSIONS, POOL_WATCHED_DATASETS, POOL_WATCHED_STORAGE, POOL_WITHOUT_SERIES,
};
use super::selection::Selection;
use super::text::FamilyWriter;
use crate::clock::Moment;
use crate::store::{PoolView, State, View};

/// What one pass over a pool's identities tells.
#[derive(Default)]
struct Summary {
    states: [usize; State::ALL.len()],
    storage_bytes: Option<u64>,
    datasets: Option<u64>,
}

pub(super) fn write(view: &View<'_>, selections: &[Selection], now: Moment, out: &mut Vec<u8>) {
    let pools: Vec<_> = view
        .pools()
        .zip(selections)
        .map(|(pool, selection)| (summarise(&pool, now), selection.left_out(pool.records), pool))
        .collect();
    let mut infos = FamilyWriter::new(&POOL_INFO, out);
    for (_, _, pool) in &pools {
        infos.sample([pool.target.id.as_str(), pool.target.settings.name.as_deref().unwrap_or_default()], 1.0);
    }
    let mut identities = FamilyWriter::new(&POOL_IDENTITIES, out);
    for (summary, _, pool) in &pools {
        for (state, count) in State::ALL.into_iter().zip(summary.states) {
            identities.sample([pool.target.id.as_str(), state.as_str()], count as f64);
        }
    }
    let mut family = |family: &'static Family, value: &dyn Fn(&Summary, usize, &PoolView<'_>) -> Option<f64>| {
        let mut writer = FamilyWriter::new(family, out);
        for (summary, left_out, pool) in &pools {
            if let Some(value) = value(summary, *left_out, pool) {
                writer.sample([pool.target.id.as_str()], value);
            }
        }
    };
    let whole = |number: u64| number as f64;
    family(&POOL_STORAGE_LIMIT, &|_, _, pool| Some(whole(pool.target.settings.limits.storage_bytes)));
    family(&POOL_DATASETS_LIMIT, &|_, _, pool| Some(f64::from(pool.target.settings.limits.datasets)));
    family(&POOL_WATCHED_STORAGE, &|summary, _, _| summary.storage_bytes.map(whole));
    family(&POOL_WATCHED_DATASETS, &|summary, _, _| summary.datasets.map(whole));
    family(&POOL_WITHOUT_SERIES, &|_, left_out, _| Some(left_out as f64));
    family(&POOL_STORAGE, &|_, _, pool| pool.usage(now.mono)?.storage_bytes.map(whole));
    family(&POOL_SYNC_SESSIONS, &|_, _, pool| pool.usage(now.mono)?.sync_sessions.map(whole));
    family(&POOL_LAST_MODIFIED, &|_, _, pool| pool.usage(now.mono)?.last_modified);
}

fn summarise(pool: &PoolView<'_>, now: Moment) -> Summary {
    let mut summary = Summary::default();
    for record in pool.records {
        summary.states[record.state(now.mono, pool.stale_after()) as usize] += 1;
        if let Some(usage) = record.usage(now.mono, pool.stale_after()) {
            add(&mut summary.storage_bytes, usage.storage_bytes);
            add(&mut summary.datasets, usage.datasets.map(u64::from));
        }
    }
    summary
}

fn add(sum: &mut Option<u64>, number: Option<u64>) {
    if let Some(number) = number {
        *sum = Some(sum.unwrap_or(0).saturating_add(number));
    }
}
