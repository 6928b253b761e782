//! What is said of the next poll, and whether it comes true.

use super::*;

const IDENTITIES: usize = 20;

/// Twenty identities, interval 10 s, of which nothing is known.
fn twenty(rate_limit: f64) -> Schedule {
    schedule(&targets(&[IDENTITIES]), rate_limit)
}

fn all() -> Vec<Target> {
    let identity = |identity| Target::identity(PoolIndex(0), identity);
    (0..IDENTITIES)
        .map(identity)
        .chain([Target::Pool { pool: PoolIndex(0) }])
        .collect()
}

fn explain(schedule: &Schedule, about: &[Target], now: Mono) -> Vec<NextPoll> {
    let explained = schedule.explain(about, Knowledge::NONE, now);
    explained.into_iter().map(Option::unwrap).collect()
}

fn calls(schedule: &mut Schedule, now: Mono, max: usize) -> Vec<Call> {
    let mut calls = Vec::new();
    while let (true, Step::Call(call)) = (
        calls.len() < max,
        schedule.next(now, UNLIMITED, Knowledge::NONE),
    ) {
        calls.push(call);
    }
    calls
}

#[test]
fn without_failures_each_target_has_a_turn_within_the_interval() {
    for next in explain(&twenty(1_000.0), &all(), Mono::START) {
        assert!(
            next.reason == NextPollReason::Turn && next.at <= seconds(10.0),
            "{next:?}"
        );
        assert_eq!(next.every, Duration::from_secs(10));
    }
}

#[test]
fn a_call_in_flight_is_explained() {
    let mut schedule = twenty(1_000.0);
    let calls = calls(&mut schedule, seconds(10.0), 1);
    let [next] = explain(&schedule, &[calls[0].job.target], seconds(11.0))[..] else {
        panic!("one target")
    };
    assert_eq!(
        (next.at, next.reason),
        (seconds(10.0), NextPollReason::InFlight(1))
    );
}

#[test]
fn those_that_were_never_asked_go_at_the_rate_of_the_budget_and_in_order() {
    let mut schedule = twenty(2.0);
    // The first calls show that all turns have been missed.
    let mut now = seconds(100.0);
    let first = loop {
        match schedule.next(now, UNLIMITED, Knowledge::NONE) {
            Step::Call(call) => {
                finish(&mut schedule, &call, None, now);
                if matches!(call.job.target, Target::Identity { .. }) {
                    break call.job.target;
                }
            }
            Step::Wait(until) => now = until,
        }
    };
    let others: Vec<_> = all()[..IDENTITIES]
        .iter()
        .copied()
        .filter(|target| *target != first)
        .collect();
    let next = explain(&schedule, &others, now);
    let mut next: Vec<_> = next.into_iter().zip(others).collect();
    next.sort_by_key(|(next, _)| next.at);
    for (ahead, (next, _)) in next.iter().enumerate() {
        assert_eq!(next.reason, NextPollReason::Unasked(ahead, 2.0));
        assert_eq!(next.at, now + Duration::from_millis(500) * ahead as u32);
    }
    // The calls follow the explanation.
    let mut called = Vec::new();
    while called.len() < next.len() {
        match schedule.next(now, UNLIMITED, Knowledge::NONE) {
            Step::Call(call) => {
                if matches!(call.job.target, Target::Identity { .. }) {
                    called.push(call.job.target);
                }
            }
            Step::Wait(until) => now = until,
        }
    }
    let expected: Vec<_> = next.iter().map(|(_, target)| *target).collect();
    assert_eq!(called, expected);
}

#[test]
fn what_the_index_decides_comes_about_as_often_as_is_said() {
    // A call a second for twenty, of which one changes a hundred times as often as the others.
    let known = Knowledge {
        demand: &|_, IdentityIndex(identity)| Demand {
            changes_per_second: if identity == 0 { 1e-2 } else { 1e-4 },
            idle_seconds: if identity == 0 { 0.0 } else { 29_700.0 },
            ..Demand::UNKNOWN
        },
        ..Knowledge::NONE
    };
    let (mut schedule, mut now) = (twenty(1.0), Mono::START);
    let mut polls = Vec::new();
    while now < seconds(3_600.0) {
        match schedule.next(now, UNLIMITED, known) {
            Step::Call(call) => {
                polls.extend((call.job.target == all()[0]).then_some(now));
                finish(&mut schedule, &call, None, now);
            }
            Step::Wait(until) => now = until,
        }
    }
    let often = 3_600.0 / polls.len() as f64;
    let said = schedule.explain(&all()[..IDENTITIES], known, now);
    let said: Vec<_> = said.into_iter().map(Option::unwrap).collect();
    let every = said[0].every.as_secs_f64();
    assert!((0.7..1.4).contains(&(every / often)), "{every} {often}");
    let idle = said[1..].iter();
    let late: Vec<_> = idle
        .filter(|next| next.reason == NextPollReason::Index)
        .collect();
    assert!(late.len() > 10, "{said:?}");
    for next in late {
        assert!(
            next.every > said[0].every && next.at <= now + next.every * 2,
            "{next:?}"
        );
    }
}

#[test]
fn failures_are_explained() {
    let mut schedule = twenty(1_000.0);
    let now = seconds(10.0);
    let calls = calls(&mut schedule, now, UNLIMITED);
    let (of_pool, of_identities): (Vec<_>, Vec<_>) = calls
        .iter()
        .partition(|call| matches!(call.job.target, Target::Pool { .. }));
    let [retried, missing, refused] = of_identities[..3] else {
        panic!("all are called")
    };
    let wait = Duration::from_secs(1);
    schedule.end_call(
        retried.ticket,
        Some(Failure::Timeout),
        AfterCall::Retry(wait),
        now,
    );
    for call in [missing, of_pool[0]] {
        finish(&mut schedule, call, Some(Failure::NotFound), now);
    }
    let about = [retried, missing, of_pool[0]].map(|call| call.job.target);
    let [retried, missing, pool] = explain(&schedule, &about, now)[..] else {
        panic!("three targets")
    };
    assert_eq!(
        (retried.at, retried.reason),
        (now + wait, NextPollReason::Retry(1))
    );
    let day = Duration::from_secs(86_400);
    assert_eq!(
        (missing.reason, missing.every),
        (NextPollReason::Deadline, day)
    );
    assert!(missing.at <= now + day, "{missing:?}");
    assert!(
        pool.reason == NextPollReason::Slowed(2) && pool.at >= now + Duration::from_secs(10),
        "{pool:?}"
    );
    finish(&mut schedule, refused, Some(Failure::Credentials), now);
    for next in explain(&schedule, &about, now) {
        let probe = (now + Duration::from_secs(5), NextPollReason::Credentials);
        assert_eq!((next.at, next.reason), probe);
    }
}
