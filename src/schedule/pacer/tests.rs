use super::*;
use std::collections::VecDeque;

/// Calls as soon as allowed, except while blocked; returns the times of the calls.
fn calls(rate: f64, seconds: u64, is_blocked: impl Fn(f64) -> bool) -> Vec<Mono> {
    let mut pacer = Pacer::new(rate);
    let mut calls = Vec::new();
    for now in (0..seconds * 10_000).map(|step| Mono::START + Duration::from_micros(step * 100)) {
        while !is_blocked(now.since(Mono::START).as_secs_f64()) && pacer.ready_at() <= now {
            pacer.on_sent(now);
            calls.push(now);
        }
    }
    calls
}

fn max_in_a_second(calls: &[Mono]) -> usize {
    let second = Duration::from_secs(1);
    let from = |first: Mono| {
        calls
            .iter()
            .filter(|call| **call >= first && call.since(first) < second)
            .count()
    };
    calls.iter().map(|first| from(*first)).max().unwrap_or(0)
}

#[test]
fn no_second_has_more_calls_than_the_ceiling_allows() {
    for rate in [0.5, 1.0, 7.0, 10.0, 100.0, 333.0] {
        for stutter in [0.0, 0.03, 0.4, 0.999] {
            let calls = calls(rate, 8, |second| second % 1.0 < stutter);
            let max = max_in_a_second(&calls) as f64;
            assert!(
                max <= rate * 1.05 + 1.0,
                "{max} calls in a second at {rate}/s, stutter {stutter}"
            );
        }
    }
}

#[test]
fn a_raised_ceiling_holds_from_now_on() {
    let mut pacer = Pacer::new(0.001);
    let at = |millis: u64| Mono::START + Duration::from_millis(millis);
    pacer.on_sent(at(0));
    pacer.set_ceiling(2.0, at(10_000));
    assert_eq!(pacer.ready_at(), at(10_500));
    // Whatever is set meanwhile, no second has more calls than the higher ceiling allows.
    let mut calls = Vec::new();
    for millis in 20_000..30_000 {
        pacer.set_ceiling([50.0, 40.0, 0.1][millis as usize % 3], at(millis));
        while pacer.ready_at() <= at(millis) {
            pacer.on_sent(at(millis));
            calls.push(at(millis));
        }
    }
    assert!((20..=53).contains(&max_in_a_second(&calls)));
}

#[test]
fn the_ceiling_is_reached() {
    for rate in [0.5, 10.0, 333.0] {
        let calls = calls(rate, 20, |_| false);
        assert!(
            calls.len() as f64 >= rate * 20.0 - 1.0,
            "{} calls at {rate}/s",
            calls.len()
        );
    }
}

#[test]
fn a_long_pause_earns_no_burst() {
    let calls = calls(100.0, 10, |second| second < 9.0);
    assert!(
        max_in_a_second(&calls) <= 106,
        "{}",
        max_in_a_second(&calls)
    );
}

/// Calls as often as allowed, each answered after `latency` by a service that allows
/// `quota(second)` calls a second, with bursts of one second's worth. Returns calls and
/// throttled calls of each second.
fn run_against_quota(
    mut pacer: Pacer,
    latency: Duration,
    seconds: u64,
    quota: impl Fn(u64) -> f64,
) -> (Vec<(u32, u32)>, Pacer) {
    let mut in_flight: VecDeque<(Mono, Mono, bool)> = VecDeque::new();
    let mut tokens = 0.0;
    let mut counts = vec![(0, 0); seconds as usize];
    for millis in 0..seconds * 1_000 {
        let now = Mono::START + Duration::from_millis(millis);
        let (second, allowed) = ((millis / 1_000) as usize, quota(millis / 1_000));
        tokens = (tokens + allowed / 1_000.0).min(allowed);
        while in_flight.front().is_some_and(|(ends, ..)| *ends <= now) {
            match in_flight.pop_front() {
                Some((_, sent_at, true)) => pacer.on_throttled(sent_at, now),
                _ => pacer.on_answered(),
            }
        }
        while pacer.ready_at() <= now {
            pacer.on_sent(now);
            let throttled = tokens < 1.0;
            tokens -= if throttled { 0.0 } else { 1.0 };
            counts[second].0 += 1;
            counts[second].1 += u32::from(throttled);
            in_flight.push_back((now + latency, now, throttled));
        }
    }
    (counts, pacer)
}

