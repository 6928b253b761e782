//! Why polls fail: the reasons, with how many fail for each and the latest of them.

use std::cmp::Reverse;

use serde::Serialize;

use super::best::{Rank, number};
use super::humanize::{NextCall, Time, group_digits};
use super::shown::TargetRef;
use super::survey::{LATEST, Surveyed};
use crate::api::Failure;
use crate::clock::Timestamp;
use crate::job::Target;
use crate::schedule::NextPoll;
use crate::store::{History, Snapshot};
use crate::targets::Targets;

/// A reason for which last polls have failed.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Failures {
    pub(super) reason: &'static str,
    pub(super) meaning: &'static str,
    /// Number of identities whose last poll failed so.
    pub(super) count: usize,
    /// Number of pools of which the last poll of their own usage failed so.
    pub(super) pools: usize,
    /// The latest of these, the last one first.
    pub(super) latest: Vec<Failed>,
}

/// The last poll of an identity, or of a pool.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Failed {
    #[serde(flatten)]
    pub(super) who: TargetRef,
    pub(super) at: Time,
    /// Number of API calls; absent when the poll is no longer in the history.
    pub(super) attempts: Option<u32>,
    pub(super) next: NextCall,
}

/// A reason, before it is known when its latest are polled next.
#[derive(Debug)]
pub(super) struct Reason {
    failure: Failure,
    count: usize,
    pools: usize,
    /// With when it failed, and the number of calls.
    latest: Vec<(Target, f64, Option<u32>)>,
}

impl Reason {
    /// Why last polls of the pools that were looked at have failed: the most frequent reason first,
    /// but `not_found` last, since most identities that AWS does not know never come back.
    pub(super) fn all(
        surveyed: &mut [Surveyed],
        snapshot: &Snapshot,
        history: &History,
    ) -> Vec<Self> {
        let reasons = Failure::ALL.into_iter();
        let reasons = reasons.filter_map(|failure| Self::of(failure, surveyed, snapshot, history));
        let mut reasons: Vec<_> = reasons.collect();
        let is_not_found = |reason: &Self| reason.failure == Failure::NotFound;
        reasons.sort_by_key(|reason| (is_not_found(reason), Reverse(reason.count)));
        reasons
    }

    /// `None` if no last poll has failed so.
    fn of(
        failure: Failure,
        surveyed: &mut [Surveyed],
        snapshot: &Snapshot,
        history: &History,
    ) -> Option<Self> {
        let (mut count, mut pools, mut latest) = (0, 0, Vec::new());
        for Surveyed { found, .. } in surveyed {
            let view = snapshot.pool(found.pool);
            count += view.failed().of(failure);
            let identities = found.failed[failure as usize].take();
            latest.extend(identities.iter().map(|rank| (rank.target(), at(rank))));
            if view.own_failure() == Some(failure) {
                pools += 1;
                let target = Target::Pool { pool: found.pool };
                let poll = history.last_failure(target);
                latest.extend(poll.map(|poll| (target, poll.requested_at.unix)));
            }
        }
        latest.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        latest.truncate(LATEST);
        let latest = latest.into_iter().map(|(target, at)| {
            let poll = history.last_failure(target);
            (target, at, poll.map(|poll| poll.calls))
        });
        (count > 0 || pools > 0).then(|| Self {
            failure,
            count,
            pools,
            latest: latest.collect(),
        })
    }

    /// The latest of all reasons, in their order.
    pub(super) fn targets(reasons: &[Self]) -> Vec<Target> {
        let latest = reasons.iter().flat_map(|reason| &reason.latest);
        latest.map(|(target, ..)| *target).collect()
    }
}

/// When the last poll of an identity that failed was requested.
fn at(rank: &Rank) -> f64 {
    number(rank.by[0])
}

impl Failures {
    /// How many identities, and whether pools themselves.
    pub(super) fn identities(&self) -> String {
        let identities = group_digits(self.count as u64);
        match self.pools {
            0 => identities,
            1 => format!("{identities}, and 1 pool itself"),
            pools => format!("{identities}, and {pools} pools themselves"),
        }
    }

