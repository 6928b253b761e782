//! Years of polling in seconds: the real decisions (schedule, budgets, retries, records) against a
//! seeded world in which everything goes wrong, alone and together, with what must always hold
//! looked at after every step.
//!
//! A seed that fails is printed; `SEED=7 cargo test --test simulation` plays it again.
//! tests/long/simulation lives for longer.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests may, and clippy does not see that these are some"
)]

mod datasets;
mod forecast;
mod forecast_lists;
#[allow(dead_code, reason = "the bench uses all of it")]
#[path = "../support/freshness/mod.rs"]
mod fresh;
mod freshness;
#[path = "../support/long.rs"]
mod long;
mod trouble;
mod wire;
mod world;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use long::parameter;
use trouble::Kind;
use world::{Outcome, World};

fn seeds() -> Vec<u64> {
    match std::env::var("SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => (0..parameter("SIMULATION_SEEDS", 20)).collect(),
    }
}

#[test]
fn ten_years_of_trouble() {
    // Each seed lives for half a year.
    let days = parameter("SIMULATION_DAYS", 183);
    let seeds = seeds();
    let live = |seeds: &[u64]| {
        let mut total = Outcome::default();
        for seed in seeds {
            let lived = catch_unwind(AssertUnwindSafe(|| World::new(*seed).live(days)));
            total += lived.unwrap_or_else(|_| panic!("SEED={seed} fails"));
        }
        total
    };
    let mut total = Outcome::default();
    std::thread::scope(|scope| {
        let halves = seeds.chunks(seeds.len().div_ceil(2));
        let lives: Vec<_> = halves.map(|half| scope.spawn(|| live(half))).collect();
        for lived in lives {
            total += lived.join().unwrap();
        }
    });
    if std::env::var_os("SEED").is_some() {
        return;
    }
    let fired: BTreeMap<_, _> = total
        .fired
        .iter()
        .map(|(kind, count)| (format!("{kind:?}"), *count))
        .collect();
    println!(
        "{} days, {} polls, {} calls; calls hit: {fired:#?}",
        total.days, total.polls, total.calls
    );
    assert!(total.days >= 3_650, "{} days", total.days);
    assert!(total.polls >= 10_000_000, "{} polls", total.polls);
    let kinds = Kind::all();
    assert!(kinds.len() >= 30);
    for kind in kinds {
        assert!(
            total.fired.get(&kind).copied().unwrap_or(0) > 0,
            "{kind:?} never fired"
        );
    }
}

/// Without trouble nothing fails and everyone is asked on time: what the other test finds is the
/// trouble's doing.
#[test]
fn a_month_without_trouble() {
    let outcome = World::new(1).untroubled().live(30);
    assert_eq!(outcome.failed, 0);
    assert_eq!(outcome.calls, outcome.polls);
    assert!(outcome.fired.is_empty());
}
