use super::*;
use crate::loading;
use std::path::Path;

fn plan(poll: &str, pool: &str, identities: usize) -> String {
    let ids: Vec<_> = (0..identities)
        .map(|number| format!("'us-east-1:00000000-0000-4000-8000-{number:012x}'"))
        .collect();
    let text = format!(
        "poll: {{{poll}}}\npools: [{{id: 'us-east-1:7b6bd1a1-5f5c-4f43-9a0b-0f6a3b8d8c11', {pool} identities: [{}]}}]",
        ids.join(",")
    );
    let loaded = loading::parse(Path::new("config.yaml"), &text).unwrap();
    Plan::of(&loaded.config, &loaded.targets).to_string()
}

fn series(plan: &str) -> u64 {
    let (_, rest) = plan.split_once("\nseries       ").unwrap();
    let digits: String = rest.split(' ').next().unwrap().replace(',', "");
    digits.parse().unwrap()
}

#[test]
fn a_choice_of_series_is_shown_with_what_it_saves_and_the_alerts_that_it_costs() {
    let all = series(&plan("", "", 1_000));
    for (pool, left_out) in [
        (
            "identity_metrics: [storage, datasets],",
            "6,000 series, which would take some 24.6 MB",
        ),
        ("identity_metrics: [largest_dataset],", "6,000 series"),
        ("series: top, top: 10,", "7,920 series"),
        ("series: none,", "8,000 series"),
    ] {
        let plan = plan("", pool, 1_000);
        assert!(
            plan.contains(&format!("\nleft out     {left_out}")),
            "{plan}"
        );
        let number: u64 = left_out[..5].replace(',', "").parse().unwrap();
        // Where not all have series, a few of the pool's own are more.
        assert!(
            (all - number..all - number + 5).contains(&series(&plan)),
            "{plan}"
        );
    }
    let off = plan("", "datasets: 'off', series: none,", 1_000);
    assert!(off.contains("left out     6,000 series"), "{off}");
    assert!(
        off.contains("7b6bd1a1-5f5c-4f43-9a0b-0f6a3b8d8c11: alerts without input: CognitoSync")
    );
}

#[test]
fn a_configuration_that_fits() {
    let plan = plan("interval: 5m", "", 1_000);
    assert!(
        plan.starts_with(
            "config.yaml: 1,000 identities in 1 pool\n\ncalls        288,288 a day, 3.3 a second"
        ),
        "{plan}"
    );
    assert!(
        plan.contains("suffices while answers take less than 9.6 s\n"),
        "{plan}"
    );
    assert!(
        plan.contains("budget       us-east-1: 3.3 of 10.0 calls a second; one sweep takes 100s at the ceiling\n"),
        "{plan}"
    );
    assert!(!plan.contains("DOES NOT FIT"), "{plan}");
    assert!(
        plan.contains("a change is seen after 2m 30s on average, 5m at the latest\n"),
        "{plan}"
    );
    // Eight for each identity, and those of the pool and the exporter.
    assert!((8_100..8_300).contains(&series(&plan)), "{plan}");
    assert!(
        !plan.contains("left out") && !plan.contains("alerts"),
        "{plan}"
    );
    assert!(plan.contains("memory       some 6.2 MB here"), "{plan}");
}

#[test]
fn a_configuration_that_does_not_fit_is_reported_with_the_settings_to_change() {
    let plan = plan("interval: 1m, rate_limit: 2", "series: none,", 599);
    assert!(
        plan.contains(
            "DOES NOT FIT: a sweep takes 5.0 times the interval. For a turn each interval, set"
        ),
        "{plan}"
    );
    assert!(
        plan.contains(
            "a change is seen after 1m to 3m on average, the less the more identities are at \
             rest,\n             1d at the latest\n"
        ),
        "{plan}"
    );
    assert!(
        plan.contains("poll.rate_limit: 10, if") && plan.contains("interval: 5m\n"),
        "{plan}"
    );
    assert!(plan.contains("one sweep takes 5m at the ceiling"), "{plan}");
}

#[test]
fn what_passes_cost_those_that_are_listed() {
    let discover = "series: none, discover: {interval: 1d, rate_limit: 2},";
    let discovered = plan("", discover, 601);
    assert!(
        discovered.contains(
            "\ndiscovery    us-east-1 cognito-identity: 11 calls of ListIdentities a day; one \
             pass takes 6s at 2 calls a second\n             for the 601 identities that are \
             listed here"
        ) && discovered.contains("16,667 calls list a million"),
        "{discovered}"
    );
    assert!(!discovered.contains("DOES NOT FIT"), "{discovered}");
    let fast = "series: none, discover: {interval: 5s, rate_limit: 2},";
    let fast = plan("", fast, 601);
    assert!(
        fast.contains(
            "DOES NOT FIT: raise discover.rate_limit to 2.2, or make discover.interval 1.1 times \
             as long"
        ),
        "{fast}"
    );
    assert!(!plan("", "", 601).contains("discovery"));
}
