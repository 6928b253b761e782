//! The tables of identities: who is full, who will be, and who still writes.

use serde::Serialize;

use super::best::{Place, Rank, choose, number};
use super::humanize::Time;
use super::shown::{ShownUsage, TargetRef};
use super::survey::Surveyed;
use super::used::Used;
use crate::clock::Timestamp;
use crate::job::Target;
use crate::limits::{Limit, NEAR_PERCENT};
use crate::store::Snapshot;

/// The tables. Each has the best of each pool, by the rule of [`choose`], but a pool of which only
/// writers are shown is in no trouble: these are no more than `top`.
///
/// Those that will be full have a table of their own. Among the fullest they would come after all
/// that are full already, of which there may be many that nobody writes to any more, and they are
/// those that can still be helped.
#[derive(Debug)]
pub(super) struct Tables {
    /// Those near a limit come first.
    pub(super) fullest: Vec<Row>,
    pub(super) soonest_full: Vec<Row>,
    pub(super) writers: Vec<Row>,
}

/// An identity in a table.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row {
    #[serde(flatten)]
    pub(super) who: TargetRef,
    /// With no last modification after `now`.
    #[serde(flatten)]
    pub(super) usage: ShownUsage,
    /// What is used of the limit that is meant: unless one is named, that of which most is used for
    /// certain. Absent if nothing is known of it.
    #[serde(rename = "nearest")]
    pub(super) used: Option<Used>,
    /// Whether one of its limits is reached, or the one that is named: AWS refuses writes, or will
    /// soon.
    pub(super) full: bool,
    /// When its fullest dataset will be full; absent when that is not known, or it is full already.
    pub(super) full_at: Option<Time>,
    /// The time between two changes, by all that was seen; absent before two were seen.
    pub(super) changes_every_seconds: Option<f64>,
}

impl Tables {
    /// Tables of `top` rows, from what was found in each pool of a snapshot.
    pub(super) fn of(
        surveyed: &mut [Surveyed],
        snapshot: &Snapshot,
        top: usize,
        now: Timestamp,
    ) -> Self {
        let rows = |ranks: Vec<Rank>| {
            let rows = ranks
                .iter()
                .filter_map(|rank| Row::of(rank.place(), None, snapshot, now));
            rows.collect()
        };
        let (mut fullest, mut soonest_full, mut writers) = (Vec::new(), Vec::new(), Vec::new());
        for Surveyed { found, .. } in surveyed {
            fullest.push(found.fullest.take());
            soonest_full.push(found.soonest_full.take());
            writers.push(found.writers.take());
        }
        let mut last_writers = choose(writers, top, |_| true);
        last_writers.truncate(top);
        let near = NEAR_PERCENT as f64 / 100.0;
        Self {
            fullest: rows(choose(fullest, top, |rank| number(rank.by[0]) >= near)),
            soonest_full: rows(choose(soonest_full, top, |_| true)),
            writers: rows(last_writers),
        }
    }
}

