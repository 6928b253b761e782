//! Who is asked when the calls do not suffice, and that nobody waits past `max_age`.

use super::changes::change;
use super::*;
use std::collections::BTreeMap;

/// One pool of identities of these numbers, and a ceiling of a call a second.
pub(super) fn pool(numbers: std::ops::Range<usize>, interval: u64, max_age: u64) -> Targets {
    let mut targets = targets_of(std::iter::once(numbers));
    let settings = &mut targets.pools[0].settings;
    settings.interval = Duration::from_secs(interval);
    settings.max_age = Some(Duration::from_secs(max_age));
    targets.set_ages(1.0);
    targets
}

fn id(targets: &Targets, call: &Call) -> Option<String> {
    let identity = targets.identity(call.job.target)?;
    Some(identity.as_str().to_owned())
}

/// Any demand, the same for an identity each time it is asked.
fn any_demand(seed: u64) -> impl Fn(PoolIndex, IdentityIndex) -> Demand {
    move |_, identity| {
        let mut random = fastrand::Rng::with_seed(seed ^ identity.0 as u64);
        Demand {
            changes_per_second: 10_f64.powf(-8.0 * random.f64()),
            idle_seconds: 10_f64.powf(8.0 * random.f64()),
            writes_left: random.bool().then(|| 100.0 * random.f64()),
            was_unanswered: random.u8(..10) == 0,
        }
    }
}

/// With any settings, demands and changes of the list, as long as there are calls enough for
/// `max_age`.
#[test]
fn nobody_waits_past_max_age() {
    for seed in 0..40 {
        let mut random = fastrand::Rng::with_seed(seed);
        let identities = random.usize(1..400);
        let interval = random.u64(2..60);
        let max_age = interval * random.u64(6..40);
        // New identities take half of the calls.
        let needed = identities as f64 * 2.5 / max_age as f64 + 1.0 / interval as f64;
        let rate = needed * (1.05 + random.f64());
        let demand = any_demand(seed);
        let known = Knowledge {
            demand: &demand,
            ..Knowledge::NONE
        };
        let mut targets = pool(0..identities, interval, max_age);
        let mut schedule = schedule(&targets, rate);
        let mut polled: BTreeMap<String, Mono> = BTreeMap::new();
        let mut now = Mono::START;
        for part in 1..=8_u64 {
            let until = Mono::START + Duration::from_secs(part * max_age);
            while now < until {
                match schedule.next(now, UNLIMITED, known) {
                    Step::Wait(wake) => now = wake.min(until),
                    Step::Call(call) => {
                        finish(&mut schedule, &call, None, now);
                        if let Some(id) = id(&targets, &call)
                            && let Some(before) = polled.insert(id, now)
                        {
                            let waited = now.since(before).as_secs_f64();
                            assert!(
                                waited <= max_age as f64,
                                "seed {seed}: {waited} s of {max_age}, interval {interval}, {identities}, {rate}"
                            );
                        }
                    }
                }
            }
            for (id, before) in &polled {
                let waits = now.since(*before).as_secs_f64();
                assert!(
                    waits <= max_age as f64,
                    "seed {seed}: {id} waits for {waits} s"
                );
            }
            // Half of the list goes, as many others come.
            let from = part as usize * identities / 2;
            let new = pool(from..from + identities, interval, max_age);
            change(&mut schedule, &targets, &new, rate, now);
            targets = new;
            let stays = |id: &str| {
                let number = usize::from_str_radix(&id[2..], 16).unwrap();
                (from..from + identities).contains(&number)
            };
            polled.retain(|id, _| stays(id));
        }
    }
}

#[test]
fn those_that_change_and_those_near_a_limit_are_asked_more_often() {
    let targets = pool(0..300, 10, 3_600);
    let mut schedule = schedule(&targets, 1.0);
    let demand = |_, IdentityIndex(identity)| Demand {
        changes_per_second: if identity < 3 { 1e-2 } else { 1e-6 },
        idle_seconds: if identity < 3 { 10.0 } else { 1e6 },
        writes_left: (identity == 5).then_some(1.0),
        was_unanswered: false,
    };
    let known = Knowledge {
        demand: &demand,
        ..Knowledge::NONE
    };
    let (mut now, mut polls) = (Mono::START, vec![0; 300]);
    while now < seconds(4.0 * 3_600.0) {
        match schedule.next(now, UNLIMITED, known) {
            Step::Wait(wake) => now = wake,
            Step::Call(call) => {
                finish(&mut schedule, &call, None, now);
                if let Target::Identity { identity, .. } = call.job.target {
                    polls[identity.0] += usize::from(now >= seconds(3_600.0));
                }
            }
        }
    }
    let (busy, near, idle) = (polls[0], polls[5], polls[10]);
    assert!(busy > 10 * idle, "{busy} {idle}");
    assert!(near > 5 * idle, "{near} {idle}");
    assert!(idle >= 3, "once in an hour: {idle}");
}

