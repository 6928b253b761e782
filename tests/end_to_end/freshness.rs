//! How soon a write is seen where the ceiling does not suffice for equal turns.

use std::collections::HashMap;
use std::thread;
use std::time::Duration;

use cognitosync_exporter::api::Usage;
use cognitosync_exporter::clock::Clock;
use cognitosync_exporter::simulator::Life;

use crate::long::parameter;
use crate::support::{
    Exporter, Server, configuration, identity_id, patiently, pool_id, still_world, usage,
};

const RATE: u64 = 20;

/// One identity in a hundred writes every few seconds. In equal turns, half of all identities would
/// be asked between a write and the call that sees it, on average. Counted from when all who write
/// were seen to do so, after two turns for everybody.
#[test]
fn a_write_is_seen_by_a_sixth_of_the_calls_that_equal_turns_take() {
    let identities = parameter("FRESHNESS_IDENTITIES", 300) as usize;
    let server = Server::start(still_world(1, identities));
    let poll = format!("interval: 1s, rate_limit: {RATE}, attempts: 1");
    let exporter = Exporter::start(&configuration(&poll, &server.url, 1, identities));
    let turn = identities as u32 / RATE as u32;
    patiently(2 + turn / 30, "all are fresh", || {
        (exporter.in_state(0, "fresh") == identities as f64).then_some(())
    });
    let busy: Vec<_> = (0..identities).step_by(100).collect();
    let mut random = fastrand::Rng::with_seed(1);
    let (mut calls, mut writes) = (0, 0_u32);
    let mut unseen: HashMap<String, Vec<usize>> = HashMap::new();
    let mut delays = Vec::new();
    drop(server.simulator.take_call_log());
    while calls < 4 * identities {
        thread::sleep(Duration::from_millis(20));
        for call in server.simulator.take_call_log() {
            calls += 1;
            let seen = call.identity.and_then(|id| unseen.remove(&id));
            let counted = seen
                .into_iter()
                .flatten()
                .filter(|at| *at >= 2 * identities);
            delays.extend(counted.map(|written| calls - written));
        }
        // Everybody who writes does so each four seconds, on average.
        if random.usize(..200) < busy.len() {
            writes += 1;
            let number = *random.choice(&busy).unwrap();
            let life = Life::Still(Usage {
                storage_bytes: Some(1_000_000 + u64::from(writes)),
                last_modified: Some(Clock::system().now().unix),
                ..usage(number)
            });
            let id = identity_id(number);
            server
                .simulator
                .world(|world| world.insert(&pool_id(0), &id, life));
            unseen.entry(id).or_default().push(calls);
        }
    }
    let seen = delays.len();
    let unseen = unseen.into_values().flatten();
    delays.extend(unseen.map(|written| calls - written));
    let mean = delays.iter().sum::<usize>() as f64 / delays.len() as f64;
    println!("{seen} writes of {identities} identities seen, after {mean:.1} calls");
    assert!(seen >= 10, "{seen} of {writes} writes seen");
    assert!(mean <= identities as f64 / 2.0 / 6.0, "{mean} calls");
}
