//! What must hold while something is wrong: nobody starves, and no wait is for a time in the past.

use super::ages::pool;
use super::changes::change;
use super::*;

/// Makes calls until `until`, and none in `stall`. Each ends at once, as `fate` says for the
/// identity's number, or for the pool without one. Returns the times of each identity's polls, in
/// seconds.
fn polls(
    schedule: &mut Schedule,
    identities: usize,
    known: Knowledge<'_>,
    times: [f64; 2],
    stall: std::ops::Range<f64>,
    fate: impl Fn(Option<usize>, f64) -> Option<Failure>,
) -> Vec<Vec<f64>> {
    let mut polls = vec![Vec::new(); identities];
    let mut now = seconds(times[0]);
    loop {
        let mut at = now.since(Mono::START).as_secs_f64();
        if stall.contains(&at) {
            (now, at) = (seconds(stall.end), stall.end);
        }
        if at >= times[1] {
            return polls;
        }
        match schedule.next(now, UNLIMITED, known) {
            Step::Wait(until) => {
                assert!(until > now, "a wait for the past at {at} s");
                now = until;
            }
            Step::Call(call) => {
                let failure = match call.job.target {
                    Target::Identity { identity, .. } => {
                        polls[identity.0].push(at);
                        fate(Some(identity.0), at)
                    }
                    Target::Pool { .. } => fate(None, at),
                };
                finish(schedule, &call, failure, now);
            }
        }
    }
}

/// The times between two polls of an identity, of all identities, after `from`.
fn gaps(polls: &[Vec<f64>], from: f64) -> impl Iterator<Item = f64> {
    let pairs = polls.iter().flat_map(|polls| polls.windows(2));
    let after = pairs.filter(move |pair| pair[1] >= from);
    after.map(|pair| pair[1] - pair[0])
}

#[test]
fn a_pool_that_is_denied_and_then_hangs_makes_no_wait_for_the_past() {
    for identities in [1, 3] {
        let targets = pool(0..identities, 10, 86_400);
        let mut schedule = schedule(&targets, 100.0);
        let (mut now, mut ends) = (Mono::START, Vec::<(Mono, TicketId, Failure)>::new());
        let mut hung = 0;
        while now < seconds(300.0) {
            while let Some(ended) = ends.iter().position(|(end, ..)| *end <= now) {
                let (_, ticket, failure) = ends.swap_remove(ended);
                schedule.end_call(ticket, Some(failure), AfterCall::Finish, now);
            }
            let end = ends.iter().map(|(end, ..)| *end).min().unwrap_or(Mono::MAX);
            match schedule.next(now, UNLIMITED, Knowledge::NONE) {
                Step::Wait(until) => {
                    assert!(until > now, "a wait for the past at {now:?}");
                    now = until.min(end);
                }
                Step::Call(call) if now < seconds(10.0) => {
                    ends.push((now, call.ticket, Failure::AccessDenied));
                }
                Step::Call(call) => {
                    hung += 1;
                    let end = now + Duration::from_secs(15);
                    ends.push((end, call.ticket, Failure::Timeout));
                }
            }
        }
        assert!(hung > 10, "{hung} calls hung");
    }
}

/// The rate suffices, so that those that waited must not wait for longer than anybody else.
#[test]
fn after_a_stall_that_the_rate_makes_up_for_nobody_starves() {
    let identities = 1_000;
    let known = Knowledge {
        demand: &|_, IdentityIndex(identity)| Demand {
            changes_per_second: if identity % 100 == 0 { 0.0 } else { 1e-6 },
            idle_seconds: if identity % 100 == 0 {
                f64::INFINITY
            } else {
                1e6
            },
            ..Demand::UNKNOWN
        },
        ..Knowledge::NONE
    };
    for needed in [0.85, 0.95, 0.98] {
        let targets = pool(0..identities, 60, 86_400);
        let mut schedule = schedule(&targets, 1_001.0 / 60.0 / needed);
        let polls = polls(
            &mut schedule,
            identities,
            known,
            [0.0, 6_000.0],
            600.0..900.0,
            |_, _| None,
        );
        let longest = gaps(&polls, 1_000.0).fold(0.0, f64::max);
        assert!(longest < 75.0, "{needed} of the calls needed: {longest} s");
        let shortest = gaps(&polls, 0.0).fold(f64::MAX, f64::min);
        assert!(
            shortest > 50.0,
            "{needed} of the calls needed: {shortest} s"
        );
        let late_since = schedule.late_since().min().unwrap();
        let lag = seconds(6_000.0).since(late_since).as_secs_f64();
        assert!(lag < 75.0, "{needed} of the calls needed: lag {lag} s");
    }
}

#[test]
fn a_policy_that_is_mended_gives_all_turns_back_though_some_do_not_exist() {
    let targets = pool(0..10, 10, 86_400);
    let mut schedule = schedule(&targets, 100.0);
    let fate = |identity, at: f64| match identity {
        Some(_) if (100.0..130.0).contains(&at) => Some(Failure::AccessDenied),
        Some(3) => Some(Failure::NotFound),
        _ => None,
    };
    let polls = polls(
        &mut schedule,
        10,
        Knowledge::NONE,
        [0.0, 1_000.0],
        0.0..0.0,
        fate,
    );
    for (identity, polls) in polls
        .iter()
        .enumerate()
        .filter(|(identity, _)| *identity != 3)
    {
        let longest = polls
            .windows(2)
            .map(|pair| pair[1] - pair[0])
            .fold(0.0, f64::max);
        assert!(longest < 60.0, "{identity}: {longest} s");
    }
}

#[test]
fn a_pool_that_is_found_after_all_gives_the_turns_back_of_all_that_were_missing() {
    let targets = pool(0..10, 10, 86_400);
    let mut schedule = schedule(&targets, 100.0);
    let wrong_account = |_, at| (at < 30.0).then_some(Failure::NotFound);
    let times = [0.0, 300.0];
    let polls = polls(
        &mut schedule,
        10,
        Knowledge::NONE,
        times,
        0.0..0.0,
        wrong_account,
    );
    for polls in polls {
        let waited = polls.iter().filter(|at| (10.0..30.0).contains(*at));
        assert_eq!(waited.count(), 0, "who is missing has no turns: {polls:?}");
        let after = polls.iter().filter(|at| **at >= 30.0).count();
        assert!(after > 10, "{polls:?}");
    }
}

/// `max_age: auto` changes with the length of the list.
#[test]
fn a_reload_with_another_max_age_keeps_the_deadlines() {
    let (old, new) = (pool(0..500, 10, 5_000), pool(0..500, 10, 5_500));
    let mut schedule = schedule(&old, 1.0);
    let known = Knowledge {
        demand: &|_, IdentityIndex(identity)| Demand {
            changes_per_second: if identity < 20 { 1.0 } else { 1e-9 },
            idle_seconds: if identity < 20 { 1.0 } else { 1e9 },
            ..Demand::UNKNOWN
        },
        ..Knowledge::NONE
    };
    let mut all = polls(
        &mut schedule,
        500,
        known,
        [0.0, 24_900.0],
        0.0..0.0,
        |_, _| None,
    );
    change(&mut schedule, &old, &new, 1.0, seconds(24_900.0));
    let after = polls(
        &mut schedule,
        500,
        known,
        [24_900.0, 60_000.0],
        0.0..0.0,
        |_, _| None,
    );
    for (all, after) in all.iter_mut().zip(after) {
        all.extend(after);
    }
    let longest = gaps(&all, 24_900.0).fold(0.0, f64::max);
    assert!(longest <= 5_500.0, "{longest} s");
}
