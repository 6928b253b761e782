//! `demo`: the ordinary exporter against a simulated Cognito Sync and Cognito Identity on loopback.
//!
//! The simulator's world is written as a configuration and read like any other, so that all the
//! rest is the daemon. The last of several pools is discovered, and of more than two the second is
//! polled with its guests' keys, unless they are so large that people would wait.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use tokio::signal::unix::Signal;
use tracing::info;

use super::{App, Reloading, StartError, WebOptions};
use crate::aws::Credentials;
use crate::cli;
use crate::clock::Clock;
use crate::config;
use crate::simulator::{Fault, GuestRole, Life, Simulator, World, endpoint_url};
use crate::targets::MAX_EXCHANGES;

/// The seed of the world, so that every demo is the same.
const SEED: u64 = 10_520;
const LATENCY: Duration = Duration::from_millis(20);
/// Minimum interval; short, so that there is soon something to see.
const MIN_INTERVAL: Duration = Duration::from_secs(15);
/// Calls per second beyond which the interval grows with the number of identities.
const COMFORTABLE_RATE: f64 = 500.0;
const ONE_FAULT_IN: u64 = 20;
/// One identity in a hundred is denied with `--faults`: this one, and each hundredth after it.
const DENIED: (usize, usize) = (50, 100);
/// How often the identities of the discovered pool are listed; short, so that a pass is seen soon.
const DISCOVER_INTERVAL: &str = "1m";
/// Calls per second of its passes.
const DISCOVER_RATE: usize = 2;
/// Most identities of a pool that is discovered: its first pass takes 25 s, 60 identities a call.
const MAX_DISCOVERED: usize = 60 * DISCOVER_RATE * 25;
/// Most identities of a pool that is polled with its guests' keys: so many exchanges take 15 s.
const MAX_GUESTS: usize = 15 * MAX_EXCHANGES as usize;
/// Disabled identities of the discovered pool, which are not listed.
const DISABLED: usize = 2;
const POOL_NAMES: [&str; 3] = ["production", "staging", "legacy"];

/// Builds the simulator and the daemon that polls it.
///
/// # Errors
/// When an address cannot be listened on.
pub async fn build(
    demo: &cli::Demo,
    web: WebOptions,
    hangups: Signal,
    clock: Clock,
) -> Result<App, StartError> {
    let mut world = World::scripted(SEED, demo.pools as usize, demo.identities as usize);
    let special = Special::of(&world);
    if let Some(pool) = &special.discovered {
        add_guests(&mut world, pool);
    }
    if let Some(pool) = &special.guests {
        // With AWS's sample role, usage comes from lists of datasets.
        world.set_guest_role(pool, GuestRole::Sample);
    }
    let (first, step) = DENIED;
    let identities = world.pools().flat_map(|(_, identities)| identities);
    let denied: Vec<String> = identities
        .skip(first)
        .step_by(step)
        .map(str::to_owned)
        .collect();
    let (simulator, listener) = Simulator::bind(world, clock.clone()).await?;
    simulator.set_latency(LATENCY);
    if demo.faults {
        simulator.set_random_faults(Some(ONE_FAULT_IN));
        for identity in &denied {
            simulator.set_fault(identity, Some(Fault::Error(403, "NotAuthorizedException")));
        }
    }
    let endpoint_url = endpoint_url(&listener)?;
    let Special { discovered, guests } = &special;
    info!(endpoint_url, discovered, guests, "simulating Cognito Sync");
    let text = simulator
        .world(|world| configuration(world, &special, &endpoint_url))
        .expect("writing to a string does not fail");
    let loader = super::loader();
    let loaded = config::parse(Path::new("demo"), &text)
        .map_err(|problem| vec![problem])
        .and_then(|config| loader.load_targets(config));
    let loaded = loaded.map_err(|mut problems| problems.swap_remove(0))?;
    let state = TempDir::with_prefix("cognitosync_exporter-demo-")?;
    // Which is made for this process alone.
    let path = Some(state.path().join("state"));
    let reloading = Reloading { loader, hangups };
    let mut app = App::build(loaded, web, Credentials::Simulator, path, reloading, clock).await?;
    app.temporary_state = Some(state);
    app.add("simulator".to_owned(), |stop| async move {
        simulator.run(listener, stop).await;
        Ok(())
    });
    Ok(app)
}

/// The pools that are not polled by their lists and with the account's keys.
struct Special {
    /// The last of several pools, unless it is empty or large.
    discovered: Option<String>,
    /// The second of more than two pools, unless it is empty or large.
    guests: Option<String>,
}

impl Special {
    fn of(world: &World) -> Self {
        let pools = world.pools();
        let pools: Vec<_> = pools.map(|(id, all)| (id, all.count())).collect();
        let fits = |pool: Option<&(&str, usize)>, most: usize| {
            let fitting = pool.filter(|(_, identities)| (1..=most).contains(identities));
            fitting.map(|(id, _)| (*id).to_owned())
        };
        Self {
            discovered: fits(pools.get(1..).and_then(<[_]>::last), MAX_DISCOVERED),
            guests: fits(pools.get(1).filter(|_| pools.len() > 2), MAX_GUESTS),
        }
    }
}

