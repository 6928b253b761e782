//! Some identities of each kind that needs attention, gathered in a pass over a pool.

use super::{MAX_NAMED, Named, is_declared_drained};
use crate::api::Usage;
use crate::exposition::{ACTIVE_SECONDS, FULL_WITHIN};
use crate::job::IdentityIndex;
use crate::limits::{Level, Limit, Standing};
use crate::store::{Forecast, PoolView, State};

/// A pool that is declared drained is at rest when nobody has written within so many seconds, as
/// for the alert rule: an hour.
const WRITTEN_SECONDS: f64 = 3_600.0;

/// What there is of each kind of identities.
#[derive(Clone, Debug, Default)]
pub(in crate::web::status) struct PerKind<T> {
    /// In the order of [`Limit::ALL`].
    pub(super) limits: [OfLimit<T>; Limit::ALL.len()],
    /// Those that will almost surely be full within the first window of [`FULL_WITHIN`].
    pub(super) full_soon: T,
    /// Of a pool that is declared drained, those that wrote within [`WRITTEN_SECONDS`].
    pub(super) written: T,
    pub(super) failing: T,
    pub(super) stale: T,
    pub(super) missing: T,
    /// How many stale ones had written within [`ACTIVE_SECONDS`] when they were seen last.
    pub(super) active_stale: u64,
}

/// The same of one limit.
#[derive(Clone, Debug, Default)]
pub(super) struct OfLimit<T> {
    pub(super) full: T,
    /// Neither full nor above the limit.
    pub(super) near: T,
    /// How many full ones have written within [`ACTIVE_SECONDS`], and how many near ones.
    pub(super) active_full: u64,
    pub(super) active_near: u64,
    /// Full when they were seen last, and stale now. Not of the number of datasets, since an app
    /// may have as many as it is allowed for ever.
    pub(super) lost: T,
    pub(super) all_lost: u64,
    pub(super) active_lost: u64,
}

impl<T> PerKind<T> {
    fn map<U>(self, with: impl Fn(T) -> U) -> PerKind<U> {
        PerKind {
            limits: self.limits.map(|it| OfLimit {
                full: with(it.full),
                near: with(it.near),
                active_full: it.active_full,
                active_near: it.active_near,
                lost: with(it.lost),
                all_lost: it.all_lost,
                active_lost: it.active_lost,
            }),
            full_soon: with(self.full_soon),
            written: with(self.written),
            failing: with(self.failing),
            stale: with(self.stale),
            missing: with(self.missing),
            active_stale: self.active_stale,
        }
    }
}

/// Gathers examples of the identities of a pool, which are offered in the order of their ids.
#[derive(Debug)]
pub(in crate::web::status) struct Examples {
    /// In seconds since 1970, as the two after it.
    now: f64,
    active_since: f64,
    /// Who wrote since then has written to a pool that is declared drained; `INFINITY` in others.
    written_since: f64,
    found: PerKind<Few>,
    /// The number of identities that are full, be it by one limit or by several.
    pub(in crate::web::status) full_identities: u64,
    /// The same of those that are near a limit, and not full.
    pub(in crate::web::status) near_identities: u64,
}

impl Examples {
    /// None so far of a pool with this name; `now` in seconds since 1970.
    pub(in crate::web::status) fn new(name: Option<&str>, now: f64) -> Self {
        let is_drained = name.is_some_and(is_declared_drained);
        Self {
            now,
            active_since: now - ACTIVE_SECONDS,
            written_since: if is_drained {
                now - WRITTEN_SECONDS
            } else {
                f64::INFINITY
            },
            found: PerKind::default(),
            full_identities: 0,
            near_identities: 0,
        }
    }

