//! The table of all jobs, with the phase, settings and budget of each.

use std::ops::{Index, Range};
use std::time::Duration;

use crate::api::{Operation, Scope};
use crate::clock::Mono;
use crate::identity::phase;
use crate::job::{Job, PoolIndex, Target};
use crate::targets::Targets;

/// Position of a job in its [`JobTable`].
pub(super) type JobIndex = u32;

/// The phase of each job, in units of 2^-32 of its cadence.
#[derive(Debug)]
pub(super) struct Phases(Vec<u32>);

impl Index<JobIndex> for Phases {
    type Output = u32;

    fn index(&self, job: JobIndex) -> &u32 {
        &self.0[job as usize]
    }
}

/// Every job of a set of targets, in segments. The jobs of a segment differ only in their identity.
#[derive(Debug)]
pub(super) struct JobTable {
    /// When the first cadence began.
    pub(super) start: Mono,
    pub(super) phases: Phases,
    /// One segment for each operation and pool: operations in the outer order, pools in the inner.
    segments: Vec<Segment>,
    operations: &'static [Operation],
    pool_count: usize,
}

/// The jobs of one operation in one pool.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) jobs: Range<JobIndex>,
    pub(super) operation: Operation,
    pub(super) pool: PoolIndex,
    /// The shortest time between two polls of the same job.
    pub(super) interval: Duration,
    /// The longest time between two polls of the same identity; `None` for a pool, which is polled
    /// at each turn.
    pub(super) max_age: Option<Duration>,
    /// Position in [`Targets::budgets`].
    pub(super) budget: usize,
}

impl JobTable {
    /// The jobs of these operations for all targets. The first cadence begins at `start`.
    pub(super) fn new(targets: &Targets, operations: &'static [Operation], start: Mono) -> Self {
        let pool_count = targets.pools.len();
        let mut segments = Vec::with_capacity(operations.len() * pool_count);
        let mut phases = Vec::with_capacity(targets.identities() + pool_count);
        for operation in operations {
            for (index, pool) in targets.pools.iter().enumerate() {
                let first = job_index(phases.len());
                let budget = pool.budget_of(*operation);
                let max_age = match operation.scope() {
                    Scope::Identity => {
                        phases.extend(pool.identities.ids().map(|id| phase(&pool.id, Some(id))));
                        Some(pool.max_age)
                    }
                    Scope::Pool => {
                        // A pool may have no credentials for it.
                        phases.extend(budget.map(|_| phase(&pool.id, None)));
                        None
                    }
                };
                segments.push(Segment {
                    jobs: first..job_index(phases.len()),
                    operation: *operation,
                    pool: PoolIndex(index),
                    interval: pool.settings.interval,
                    max_age,
                    budget: budget.unwrap_or(pool.budget()),
                });
            }
        }
        Self {
            start,
            phases: Phases(phases),
            segments,
            operations,
            pool_count,
        }
    }

    /// The jobs of the same operations for other targets, with the same start.
    pub(super) fn with_targets(&self, targets: &Targets) -> Self {
        Self::new(targets, self.operations, self.start)
    }

    pub(super) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    pub(super) fn job(&self, index: JobIndex) -> Job {
        let segment = self.segment(index);
        let (operation, pool) = (segment.operation, segment.pool);
        let target = match operation.scope() {
            Scope::Identity => Target::identity(pool, (index - segment.jobs.start) as usize),
            Scope::Pool => Target::Pool { pool },
        };
        Job { operation, target }
    }

    /// `None` when the job's operation is not polled.
    pub(super) fn index(&self, job: Job) -> Option<JobIndex> {
        let operation = self
            .operations
            .iter()
            .position(|polled| *polled == job.operation)?;
        let segment = &self.segments[operation * self.pool_count + job.target.pool().0];
        match job.target {
            Target::Identity { identity, .. } => Some(segment.jobs.start + job_index(identity.0)),
            Target::Pool { .. } => (!segment.jobs.is_empty()).then_some(segment.jobs.start),
        }
    }

    /// The jobs of a target, one for each operation of its scope.
    pub(super) fn of_target(&self, target: Target) -> impl Iterator<Item = JobIndex> {
        let scope = match target {
            Target::Identity { .. } => Scope::Identity,
            Target::Pool { .. } => Scope::Pool,
        };
        let operations = self
            .operations
            .iter()
            .filter(move |operation| operation.scope() == scope);
        operations.filter_map(move |operation| {
            self.index(Job {
                operation: *operation,
                target,
            })
        })
    }

    /// The jobs of a pool's identities.
    pub(super) fn of_pool(&self, pool: PoolIndex) -> Option<&Segment> {
        let mut segments = self.segments.iter();
        segments.find(|segment| segment.pool == pool && segment.max_age.is_some())
    }

    pub(super) fn segment(&self, index: JobIndex) -> &Segment {
        let following = self
            .segments
            .partition_point(|segment| segment.jobs.start <= index);
        &self.segments[following - 1]
    }
}

fn job_index(position: usize) -> JobIndex {
    JobIndex::try_from(position)
        .expect("an identity takes at least a byte of a 4 GiB text, so there are fewer than 2^32")
}