/// Makes a pool look like one with guests: those of its identities that have no dataset never
/// synced, and some more were merged into others.
fn add_guests(world: &mut World, pool: &str) {
    let mut pools = world.pools();
    let identities = pools.find(|(id, _)| *id == pool).map(|(_, all)| all);
    let is_empty = |id: &&str| {
        world
            .datasets(pool, id, 0.0, 0.0)
            .is_some_and(|of| of.is_empty())
    };
    let empty = identities.into_iter().flatten().filter(is_empty);
    let empty: Vec<_> = empty.map(str::to_owned).collect();
    drop(pools);
    for identity in empty {
        world.insert(pool, &identity, Life::NeverSynced);
    }
    let (region, _) = pool.split_once(':').unwrap_or_default();
    for number in 0..DISABLED {
        // Behind all others, so that they have no name.
        let identity = format!("{region}:ffffffff-ffff-4fff-8fff-{number:012x}");
        world.insert(pool, &identity, Life::NeverSynced);
        world.set_disabled(pool, &identity, true);
    }
}

/// The configuration that polls every identity in the world. Of the pool that is discovered it
/// names the first ones only, as they would be named beside it.
fn configuration(
    world: &World,
    special: &Special,
    endpoint_url: &str,
) -> Result<String, std::fmt::Error> {
    let identities: usize = world
        .pools()
        .map(|(_, identities)| identities.count())
        .sum();
    let interval = MIN_INTERVAL
        .as_secs_f64()
        .max(identities as f64 / COMFORTABLE_RATE)
        .ceil();
    // Twice what is needed, for retries and for the pools' own calls.
    let rate_limit = (identities as f64 / interval * 2.0).ceil().max(10.0);
    let mut text = String::new();
    writeln!(
        text,
        "poll: {{interval: {interval}s, rate_limit: {rate_limit}, max_in_flight: 64}}"
    )?;
    writeln!(text, "pools:")?;
    for (index, (pool, identities)) in world.pools().enumerate() {
        let name = POOL_NAMES
            .get(index)
            .map_or_else(|| format!("more-{}", index + 1), |name| (*name).to_owned());
        writeln!(
            text,
            "- id: {pool}\n  name: {name}\n  endpoint_url: {endpoint_url}"
        )?;
        if special.guests.as_deref() == Some(pool) {
            writeln!(
                text,
                "  cognito_identity_endpoint_url: {endpoint_url}\n  identity_credentials: guest"
            )?;
        }
        let is_discovered = special.discovered.as_deref() == Some(pool);
        if is_discovered {
            writeln!(
                text,
                "  cognito_identity_endpoint_url: {endpoint_url}\n  series: each\n  \
                 discover: {{interval: {DISCOVER_INTERVAL}, rate_limit: {DISCOVER_RATE}}}"
            )?;
        }
        writeln!(text, "  identities:")?;
        for (index, identity) in identities.enumerate() {
            match index {
                0..3 => writeln!(text, "  - {{id: {identity}, name: canary-{}}}", index + 1)?,
                _ if is_discovered => break,
                _ => writeln!(text, "  - {identity}")?,
            }
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The identities of the pool that is discovered, and of that with guests.
    fn special(pools: usize, identities: usize) -> [Option<usize>; 2] {
        let world = World::scripted(SEED, pools, identities);
        let Special { discovered, guests } = Special::of(&world);
        [discovered, guests].map(|pool| {
            let mut pools = world.pools();
            let (_, identities) = pools.find(|(id, _)| pool.as_deref() == Some(*id))?;
            Some(identities.count())
        })
    }

    #[test]
    fn some_pools_are_special_unless_they_keep_people_waiting() {
        assert_eq!(special(3, 200), [Some(67), Some(67)]);
        assert_eq!(special(3, 20), [Some(7), Some(7)]);
        assert_eq!(special(2, 200), [Some(100), None]);
        assert_eq!(special(1, 200), [None, None]);
        assert_eq!(special(3, 3 * MAX_GUESTS + 3), [Some(MAX_GUESTS + 1), None]);
        assert_eq!(special(2, 2 * MAX_DISCOVERED), [Some(MAX_DISCOVERED), None]);
        assert_eq!(special(2, 2 * MAX_DISCOVERED + 2), [None, None]);
    }

    #[test]
    fn of_the_discovered_pool_only_those_with_names_are_configured() {
        let mut world = World::scripted(SEED, 2, 200);
        let special = Special::of(&world);
        let pool = special.discovered.clone().unwrap();
        add_guests(&mut world, &pool);
        let text = configuration(&world, &special, "http://127.0.0.1:1").unwrap();
        let config = config::parse(Path::new("demo"), &text).unwrap();
        let loader = super::super::loader();
        let targets = loader.load_targets(config).unwrap().targets;
        let counts = targets.pools.iter().map(|pool| pool.identities.len());
        let counts: Vec<_> = counts.collect();
        assert_eq!(counts, [100, 3]);
        assert!(targets.pools[1].settings.discover.is_some());
        let mut pools = world.pools();
        let (_, identities) = pools.find(|(id, _)| *id == pool).unwrap();
        let missing = |id: &&str| world.usage(&pool, id, 60.0, 0.0).is_none();
        let missing = identities.filter(missing).count();
        assert!(missing > DISABLED, "guests that never synced");
    }
}