impl Row {
    /// About this limit if one is named. `None` for an identity without current usage.
    pub(super) fn of(
        (pool, identity): Place,
        limit: Option<Limit>,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Option<Self> {
        let view = snapshot.pool(pool);
        let usage = view.records[identity].usage(view.oldest_shown(now.mono))?;
        let (standing, limits) = (view.standing(identity, usage), view.target.settings.limits);
        Some(Self {
            who: TargetRef::of(Target::Identity { pool, identity }, &snapshot.targets),
            usage: ShownUsage::of(usage, now),
            used: match limit {
                Some(limit) => Used::of(&standing, limit, limits),
                None => Used::of_nearest(&standing, limits),
            },
            full: match limit {
                Some(limit) => standing.is_full(limit),
                None => standing.is_any_full(),
            },
            full_at: view.full_at(identity, now).map(Time),
            changes_every_seconds: view.seconds_between_changes(identity),
        })
    }

    /// Whether it is shown as full, rather than with a date. One that has all its datasets may be
    /// full of bytes or records later, which `date_first` prefers to show.
    pub(super) fn is_full_now(&self, date_first: bool) -> bool {
        self.full && !(date_first && self.full_at.is_some())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::super::survey::Survey;
    use super::*;
    use crate::api::Usage;
    use crate::clock::Mono;
    use crate::job::PoolIndex;
    use crate::observation::Observation;
    use crate::store::Store;
    use crate::targets::Targets;

    const DAY: f64 = 86_400.0;

    /// So many seconds before all is looked at.
    fn ago(seconds: f64) -> Timestamp {
        Timestamp {
            mono: (Mono::START + Duration::from_secs(1_000_000))
                .before(Duration::from_secs_f64(seconds)),
            unix: 1_700_000_000.0 - seconds,
        }
    }

    /// Pools of so many identities.
    fn store<const N: usize>(pools: [(&str, usize); N]) -> Store {
        Store::new(Arc::new(Targets::for_tests(&pools)))
    }

    /// An answer: so many bytes in one dataset, written so many seconds before the end.
    fn answer(store: &Store, (pool, identity): (usize, usize), at: f64, bytes: u64, written: f64) {
        let usage = Usage {
            datasets: Some(1),
            storage_bytes: Some(bytes),
            last_modified: Some(ago(0.0).unix - written),
        };
        let pool = PoolIndex(pool);
        store.record(&Observation::of_identity(
            pool,
            identity,
            ago(at),
            Ok(usage),
        ));
    }

    fn tables(store: &Store, top: usize) -> Tables {
        let (snapshot, now) = (store.snapshot(), ago(0.0));
        let pools = (0..snapshot.targets.pools.len()).map(PoolIndex);
        let mut surveyed = Survey::new(&snapshot, pools, top, now).all();
        Tables::of(&mut surveyed, &snapshot, top, now)
    }

    fn pools(rows: &[Row]) -> Vec<&str> {
        let pools = rows.iter().map(|row| row.who.identity_pool_id.as_str());
        pools.collect()
    }

    fn ids(rows: &[Row]) -> Vec<&str> {
        let ids = rows.iter().map(|row| row.who.identity_id.as_deref());
        ids.map(Option::unwrap).collect()
    }

    #[test]
    fn full_identities_of_other_pools_hide_none_that_is_nearly_full() {
        let store = store([("r:0", 200), ("r:1", 200), ("r:2", 200)]);
        for identity in 0..200 {
            answer(&store, (0, identity), 60.0, 1 << 20, 5_000.0);
            answer(
                &store,
                (1, identity),
                60.0,
                1 << 20,
                5_000.0 - identity as f64,
            );
            let bytes = if identity < 13 { 1_010_000 } else { 9 };
            answer(&store, (2, identity), 60.0, bytes, 90.0 * DAY);
        }
        let rows = tables(&store, 20).fullest;
        let of = |pool| pools(&rows).iter().filter(|of| **of == pool).count();
        assert_eq!([of("r:0"), of("r:1"), of("r:2")], [7, 7, 6]);
        assert!(
            rows.iter()
                .all(|row| row.full == (row.who.identity_pool_id != "r:2"))
        );
        let written: Vec<_> = rows.iter().filter(|row| row.full).collect();
        let written = written.iter().map(|row| row.usage.last_modified.unwrap().0);
        assert!(
            written.rev().is_sorted(),
            "of equals, the last writers come first"
        );
        let few = tables(&store, 1).fullest;
        assert_eq!(pools(&few), ["r:1", "r:0", "r:2"], "beyond `top`");
    }

    #[test]
    fn those_that_will_be_full_have_dates_and_the_soonest_is_the_first() {
        let store = store([("r:0", 4), ("r:1", 1)]);
        let grow = |place, bytes: u64, a_day: u64| {
            for day in (0..10).rev() {
                let at = day as f64 * DAY + 60.0;
                answer(&store, place, at, bytes - day * a_day, at + 30.0);
            }
        };
        grow((0, 0), 900_000, 5_000);
        grow((0, 1), 600_000, 20_000);
        grow((0, 2), 500_000, 500);
        grow((0, 3), 1 << 20, 20_000);
        grow((1, 0), 800_000, 14_000);
        let Tables {
            fullest,
            soonest_full: rows,
            ..
        } = tables(&store, 2);
        assert_eq!(rows.len(), 2);
        assert_eq!(pools(&rows), ["r:1", "r:0"]);
        let within: Vec<_> = rows
            .iter()
            .map(|row| (row.full_at.unwrap().0 - ago(0.0).unix) / DAY)
            .collect();
        assert!(
            within.is_sorted() && within[0] > 15.0 && within[1] < 30.0,
            "{within:?}"
        );
        assert!(fullest[0].full && fullest[0].full_at.is_none());
        assert!(fullest[0].is_full_now(true));
        let has_all_datasets = Row {
            full: true,
            ..rows[0].clone()
        };
        let now = [false, true].map(|date_first| has_all_datasets.is_full_now(date_first));
        assert_eq!(now, [true, false]);
    }

    #[test]
    fn one_date_is_no_rhythm() {
        for (polls, is_known) in [(1, false), (2, false), (3, true)] {
            let store = store([("r:0", 1)]);
            for day in (0..polls).rev() {
                let at = day as f64 * DAY + 60.0;
                answer(&store, (0, 0), at, 9, at + 30.0);
            }
            let every = tables(&store, 1).writers[0].changes_every_seconds;
            assert_eq!(every.is_some(), is_known, "{polls}");
        }
    }

    #[test]
    fn of_each_pool_those_that_wrote_last() {
        let store = store([("r:0", 50), ("r:1", 2), ("r:2", 1)]);
        for identity in 0..50 {
            answer(&store, (0, identity), 60.0, 9, 150.0 - identity as f64);
        }
        answer(&store, (1, 0), 60.0, 9, 29.0 * DAY);
        answer(&store, (2, 0), 60.0, 9, 31.0 * DAY);
        // AWS's clock is ahead.
        answer(&store, (1, 1), 60.0, 9, -3_600.0);
        let rows = tables(&store, 4).writers;
        assert_eq!(pools(&rows), ["r:1", "r:0", "r:0", "r:1"]);
        let id = |pool: usize, identity: usize| {
            let targets = &store.snapshot().targets;
            let id = targets[PoolIndex(pool)]
                .identities
                .id(crate::job::IdentityIndex(identity));
            id.as_str().to_owned()
        };
        assert_eq!(ids(&rows), [id(1, 1), id(0, 49), id(0, 48), id(1, 0)]);
        assert_eq!(rows[0].usage.last_modified, Some(Time(ago(0.0).unix)));
        assert_eq!(
            ids(&tables(&store, 1).writers),
            [id(1, 1)],
            "not beyond `top`"
        );
    }
}
