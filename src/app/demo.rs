//! `demo`: the ordinary exporter against a simulated Cognito Sync on loopback.
//!
//! The simulator's world is written as a configuration and read like any other, so that all the
//! rest is the daemon.

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
use crate::simulator::{Fault, Simulator, World, endpoint_url};

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
    let world = World::scripted(SEED, demo.pools as usize, demo.identities as usize);
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
    info!(endpoint_url, "simulating Cognito Sync");
    let text = simulator
        .world(|world| configuration(world, &endpoint_url))
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

/// The configuration that polls every identity in the world.
fn configuration(world: &World, endpoint_url: &str) -> Result<String, std::fmt::Error> {
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
        writeln!(
            text,
            "- id: {pool}\n  name: {}",
            POOL_NAMES.get(index).copied().unwrap_or("more")
        )?;
        writeln!(text, "  endpoint_url: {endpoint_url}\n  identities:")?;
        for (index, identity) in identities.enumerate() {
            match index {
                0..3 => writeln!(text, "  - {{id: {identity}, name: canary-{}}}", index + 1)?,
                _ => writeln!(text, "  - {identity}")?,
            }
        }
    }
    Ok(text)
}
