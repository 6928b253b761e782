//! Pools in which AWS denies the call.
//!
//! An identity that is denied has deadlines only. But a policy is mended for a whole pool at once:
//! when everybody in it was denied, or very many in a row, one identity is asked each interval, and
//! the first answer gives all their turns back.

use std::collections::HashMap;
use std::ops::Range;
use std::time::Duration;

use super::jobs::{JobIndex, Segment};
use crate::clock::Mono;
use crate::job::PoolIndex;

/// So many denials in a row, with no answer between them, are the policy's, not the identities'.
const MANY: usize = 100;

/// The pools of a budget of which somebody was denied.
#[derive(Debug, Default)]
pub(super) struct Denials(HashMap<PoolIndex, Denial>);

#[derive(Debug)]
pub(super) struct Denial {
    in_a_row: usize,
    /// Of the pool's identities.
    jobs: Range<JobIndex>,
    interval: Duration,
    /// Who is asked next.
    next: JobIndex,
    ask_at: Mono,
}

impl Denials {
    /// An identity of this pool was denied.
    pub(super) fn on_denied(&mut self, pool: &Segment, now: Mono) {
        let denial = self.0.entry(pool.pool).or_insert_with(|| Denial {
            in_a_row: 0,
            jobs: pool.jobs.clone(),
            interval: pool.interval,
            next: pool.jobs.start,
            ask_at: now + pool.interval,
        });
        denial.in_a_row += 1;
    }

    /// AWS answered about an identity of this pool, of which so many are missing. Returns whether
    /// those that were denied may be asked again.
    pub(super) fn on_allowed(&mut self, pool: PoolIndex, missing: usize) -> bool {
        let Some(denial) = self.0.get_mut(&pool) else {
            return false;
        };
        let is_mended = denial.is_of_pool(missing);
        denial.in_a_row = 0;
        if is_mended {
            self.0.remove(&pool);
        }
        is_mended
    }

    /// All of them, to be put elsewhere.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = (PoolIndex, Denial)> {
        self.0.drain()
    }

    /// A pool is denied as before, with other identities. `moved` is what has become of an old
    /// job: the next one that is left is asked next, so that however often a list changes, it is
    /// not always the same.
    pub(super) fn put(
        &mut self,
        pool: &Segment,
        mut denial: Denial,
        moved: impl Fn(JobIndex) -> Option<JobIndex>,
    ) {
        let next = (denial.next..denial.jobs.end).find_map(moved);
        denial.next = next.unwrap_or(pool.jobs.start);
        denial.jobs = pool.jobs.clone();
        self.0.insert(pool.pool, denial);
    }

    /// AWS has answered about others of this pool meanwhile.
    pub(super) fn was_answered(&mut self, pool: PoolIndex) {
        if let Some(denial) = self.0.get_mut(&pool) {
            denial.in_a_row = 0;
        }
    }

    /// When somebody of this pool is asked next, if it is denied; so many of it are missing.
    pub(super) fn ask_at(&self, pool: PoolIndex, missing: usize) -> Option<Mono> {
        let denial = self.0.get(&pool)?;
        denial.is_of_pool(missing).then_some(denial.ask_at)
    }

    /// The pools of which somebody was denied.
    pub(super) fn pools(&self) -> impl Iterator<Item = PoolIndex> {
        self.0.keys().copied()
    }

    /// Somebody of a pool that is denied is asked now, or nobody can be: the first after the one
    /// that was asked before whom `is_denied` knows. The next one is asked in an interval.
    pub(super) fn ask(
        &mut self,
        pool: PoolIndex,
        now: Mono,
        is_denied: impl Fn(JobIndex) -> bool,
    ) -> Option<JobIndex> {
        let denial = self.0.get_mut(&pool)?;
        let next = denial.next.min(denial.jobs.end);
        let mut in_turn = (next..denial.jobs.end).chain(denial.jobs.start..next);
        let asked = in_turn.find(|job| is_denied(*job));
        denial.next = asked.map_or(next, |job| job + 1);
        denial.ask_at = now + denial.interval;
        asked
    }
}

impl Denial {
    /// Whether the pool is denied, rather than some of its identities.
    fn is_of_pool(&self, missing: usize) -> bool {
        self.in_a_row >= (self.jobs.len() - missing).clamp(1, MANY)
    }
}
