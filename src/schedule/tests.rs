//! The schedule over virtual time.

mod ages;
mod changes;
mod explain;
mod guests;
mod lists;
mod lists_change;
mod pages;
mod resume;
mod trouble;

use super::*;
use crate::api::{Failure, FailureClass};
use std::collections::HashSet;
use std::time::Duration;

/// More calls at once than any test makes.
const UNLIMITED: usize = 100_000;

/// Pools `a:0`, `b:0` … of so many identities each, interval 10 s.
fn targets(pools: &[usize]) -> Targets {
    targets_of(pools.iter().map(|identities| 0..*identities))
}

/// The same, with identities of these numbers.
fn targets_of(pools: impl Iterator<Item = std::ops::Range<usize>>) -> Targets {
    let mut targets = Targets::for_tests_with_ids(('a'..).zip(pools).map(|(region, numbers)| {
        let ids = numbers.map(move |number| format!("{region}:{number:x}"));
        (format!("{region}:0"), ids)
    }));
    for pool in &mut targets.pools {
        pool.settings.interval = Duration::from_secs(10);
    }
    targets
}

fn schedule(targets: &Targets, rate_limit: f64) -> Schedule {
    Schedule::new(targets, &Operation::POLLED, rate_limit, Mono::START)
}

/// Ends a call and its poll.
fn finish(
    schedule: &mut Schedule,
    call: &Call,
    failure: Option<Failure>,
    now: Mono,
) -> Option<BudgetEvent> {
    schedule
        .end_call(call.ticket, failure, AfterCall::Finish, now)
        .unwrap()
        .event
}

fn seconds(seconds: f64) -> Mono {
    Mono::START + Duration::from_secs_f64(seconds)
}

/// Runs to `until`; each call takes `took` and succeeds. Returns time and target of all calls.
fn run(schedule: &mut Schedule, from: Mono, until: Mono, took: Duration) -> Vec<(Mono, Target)> {
    let mut now = from;
    let mut calls = Vec::new();
    let mut in_flight: Vec<(Mono, Call)> = Vec::new();
    while now <= until {
        while let Some(ended) = in_flight.iter().position(|(end, _)| *end <= now) {
            finish(schedule, &in_flight.swap_remove(ended).1, None, now);
        }
        let wake = loop {
            match schedule.next(now, UNLIMITED, Knowledge::NONE) {
                Step::Call(call) => {
                    calls.push((now, call.job.target));
                    in_flight.push((now + took, call));
                }
                Step::Wait(wake) => break wake,
            }
        };
        now = in_flight
            .iter()
            .map(|(end, _)| *end)
            .min()
            .unwrap_or(Mono::MAX)
            .min(wake);
    }
    calls
}

#[test]
fn each_target_is_polled_once_an_interval_and_evenly() {
    let targets = targets(&[900, 100]);
    let mut schedule = schedule(&targets, 1_000.0);
    let calls = run(
        &mut schedule,
        Mono::START,
        seconds(29.999),
        Duration::from_millis(20),
    );
    assert_eq!(calls.len(), 3 * 1_002);
    for third in 0..3 {
        let of_third: HashSet<_> = calls
            .iter()
            .filter(|(at, _)| at.since(Mono::START).as_secs() / 10 == third)
            .map(|(_, target)| target)
            .collect();
        assert_eq!(of_third.len(), 1_002);
    }
    for second in 0..30 {
        let in_second = calls
            .iter()
            .filter(|(at, _)| at.since(Mono::START).as_secs() == second)
            .count();
        assert!(
            (60..140).contains(&in_second),
            "{in_second} calls in second {second}"
        );
    }
}

#[test]
fn too_small_a_budget_still_gives_each_target_a_turn() {
    let targets = targets(&[500]);
    let mut schedule = schedule(&targets, 10.0);
    let calls = run(
        &mut schedule,
        Mono::START,
        seconds(120.0),
        Duration::from_millis(20),
    );
    assert!((1_190..=1_202).contains(&calls.len()), "{}", calls.len());
    let polled: HashSet<_> = calls.iter().take(515).map(|(_, target)| target).collect();
    assert_eq!(polled.len(), 501, "all are polled before any third turn");
}