/// Who was never asked comes first; where others are near a limit, every other call is theirs.
#[test]
fn new_identities_and_those_near_a_limit_take_turns() {
    let old = pool(0..10, 10, 3_600);
    let mut schedule = schedule(&old, 1.0);
    let near = Demand {
        changes_per_second: 1e-3,
        idle_seconds: 1.0,
        writes_left: Some(1.0),
        was_unanswered: false,
    };
    let known = Knowledge {
        demand: &|_, _| near,
        ..Knowledge::NONE
    };
    let run = |schedule: &mut Schedule, targets: &Targets, from: f64, to: f64| {
        let (mut now, mut calls) = (seconds(from), Vec::new());
        while now < seconds(to) {
            match schedule.next(now, UNLIMITED, known) {
                Step::Wait(wake) => now = wake,
                Step::Call(call) => {
                    finish(schedule, &call, None, now);
                    calls.extend(id(targets, &call));
                }
            }
        }
        calls
    };
    let mut asked: HashSet<_> = run(&mut schedule, &old, 0.0, 100.0).into_iter().collect();
    let new = pool(0..1_010, 10, 3_600);
    change(&mut schedule, &old, &new, 1.0, seconds(100.0));
    let calls = run(&mut schedule, &new, 100.0, 320.0);
    let again = calls
        .iter()
        .filter(|id| !asked.insert((*id).clone()))
        .count();
    let part = again as f64 / calls.len() as f64;
    assert!((0.35..0.6).contains(&part), "{again} of {}", calls.len());
}

/// The calls about identities until `until`, with their times; each ends as `fate` says.
fn calls_about(
    schedule: &mut Schedule,
    targets: &Targets,
    mut now: Mono,
    until: Mono,
    fate: impl Fn(&str, Mono) -> Option<Failure>,
) -> Vec<(Mono, String)> {
    let mut calls = Vec::new();
    while now < until {
        match schedule.next(now, UNLIMITED, Knowledge::NONE) {
            Step::Wait(wake) => now = wake,
            Step::Call(call) => {
                let id = id(targets, &call);
                let failure = id.as_ref().and_then(|id| fate(id, now));
                finish(schedule, &call, failure, now);
                calls.extend(id.map(|id| (now, id)));
            }
        }
    }
    calls
}

#[test]
fn those_that_do_not_exist_are_asked_once_in_max_age() {
    let targets = pool(0..50, 10, 1_000);
    let mut schedule = schedule(&targets, 100.0);
    let missing = |id: &str, _| (id >= "a:20").then_some(Failure::NotFound);
    let calls = calls_about(
        &mut schedule,
        &targets,
        Mono::START,
        seconds(5_000.0),
        missing,
    );
    let of = |id: &str| calls.iter().filter(|(_, of)| of == id).count();
    for id in ["a:20", "a:25", "a:31"] {
        assert!((5..=7).contains(&of(id)), "{id}: {} calls", of(id));
    }
    assert!(
        of("a:0") >= 499,
        "the others have their turns: {}",
        of("a:0")
    );
}

#[test]
fn a_pool_that_is_denied_is_asked_once_an_interval_until_one_succeeds() {
    let targets = pool(0..50, 10, 86_400);
    let mut schedule = schedule(&targets, 100.0);
    let (from, until) = (seconds(100.0), seconds(2_000.0));
    let denied = |_: &str, now| (from <= now && now < until).then_some(Failure::AccessDenied);
    let calls = calls_about(
        &mut schedule,
        &targets,
        Mono::START,
        seconds(2_100.0),
        denied,
    );
    let between = |from: f64, to: f64| {
        let calls = calls
            .iter()
            .filter(|(at, _)| (seconds(from)..seconds(to)).contains(at));
        calls.map(|(_, id)| id).collect::<HashSet<_>>()
    };
    let in_all = calls
        .iter()
        .filter(|(at, _)| (seconds(200.0)..seconds(1_200.0)).contains(at));
    assert!((95..=101).contains(&in_all.count()), "one an interval");
    assert!(between(200.0, 1_200.0).len() > 40, "another one each time");
    assert_eq!(between(2_020.0, 2_035.0).len(), 50, "all have turns again");
}

#[test]
fn a_reload_gives_those_that_were_denied_their_turns_back() {
    let targets = pool(0..50, 10, 86_400);
    let mut schedule = schedule(&targets, 100.0);
    let denied = |id: &str, _| (id != "a:1").then_some(Failure::AccessDenied);
    let calls = calls_about(&mut schedule, &targets, Mono::START, seconds(100.0), denied);
    let asked =
        |calls: &[(Mono, String)], id: &str| calls.iter().filter(|(_, of)| of == id).count();
    assert_eq!((asked(&calls, "a:1"), asked(&calls, "a:2")), (10, 1));
    change(&mut schedule, &targets, &targets, 100.0, seconds(100.0));
    let calls = calls_about(
        &mut schedule,
        &targets,
        seconds(100.0),
        seconds(120.0),
        |_, _| None,
    );
    assert_eq!(asked(&calls, "a:2"), 2);
}

/// A denial in a long row is the policy's, not the identities.
#[test]
fn after_many_denials_in_a_row_the_first_answer_gives_all_turns_back() {
    let targets = pool(0..1_000, 100, 86_400);
    let mut schedule = schedule(&targets, 100.0);
    let denied = |_: &str, now| {
        (seconds(120.0) <= now && now < seconds(150.0)).then_some(Failure::AccessDenied)
    };
    let calls = calls_about(&mut schedule, &targets, Mono::START, seconds(300.0), denied);
    let after = calls.iter().filter(|(at, _)| *at >= seconds(150.0));
    let after: HashSet<_> = after.map(|(_, id)| id).collect();
    assert_eq!(after.len(), 1_000, "everybody was asked again");
}
