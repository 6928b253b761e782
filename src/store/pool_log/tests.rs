use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::api::{PoolUsage, Usage};
use crate::clock::{Mono, Timestamp};
use crate::config::{Discover, PoolSettings, Signer};
use crate::job::PoolIndex;
use crate::observation::Observation;
use crate::store::{KeptPool, Store};
use crate::targets::{TargetDiff, Targets};

const POOL: PoolIndex = PoolIndex(0);
const OWN: PoolUsage = PoolUsage {
    storage_bytes: None,
    sync_sessions: None,
    last_modified: None,
};

/// A pool, and what is logged of it.
struct Watched {
    /// Polls that succeed come a minute after those before.
    seconds: Cell<u64>,
    store: Store,
    targets: Arc<Targets>,
}

impl Watched {
    fn new(identities: usize, change: impl FnOnce(&mut PoolSettings)) -> Self {
        let targets = targets(identities, change);
        let store = Store::new(Arc::clone(&targets));
        let seconds = Cell::new(0);
        Self {
            seconds,
            store,
            targets,
        }
    }

    /// Gives the lines of these identities' polls.
    fn polls(
        &self,
        identities: impl IntoIterator<Item = usize>,
        result: Result<Usage, Failure>,
    ) -> Vec<Line> {
        if result.is_ok() {
            self.seconds.set(self.seconds.get() + 60);
        }
        let poll = |identity| {
            self.lines(&Observation::of_identity(
                POOL,
                identity,
                self.now(),
                result,
            ))
        };
        identities.into_iter().flat_map(poll).collect()
    }

    /// The same of a poll of the pool itself.
    fn own(&self, failure: Option<Failure>) -> Vec<Line> {
        let result = failure.map_or(Ok(OWN), Err);
        self.lines(&Observation::of_pool(POOL, self.now(), result))
    }

    fn now(&self) -> Timestamp {
        let seconds = self.seconds.get();
        Timestamp {
            mono: Mono::START + Duration::from_secs(seconds),
            unix: seconds as f64,
        }
    }

    /// What is due once the observation is recorded, by what was logged before it.
    fn lines(&self, observation: &Observation) -> Vec<Line> {
        let mut logged = self.store.contents().pools[0].logged.clone();
        self.store.record(observation);
        let health = self.store.contents().pools[0].health;
        logged
            .lines(&self.targets.pools[0], health, observation)
            .lines
    }

    fn reload(&mut self, identities: usize) {
        let new = targets(identities, |_| ());
        let diff = TargetDiff::new(&self.targets, &new);
        self.store.apply_targets(&new, &diff);
        self.targets = new;
    }
}

fn targets(identities: usize, change: impl FnOnce(&mut PoolSettings)) -> Arc<Targets> {
    let mut targets = Targets::for_tests(&[("us-east-1:0", identities)]);
    let settings = &mut targets.pools[0].settings;
    settings.name = Some("production".to_owned());
    change(settings);
    Arc::new(targets)
}

fn ok() -> Result<Usage, Failure> {
    Ok(Usage::default())
}

const NOT_FOUND: Line = Line::Trouble(PoolTrouble::NotFound);
const DENIED: Line = Line::Trouble(PoolTrouble::Denied);

#[test]
fn failures_are_lines_when_some_when_all_and_when_none_fail() {
    let pool = Watched::new(4, |_| ());
    let timeout = Err(Failure::Timeout);
    assert_eq!(pool.polls(0..2, timeout), [Line::Failing]);
    assert_eq!(pool.polls(2..4, timeout), [Line::AllFailing]);
    let up_and_down = [pool.polls([0], ok()), pool.polls([0], timeout)];
    assert_eq!(up_and_down, [[], []], "they may go on for hours");
    assert_eq!(pool.polls(0..4, ok()), [Line::NoneFailing]);
    assert_eq!(pool.polls([1], Err(Failure::NotFound)), [Line::Missing]);
    assert_eq!(pool.polls([1], ok()), [Line::NoneMissing]);
}

