//! How soon changes are seen, and what holds whatever happens: the ceiling, `max_age`, and that
//! calls are used while anybody waits. The real schedule and the real store poll the worlds of
//! `benches/freshness`, only smaller.

use std::collections::HashMap;
use std::time::Duration;

use cognitosync_exporter::api::Failure;

use crate::fresh::score::Score;
use crate::fresh::world::{Identity, Kind, World};
use crate::fresh::{Run, Settings, run};

const HOUR: f64 = 3_600.0;
const DAY: f64 = 24.0 * HOUR;
const IDENTITIES: usize = 2_000;
const RATE: f64 = 0.2;

/// As 100,000 identities at 10 calls a second: a turn for everybody takes 10,000 s.
const SETTINGS: Settings = Settings {
    rate: RATE,
    interval: Duration::from_secs(60),
    max_age: Duration::from_secs(86_400),
};

fn polled(world: &World, settings: Settings, days: f64) -> Run {
    run(world, settings, days * DAY, |_| None, |_| 0.0)
}

/// The longest time between two answers about an identity, or until `end` after the last, of those
/// that begin at `from` or after.
fn oldest(run: &Run, from: f64, end: f64) -> f64 {
    let mut last: HashMap<usize, f64> = HashMap::new();
    let mut oldest = 0_f64;
    for (at, identity) in &run.polls {
        if let Some(before) = last.insert(*identity, *at)
            && before >= from
        {
            oldest = oldest.max(at - before);
        }
    }
    assert_eq!(last.len(), IDENTITIES, "everybody was asked");
    let waiting = last.values().map(|last| end - last);
    waiting.fold(oldest, f64::max)
}

fn keeps_the_ceiling(run: &Run, rate: f64) {
    for window in [1.0, 60.0] {
        let most = rate * 1.05 * window + 1.0;
        let mut from = 0;
        for (call, at) in run.calls.iter().enumerate() {
            while run.calls[from] <= at - window {
                from += 1;
            }
            let calls = (call + 1 - from) as f64;
            assert!(
                calls <= most.ceil(),
                "{calls} calls in {window} s before {at}"
            );
        }
    }
}

/// The bars leave room for small worlds; the bench and the yardstick measure large ones.
#[test]
fn changes_are_seen_many_times_sooner_than_in_equal_turns() {
    for (kind, times) in [
        (Kind::Steady, 5.0),
        (Kind::Sessions, 5.0),
        (Kind::ReturnAndLeave, 4.0),
    ] {
        let world = World::new(kind, IDENTITIES, 3.0, 1);
        let run = polled(&world, SETTINGS, 3.0);
        keeps_the_ceiling(&run, RATE);
        let used = run.calls.len() as f64 / (RATE * 3.0 * DAY);
        assert!(used > 0.99, "{kind:?}: {used} of the calls are used");
        let oldest = oldest(&run, 0.0, 3.0 * DAY);
        assert!(oldest <= DAY, "{kind:?}: {oldest} s");
        let turns =
            (0..(3.0 * DAY * RATE) as usize).map(|call| (call as f64 / RATE, call % IDENTITIES));
        let [ours, equal] = [
            Score::new(&world, run.polls.iter().copied(), DAY, 3.0 * DAY),
            Score::new(&world, turns, DAY, 3.0 * DAY),
        ]
        .map(|score| (score.change.mean(), score.crossing.mean()));
        let gain = equal.0 / ours.0;
        assert!(gain > times, "{kind:?}: {ours:?}, equal turns {equal:?}");
        assert!(
            ours.1 < equal.1 / 3.0,
            "{kind:?}: {ours:?}, equal turns {equal:?}"
        );
    }
}

/// `max_age` is kept as long as there are enough calls for it, and no call for anything else; below
/// that, everybody has equal turns.
#[test]
fn few_calls_go_to_those_that_wait_longest() {
    // With a tenth more calls than `max_age` takes, the first turn for everybody takes days.
    let days = 8.0;
    let world = World::new(Kind::Steady, IDENTITIES, days, 2);
    let turns = IDENTITIES as f64 / DAY;
    // The pool itself is polled as well, once an hour.
    let settings = |rate: f64| Settings {
        rate: rate + HOUR.recip(),
        interval: Duration::from_secs(3_600),
        ..SETTINGS
    };
    for part in [1.1, 1.5, 3.0] {
        let run = polled(&world, settings(turns * part), days);
        let oldest = oldest(&run, 0.0, days * DAY);
        assert!(oldest <= DAY, "{part}: {oldest} s");
    }
    // The first turns take longer, since others are past `max_age` by then.
    let run = polled(&world, settings(turns / 2.0), 10.0);
    let oldest = oldest(&run, 4.0 * DAY, 10.0 * DAY);
    assert!(oldest <= 2.0 * DAY * 1.01, "{oldest} s");
}

/// In an hour, AWS throttles 99 of 100 calls.
#[test]
fn after_an_hour_of_throttling_everybody_is_asked_within_max_age() {
    let world = World::new(Kind::Sessions, IDENTITIES, 4.0, 3);
    let (from, until) = (1.5 * DAY, 1.5 * DAY + HOUR);
    let throttled = |at: f64| {
        let strikes = (from..until).contains(&at) && !((at * 1e3) as u64).is_multiple_of(100);
        strikes.then_some(Failure::Throttled)
    };
    let settings = Settings {
        rate: 2.0,
        ..SETTINGS
    };
    let run = run(&world, settings, 4.0 * DAY, throttled, |_| 0.0);
    let struck = run
        .calls
        .iter()
        .filter(|at| throttled(**at).is_some())
        .count();
    assert!(struck > 500, "{struck} calls were throttled");
    keeps_the_ceiling(&run, 2.0);
    let during = oldest(&run, 0.0, 4.0 * DAY);
    assert!(during <= DAY + HOUR, "{during} s");
    let after = oldest(&run, until, 4.0 * DAY);
    assert!(after <= DAY, "{after} s");
}

/// All change at once, and the wall clock jumps by a day, forth and back.
#[test]
fn a_pool_that_wakes_up_and_a_clock_that_steps_make_nobody_wait() {
    let dead = Identity {
        modified: -300.0 * DAY,
        bytes: 1e5,
        changes: (0..20)
            .map(|change| (1.2 * DAY + f64::from(change) * 60.0, 2e5))
            .collect(),
        rate: 0.0,
        write: 0.0,
    };
    let world = World(vec![dead; IDENTITIES]);
    let step = |at: f64| match at / DAY {
        1.5..1.8 => DAY,
        2.1..2.3 => -DAY,
        _ => 0.0,
    };
    let run = run(&world, SETTINGS, 3.0 * DAY, |_| None, step);
    keeps_the_ceiling(&run, RATE);
    let oldest = oldest(&run, 0.0, 3.0 * DAY);
    assert!(oldest <= DAY, "{oldest} s");
}