#[test]
fn a_full_budget_does_not_hold_up_another() {
    let targets = targets(&[1_000, 10]);
    let mut schedule = schedule(&targets, 10.0);
    let calls = run(
        &mut schedule,
        Mono::START,
        seconds(9.999),
        Duration::from_millis(20),
    );
    let of_second = calls
        .iter()
        .filter(|(_, target)| {
            matches!(
                target,
                Target::Identity {
                    pool: PoolIndex(1),
                    ..
                }
            )
        })
        .count();
    assert_eq!(of_second, 10);
}

#[test]
fn a_stall_makes_no_burst_and_keeps_the_phases() {
    let targets = targets(&[100]);
    let mut schedule = schedule(&targets, 50.0);
    let before = run(&mut schedule, Mono::START, seconds(9.999), Duration::ZERO);
    let after = run(
        &mut schedule,
        seconds(1_000.0),
        seconds(1_129.999),
        Duration::ZERO,
    );
    assert!(
        after
            .iter()
            .filter(|(at, _)| *at < seconds(1_001.0))
            .count()
            <= 53
    );
    // A tenth of an interval sooner at each turn, everybody is back in phase after ten.
    let settled: Vec<_> = after
        .iter()
        .filter(|(at, _)| *at >= seconds(1_120.0))
        .collect();
    assert_eq!(settled.len(), 101);
    for (at, target) in settled {
        let (then, _) = before.iter().find(|(_, polled)| polled == target).unwrap();
        let moved = at.since(seconds(1_120.0)).abs_diff(then.since(Mono::START));
        assert!(
            moved <= Duration::from_millis(40),
            "{target:?} moved by {moved:?}"
        );
    }
}

#[test]
fn a_retry_counts_its_attempts_and_passes_the_ceiling() {
    let targets = targets(&[1]);
    let mut schedule = schedule(&targets, 1.0);
    let mut now = Mono::START;
    let mut next = |schedule: &mut Schedule| loop {
        match schedule.next(now, UNLIMITED, Knowledge::NONE) {
            Step::Call(call) => return (now, call),
            Step::Wait(until) => now = until,
        }
    };
    let (first_at, first) = next(&mut schedule);
    let again = AfterCall::Retry(Duration::from_millis(1));
    schedule.end_call(first.ticket, Some(Failure::Timeout), again, first_at);
    let (second_at, second) = next(&mut schedule);
    let ticket = schedule.ticket(second.ticket).unwrap();
    assert_eq!(
        (ticket.job, ticket.attempt, ticket.calls),
        (first.job, 2, 2)
    );
    assert_eq!(ticket.poll_began, first_at);
    assert!(
        second_at.since(first_at) >= Duration::from_millis(950),
        "{second_at:?}"
    );
    finish(&mut schedule, &second, None, second_at);
    let (_, third) = next(&mut schedule);
    assert_eq!(schedule.ticket(third.ticket).unwrap().attempt, 1);
}

/// Makes calls until `until`. Each ends at once, with the failure that `failure_at` returns.
fn call_until(
    schedule: &mut Schedule,
    until: Mono,
    failure_at: impl Fn(Mono) -> Option<Failure>,
) -> Vec<(Mono, Option<BudgetEvent>)> {
    let mut now = Mono::START;
    let mut calls = Vec::new();
    while now <= until {
        match schedule.next(now, UNLIMITED, Knowledge::NONE) {
            Step::Call(call) => {
                calls.push((now, finish(schedule, &call, failure_at(now), now)));
            }
            Step::Wait(wake) => now = wake,
        }
    }
    calls
}

#[test]
fn a_job_that_fails_permanently_is_polled_less_often_until_it_succeeds() {
    for failure in Failure::ALL
        .into_iter()
        .filter(|failure| failure.class() != FailureClass::Budget)
    {
        let targets = targets(&[0]);
        let mut schedule = schedule(&targets, 1_000.0);
        let good_again = seconds(600.0);
        let calls = call_until(&mut schedule, seconds(800.0), |now| {
            (now < good_again).then_some(failure)
        });
        let gaps: Vec<_> = calls
            .windows(2)
            .map(|pair| pair[1].0.since(pair[0].0).as_secs() / 10)
            .collect();
        if failure.class() == FailureClass::Permanent {
            assert_eq!(gaps[..4], [2, 4, 8, 8], "{failure:?}");
        } else {
            assert!(gaps.iter().all(|gap| *gap == 1), "{failure:?}: {gaps:?}");
        }
        assert_eq!(
            gaps[gaps.len() - 5..],
            [1; 5],
            "{failure:?}: and then as before"
        );
    }
}

