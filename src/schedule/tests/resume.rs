//! A schedule that goes on where another one stopped.

use super::ages::pool;
use super::*;
use std::collections::BTreeMap;

/// When each identity was called last.
type Asked = BTreeMap<IdentityIndex, Mono>;

fn note(asked: &mut Asked, calls: &[(Mono, Target)]) {
    for (at, target) in calls {
        if let Target::Identity { identity, .. } = target {
            asked.insert(*identity, *at);
        }
    }
}

/// Another schedule, at `now`, of what the first one has left behind.
fn resumed(first: &Schedule, targets: &Targets, rate: f64, asked: &Asked, now: Mono) -> Schedule {
    let standing = first.standing(targets);
    let mut second = Schedule::new(targets, &Operation::POLLED, rate, now);
    let last_poll = |_, identity| match asked.get(&identity) {
        Some(at) => LastPoll::Ended(Some(*at)),
        None => LastPoll::Never,
    };
    second.resume(targets, &standing, last_poll, Knowledge::NONE, now);
    second
}

/// The identities that are called, in their order.
fn identities(calls: &[(Mono, Target)]) -> Vec<IdentityIndex> {
    let identities = calls.iter().filter_map(|(_, target)| match target {
        Target::Identity { identity, .. } => Some(*identity),
        Target::Pool { .. } => None,
    });
    identities.collect()
}

#[test]
fn turns_go_on_as_after_a_pause() {
    let targets = pool(0..200, 100, 86_400);
    for pause in [0.0, 30.0, 90.0, 500.0] {
        let mut first = schedule(&targets, 5.0);
        let latency = Duration::from_millis(1);
        let mut asked = Asked::new();
        note(
            &mut asked,
            &run(&mut first, Mono::START, seconds(250.0), latency),
        );
        let began = seconds(250.001 + pause);
        let mut second = resumed(&first, &targets, 5.0, &asked, began);
        let calls = run(
            &mut second,
            began,
            began + Duration::from_secs(140),
            latency,
        );
        let order = identities(&calls);
        // The oldest first, all within the time of a turn or that of the calls.
        let mut oldest: Vec<_> = asked.iter().map(|(id, at)| (*at, *id)).collect();
        oldest.sort_unstable();
        let missed = (pause * 2.0).min(200.0) as usize;
        let is_misplaced = |(place, id): &(usize, &IdentityIndex)| {
            let expected = oldest.iter().position(|(_, oldest)| oldest == *id);
            place.abs_diff(expected.unwrap()) > 2
        };
        // A deadline may come between them.
        let misplaced = order[..missed].iter().enumerate().filter(is_misplaced);
        assert!(misplaced.count() <= 2, "after {pause} s");
        let everybody: HashSet<_> = order.iter().take(230).collect();
        assert_eq!(everybody.len(), 200, "after {pause} s");
        for (second, in_second) in per_second(&calls) {
            assert!(
                in_second <= 6,
                "{in_second} in second {second} after {pause} s"
            );
        }
    }
}

fn per_second(calls: &[(Mono, Target)]) -> BTreeMap<u64, usize> {
    let mut counts = BTreeMap::new();
    for (at, _) in calls {
        *counts.entry(at.since(Mono::START).as_secs()).or_default() += 1;
    }
    counts
}

/// With a tenth of the calls that turns would take, and equal demand, those that were asked longest
/// ago are first.
#[test]
fn the_index_goes_on_with_the_oldest() {
    let targets = pool(0..500, 10, 86_400);
    let mut first = schedule(&targets, 5.0);
    let latency = Duration::from_millis(1);
    let mut asked = Asked::new();
    note(
        &mut asked,
        &run(&mut first, Mono::START, seconds(400.0), latency),
    );
    assert_eq!(asked.len(), 500);
    let began = seconds(460.0);
    let mut second = resumed(&first, &targets, 5.0, &asked, began);
    let calls = run(&mut second, began, seconds(500.0), latency);
    let order = identities(&calls);
    let mut oldest: Vec<_> = asked.iter().map(|(id, at)| (*at, *id)).collect();
    oldest.sort_unstable();
    let first_half: HashSet<_> = oldest[..250].iter().map(|(_, id)| *id).collect();
    let old = order.iter().filter(|id| first_half.contains(id)).count();
    assert!(
        order.len() > 150 && old * 100 >= order.len() * 95,
        "{old} of {}",
        order.len()
    );
}

