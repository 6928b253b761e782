//! Forecasts of the simulator's identities, some with several datasets and some with small
//! records, that are described and listed as the daemon would: usage lags, and a list holds until
//! the next write.

use std::sync::Arc;
use std::time::Duration;

use cognitosync_exporter::api::{Answer, Operation};
use cognitosync_exporter::clock::{Mono, Timestamp};
use cognitosync_exporter::job::{IdentityIndex, PoolIndex, Target};
use cognitosync_exporter::observation::Observation;
use cognitosync_exporter::schedule::{AfterCall, Knowledge, Schedule, Step};
use cognitosync_exporter::simulator::{Collecting, Life, World};
use cognitosync_exporter::store::Store;
use cognitosync_exporter::targets::Targets;

const POOL: &str = "r:0";
const DAY: f64 = 86_400.0;
const START: f64 = 1.7e9;
const IDENTITIES: usize = 120;
const DAYS: f64 = 35.0;
/// What is full of bytes, and of records.
const FULL: [f64; 2] = [0.99 * 1_048_576.0, 0.99 * 1_024.0];

/// Writes 2 to 40 times a day; one to three datasets; each fourth has small records.
fn life(number: usize, random: &mut fastrand::Rng) -> Collecting {
    let small = number.is_multiple_of(4);
    let mut life = Collecting {
        datasets: 1 + number % 3,
        bytes: 0.0,
        write: 0.0,
        every: DAY / (2.0 + 38.0 * random.f64()),
        record_bytes: if small { 40.0 } else { 1_536.0 },
    };
    let full = FULL[0].min(FULL[1] * life.record_bytes) / life.share();
    life.bytes = full * (0.2 + 0.5 * random.f64());
    let seconds = DAY * (15.0 + 60.0 * random.f64());
    life.write = (full - life.bytes) / seconds * life.every;
    life
}

/// When its first dataset is full, in seconds from the world's start.
fn full_at(life: &Collecting) -> f64 {
    let full = FULL[0].min(FULL[1] * life.record_bytes) / life.share();
    ((full - life.bytes) / life.write).ceil() * life.every
}

/// Calls `look` with the store once a day.
fn poll(world: &World, targets: &Arc<Targets>, mut look: impl FnMut(&Store, f64, Timestamp)) {
    let store = Store::new(Arc::clone(targets));
    let rate = 12.0 * IDENTITIES as f64 / DAY;
    let mut schedule = Schedule::new(targets, &Operation::POLLED, rate, Mono::START);
    let (mut now, mut next_look) = (Mono::START, DAY);
    loop {
        let passed = now.since(Mono::START).as_secs_f64();
        let timestamp = Timestamp {
            mono: now,
            unix: START + passed,
        };
        if passed >= next_look {
            look(&store, passed, timestamp);
            next_look += DAY;
        }
        if passed >= DAYS * DAY {
            return;
        }
        let known = Knowledge {
            list_need: &|pool, identity| store.list_need(pool, identity, timestamp),
            demand: &|pool, identity| store.demand(pool, identity, timestamp),
        };
        let call = match schedule.next(now, 100, known) {
            Step::Wait(until) => {
                now = until.max(now + Duration::from_nanos(1));
                continue;
            }
            Step::Call(call) => call,
        };
        if let Target::Identity { identity, .. } = call.job.target {
            let id = targets.pools[0].identities.id(identity).as_str();
            let answer = if call.job.operation == Operation::ListDatasets {
                Answer::Datasets(world.datasets(POOL, id, passed, START).unwrap())
            } else {
                Answer::Identity(world.usage(POOL, id, passed, START).unwrap())
            };
            store.record(&Observation {
                job: call.job,
                requested_at: timestamp,
                took: Duration::ZERO,
                calls: 1,
                is_reported: false,
                result: Ok(answer),
            });
        }
        schedule.end_call(call.ticket, None, AfterCall::Finish, now);
    }
}

#[test]
fn forecasts_of_the_simulators_identities_are_near_the_truth_where_it_is_exact() {
    let mut targets = Targets::for_tests(&[(POOL, IDENTITIES)]);
    let settings = &mut targets.pools[0].settings;
    settings.interval = Duration::from_secs(300);
    settings.max_age = Some(Duration::from_secs(86_400));
    targets.set_ages(12.0 * IDENTITIES as f64 / DAY);
    let targets = Arc::new(targets);
    let mut random = fastrand::Rng::with_seed(3);
    let lives: Vec<_> = (0..IDENTITIES)
        .map(|number| life(number, &mut random))
        .collect();
    let mut world = World::default();
    for (number, life) in lives.iter().enumerate() {
        let id = targets.pools[0]
            .identities
            .id(IdentityIndex(number))
            .as_str();
        world.insert(POOL, id, Life::Collecting(*life));
    }
    // Of those with one dataset and with several: looks, and errors of those with a forecast.
    let (mut looks, mut errors) = ([0; 2], [Vec::new(), Vec::new()]);
    let (mut said, mut wrong) = (0, 0);
    poll(&world, &targets, |store, passed, now| {
        let snapshot = store.snapshot();
        let pool = snapshot.pool(PoolIndex(0));
        for (number, life) in lives.iter().enumerate() {
            let left = full_at(life) - passed;
            if left <= 0.0 {
                continue;
            }
            let several = usize::from(life.datasets > 1);
            looks[several] += 1;
            let Some(at) = pool.full_at(IdentityIndex(number), now) else {
                continue;
            };
            errors[several].push(((at - now.unix) / left - 1.0).abs());
            said += usize::from(at - now.unix <= 7.0 * DAY);
            wrong += usize::from(at - now.unix <= 7.0 * DAY && left > 7.0 * DAY);
        }
    });
    let medians = errors.each_mut().map(|errors| {
        errors.sort_by(f64::total_cmp);
        errors.get(errors.len() / 2).copied().unwrap_or(f64::NAN)
    });
    let forecasts = errors.each_ref().map(Vec::len);
    println!("{looks:?} looks, {forecasts:?} forecasts, median errors {medians:?}");
    println!("{said} of a week or less, {wrong} of them false");
    assert!(medians.iter().all(|error| *error < 0.2));
    assert!(forecasts[0] * 10 > looks[0] * 9, "one dataset is exact");
    assert!(wrong * 50 <= said);
}