#[test]
fn without_working_credentials_only_probes_are_sent() {
    let targets = targets(&[300, 10]);
    let mut schedule = schedule(&targets, 1_000.0);
    let bad = seconds(30.0)..seconds(3_600.0);
    let (mut first, mut second, mut changes) = (Vec::new(), 0, Vec::new());
    let mut now = Mono::START;
    while now < seconds(3_900.0) {
        match schedule.next(now, UNLIMITED, Knowledge::NONE) {
            Step::Wait(wake) => now = wake,
            Step::Call(call) => {
                let of_first = call.job.target.pool() == PoolIndex(0);
                let failure = (of_first && bad.contains(&now)).then_some(Failure::Credentials);
                let event = finish(&mut schedule, &call, failure, now);
                changes.extend(event.map(|event| (now, event)));
                if of_first {
                    first.push(now);
                } else {
                    second += 1;
                };
            }
        }
    }
    let probes = first.iter().filter(|at| bad.contains(at)).count();
    assert!((10..25).contains(&probes), "{probes} calls in an hour");
    assert!(
        (11 * 388..=11 * 392).contains(&second),
        "the other budget goes on: {second}"
    );
    let (accepted, refused) = changes.split_last().unwrap();
    assert_eq!(accepted.1, BudgetEvent::Accepted);
    let is_refused = |(_, change): &(Mono, BudgetEvent)| *change == BudgetEvent::Refused;
    assert!(refused.iter().all(is_refused), "{changes:?}");
    assert_eq!(refused.len(), probes, "each probe reports what it found");
    assert!(accepted.0 <= seconds(3_600.0 + 300.0), "{:?}", accepted.0);
    let after = first
        .iter()
        .filter(|at| **at > accepted.0 + Duration::from_secs(10))
        .count();
    assert!(after > 0, "all jobs are polled again");
}

#[test]
fn calls_in_flight_when_credentials_fail_change_nothing() {
    let targets = targets(&[100]);
    let mut schedule = schedule(&targets, 1_000.0);
    let mut calls = Vec::new();
    let mut now = Mono::START;
    while calls.len() < 3 {
        match schedule.next(now, UNLIMITED, Knowledge::NONE) {
            Step::Call(call) => calls.push(call),
            Step::Wait(wake) => now = wake,
        }
    }
    let refused = Some(Failure::Credentials);
    let event = finish(&mut schedule, &calls[0], refused, now);
    assert_eq!(event, Some(BudgetEvent::Refused));
    assert_eq!(finish(&mut schedule, &calls[1], refused, now), None);
    let event = finish(&mut schedule, &calls[2], None, now);
    assert_eq!(event, None, "its signature was good when it was sent");
    let Step::Wait(wake) = schedule.next(now, UNLIMITED, Knowledge::NONE) else {
        panic!("a call without credentials")
    };
    let Step::Call(probe) = schedule.next(wake, UNLIMITED, Knowledge::NONE) else {
        panic!("no probe")
    };
    assert!(
        matches!(
            schedule.next(wake, UNLIMITED, Knowledge::NONE),
            Step::Wait(Mono::MAX)
        ),
        "one probe at a time"
    );
    assert_eq!(
        finish(&mut schedule, &probe, Some(Failure::Throttled), wake),
        Some(BudgetEvent::Accepted)
    );
}

#[test]
fn a_budget_whose_calls_hang_leaves_slots_to_others() {
    let targets = targets(&[500, 20]);
    let mut schedule = schedule(&targets, 1_000.0);
    let (mut now, mut hanging, mut answered) = (Mono::START, Vec::new(), HashSet::new());
    while now < seconds(10.0) {
        match schedule.next(now, 8, Knowledge::NONE) {
            Step::Call(call) if call.job.target.pool() == PoolIndex(0) => hanging.push(call),
            Step::Call(call) => {
                answered.insert(call.job.target);
                finish(&mut schedule, &call, None, now);
            }
            Step::Wait(wake) => now = wake,
        }
    }
    assert_eq!((hanging.len(), answered.len()), (7, 21));
}