/// Who of 400 identities is called in three intervals, when that is known of their last polls.
fn calls_after(last_poll: impl Fn(usize) -> LastPoll) -> Vec<IdentityIndex> {
    let targets = pool(0..400, 10, 86_400);
    let mut schedule = schedule(&targets, 50.0);
    let standing = schedule.standing(&targets);
    let last_poll = |_, identity: IdentityIndex| last_poll(identity.0);
    schedule.resume(&targets, &standing, last_poll, Knowledge::NONE, Mono::START);
    let until = seconds(29.9);
    identities(&run(&mut schedule, Mono::START, until, Duration::ZERO))
}

#[test]
fn those_that_were_never_asked_are_new_and_failures_stay_slow() {
    let calls = calls_after(|identity| match identity {
        0 => LastPoll::Never,
        1 => LastPoll::Denied,
        2 => LastPoll::Missing,
        _ => LastPoll::Ended(Some(Mono::START)),
    });
    let calls_of = |identity| calls.iter().filter(|id| id.0 == identity).count();
    assert_eq!([0, 1, 2, 3].map(calls_of), [3, 0, 0, 3]);
}

#[test]
fn the_rate_goes_on_below_the_ceiling() {
    let targets = pool(0..4, 10, 1_000);
    let mut standing = schedule(&targets, 5.0).standing(&targets);
    for (rate, expected) in [(2.5, 2.5), (50.0, 5.0), (0.0, 0.5), (f64::NAN, 5.0)] {
        standing.budgets[0].rate = rate;
        let mut second = schedule(&targets, 5.0);
        let never = |_, _| LastPoll::Never;
        second.resume(&targets, &standing, never, Knowledge::NONE, Mono::START);
        assert_eq!(second.budgets().next(), Some((expected, true)));
    }
}

/// A call in flight is lost with the process, and its identity need not wait for another turn.
#[test]
fn whose_call_was_lost_is_asked_at_once() {
    let targets = pool(0..200, 100, 86_400);
    let mut first = schedule(&targets, 5.0);
    let latency = Duration::from_millis(1);
    let mut asked = Asked::new();
    note(
        &mut asked,
        &run(&mut first, Mono::START, seconds(150.0), latency),
    );
    // Some calls begin, and are never heard of again.
    let mut now = seconds(150.0);
    let mut lost = Vec::new();
    while lost.len() < 5 {
        match first.next(now, UNLIMITED, Knowledge::NONE) {
            Step::Call(call) => lost.push(call.job.target),
            Step::Wait(until) => now = until,
        }
    }
    let mut second = resumed(&first, &targets, 5.0, &asked, now);
    let calls = run(&mut second, now, now + Duration::from_secs(5), latency);
    let called: HashSet<_> = calls.iter().map(|(_, target)| *target).collect();
    let missing = lost
        .iter()
        .filter(|target| !called.contains(target))
        .count();
    assert_eq!(missing, 0);
}

/// Some denied identities do not make a pool a denied one.
#[test]
fn denials_of_some_stay_theirs() {
    let calls = calls_after(|identity| match identity {
        0..200 => LastPoll::Denied,
        _ => LastPoll::Ended(Some(Mono::START)),
    });
    assert!(calls.iter().all(|identity| identity.0 >= 200));
    assert!(calls.len() >= 590, "{}", calls.len());
}

/// Of 300 calls, which do not suffice, after a process that had asked so many of a thousand: how
/// many are about others than those that were never asked.
fn calls_about_known(asked: usize) -> usize {
    let targets = pool(0..1_000, 10, 86_400);
    let mut schedule = schedule(&targets, 2.0);
    let standing = schedule.standing(&targets);
    let last_poll = |_, identity: IdentityIndex| match identity.0 < asked {
        true => LastPoll::Ended(Some(Mono::START)),
        false => LastPoll::Never,
    };
    schedule.resume(&targets, &standing, last_poll, Knowledge::NONE, Mono::START);
    let mut calls = run(&mut schedule, Mono::START, seconds(200.0), Duration::ZERO);
    // No turn is missed in the first interval.
    calls.retain(|(at, _)| *at >= seconds(30.0));
    let calls = &identities(&calls)[..300];
    let new: HashSet<_> = calls
        .iter()
        .filter(|identity| identity.0 >= asked)
        .collect();
    calls.len() - new.len()
}

#[test]
fn where_most_are_known_newcomers_yield_and_else_the_first_sweep_goes_on() {
    let of_known = calls_about_known(530);
    assert!((110..=160).contains(&of_known), "{of_known} calls");
    let of_known = calls_about_known(300);
    assert!(of_known <= 15, "{of_known} calls");
}
