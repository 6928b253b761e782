//! The real schedule, with the real store, in worlds of identities that change: which polls it
//! makes, and how soon they see what changes.

pub(crate) mod score;
pub(crate) mod world;

use std::sync::Arc;
use std::time::Duration;

use cognitosync_exporter::api::{Answer, Failure, Operation, Usage};
use cognitosync_exporter::clock::{Mono, Timestamp};
use cognitosync_exporter::config::Datasets;
use cognitosync_exporter::job::{Job, Target};
use cognitosync_exporter::limits::ListNeed;
use cognitosync_exporter::observation::Observation;
use cognitosync_exporter::schedule::{AfterCall, Knowledge, Schedule, Step};
use cognitosync_exporter::store::Store;
use cognitosync_exporter::targets::Targets;

use world::World;

/// When the worlds begin, in seconds since 1970.
pub(crate) const START: f64 = 1.7e9;
/// Calls in flight: more than there ever are.
const AT_ONCE: usize = 1_000;

/// The settings of one pool.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// Calls per second.
    pub(crate) rate: f64,
    pub(crate) interval: Duration,
    pub(crate) max_age: Duration,
}

/// One pool of so many identities.
pub(crate) fn targets(identities: usize, settings: Settings) -> Targets {
    let mut targets = Targets::for_tests(&[("r:0", identities)]);
    let pool = &mut targets.pools[0].settings;
    (pool.interval, pool.max_age) = (settings.interval, Some(settings.max_age));
    pool.datasets = Datasets::Off;
    targets.set_ages(settings.rate);
    targets
}

/// What came of polling a world. Times are in seconds from its start.
#[derive(Debug, Default)]
pub(crate) struct Run {
    /// When each call was made.
    pub(crate) calls: Vec<f64>,
    /// The polls of identities that AWS answered: when, and the identity's number.
    pub(crate) polls: Vec<(f64, usize)>,
}

/// Polls a world for so many seconds. Each call ends at once, as `fate` says for its time. The wall
/// clock is ahead of what has passed by `step`.
pub(crate) fn run(
    world: &World,
    settings: Settings,
    seconds: f64,
    fate: impl Fn(f64) -> Option<Failure>,
    step: impl Fn(f64) -> f64,
) -> Run {
    watched_run(world, settings, seconds, fate, step, |_, _, _| ())
}

/// The same. `watch` sees the store before each step, how many seconds have passed, and the time.
pub(crate) fn watched_run(
    world: &World,
    settings: Settings,
    seconds: f64,
    fate: impl Fn(f64) -> Option<Failure>,
    step: impl Fn(f64) -> f64,
    mut watch: impl FnMut(&Store, f64, Timestamp),
) -> Run {
    let targets = Arc::new(targets(world.0.len(), settings));
    let store = Store::new(Arc::clone(&targets));
    let start = Mono::START;
    let mut schedule = Schedule::new(&targets, &Operation::POLLED, settings.rate, start);
    let (mut run, mut seen) = (Run::default(), vec![0; world.0.len()]);
    let mut now = start;
    loop {
        let passed = now.since(start).as_secs_f64();
        if passed >= seconds {
            return run;
        }
        let timestamp = Timestamp {
            mono: now,
            unix: START + passed + step(passed),
        };
        watch(&store, passed, timestamp);
        let known = Knowledge {
            list_need: &|_, _| ListNeed::None,
            demand: &|pool, identity| store.demand(pool, identity, timestamp),
        };
        let call = match schedule.next(now, AT_ONCE, known) {
            Step::Wait(until) => {
                now = until.max(now + Duration::from_nanos(1));
                continue;
            }
            Step::Call(call) => call,
        };
        run.calls.push(passed);
        let failure = fate(passed);
        if let Target::Identity { identity, .. } = call.job.target {
            let of = &world.0[identity.0];
            let seen = &mut seen[identity.0];
            *seen += of.changes[*seen..].partition_point(|(at, _)| *at <= passed);
            let last = seen.checked_sub(1).map(|last| of.changes[last]);
            let (modified, bytes) = last.unwrap_or((of.modified, of.bytes));
            let usage = Usage {
                datasets: Some(1),
                storage_bytes: Some(bytes as u64),
                last_modified: Some(START + modified),
            };
            if failure.is_none() {
                run.polls.push((passed, identity.0));
            }
            store.record(&Observation {
                job: Job { ..call.job },
                requested_at: timestamp,
                took: Duration::ZERO,
                calls: 1,
                is_reported: false,
                result: failure.map_or(Ok(Answer::Identity(usage)), Err),
            });
        }
        schedule.end_call(call.ticket, failure, AfterCall::Finish, now);
    }
}
