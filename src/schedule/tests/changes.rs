//! The schedule while its targets change.

use super::*;
use crate::targets::TargetDiff;

pub(super) fn change(
    schedule: &mut Schedule,
    old: &Targets,
    new: &Targets,
    rate_limit: f64,
    now: Mono,
) {
    let diff = &TargetDiff::new(old, new);
    let change = TargetChange {
        old,
        new,
        diff,
        only_lists: false,
    };
    schedule.apply_targets(change, rate_limit, now);
}

/// The id that a target has.
fn name(targets: &Targets, target: Target) -> String {
    let pool = targets.pool(target);
    match targets.identity(target) {
        Some(identity) => identity.as_str().to_owned(),
        None => format!("pool {}", pool.id),
    }
}

#[test]
fn a_hundred_reloads_under_load_lose_no_poll_and_double_none() {
    // Identities 100 to 299 of the first pool are in all shapes; all others are added and removed.
    let shapes = [
        vec![0..300, 0..0],
        vec![100..400, 0..50],
        vec![50..350, 0..80],
    ];
    let mut old = targets_of(shapes[0].iter().cloned());
    let mut schedule = schedule(&old, 10_000.0);
    let mut ends: Vec<(Mono, TicketId)> = Vec::new();
    let mut polled: HashMap<String, Vec<Mono>> = HashMap::new();
    let mut carried = (0, 0);
    for reload in 1..=100_u64 {
        let now_until = seconds(reload as f64 * 1.37);
        let mut now = seconds((reload - 1) as f64 * 1.37);
        while now < now_until {
            while let Some(ended) = ends.iter().position(|(end, _)| *end <= now) {
                schedule.end_call(ends.swap_remove(ended).1, None, AfterCall::Finish, now);
            }
            let wake = loop {
                match schedule.next(now, UNLIMITED, Knowledge::NONE) {
                    Step::Wait(wake) => break wake,
                    Step::Call(call) => {
                        polled
                            .entry(name(&old, call.job.target))
                            .or_default()
                            .push(now);
                        ends.push((now + Duration::from_millis(700), call.ticket));
                    }
                }
            };
            now = ends
                .iter()
                .map(|(end, _)| *end)
                .min()
                .unwrap_or(Mono::MAX)
                .min(wake)
                .min(now_until);
        }
        let new = targets_of(shapes[reload as usize % shapes.len()].iter().cloned());
        let names: HashMap<_, _> = schedule
            .in_flight
            .iter()
            .map(|(id, ticket)| (*id, name(&old, ticket.job.target)))
            .collect();
        change(&mut schedule, &old, &new, 10_000.0, now_until);
        carried.0 += schedule.in_flight.len();
        carried.1 += names.len() - schedule.in_flight.len();
        for (id, ticket) in &schedule.in_flight {
            let moved = name(&new, ticket.job.target);
            assert_eq!(moved, names[id], "a ticket stays about the same target");
        }
        old = new;
    }
    assert!(
        carried.0 > 500 && carried.1 > 50,
        "calls were in flight, of both kinds: {carried:?}"
    );
    for identity in 100..300 {
        let polled = &polled[&format!("a:{identity:x}")];
        assert!(
            (13..=14).contains(&polled.len()),
            "identity {identity} was polled {} times in 137 s",
            polled.len()
        );
        for pair in polled.windows(2) {
            let apart = pair[1].since(pair[0]).as_millis();
            assert!(
                (9_990..=10_010).contains(&apart),
                "identity {identity}: {apart} ms"
            );
        }
    }
}

/// The next call, and when it is sent.
fn take(schedule: &mut Schedule, mut now: Mono) -> (Mono, Call) {
    loop {
        match schedule.next(now, UNLIMITED, Knowledge::NONE) {
            Step::Call(call) => return (now, call),
            Step::Wait(wake) => now = wake,
        }
    }
}

#[test]
fn a_reload_keeps_slowdown_and_attempts() {
    let targets = targets(&[0]);
    let mut schedule = schedule(&targets, 10.0);
    let reloaded = |schedule: &mut Schedule, now| change(schedule, &targets, &targets, 10.0, now);
    let missing = Some(Failure::NotFound);
    let (first, call) = take(&mut schedule, Mono::START);
    finish(&mut schedule, &call, missing, first);
    reloaded(&mut schedule, first);
    let (second, call) = take(&mut schedule, first);
    assert_eq!(second.since(first), Duration::from_secs(20));
    finish(&mut schedule, &call, missing, second);
    reloaded(&mut schedule, second);
    let (third, call) = take(&mut schedule, second);
    assert_eq!(third.since(second), Duration::from_secs(40));
    let again = AfterCall::Retry(Duration::from_secs(1));
    schedule.end_call(call.ticket, Some(Failure::Timeout), again, third);
    reloaded(&mut schedule, third);
    let (fourth, call) = take(&mut schedule, third);
    assert_eq!(fourth.since(third), Duration::from_secs(1));
    assert_eq!(schedule.ticket(call.ticket).unwrap().attempt, 2);
}

#[test]
fn a_reload_keeps_rate_and_credential_state_and_replaces_a_lost_probe() {
    let old = targets(&[30]);
    let mut schedule = schedule(&old, 10.0);
    let (now, call) = take(&mut schedule, Mono::START);
    finish(&mut schedule, &call, Some(Failure::Throttled), now);
    let (now, call) = take(&mut schedule, now);
    finish(&mut schedule, &call, Some(Failure::Credentials), now);
    let (now, probe) = take(&mut schedule, now);
    let ticket = schedule.ticket(probe.ticket).unwrap();
    let about_identity = matches!(ticket.job.target, Target::Identity { .. });
    assert!(ticket.is_probe && about_identity, "{ticket:?}");
    let recent = |schedule: &Schedule| schedule.recent_calls().collect::<Vec<_>>();
    let before = recent(&schedule);
    let counts = before[0].counts(now);
    assert_eq!((counts.sent, counts.throttled), (3, 1), "probes count");
    let new = targets_of(std::iter::once(0..0));
    change(&mut schedule, &old, &new, 10.0, now);
    assert!(
        schedule.ticket(probe.ticket).is_none(),
        "its target is no longer polled"
    );
    assert!(
        schedule
            .end_call(probe.ticket, None, AfterCall::Finish, now)
            .is_none()
    );
    assert_eq!(schedule.budgets().collect::<Vec<_>>(), [(8.0, false)]);
    assert_eq!(recent(&schedule), before);
    let (later, again) = take(&mut schedule, now);
    assert!(schedule.ticket(again.ticket).unwrap().is_probe && later > now);
}
