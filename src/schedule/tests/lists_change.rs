//! The schedule while only lists of identities change, as a pass of `ListIdentities` goes on.

use super::ages::pool;
use super::*;
use crate::targets::TargetDiff;

fn change(schedule: &mut Schedule, old: &Targets, new: &Targets, now: Mono) {
    let diff = &TargetDiff::new(old, new);
    let change = TargetChange {
        old,
        new,
        diff,
        only_lists: true,
    };
    schedule.apply_targets(change, 1.0, now);
}

/// The number that an identity has in its id.
fn number(targets: &Targets, target: Target) -> Option<usize> {
    let id = targets.identity(target)?;
    Some(usize::from_str_radix(id.hex(), 16).unwrap())
}

/// The first twenty change each hour, the others never.
fn demand(number: usize) -> Demand {
    Demand {
        changes_per_second: if number < 20 { 1.0 / 3_600.0 } else { 0.0 },
        idle_seconds: 1_000.0,
        ..Demand::UNKNOWN
    }
}

/// Polls until a time, with one call a second at most. Returns the numbers of the identities in
/// the order of their polls.
fn poll(
    schedule: &mut Schedule,
    targets: &Targets,
    now: &mut Mono,
    until: Mono,
    failure: impl Fn(usize) -> Option<Failure>,
) -> Vec<usize> {
    let mut polled = Vec::new();
    let known = Knowledge {
        demand: &|pool, IdentityIndex(identity)| {
            demand(number(targets, Target::identity(pool, identity)).unwrap())
        },
        ..Knowledge::NONE
    };
    while *now < until {
        match schedule.next(*now, UNLIMITED, known) {
            Step::Wait(wake) => *now = wake.min(until),
            Step::Call(call) => {
                let number = number(targets, call.job.target);
                let failure = number.and_then(&failure);
                finish(schedule, &call, failure, *now);
                polled.extend(number);
            }
        }
    }
    polled
}

/// A thousand that join twenty who change take half of the calls, and once they are asked and found
/// at rest, few of the others.
#[test]
fn many_who_join_do_not_delay_those_that_are_known() {
    let (few, many) = (pool(0..20, 10, 86_400), pool(0..1_020, 10, 86_400));
    let mut schedule = schedule(&few, 1.0);
    let mut now = Mono::START;
    let before = poll(&mut schedule, &few, &mut now, seconds(200.0), |_| None);
    assert!(before.len() >= 180);
    change(&mut schedule, &few, &many, now);
    let after = poll(&mut schedule, &many, &mut now, seconds(800.0), |_| None);
    let of_known = after.iter().filter(|number| **number < 20).count();
    assert!(of_known * 3 > after.len(), "{of_known} of {}", after.len());
    let polls = |known| after.iter().filter(|number| **number == known).count();
    let fewest = (0..20).map(polls).min();
    assert!(fewest >= Some(5), "{fewest:?}");
    let news = after.len() - of_known;
    assert!(news >= 200, "{news} new ones were asked");
}

/// While a list is found for the first time, those that were not asked yet come first.
#[test]
fn a_first_sweep_that_grows_takes_all_calls() {
    let mut targets = pool(0..0, 10, 86_400);
    let mut schedule = schedule(&targets, 1.0);
    let mut now = Mono::START;
    let mut polled = Vec::new();
    for page in 1..=20 {
        let new = pool(0..page * 60, 10, 86_400);
        change(&mut schedule, &targets, &new, now);
        targets = new;
        let until = seconds(page as f64 * 30.0);
        polled.extend(poll(&mut schedule, &targets, &mut now, until, |_| None));
    }
    let different: std::collections::HashSet<_> = polled.iter().collect();
    assert!(polled.len() >= 500);
    let again = polled.len() - different.len();
    assert!(again * 5 < polled.len(), "{again} of {}", polled.len());
}

/// A policy is not mended by a page of a list.
#[test]
fn a_denied_pool_stays_denied() {
    let (old, new) = (pool(0..20, 10, 86_400), pool(0..21, 10, 86_400));
    let mut schedule = schedule(&old, 1.0);
    let mut now = Mono::START;
    let denied = |_| Some(Failure::AccessDenied);
    let polled = poll(&mut schedule, &old, &mut now, seconds(100.0), denied);
    assert!((20..=28).contains(&polled.len()), "{} polls", polled.len());
    change(&mut schedule, &old, &new, now);
    let polled = poll(&mut schedule, &new, &mut now, seconds(200.0), denied);
    assert!(polled.contains(&20), "it is new");
    assert!((10..=12).contains(&polled.len()), "{} polls", polled.len());
    let polled = poll(&mut schedule, &new, &mut now, seconds(400.0), |_| None);
    let asked: std::collections::HashSet<_> = polled.into_iter().collect();
    assert!(asked.len() >= 20, "{} have turns again", asked.len());
}