#[test]
fn a_poll_that_fails_now_and_then_is_one_line() {
    let pool = Watched::new(4, |_| ());
    let mut lines = Vec::new();
    for second in (0..600).chain([650]) {
        pool.seconds.set(second);
        let result = if second % 20 == 0 {
            Err(Failure::ServiceError)
        } else {
            ok().map(|_| Usage::default())
        };
        let poll = Observation::of_identity(POOL, second as usize % 4, pool.now(), result);
        lines.extend(pool.lines(&poll));
    }
    assert_eq!(lines, [Line::Failing, Line::NoneFailing]);
}

#[test]
fn what_the_budget_reports_is_no_line_of_the_pool() {
    let pool = Watched::new(4, |_| ());
    let reported = |observation| {
        pool.lines(&Observation {
            is_reported: true,
            ..observation
        })
    };
    let credentials = Err(Failure::Credentials);
    assert_eq!(
        reported(Observation::of_pool(
            POOL,
            pool.now(),
            Err(Failure::Credentials)
        )),
        []
    );
    for identity in 0..4 {
        let poll = Observation::of_identity(POOL, identity, pool.now(), credentials);
        assert_eq!(reported(poll), []);
    }
    assert_eq!(pool.own(None), []);
    assert_eq!(pool.polls([0], ok()), [], "the others are yet to be polled");
    assert_eq!(pool.polls([1], Err(Failure::Timeout)), [Line::Failing]);
    assert_eq!(pool.polls(0..4, ok()), [Line::NoneFailing]);
}

#[test]
fn a_pool_that_is_not_found_is_one_warning_and_one_line_when_it_is_over() {
    let pool = Watched::new(41, |_| ());
    let not_found = Err(Failure::NotFound);
    assert_eq!(pool.own(Some(Failure::NotFound)), [NOT_FOUND]);
    assert_eq!(pool.polls(0..41, not_found), []);
    assert_eq!(pool.own(Some(Failure::Timeout)), [], "which is no answer");
    let over = [Line::TroubleEnded(PoolTrouble::NotFound), Line::Missing];
    assert_eq!(pool.own(None), over);
    assert_eq!(pool.polls(0..41, ok()), [Line::NoneMissing]);
}

#[test]
fn an_identity_that_is_found_shows_that_the_pool_is_there() {
    let pool = Watched::new(9, |_| ());
    let not_found = Err(Failure::NotFound);
    assert_eq!(pool.own(Some(Failure::NotFound)), [NOT_FOUND]);
    let over = Line::TroubleEnded(PoolTrouble::NotFound);
    assert_eq!(pool.polls([0], ok()), [over]);
    assert_eq!(pool.own(Some(Failure::NotFound)), [Line::UsageUnavailable]);
    assert_eq!(pool.polls(0..9, not_found), [Line::Missing, NOT_FOUND]);
}

#[test]
fn identities_count_where_the_pools_own_description_says_nothing() {
    let not_found = Err(Failure::NotFound);
    let denied = Watched::new(9, |_| ());
    assert_eq!(
        denied.polls(0..4, not_found),
        [Line::Missing],
        "not yet asked"
    );
    assert_eq!(denied.own(Some(Failure::AccessDenied)), [NOT_FOUND]);
    let few = Watched::new(2, |_| ());
    few.own(Some(Failure::ServiceError));
    assert_eq!(few.polls([0], not_found), [Line::Missing]);
    assert_eq!(few.polls([1], not_found), [NOT_FOUND]);
    let guests = Watched::new(9, |settings| settings.signer = Signer::Guest);
    assert_eq!(guests.polls(0..9, not_found), [Line::Missing, NOT_FOUND]);
    let found = Watched::new(9, |_| ());
    found.own(None);
    assert_eq!(found.polls(0..9, not_found), [Line::Missing]);
    let one_found = Watched::new(9, |_| ());
    one_found.own(Some(Failure::AccessDenied));
    one_found.polls([0], ok());
    assert!(!one_found.polls(1..9, not_found).contains(&NOT_FOUND));
}

