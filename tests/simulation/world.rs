//! The world, and what must always hold in it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashSet, VecDeque};
use std::ops::AddAssign;
use std::time::Duration;

use cognitosync_exporter::api::{Failure, Operation, Signer, Usage};
use cognitosync_exporter::clock::{Mono, Timestamp};
use cognitosync_exporter::job::{IdentityIndex, PoolIndex, Target};
use cognitosync_exporter::schedule::{AfterCall, Call, Knowledge, Retry, Schedule, Step};
use cognitosync_exporter::store::{Record, State};
use cognitosync_exporter::targets::Targets;

use crate::trouble::{Episode, Kind, Scope};

const INTERVAL: Duration = Duration::from_secs(300);
const TIMEOUT: Duration = Duration::from_secs(10);
const STALE_AFTER: Duration = Duration::from_secs(900);
const MAX_AGE: Duration = Duration::from_secs(6 * 3_600);
/// After trouble has passed, everyone is asked in turn again within this time: an identity that
/// failed for good waits for its deadline, a pool for 8 intervals, a budget without credentials for
/// 5 min, and a rate that was lowered takes less.
const RECOVERY: Duration = Duration::from_secs(6 * 3_600 + 300 + 300);
const RATE_LIMIT: f64 = 0.2;
/// Over any time this long, the ceiling is looked at.
const WINDOW: Duration = Duration::from_secs(60);
const MAX_IN_FLIGHT: usize = 4;
const IDENTITIES: usize = 3;
const DAY: Duration = Duration::from_secs(86_400);

/// What came of living.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) days: u64,
    pub(crate) polls: u64,
    pub(crate) calls: u64,
    pub(crate) failed: u64,
    /// How many calls (or stalls) each kind of trouble struck.
    pub(crate) fired: BTreeMap<Kind, u64>,
}

impl AddAssign for Outcome {
    fn add_assign(&mut self, other: Self) {
        self.days += other.days;
        self.polls += other.polls;
        self.calls += other.calls;
        self.failed += other.failed;
        for (kind, count) in other.fired {
            *self.fired.entry(kind).or_default() += count;
        }
    }
}

/// A call under way, ordered by when it ends.
type UnderWay = BinaryHeap<Reverse<(Mono, usize)>>;

pub(crate) struct World {
    targets: Targets,
    schedule: Schedule,
    retry: Retry,
    random: fastrand::Rng,
    kinds: Vec<Kind>,
    episodes: Vec<Episode>,
    /// When the last trouble passed.
    quiet_since: Mono,
    now: Mono,
    ends: UnderWay,
    /// The calls under way, with what will come of them; ended ones leave holes.
    calls: Vec<Option<(Call, Mono, Option<Failure>)>>,
    holes: Vec<usize>,
    asked_about: HashSet<Target>,
    /// Of each budget, the calls of the last minute, and what is left of AWS's quota, when.
    recent: [VecDeque<Mono>; 2],
    quota: [(f64, Mono); 2],
    /// Of each target: when it was asked last, and what is known of it.
    last_asked: BTreeMap<(usize, usize), Mono>,
    records: BTreeMap<(usize, usize), Record>,
    outcome: Outcome,
}