/// A token of a list's page means the same as before.
#[test]
fn an_answer_in_pages_goes_on() {
    let (old, new) = (pool(0..1, 10, 86_400), pool(0..2, 10, 86_400));
    let mut schedule = schedule(&old, 1.0);
    let mut now = Mono::START;
    let call = loop {
        match schedule.next(now, UNLIMITED, Knowledge::NONE) {
            Step::Wait(wake) => now = wake,
            Step::Call(call) if old.identity(call.job.target).is_some() => break call,
            Step::Call(call) => drop(finish(&mut schedule, &call, None, now)),
        }
    };
    change(&mut schedule, &old, &new, now);
    let page = super::pages::page("a", now);
    schedule.end_call(call.ticket, None, AfterCall::NextPage(page), now);
    let next = loop {
        match schedule.next(now, UNLIMITED, Knowledge::NONE) {
            Step::Wait(wake) => now = wake,
            Step::Call(next) if next.job == call.job => break next,
            Step::Call(call) => drop(finish(&mut schedule, &call, None, now)),
        }
    };
    assert!(next.continuation.is_some());
}

/// Lists change all the time, and mend no credentials.
#[test]
fn probes_wait_longer_and_longer_all_the_same() {
    let (few, many) = (pool(0..20, 10, 86_400), pool(0..21, 10, 86_400));
    let mut schedule = schedule(&few, 1.0);
    let (mut now, mut probes) = (Mono::START, 0);
    for second in 1..=1_800_u32 {
        let until = seconds(f64::from(second));
        let (old, new) = match second % 2 {
            0 => (&many, &few),
            _ => (&few, &many),
        };
        while now < until {
            match schedule.next(now, UNLIMITED, Knowledge::NONE) {
                Step::Wait(wake) => now = wake.min(until),
                Step::Call(call) => {
                    probes += 1;
                    finish(&mut schedule, &call, Some(Failure::Credentials), now);
                }
            }
        }
        change(&mut schedule, old, new, now);
    }
    // After 5, 10, 20, 40, 80, 160 s, and then once in 300 s.
    assert!((9..=12).contains(&probes), "{probes} calls");
}

/// However often the list changes, one identity after another is asked whether the pool is denied.
#[test]
fn a_denied_pool_is_asked_about_by_turns() {
    let (old, new) = (pool(0..20, 10, 86_400), pool(0..21, 10, 86_400));
    let mut schedule = schedule(&old, 1.0);
    let mut now = Mono::START;
    let denied = |_| Some(Failure::AccessDenied);
    poll(&mut schedule, &old, &mut now, seconds(100.0), denied);
    let mut asked = std::collections::HashSet::new();
    for part in 0..20 {
        let (before, after) = if part % 2 == 0 {
            (&old, &new)
        } else {
            (&new, &old)
        };
        change(&mut schedule, before, after, now);
        let until = seconds(f64::from(part).mul_add(9.0, 109.0));
        asked.extend(poll(&mut schedule, after, &mut now, until, denied));
    }
    asked.remove(&20);
    assert!(asked.len() >= 15, "{asked:?}");
}

/// The same where somebody joins all the time, so that somebody is always new.
#[test]
fn a_trickle_before_the_many_does_not_delay_those_that_are_known() {
    let few = pool(0..100, 10, 86_400);
    let trickle = pool(0..101, 10, 86_400);
    let many = pool(0..1_100, 10, 86_400);
    let mut schedule = schedule(&few, 1.0);
    let mut now = Mono::START;
    let before = poll(&mut schedule, &few, &mut now, seconds(108.0), |_| None);
    let different: std::collections::HashSet<_> = before.iter().collect();
    assert!((91..100).contains(&different.len()), "{}", different.len());
    change(&mut schedule, &few, &trickle, now);
    change(&mut schedule, &trickle, &many, now);
    let after = poll(&mut schedule, &many, &mut now, seconds(800.0), |_| None);
    let of_known = after.iter().filter(|number| **number < 100).count();
    assert!(of_known * 3 > after.len(), "{of_known} of {}", after.len());
}

/// Two pools of a budget: the `max_age` of the first is set, that of the second is `auto` and
/// changes with its list.
#[test]
fn hands_stay_with_their_pool() {
    let targets = |identities: usize, max_age| {
        let ids = |numbers: std::ops::Range<usize>| numbers.map(|number| format!("a:{number:x}"));
        let pools = [("a:0", ids(0..40)), ("a:1", ids(40..40 + identities))];
        let mut targets = Targets::for_tests_with_ids(pools);
        for (pool, max_age) in targets.pools.iter_mut().zip([200, max_age]) {
            pool.settings.interval = Duration::from_secs(10);
            pool.max_age = Duration::from_secs(max_age);
        }
        targets
    };
    let (old, new) = (targets(40, 300), targets(41, 310));
    let mut schedule = schedule(&old, 1.0);
    let mut now = Mono::START;
    poll(&mut schedule, &old, &mut now, seconds(1_000.0), |_| None);
    let pass = |schedule: &Schedule, targets, max_age| {
        let dials = &schedule.standing(targets).budgets[0].dials;
        let max_age = Some(Duration::from_secs(max_age));
        let dial = dials.iter().find(|dial| dial.max_age == max_age);
        dial.unwrap().pass
    };
    let (of_fixed, of_auto) = (pass(&schedule, &old, 200), pass(&schedule, &old, 300));
    assert_ne!(of_fixed, of_auto);
    change(&mut schedule, &old, &new, now);
    assert_eq!(pass(&schedule, &new, 200), of_fixed);
    assert_eq!(pass(&schedule, &new, 310), of_auto);
}
