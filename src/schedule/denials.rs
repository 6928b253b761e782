//! Pools in which AWS denies the call.
//!
//! An identity that is denied has deadlines only. But a policy is mended for a whole pool at once:
//! when everybody in it is denied, one identity is asked each interval, and the first answer gives
//! all their turns back. So does an answer after many denials in a row.

use std::collections::HashMap;

use super::jobs::{JobIndex, Segment};
use crate::clock::Mono;
use crate::job::PoolIndex;

/// So many denials in a row, with no answer between them, are the policy's, not the identities'.
const MANY: usize = 100;

/// The pools of a budget of which somebody was denied.
#[derive(Debug, Default)]
pub(super) struct Denials(HashMap<PoolIndex, Denial>);

#[derive(Debug)]
struct Denial {
    in_a_row: usize,
    jobs: std::ops::Range<JobIndex>,
    /// Who is asked next, if all are denied.
    next: JobIndex,
    ask_at: Mono,
}

impl Denial {
    fn is_of_all(&self) -> bool {
        self.in_a_row >= self.jobs.len()
    }
}

impl Denials {
    /// An identity of this pool was denied.
    pub(super) fn on_denied(&mut self, pool: &Segment, now: Mono) {
        let denial = self.0.entry(pool.pool).or_insert_with(|| Denial {
            in_a_row: 0,
            jobs: pool.jobs.clone(),
            next: pool.jobs.start,
            ask_at: now,
        });
        denial.in_a_row += 1;
        denial.ask_at = now + pool.interval;
    }

    /// AWS answered about an identity of this pool. Returns whether those who were denied may be
    /// asked again.
    pub(super) fn on_allowed(&mut self, pool: &Segment) -> bool {
        let Some(denial) = self.0.get_mut(&pool.pool) else {
            return false;
        };
        let is_mended = denial.is_of_all() || denial.in_a_row >= MANY;
        denial.in_a_row = 0;
        if is_mended {
            self.0.remove(&pool.pool);
        }
        is_mended
    }

    /// An identity that was denied is asked once more; nobody else until the poll ends.
    pub(super) fn on_asked(&mut self, pool: &Segment, job: JobIndex) {
        if let Some(denial) = self.0.get_mut(&pool.pool) {
            (denial.next, denial.ask_at) = (job + 1, Mono::MAX);
        }
    }

    /// A poll of an identity of this pool failed for another reason.
    pub(super) fn on_unanswered(&mut self, pool: &Segment, now: Mono) {
        if let Some(denial) = self.0.get_mut(&pool.pool) {
            denial.ask_at = now + pool.interval;
        }
    }

    /// When somebody of a pool that is denied as a whole is asked next.
    pub(super) fn ask_at(&self) -> Option<Mono> {
        let denied = self.0.values().filter(|denial| denial.is_of_all());
        denied.map(|denial| denial.ask_at).min()
    }

    /// Who of a pool that is denied as a whole is asked now, if it is time: after the one that was
    /// asked before, the first that `denied` knows.
    pub(super) fn first_to_ask<T>(
        &self,
        now: Mono,
        denied: impl Fn(JobIndex) -> Option<T>,
    ) -> Option<(Mono, T)> {
        let due = self
            .0
            .values()
            .filter(|of| of.is_of_all() && of.ask_at <= now);
        let first = due.min_by_key(|of| (of.ask_at, of.jobs.start))?;
        let next = first.next.min(first.jobs.end);
        let mut in_turn = (next..first.jobs.end).chain(first.jobs.start..next);
        Some((first.ask_at, in_turn.find_map(denied)?))
    }
}
