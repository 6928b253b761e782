//! The table of all jobs, with the cadence, phase and budget of each.

use std::time::Duration;

use crate::api::{Operation, Scope};
use crate::clock::Mono;
use crate::identity::phase;
use crate::job::{Job, PoolIndex, Target};
use crate::targets::Targets;

/// Position of a job in its [`JobTable`].
pub(super) type JobIndex = u32;

/// Every job of a set of targets, in segments. The jobs of a segment differ only in their identity.
#[derive(Debug)]
pub(super) struct JobTable {
    start: Mono,
    /// One segment for each operation and pool: operations in the outer order, pools in the inner.
    segments: Vec<Segment>,
    operations: &'static [Operation],
    pool_count: usize,
    /// The phase of each job, in units of 2^-32 of its cadence.
    phases: Vec<u32>,
}

/// The jobs of one operation in one pool.
#[derive(Debug)]
struct Segment {
    first_job: JobIndex,
    operation: Operation,
    pool: PoolIndex,
    /// Time between two polls of the same job.
    cadence: Duration,
    /// Position in [`Targets::budgets`].
    budget: usize,
}

impl JobTable {
    /// The jobs of these operations for all targets. The first cadence begins at `start`.
    pub(super) fn new(targets: &Targets, operations: &'static [Operation], start: Mono) -> Self {
        let pool_count = targets.pools.len();
        let mut segments = Vec::with_capacity(operations.len() * pool_count);
        let mut phases = Vec::with_capacity(targets.identities() + pool_count);
        for operation in operations {
            for (index, pool) in targets.pools.iter().enumerate() {
                segments.push(Segment {
                    first_job: job_index(phases.len()),
                    operation: *operation,
                    pool: PoolIndex(index),
                    cadence: pool.settings.interval,
                    budget: pool.budget(operation.service()),
                });
                match operation.scope() {
                    Scope::Identity => {
                        phases.extend(pool.identities.ids().map(|id| phase(&pool.id, Some(id))));
                    }
                    Scope::Pool => phases.push(phase(&pool.id, None)),
                }
            }
        }
        Self {
            start,
            segments,
            operations,
            pool_count,
            phases,
        }
    }

    /// The jobs of the same operations for other targets, with the same start.
    pub(super) fn with_targets(&self, targets: &Targets) -> Self {
        Self::new(targets, self.operations, self.start)
    }

    pub(super) fn len(&self) -> usize {
        self.phases.len()
    }

    pub(super) fn indices(&self) -> impl Iterator<Item = JobIndex> + use<> {
        0..job_index(self.len())
    }

    pub(super) fn job(&self, index: JobIndex) -> Job {
        let segment = self.segment(index);
        let (operation, pool) = (segment.operation, segment.pool);
        let target = match operation.scope() {
            Scope::Identity => Target::identity(pool, (index - segment.first_job) as usize),
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
        let first = self.segments[operation * self.pool_count + job.target.pool().0].first_job;
        match job.target {
            Target::Identity { identity, .. } => Some(first + job_index(identity.0)),
            Target::Pool { .. } => Some(first),
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

    pub(super) fn cadence(&self, index: JobIndex) -> Duration {
        self.segment(index).cadence
    }

    /// The position in [`Targets::budgets`] of the budget that a job draws on.
    pub(super) fn budget(&self, index: JobIndex) -> usize {
        self.segment(index).budget
    }

    /// The first turn of a job at or after `now`. A job has one turn in each cadence, at its phase.
    pub(super) fn next_turn(&self, index: JobIndex, now: Mono) -> Mono {
        let cadence = self.cadence(index).as_nanos();
        let offset = (cadence * u128::from(self.phases[index as usize])) >> 32;
        let first_turn = self.start + Duration::from_nanos(offset as u64);
        let missed = now.since(first_turn).as_nanos().div_ceil(cadence);
        first_turn + Duration::from_nanos((missed * cadence) as u64)
    }

    fn segment(&self, index: JobIndex) -> &Segment {
        let following = self
            .segments
            .partition_point(|segment| segment.first_job <= index);
        &self.segments[following - 1]
    }
}

fn job_index(position: usize) -> JobIndex {
    JobIndex::try_from(position)
        .expect("an identity takes at least a byte of a 4 GiB text, so there are fewer than 2^32")
}