impl World {
    /// Two budgets, three pools.
    pub(crate) fn new(seed: u64) -> Self {
        let ids = |pool: &'static str| {
            let region = &pool[..1];
            (0..IDENTITIES).map(move |identity| format!("{region}:{seed:x}-{identity}"))
        };
        let mut targets =
            Targets::for_tests_with_ids(["a:0", "a:1", "b:2"].map(|pool| (pool, ids(pool))));
        for pool in &mut targets.pools {
            pool.settings.max_age = Some(MAX_AGE);
        }
        targets.set_ages(RATE_LIMIT);
        let schedule = Schedule::new(&targets, &Operation::POLLED, RATE_LIMIT, Mono::START);
        let keys =
            || (0..3).flat_map(|pool| (0..=IDENTITIES).map(move |identity| (pool, identity)));
        Self {
            schedule,
            retry: Retry::new(3),
            random: fastrand::Rng::with_seed(seed),
            kinds: Kind::all(),
            episodes: Vec::new(),
            quiet_since: Mono::START,
            now: Mono::START,
            ends: BinaryHeap::new(),
            calls: Vec::new(),
            holes: Vec::new(),
            asked_about: HashSet::new(),
            recent: Default::default(),
            quota: [(0.0, Mono::START); 2],
            last_asked: keys().map(|key| (key, Mono::START)).collect(),
            records: keys().map(|key| (key, Record::default())).collect(),
            outcome: Outcome::default(),
            targets,
        }
    }

    pub(crate) fn untroubled(mut self) -> Self {
        self.kinds.clear();
        self
    }

    pub(crate) fn live(mut self, days: u64) -> Outcome {
        for day in 0..days {
            let begins = Mono::START + DAY * day as u32;
            // A quiet day now and then, for recovery to be seen; else up to six troubles, some at
            // once.
            let troubles = if self.kinds.is_empty() || day % 5 == 4 {
                0
            } else {
                self.random.usize(1..7)
            };
            for _ in 0..troubles {
                self.episodes
                    .push(Episode::drawn(&mut self.random, &self.kinds, begins));
            }
            while self.now < begins + DAY {
                self.step(begins + DAY);
            }
            self.everyone_had_a_turn();
            let now = self.now;
            self.episodes.retain(|episode| episode.until > now);
        }
        self.outcome.days = days;
        self.outcome
    }

    /// Until the next thing happens, at most to `until`.
    fn step(&mut self, until: Mono) {
        let stall = self
            .episodes
            .iter()
            .find(|episode| episode.kind == Kind::Stall && episode.is_on(self.now));
        if let Some(stall) = stall {
            self.now = stall.until;
            self.quiet_since = self.now;
            *self.outcome.fired.entry(Kind::Stall).or_default() += 1;
        }
        while self
            .ends
            .peek()
            .is_some_and(|Reverse((end, _))| *end <= self.now)
        {
            let Some(Reverse((_, call))) = self.ends.pop() else {
                break;
            };
            self.end(call);
        }
        let mut wake = until;
        while self.asked_about.len() < MAX_IN_FLIGHT {
            match self.schedule.next(self.now, MAX_IN_FLIGHT, Knowledge::NONE) {
                Step::Call(call) => self.call(call),
                Step::Wait(next) => {
                    wake = wake.min(next);
                    break;
                }
            }
        }
        let end = self.ends.peek().map_or(Mono::MAX, |Reverse((end, _))| *end);
        let stall = self
            .episodes
            .iter()
            .filter(|episode| episode.kind == Kind::Stall && episode.from > self.now);
        let stall = stall.map(|episode| episode.from).min().unwrap_or(Mono::MAX);
        self.now = wake.min(end).min(stall).max(self.now);
    }

    fn call(&mut self, call: Call) {
        let target = call.job.target;
        let pool = self.targets.pool(target);
        let budget = pool.budget_of(call.job.operation).unwrap();
        self.outcome.calls += 1;
        assert!(
            self.asked_about.insert(target),
            "{target:?} is asked about twice at once"
        );
        let recent = &mut self.recent[budget];
        while recent
            .front()
            .is_some_and(|call| self.now.since(*call) >= WINDOW)
        {
            recent.pop_front();
        }
        recent.push_back(self.now);
        let ceiling = RATE_LIMIT * (WINDOW.as_secs_f64() + 0.05) + 1.0;
        assert!(
            recent.len() as f64 <= ceiling,
            "{} calls in {WINDOW:?}",
            recent.len()
        );
        self.last_asked.insert(key(target), self.now);

        let (takes, failure) = self.fate(target, budget);
        let place = self.holes.pop().unwrap_or_else(|| {
            self.calls.push(None);
            self.calls.len() - 1
        });
        self.calls[place] = Some((call, self.now, failure));
        self.ends.push(Reverse((self.now + takes, place)));
    }

    /// How long a call takes, and what comes of it.
    fn fate(&mut self, target: Target, budget: usize) -> (Duration, Option<Failure>) {
        let (identity, pool) = match target {
            Target::Identity { pool, identity } => (Some(identity.0), pool.0),
            Target::Pool { pool } => (None, pool.0),
        };
        let mut takes = Duration::from_millis(self.random.u64(20..120));
        let mut failed = None;
        let on: Vec<_> = self
            .episodes
            .iter()
            .filter(|episode| episode.is_on(self.now))
            .copied()
            .collect();
        for episode in on {
            self.quiet_since = self.quiet_since.max(episode.until);
            let strikes = |scope: Scope| {
                episode.strikes(scope, identity, pool, self.targets.pools.len(), budget)
            };
            let failure = match episode.kind {
                Kind::Fails(failure, scope) if strikes(scope) => Some(Failure::ALL[failure]),
                Kind::Flickers(failure, scope) if strikes(scope) && self.random.u8(..4) == 0 => {
                    Some(Failure::ALL[failure])
                }
                Kind::Slow(scope) if strikes(scope) => {
                    takes = Duration::from_secs(self.random.u64(1..9));
                    *self.outcome.fired.entry(episode.kind).or_default() += 1;
                    None
                }
                Kind::Quota(scope) if strikes(scope) => {
                    self.throttled(budget).then_some(Failure::Throttled)
                }
                _ => None,
            };
            if let Some(failure) = failure {
                *self.outcome.fired.entry(episode.kind).or_default() += 1;
                failed = failed.or(Some(failure));
            }
        }
        if failed == Some(Failure::Timeout) {
            takes = TIMEOUT;
        }
        (takes, failed)
    }

    /// Whether one call a minute, in bursts of one, is used up.
    fn throttled(&mut self, budget: usize) -> bool {
        let (left, at) = &mut self.quota[budget];
        *left = (*left + self.now.since(*at).as_secs_f64() / 60.0).min(1.0);
        *at = self.now;
        let throttled = *left < 1.0;
        *left -= if throttled { 0.0 } else { 1.0 };
        throttled
    }

    fn end(&mut self, call: usize) {
        let (
            Call {
                ticket: id, job, ..
            },
            asked,
            failure,
        ) = self.calls[call].take().unwrap();
        self.holes.push(call);
        assert!(
            self.asked_about.remove(&job.target),
            "an answer that nobody waits for"
        );
        let chance = self.random.f64();
        let attempt = self.schedule.ticket(id).unwrap().attempt;
        let again =
            failure.and_then(|failure| self.retry.wait(attempt, failure, Signer::Account, chance));
        let then = again.map_or(AfterCall::Finish, AfterCall::Retry);
        self.schedule.end_call(id, failure, then, self.now);
        if again.is_some() {
            return;
        }
        self.outcome.polls += 1;
        self.outcome.failed += u64::from(failure.is_some());
        // What the service holds is the time itself: what is stored says when it was true.
        let now = asked.since(Mono::START).as_secs();
        let usage = Usage {
            storage_bytes: Some(now),
            ..Usage::default()
        };
        let record = self.records.get_mut(&key(job.target)).unwrap();
        let before = *record;
        record.apply(
            failure.map_or(Ok(usage), Err),
            Timestamp {
                mono: asked,
                unix: now as f64,
            },
        );
        let shown = record
            .usage(self.now.before(STALE_AFTER))
            .and_then(|usage| usage.storage_bytes);
        match failure {
            // An answer that piled up while the process stood still may be too old already.
            None => assert_eq!(
                shown,
                Some(now).filter(|_| self.now.since(asked) <= STALE_AFTER),
                "a success is shown"
            ),
            Some(Failure::NotFound) => assert_eq!(shown, None, "what does not exist is not shown"),
            Some(_) => {
                assert!(
                    shown
                        == before
                            .usage(self.now.before(STALE_AFTER))
                            .and_then(|usage| usage.storage_bytes)
                );
            }
        }
        if let Some(shown) = shown {
            let age = self.now.since(Mono::START + Duration::from_secs(shown));
            assert!(
                age <= STALE_AFTER + Duration::from_secs(1),
                "{age:?} old and shown"
            );
        }
    }

    /// Long after any trouble, everyone is asked in their turn and fresh.
    fn everyone_had_a_turn(&self) {
        if self.now.since(self.quiet_since) < RECOVERY {
            return;
        }
        for (target, asked) in &self.last_asked {
            let waits = self.now.since(*asked);
            assert!(
                waits <= INTERVAL + Duration::from_secs(60),
                "{target:?} waits for {waits:?} on day {}",
                self.now.since(Mono::START).as_secs() / 86_400
            );
            let state = self.records[target].state(self.now.before(STALE_AFTER));
            assert_eq!(state, State::Fresh, "{target:?}, asked {waits:?} ago");
        }
    }
}

/// Identities by number; the pool itself stands behind them.
fn key(target: Target) -> (usize, usize) {
    match target {
        Target::Identity {
            pool: PoolIndex(pool),
            identity: IdentityIndex(identity),
        } => (pool, identity),
        Target::Pool {
            pool: PoolIndex(pool),
        } => (pool, IDENTITIES),
    }
}
