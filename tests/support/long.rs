//! What the scripts in tests/long make larger, by environment variables:
//!
//! | variable | default | what |
//! |---|---|---|
//! | `SIMULATION_SEEDS` | 20 | worlds of the simulation |
//! | `SIMULATION_DAYS` | 183 | days that each of them lives |
//! | `ROTATIONS` | 200 | certificates exchanged under load |
//! | `RESTARTS` | 50 | restarts under socket activation |
//! | `STOPS` | 60 | stops among clients of all kinds |
//! | `CROWD_SECONDS` | 10 | time that a crowd stays |
//! | `SLOW_READERS_SECONDS` | 20 | time that a crowd asks and does not read |
//! | `SLOW_READERS_IDENTITIES` | 5,000 | identities whose metrics it does not read |
//! | `SLOW_READERS_POLLS` | 200 | polls a second meanwhile |
//! | `RULES_IDENTITIES` | 5,000 | identities whose series the rules read |
//! | `RULES_SECONDS` | 20 | time that each set of rules is measured |
//! | `DASHBOARDS_IDENTITIES` | 2,000 | identities whose series the dashboards read |
//! | `STATUS_IDENTITIES` | 100,000 | identities of the largest demo whose page is looked at |
//! | `FRESHNESS_IDENTITIES` | 300 | identities of which one in a hundred writes |
//! | `KILLS` | 6 | kills at random moments |
//! | `KILLS_RATE` | 100 | polls a second meanwhile |
//! | `RESTART_IDENTITIES` | 600 | identities that are known after a restart |
//! | `RESTART_RATE` | 20 | polls a second after it |
//! | `SAVING_SECONDS` | 2 | time in which polls with and without a state are measured |
//! | `SAVING_RATE` | 100 | polls a second meanwhile |
//! | `SAVING_IDENTITIES` | 1,000 | identities that are polled |
//! | `LISTING_IDENTITIES` | 1,200 | identities that are listed under a quota |
//! | `DISCOVERED_IDENTITIES` | 3,000 | identities that are discovered at once |
//! | `DISCOVERED_PAGES` | 5 | pages a second that list them |
//! | `DISCOVERED_SHARE` | 33 | percent of them that are waited for |
//! | `SIEGE_ROUNDS` | 1 | sieges of 90 seconds, one after another |
//!
//! The tests hold with smaller numbers too, except for the simulation's totals.

pub(crate) fn parameter(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{name} is no whole number: {text}")),
        Err(_) => default,
    }
}