fn sums(counts: &[(u32, u32)]) -> (f64, f64) {
    let sum = |of: fn(&(u32, u32)) -> u32| f64::from(counts.iter().map(of).sum::<u32>());
    (sum(|count| count.0), sum(|count| count.1))
}

#[test]
fn a_quota_below_the_ceiling_is_found_and_kept() {
    for millis in [5, 50, 200] {
        let (counts, _) = run_against_quota(
            Pacer::new(100.0),
            Duration::from_millis(millis),
            600,
            |_| 20.0,
        );
        let (calls, throttled) = sums(&counts[60..]);
        assert!(
            throttled / calls < 0.03,
            "{throttled} of {calls} throttled at {millis} ms"
        );
        assert!(
            (calls - throttled) / 540.0 > 0.85 * 20.0,
            "{} of 20/s used at {millis} ms",
            calls / 540.0
        );
    }
}

#[test]
fn a_raised_quota_is_found_within_two_minutes() {
    let quota = |second| if second < 120 { 20.0 } else { 60.0 };
    let (counts, _) = run_against_quota(Pacer::new(100.0), Duration::from_millis(50), 300, quota);
    let (calls, throttled) = sums(&counts[240..]);
    assert!(
        (calls - throttled) / 60.0 > 0.85 * 60.0,
        "{} of 60/s used",
        calls / 60.0
    );
}

#[test]
fn throttling_of_everything_leaves_one_call_a_second_and_passes() {
    for ceiling in [0.2, 1.0, 10.0, 100.0, 1_000.0] {
        let throttled = |second: u64| {
            if (10..310).contains(&second) {
                0.0
            } else {
                1e9
            }
        };
        let (counts, pacer) = run_against_quota(
            Pacer::new(ceiling),
            Duration::from_millis(50),
            610,
            throttled,
        );
        for (second, (calls, _)) in counts.iter().enumerate().skip(60).take(250) {
            assert!(
                *calls <= 1,
                "{calls} calls in second {second} under {ceiling}/s"
            );
        }
        assert_eq!(
            pacer.rate(),
            ceiling,
            "the ceiling is reached again within five minutes"
        );
    }
}

#[test]
fn a_careful_pacer_has_one_call_in_a_hundred_throttled_whatever_the_quota_is() {
    for (ceiling, quota) in [(10.0, 5.0), (100.0, 5.0), (10.0, 9.0), (100.0, 20.0)] {
        for millis in [5, 100] {
            let pacer = Pacer::careful(ceiling);
            let latency = Duration::from_millis(millis);
            let (counts, _) = run_against_quota(pacer, latency, 600, |_| quota);
            let (calls, throttled) = sums(&counts[60..]);
            let part = throttled / calls;
            let what = format!("{part} throttled of {quota}/s under {ceiling}/s, {millis} ms");
            assert!(part > 0.0 && part < 0.01, "{what}");
            let used = (calls - throttled) / 540.0 / quota;
            assert!(used > 0.85, "{used} used, {what}");
        }
    }
}

#[test]
fn a_careful_pacer_finds_what_there_is_after_trouble() {
    // Nothing at all for a while, and a quota that is raised.
    for quota in [
        |second| {
            if (30..=60).contains(&second) {
                0.0
            } else {
                10.0
            }
        },
        |second| if second < 120 { 5.0 } else { 10.0 },
    ] {
        let latency = Duration::from_millis(50);
        let (counts, pacer) = run_against_quota(Pacer::careful(10.0), latency, 420, quota);
        let (calls, throttled) = sums(&counts[360..]);
        let used = (calls - throttled) / 60.0;
        assert!(used > 8.5, "{used} of 10/s used, {}", pacer.rate());
    }
}

#[test]
fn calls_in_flight_lower_the_rate_once() {
    let mut pacer = Pacer::new(100.0);
    let at = |millis: u64| Mono::START + Duration::from_millis(millis);
    (0..50).for_each(|sent_at| pacer.on_throttled(at(sent_at), at(60 + sent_at)));
    assert_eq!(pacer.rate(), 80.0);
    pacer.on_throttled(at(61), at(120));
    assert_eq!(pacer.rate(), 64.0);
}