#[test]
fn of_a_discovered_pool_only_its_own_description_counts() {
    let discover = |settings: &mut PoolSettings| settings.discover = Some(Discover::default());
    let not_found = Err(Failure::NotFound);
    let pool = Watched::new(9, discover);
    assert_eq!(
        pool.own(Some(Failure::AccessDenied)),
        [Line::UsageUnavailable]
    );
    assert_eq!(pool.polls(0..9, not_found), []);
    assert_eq!(pool.own(Some(Failure::NotFound)), [NOT_FOUND]);
    assert_eq!(
        PoolTrouble::NotFound.sentence(&pool.targets.pools[0]),
        "pool production is not found in us-east-1 with these credentials: wrong pool id, region \
         or account, or no identity has synced yet"
    );
}

#[test]
fn a_policy_that_denies_every_poll_is_one_warning() {
    let pool = Watched::new(200, |_| ());
    let denied = Err(Failure::AccessDenied);
    assert_eq!(pool.polls(0..200, denied), [Line::Failing, DENIED]);
    assert_eq!(
        PoolTrouble::Denied.sentence(&pool.targets.pools[0]),
        "every poll of pool production is denied (access_denied): iam-policy prints what is needed"
    );
    let over = Line::TroubleEnded(PoolTrouble::Denied);
    assert_eq!(pool.polls(0..200, ok()), [over, Line::NoneFailing]);
    let some = Watched::new(200, |_| ());
    some.polls([0], Err(Failure::Throttled));
    assert_eq!(some.polls(1..200, denied), [Line::AllFailing]);
    let other = Err(Failure::ServiceError);
    let still = Watched::new(200, |_| ());
    still.polls(0..200, denied);
    let polls = [still.polls([3, 9], other), still.polls([3, 9], denied)];
    assert_eq!(polls, [[], []], "which show nothing of the policy");
    assert_eq!(still.polls([7], Err(Failure::NotFound))[0], over);
}

#[test]
fn what_was_logged_outlives_a_reload_and_what_is_restored_is_logged() {
    let mut pool = Watched::new(9, |_| ());
    let (timeout, not_found) = (Err(Failure::Timeout), Err(Failure::NotFound));
    pool.own(None);
    assert_eq!(pool.polls(0..2, timeout), [Line::Failing]);
    assert_eq!(pool.polls([3], not_found), [Line::Missing]);
    pool.reload(8);
    assert_eq!(pool.polls([4], timeout), []);
    pool.reload(0);
    pool.reload(3);
    let gone = [Line::NoneFailing, Line::NoneMissing];
    assert_eq!(pool.polls([2], ok()), gone, "with the next poll");

    let restarted = Watched::new(9, |_| ());
    let kept = KeptPool {
        usage: None,
        failure: Some(Failure::NotFound),
    };
    restarted
        .store
        .restore_pool(&restarted.targets.pools[0].id, kept);
    assert_eq!(restarted.polls([0], not_found), [NOT_FOUND]);
}

#[test]
fn reasons_are_written_with_the_most_frequent_first() {
    let pool = Watched::new(9, |_| ());
    pool.polls(0..1, Err(Failure::Throttled));
    pool.polls(1..4, Err(Failure::AccessDenied));
    pool.polls(4..5, Err(Failure::NotFound));
    let failed = pool.store.snapshot().pool(POOL).failed();
    assert_eq!(
        failed.to_string(),
        "access_denied=3 throttled=1 not_found=1"
    );
    let day = Mono::START + Duration::from_secs(86_400);
    let states = pool.store.snapshot().pool(POOL).states(day);
    assert_eq!(states, [4, 0, 4, 0, 1]);
}
