//! Pools that fail permanently, which are polled less often until they succeed.

use std::collections::HashMap;
use std::time::Duration;

use super::jobs::JobIndex;
use crate::api::{Failure, FailureClass};
use crate::clock::Mono;

/// The most intervals between two polls of such a pool.
const MAX_SLOWDOWN: u32 = 8;
/// The longest time between two polls of such a pool, unless its interval is longer.
const MAX_SLOWED_INTERVAL: Duration = Duration::from_secs(3_600);

/// The jobs of pools that fail permanently.
#[derive(Debug, Default)]
pub(super) struct Slowed(HashMap<JobIndex, Slowdown>);

#[derive(Clone, Copy, Debug)]
pub(super) struct Slowdown {
    /// It has one turn in this many intervals.
    intervals: u32,
    /// Turns before this time are skipped.
    until: Mono,
    /// Whether AWS does not know the pool.
    is_unknown: bool,
}

impl Slowed {
    /// A poll has ended, and the job's next turn comes at `turn`. Returns whether the pool, which
    /// AWS did not know, is found now.
    pub(super) fn on_end(
        &mut self,
        job: JobIndex,
        failure: Option<Failure>,
        turn: Mono,
        interval: Duration,
    ) -> bool {
        match failure.map(Failure::class) {
            None => {
                let slowdown = self.0.remove(&job);
                return slowdown.is_some_and(|slowdown| slowdown.is_unknown);
            }
            Some(FailureClass::Permanent) => {
                let max = MAX_SLOWED_INTERVAL.as_nanos() / interval.as_nanos();
                let max = max.clamp(1, u128::from(MAX_SLOWDOWN)) as u32;
                let slowdown = self.0.entry(job).or_insert(Slowdown {
                    intervals: 1,
                    until: turn,
                    is_unknown: false,
                });
                slowdown.is_unknown = failure == Some(Failure::NotFound);
                slowdown.intervals = (slowdown.intervals * 2).min(max);
            }
            Some(
                FailureClass::Throttled
                | FailureClass::Transient
                | FailureClass::NoAnswer
                | FailureClass::Budget,
            ) => {}
        }
        if let Some(slowdown) = self.0.get_mut(&job) {
            slowdown.until = turn + interval * (slowdown.intervals - 1);
        }
        false
    }

    /// Until when a job's turns are skipped, and the number of intervals of which it has one turn.
    pub(super) fn until(&self, job: JobIndex) -> Option<(Mono, u32)> {
        let slowdown = self.0.get(&job)?;
        Some((slowdown.until, slowdown.intervals))
    }

    /// All of them, to be put elsewhere.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = (JobIndex, Slowdown)> {
        self.0.drain()
    }

    pub(super) fn put(&mut self, job: JobIndex, slowdown: Slowdown) {
        self.0.insert(job, slowdown);
    }
}
