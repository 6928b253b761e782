//! The schedule over virtual time.

use super::*;
use crate::config::{self, Findings};
use crate::poll::lane::Change;
use std::collections::HashSet;
use std::path::Path;

/// More calls at once than any test makes.
const PLENTY: usize = 100_000;

/// Pools `a:0`, `b:0` … of so many identities each, interval 10 s.
fn targets(pools: &[usize]) -> Targets {
    targets_of(pools.iter().map(|identities| 0..*identities))
}

/// The same, of identities with these numbers.
fn targets_of(pools: impl Iterator<Item = std::ops::Range<usize>>) -> Targets {
    let mut text = "poll: {interval: 10s, rate_limit: 10000}\npools:\n".to_owned();
    for (pool, identities) in pools.enumerate() {
        let region = (b'a' + pool as u8) as char;
        text.push_str(&format!("- id: {region}:0\n  identities:\n"));
        identities.for_each(|identity| text.push_str(&format!("  - {region}:{identity:x}\n")));
    }
    let mut findings = Findings::default();
    let config = config::parse(Path::new("test"), &text, &mut findings).unwrap();
    let targets = Targets::load(&config, &mut findings);
    assert_eq!(findings.problems, []);
    targets
}

fn seconds(seconds: f64) -> Mono {
    Mono::START + Duration::from_secs_f64(seconds)
}

/// Runs to `until`; each call takes `took` and succeeds. Gives time and target of all calls.
fn run(schedule: &mut Schedule, from: Mono, until: Mono, took: Duration) -> Vec<(Mono, Target)> {
    let mut now = from;
    let mut calls = Vec::new();
    let mut under_way: Vec<(Mono, Ticket)> = Vec::new();
    while now <= until {
        while let Some(ended) = under_way.iter().position(|(end, _)| *end <= now) {
            schedule.ended(&under_way.swap_remove(ended).1, None, None, now);
        }
        let wake = loop {
            match schedule.next(now, PLENTY) {
                Step::Call(ticket) => {
                    calls.push((now, ticket.target));
                    under_way.push((now + took, ticket));
                }
                Step::Wait(wake) => break wake,
            }
        };
        now = under_way
            .iter()
            .map(|(end, _)| *end)
            .min()
            .unwrap_or(Mono::NEVER)
            .min(wake);
    }
    calls
}

#[test]
fn everyone_is_asked_once_an_interval_and_evenly() {
    let targets = targets(&[900, 100]);
    let mut schedule = Schedule::new(&targets, 1_000.0, Mono::START);
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
            .filter(|(at, _)| (at.as_nanos() / 10_000_000_000) == third)
            .map(|(_, who)| who)
            .collect();
        assert_eq!(of_third.len(), 1_002);
    }
    for second in 0..30 {
        let in_second = calls
            .iter()
            .filter(|(at, _)| at.as_nanos() / 1_000_000_000 == second)
            .count();
        assert!(
            (60..140).contains(&in_second),
            "{in_second} calls in second {second}"
        );
    }
}

#[test]
fn too_small_a_budget_still_gives_everyone_a_turn() {
    let targets = targets(&[500]);
    let mut schedule = Schedule::new(&targets, 10.0, Mono::START);
    let calls = run(
        &mut schedule,
        Mono::START,
        seconds(120.0),
        Duration::from_millis(20),
    );
    assert!((1_190..=1_202).contains(&calls.len()), "{}", calls.len());
    let asked: HashSet<_> = calls.iter().take(515).map(|(_, who)| who).collect();
    assert_eq!(asked.len(), 501, "all are asked before anyone's third turn");
}

#[test]
fn a_full_budget_does_not_hold_up_another() {
    let targets = targets(&[1_000, 10]);
    let mut schedule = Schedule::new(&targets, 10.0, Mono::START);
    let calls = run(
        &mut schedule,
        Mono::START,
        seconds(9.999),
        Duration::from_millis(20),
    );
    let of_second = calls
        .iter()
        .filter(|(_, who)| matches!(who, Target::Identity { pool: 1, .. }))
        .count();
    assert_eq!(of_second, 10);
}