    /// Offers an identity, with its current usage if there is one.
    #[inline]
    pub(in crate::web::status) fn offer(
        &mut self,
        identity: IdentityIndex,
        state: State,
        usage: Option<&Usage>,
    ) {
        match state {
            State::Pending | State::Fresh => {}
            State::Failing => self.found.failing.offer(0.0, identity),
            State::Stale => self.found.stale.offer(0.0, identity),
            State::Missing => self.found.missing.offer(0.0, identity),
        }
        if let Some(date) = usage.and_then(|usage| usage.last_modified)
            && date >= self.written_since
        {
            self.found.written.offer(-date, identity);
        }
    }

    /// Offers one that is near a limit, full or above it; another is none of these.
    #[inline(never)]
    pub(in crate::web::status) fn offer_near(
        &mut self,
        identity: IdentityIndex,
        usage: &Usage,
        levels: [Level; Limit::ALL.len()],
    ) {
        let active = u64::from(is_active(usage, self.active_since));
        for (found, level) in self.found.limits.iter_mut().zip(levels) {
            let (few, count) = match level {
                Level::Low | Level::Half | Level::Above => continue,
                Level::Near => (&mut found.near, &mut found.active_near),
                Level::Full => (&mut found.full, &mut found.active_full),
            };
            *count += active;
            few.offer(last_writers_first(usage), identity);
        }
        let is_full = levels.contains(&Level::Full);
        self.full_identities += u64::from(is_full);
        self.near_identities += u64::from(!is_full && levels.contains(&Level::Near));
    }

    /// Offers one that is stale, by what was known of it last.
    pub(in crate::web::status) fn offer_stale(
        &mut self,
        identity: IdentityIndex,
        usage: &Usage,
        standing: &Standing,
    ) {
        let active = u64::from(is_active(usage, self.active_since));
        self.found.active_stale += active;
        for limit in [Limit::DatasetStorage, Limit::DatasetRecords] {
            if standing.is_full(limit) {
                let found = &mut self.found.limits[limit as usize];
                found.all_lost += 1;
                found.active_lost += active;
                found.lost.offer(last_writers_first(usage), identity);
            }
        }
    }

    /// Offers one that has a forecast. The soonest come first.
    #[inline]
    pub(in crate::web::status) fn offer_growing(
        &mut self,
        identity: IdentityIndex,
        forecast: &Forecast,
    ) {
        let (_, soon) = FULL_WITHIN[0];
        if let Some(at) = forecast.surely_full_at
            && at - self.now <= soon
        {
            self.found.full_soon.offer(at, identity);
        }
    }

    /// Names those that were found in this pool.
    pub(in crate::web::status) fn named(&self, pool: &PoolView<'_>) -> PerKind<Vec<Named>> {
        let identities = &pool.target.identities;
        let named = |identity: IdentityIndex| Named {
            identity_id: identities.id(identity).as_str().to_owned(),
            name: identities.name(identity).map(str::to_owned),
        };
        let found = self.found.clone();
        found.map(|few| few.positions().map(named).collect())
    }
}

/// Without a date nothing shows that its user has gone.
fn is_active(usage: &Usage, active_since: f64) -> bool {
    usage.last_modified.is_none_or(|date| date >= active_since)
}

/// Those that wrote last come first, because they belong to people who notice now.
fn last_writers_first(usage: &Usage) -> f64 {
    -usage.last_modified.unwrap_or(f64::NEG_INFINITY)
}

/// The first few identities by a number, the least first; of equal ones those that were offered
/// first.
#[derive(Clone, Debug, Default)]
pub(super) struct Few(Vec<(f64, IdentityIndex)>);

impl Few {
    #[inline(never)]
    fn offer(&mut self, number: f64, identity: IdentityIndex) {
        let is_among = self.0.get(MAX_NAMED - 1).is_none_or(|last| number < last.0);
        if is_among {
            let at = self.0.partition_point(|(kept, _)| *kept <= number);
            self.0.insert(at, (number, identity));
            self.0.truncate(MAX_NAMED);
        }
    }

    fn positions(&self) -> impl Iterator<Item = IdentityIndex> {
        self.0.iter().map(|(_, identity)| *identity)
    }
}

#[cfg(test)]
mod tests;