    /// `next` says when the [`Reason::targets`] are polled next.
    pub(super) fn of(
        reasons: Vec<Reason>,
        next: Vec<Option<NextPoll>>,
        targets: &Targets,
        now: Timestamp,
    ) -> Vec<Self> {
        let mut next = next.into_iter();
        let mut failed = |(target, at, attempts)| Failed {
            who: TargetRef::of(target, targets),
            at: Time(at),
            attempts,
            next: NextCall::of(next.next().flatten(), target, targets, now),
        };
        let failures = reasons.into_iter().map(|reason| Self {
            reason: reason.failure.as_str(),
            meaning: reason.failure.meaning(),
            count: reason.count,
            pools: reason.pools,
            latest: reason.latest.into_iter().map(&mut failed).collect(),
        });
        failures.collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::super::survey::Survey;
    use super::*;
    use crate::clock::Mono;
    use crate::job::{IdentityIndex, PoolIndex};
    use crate::observation::Observation;
    use crate::store::Store;

    fn at(second: u64) -> Timestamp {
        Timestamp {
            mono: Mono::START + Duration::from_secs(second),
            unix: second as f64,
        }
    }

    /// What of the failures of these pools is shown, of as many identities each.
    fn failures(store: &Store, pools: usize) -> Vec<Failures> {
        let (snapshot, history) = store.snapshot_and_history();
        let pools = (0..pools).map(PoolIndex);
        let mut surveyed = Survey::new(&snapshot, pools, 20, at(9_000)).all();
        let reasons = Reason::all(&mut surveyed, &snapshot, &history);
        let next = vec![None; Reason::targets(&reasons).len()];
        Failures::of(reasons, next, &snapshot.targets, at(9_000))
    }

    #[test]
    fn a_rare_reason_is_shown_however_many_identities_are_not_found() {
        let store = Store::new(Arc::new(Targets::for_tests(&[("r:0", 6_000), ("r:1", 4)])));
        let fail = |pool, identity, second, failure| {
            let pool = PoolIndex(pool);
            let poll = Observation::of_identity(pool, identity, at(second), Err(failure));
            store.record(&poll);
        };
        for identity in 0..4 {
            fail(1, identity, 10 + identity as u64, Failure::Timeout);
        }
        fail(0, 0, 20, Failure::Throttled);
        (1..6_000).for_each(|identity| fail(0, identity, 100 + identity as u64, Failure::NotFound));
        let shown = failures(&store, 2);
        let counts: Vec<_> = shown.iter().map(|one| (one.reason, one.count)).collect();
        let expected = [("timeout", 4), ("throttled", 1), ("not_found", 5_999)];
        assert_eq!(counts, expected);
        let latest = |index: usize| {
            let latest = shown[index].latest.iter();
            let latest = latest.map(|failed| (failed.at.0, failed.attempts));
            latest.collect::<Vec<_>>()
        };
        assert_eq!(latest(0), [(13.0, None), (12.0, None), (11.0, None)]);
        assert_eq!(latest(1), [(20.0, None)], "the history holds it no more");
        let one = Some(1);
        assert_eq!(latest(2), [(6_099.0, one), (6_098.0, one), (6_097.0, one)]);
        let ids = &store.snapshot().targets[PoolIndex(0)].identities;
        let throttled = shown[1].latest[0].who.identity_id.as_deref();
        assert_eq!(throttled, Some(ids.id(IdentityIndex(0)).as_str()));
        let of_one = failures(&store, 1);
        assert_eq!(of_one.len(), 2, "of the pools that are shown");
    }

    #[test]
    fn a_success_ends_it_and_a_pool_itself_counts_by_itself() {
        let store = Store::new(Arc::new(Targets::for_tests(&[("r:0", 2)])));
        let poll = |second, result| {
            store.record(&Observation::of_identity(
                PoolIndex(0),
                0,
                at(second),
                result,
            ));
        };
        poll(1, Err(Failure::Throttled));
        poll(2, Ok(crate::api::Usage::default()));
        assert!(failures(&store, 1).is_empty());
        store.record(&Observation {
            job: crate::job::Job {
                operation: crate::api::Operation::DescribeIdentityPoolUsage,
                target: Target::Pool { pool: PoolIndex(0) },
            },
            requested_at: at(3),
            took: Duration::ZERO,
            calls: 2,
            is_reported: false,
            result: Err(Failure::AccessDenied),
        });
        let shown = failures(&store, 1);
        assert_eq!((shown.len(), shown[0].count, shown[0].pools), (1, 0, 1));
        assert_eq!(shown[0].identities(), "0, and 1 pool itself");
        let failed = &shown[0].latest[0];
        assert_eq!((failed.at, failed.attempts), (Time(3.0), Some(2)));
        assert_eq!(failed.who.identity_id, None);
    }
}