#[test]
fn a_stall_makes_no_burst_and_keeps_the_phases() {
    let targets = targets(&[100]);
    let mut schedule = Schedule::new(&targets, 50.0, Mono::START);
    let before = run(&mut schedule, Mono::START, seconds(9.999), Duration::ZERO);
    let after = run(
        &mut schedule,
        seconds(1_000.0),
        seconds(1_029.999),
        Duration::ZERO,
    );
    assert!(
        after
            .iter()
            .filter(|(at, _)| *at < seconds(1_001.0))
            .count()
            <= 53
    );
    let settled: Vec<_> = after
        .iter()
        .filter(|(at, _)| *at >= seconds(1_020.0))
        .collect();
    assert_eq!(settled.len(), 101);
    for (at, who) in settled {
        let (then, _) = before.iter().find(|(_, target)| target == who).unwrap();
        let moved = at.since(seconds(1_020.0)).abs_diff(then.since(Mono::START));
        assert!(
            moved <= Duration::from_millis(40),
            "{who:?} moved by {moved:?}"
        );
    }
}

#[test]
fn a_retry_counts_its_attempts_and_passes_the_ceiling() {
    let targets = targets(&[1]);
    let mut schedule = Schedule::new(&targets, 1.0, Mono::START);
    let mut now = Mono::START;
    let mut next = |schedule: &mut Schedule| loop {
        match schedule.next(now, PLENTY) {
            Step::Call(ticket) => return (now, ticket),
            Step::Wait(until) => now = until,
        }
    };
    let (first_at, first) = next(&mut schedule);
    schedule.ended(
        &first,
        Some(Failure::Timeout),
        Some(Duration::from_millis(1)),
        first_at,
    );
    let (second_at, second) = next(&mut schedule);
    assert_eq!(
        (second.target, second.attempt, second.poll_began),
        (first.target, 2, first_at)
    );
    assert!(
        second_at.since(first_at) >= Duration::from_millis(950),
        "{second_at:?}"
    );
    schedule.ended(&second, None, None, second_at);
    let (_, third) = next(&mut schedule);
    assert_eq!(third.attempt, 1);
}

/// Calls until `until`, all of which end at once, by what `outcome` says of the moment.
fn ask(
    schedule: &mut Schedule,
    until: Mono,
    outcome: impl Fn(Mono) -> Option<Failure>,
) -> Vec<(Mono, Option<Change>)> {
    let mut now = Mono::START;
    let mut calls = Vec::new();
    while now <= until {
        match schedule.next(now, PLENTY) {
            Step::Call(ticket) => {
                calls.push((now, schedule.ended(&ticket, outcome(now), None, now)))
            }
            Step::Wait(wake) => now = wake,
        }
    }
    calls
}

#[test]
fn who_fails_for_good_is_asked_less_often_until_it_succeeds() {
    for failure in Failure::ALL
        .into_iter()
        .filter(|failure| *failure != Failure::Credentials)
    {
        let targets = targets(&[0]);
        let mut schedule = Schedule::new(&targets, 1_000.0, Mono::START);
        let good_again = seconds(600.0);
        let calls = ask(&mut schedule, seconds(800.0), |now| {
            (now < good_again).then_some(failure)
        });
        let gaps: Vec<_> = calls
            .windows(2)
            .map(|pair| pair[1].0.since(pair[0].0).as_secs() / 10)
            .collect();
        if failure.is_about_target() {
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
fn without_good_credentials_only_a_probe_asks() {
    let targets = targets(&[300, 10]);
    let mut schedule = Schedule::new(&targets, 1_000.0, Mono::START);
    let bad = seconds(30.0)..seconds(3_600.0);
    let (mut first, mut second, mut changes) = (Vec::new(), 0, Vec::new());
    let mut now = Mono::START;
    while now < seconds(3_900.0) {
        match schedule.next(now, PLENTY) {
            Step::Wait(wake) => now = wake,
            Step::Call(ticket) => {
                let of_first = matches!(
                    ticket.target,
                    Target::Identity { pool: 0, .. } | Target::Pool { pool: 0 }
                );
                let failure = (of_first && bad.contains(&now)).then_some(Failure::Credentials);
                let change = schedule.ended(&ticket, failure, None, now);
                changes.extend(change.map(|change| (now, change)));
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
    let kinds: Vec<_> = changes.iter().map(|(_, change)| *change).collect();
    assert_eq!(
        kinds,
        [Change::CredentialsRefused, Change::CredentialsAccepted],
        "each told once"
    );
    assert!(
        changes[1].0 <= seconds(3_600.0 + 300.0),
        "{:?}",
        changes[1].0
    );
    let after = first
        .iter()
        .filter(|at| **at > changes[1].0 + Duration::from_secs(10))
        .count();
    assert!(after > 0, "everyone is asked again");
}

#[test]
fn calls_that_were_out_when_credentials_went_bad_change_nothing() {
    let targets = targets(&[100]);
    let mut schedule = Schedule::new(&targets, 1_000.0, Mono::START);
    let mut tickets = Vec::new();
    let mut now = Mono::START;
    while tickets.len() < 3 {
        match schedule.next(now, PLENTY) {
            Step::Call(ticket) => tickets.push(ticket),
            Step::Wait(wake) => now = wake,
        }
    }
    let refused = Some(Failure::Credentials);
    assert_eq!(
        schedule.ended(&tickets[0], refused, None, now),
        Some(Change::CredentialsRefused)
    );
    assert_eq!(schedule.ended(&tickets[1], refused, None, now), None);
    assert_eq!(
        schedule.ended(&tickets[2], None, None, now),
        None,
        "its signature was good when it set out"
    );
    let Step::Wait(wake) = schedule.next(now, PLENTY) else {
        panic!("a call without credentials")
    };
    let Step::Call(probe) = schedule.next(wake, PLENTY) else {
        panic!("no probe")
    };
    assert!(
        matches!(schedule.next(wake, PLENTY), Step::Wait(Mono::NEVER)),
        "one probe at a time"
    );
    assert_eq!(
        schedule.ended(&probe, Some(Failure::Throttled), None, wake),
        Some(Change::CredentialsAccepted)
    );
}

/// The id that a target has.
fn name(targets: &Targets, target: Target) -> String {
    let pool = targets.pool(target);
    match target {
        Target::Identity { identity, .. } => pool.identities.id(identity).as_str().to_owned(),
        Target::Pool { .. } => format!("pool {}", pool.id),
    }
}

#[test]
fn a_hundred_reloads_under_load_lose_no_poll_and_double_none() {
    // The second pool's identities come and go; of the first, identities 100 to 299 are always
    // there.
    let shapes = [
        vec![0..300, 0..0],
        vec![100..400, 0..50],
        vec![50..350, 0..80],
    ];
    let mut old = targets_of(shapes[0].iter().cloned());
    let mut schedule = Schedule::new(&old, 10_000.0, Mono::START);
    let mut under_way: HashMap<u64, Ticket> = HashMap::new();
    let (mut ends, mut last_call) = (Vec::new(), 0);
    let mut asked: HashMap<String, Vec<Mono>> = HashMap::new();
    let mut carried = (0, 0);
    for reload in 1..=100_u64 {
        let now_until = seconds(reload as f64 * 1.37);
        let mut now = seconds((reload - 1) as f64 * 1.37);
        while now < now_until {
            while let Some(ended) = ends.iter().position(|(end, _)| *end <= now) {
                if let Some(ticket) = under_way.remove(&ends.swap_remove(ended).1) {
                    schedule.ended(&ticket, None, None, now);
                }
            }
            let wake = loop {
                match schedule.next(now, PLENTY) {
                    Step::Wait(wake) => break wake,
                    Step::Call(ticket) => {
                        asked
                            .entry(name(&old, ticket.target))
                            .or_default()
                            .push(now);
                        last_call += 1;
                        ends.push((now + Duration::from_millis(700), last_call));
                        under_way.insert(last_call, ticket);
                    }
                }
            };
            now = ends
                .iter()
                .map(|(end, _)| *end)
                .min()
                .unwrap_or(Mono::NEVER)
                .min(wake)
                .min(now_until);
        }
        let new = targets_of(shapes[reload as usize % shapes.len()].iter().cloned());
        let carry = Carry::between(&old, &new);
        let names: HashMap<_, _> = under_way
            .iter()
            .map(|(call, ticket)| (*call, name(&old, ticket.target)))
            .collect();
        schedule.retarget((&old, &new, &carry), 10_000.0, &mut under_way, now_until);
        carried.0 += under_way.len();
        carried.1 += names.len() - under_way.len();
        for (call, ticket) in &under_way {
            assert_eq!(
                name(&new, ticket.target),
                names[call],
                "a ticket goes on to be about the same"
            );
        }
        old = new;
    }
    assert!(
        carried.0 > 500 && carried.1 > 50,
        "calls were under way, of both kinds: {carried:?}"
    );
    for identity in 100..300 {
        let asked = &asked[&format!("a:{identity:x}")];
        assert!(
            (13..=14).contains(&asked.len()),
            "identity {identity} was asked {} times in 137 s",
            asked.len()
        );
        for pair in asked.windows(2) {
            let apart = pair[1].since(pair[0]).as_millis();
            assert!(
                (9_990..=10_010).contains(&apart),
                "identity {identity}: {apart} ms"
            );
        }
    }
}

/// The next call, and when it sets out.
fn take(schedule: &mut Schedule, mut now: Mono) -> (Mono, Ticket) {
    loop {
        match schedule.next(now, PLENTY) {
            Step::Call(ticket) => return (now, ticket),
            Step::Wait(wake) => now = wake,
        }
    }
}

#[test]
fn a_reload_keeps_slowness_and_attempts() {
    let targets = targets(&[0]);
    let carry = Carry::between(&targets, &targets);
    let mut schedule = Schedule::new(&targets, 10.0, Mono::START);
    let reloaded = |schedule: &mut Schedule, now| {
        schedule.retarget((&targets, &targets, &carry), 10.0, &mut HashMap::new(), now);
    };
    let (first, ticket) = take(&mut schedule, Mono::START);
    schedule.ended(&ticket, Some(Failure::NotFound), None, first);
    reloaded(&mut schedule, first);
    let (second, ticket) = take(&mut schedule, first);
    assert_eq!(second.since(first), Duration::from_secs(20));
    schedule.ended(&ticket, Some(Failure::NotFound), None, second);
    reloaded(&mut schedule, second);
    let (third, ticket) = take(&mut schedule, second);
    assert_eq!(third.since(second), Duration::from_secs(40));
    schedule.ended(
        &ticket,
        Some(Failure::Timeout),
        Some(Duration::from_secs(1)),
        third,
    );
    reloaded(&mut schedule, third);
    let (fourth, ticket) = take(&mut schedule, third);
    assert_eq!(
        (fourth.since(third), ticket.attempt),
        (Duration::from_secs(1), 2)
    );
}

#[test]
fn a_reload_keeps_pace_and_bad_credentials_and_sends_a_lost_probe_anew() {
    let old = targets(&[30]);
    let mut schedule = Schedule::new(&old, 10.0, Mono::START);
    let (now, ticket) = take(&mut schedule, Mono::START);
    schedule.ended(&ticket, Some(Failure::Throttled), None, now);
    let (now, ticket) = take(&mut schedule, now);
    schedule.ended(&ticket, Some(Failure::Credentials), None, now);
    let (now, probe) = take(&mut schedule, now);
    assert!(
        probe.is_probe && matches!(probe.target, Target::Identity { .. }),
        "{probe:?}"
    );
    let new = targets_of(std::iter::once(0..0));
    let carry = Carry::between(&old, &new);
    let mut under_way = HashMap::from([(1, probe)]);
    schedule.retarget((&old, &new, &carry), 10.0, &mut under_way, now);
    assert!(under_way.is_empty(), "its target is polled no more");
    assert_eq!(schedule.budgets().collect::<Vec<_>>(), [(8.0, false)]);
    let (later, again) = take(&mut schedule, now);
    assert!(again.is_probe && later > now);
}

#[test]
fn a_budget_whose_calls_hang_leaves_slots_to_others() {
    let targets = targets(&[500, 20]);
    let mut schedule = Schedule::new(&targets, 1_000.0, Mono::START);
    let (mut now, mut hanging, mut answered) = (Mono::START, Vec::new(), HashSet::new());
    while now < seconds(10.0) {
        match schedule.next(now, 8) {
            Step::Call(ticket) if matches!(targets.pool(ticket.target).id.region(), "a") => {
                hanging.push(ticket)
            }
            Step::Call(ticket) => {
                answered.insert(ticket.target);
                schedule.ended(&ticket, None, None, now);
            }
            Step::Wait(wake) => now = wake,
        }
    }
    assert_eq!((hanging.len(), answered.len()), (7, 21));
}
